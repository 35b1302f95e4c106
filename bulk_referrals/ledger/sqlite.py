"""The ledger in one SQLite file: WAL, synchronous=FULL, one durable transaction per batch."""

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger.port import (
    Entry,
    Intent,
    InviteKeys,
    InviteRecord,
    InviteState,
    Result,
    RunRecord,
)

# Each script takes the ledger from the version of its index to the next. Never change one that
# has been released: add another.
_MIGRATIONS: Final = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, record TEXT NOT NULL
    );
    CREATE TABLE frames (
        run INTEGER NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, ipc BLOB NOT NULL,
        PRIMARY KEY (run, name, part)
    );
    CREATE TABLE invites (
        key BLOB PRIMARY KEY, state INTEGER NOT NULL, run INTEGER NOT NULL,
        attempts INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE requests (
        run INTEGER NOT NULL, request INTEGER NOT NULL, attempt INTEGER NOT NULL,
        invites INTEGER NOT NULL, sent_at REAL NOT NULL, answered_at REAL,
        http_status INTEGER, code TEXT, request_id TEXT,
        PRIMARY KEY (run, request)
    ) WITHOUT ROWID;
    CREATE TABLE results (
        run INTEGER NOT NULL, line INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL,
        message TEXT NOT NULL, attempts INTEGER NOT NULL, sent_at TEXT, request_id TEXT NOT NULL,
        PRIMARY KEY (run, line)
    ) WITHOUT ROWID;
    """,
)

_APPLICATION_ID: Final = 0x42524546  # "BREF": tells our file from another SQLite database
_LINES_PER_PART: Final = 200_000
_KEYS_PER_QUERY: Final = 500
_BUSY_TIMEOUT_S: Final = 10.0
_MAKING_TIMEOUT_S: Final = 10.0
_RECORD: Final = TypeAdapter(RunRecord)

_BEGIN_INVITE: Final = f"""
    INSERT INTO invites (key, state, run, attempts) VALUES (?, {InviteState.IN_FLIGHT:d}, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        state = excluded.state, run = excluded.run, attempts = excluded.attempts
    WHERE invites.state <> {InviteState.ACCEPTED:d}
"""  # noqa: S608 - the numbers are our own enum's
_SETTLE_INVITE: Final = f"""
    UPDATE invites SET state = ?, run = ? WHERE key = ? AND state <> {InviteState.ACCEPTED:d}
"""  # noqa: S608 - the number is our own enum's
_INVITES: Final = (
    "SELECT key, state, run_id, attempts FROM invites JOIN runs USING (run) WHERE key IN ({marks})"
)


class SqliteLedger:
    """The port's SQLite store; one connection, used by one thread at a time.

    Args:
        path: the file; made with mode 0600 in a folder of mode 0700 where there is none.

    Raises:
        LedgerError: it cannot be opened, is not a ledger, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            _sync_folder(path.parent)
        except OSError as error:
            message = f"{path}: the ledger cannot be opened ({error.strerror}). Check the path."
            raise LedgerError(message) from error
        with self._translated():
            self._db = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            # Turning a file into a ledger is for one process at a time: SQLite does not wait then.
            # Its lock is not the runs' own: whoever came second would wait for a whole run.
            alone = nullcontext() if self._is_made() else self._alone("new", _MAKING_TIMEOUT_S)
            with self._translated(), alone:
                self._migrate()
        except LedgerError:
            self._db.close()
            raise
        self._run_numbers: dict[str, int] = {}

    def keys(self) -> InviteKeys:
        """Return this ledger's way to make keys."""
        with self._translated():
            (secret,) = self._db.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        return InviteKeys(secret=secret)

    @contextmanager
    def lock(self, *, wait_s: float) -> Iterator[None]:
        """Hold the ledger for one run, by a file lock beside it."""
        with self._alone("lock", wait_s):
            yield

    @contextmanager
    def _alone(self, purpose: str, wait_s: float) -> Iterator[None]:
        # Resolved: by whatever link the ledger is named, it is one ledger.
        lock = FileLock(f"{self._path.resolve()}.{purpose}", mode=0o600)
        try:
            with lock.acquire(timeout=wait_s):
                yield
        except Timeout as error:
            message = (
                f"{self._path}: another run is using this ledger. "
                "Wait for it to end, or give --wait SECONDS."
            )
            raise LedgerBusyError(message) from error

    def begin(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Add a run and its frames, before anything of it is sent: all of it, or none."""
        with self._transaction():
            added = self._db.execute(
                "INSERT INTO runs (run_id, record) VALUES (?, ?)", (run.run_id, _json(run))
            )
            for name, table in (frames or {}).items():
                self._put_frame(added.lastrowid, name, table)

    def update(self, run: RunRecord) -> None:
        """Replace a run's record."""
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET record = ? WHERE run_id = ?", (_json(run), run.run_id)
            )

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run, or None."""
        with self._translated():
            row = self._db.execute(
                "SELECT record FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
        return _RECORD.validate_json(row[0]) if row else None

    def runs(self) -> list[RunRecord]:
        """Return all runs, the oldest first."""
        with self._translated():
            rows = self._db.execute("SELECT record FROM runs ORDER BY run").fetchall()
        return [_RECORD.validate_json(row[0]) for row in rows]

    def save_frame(self, run_id: str, name: str, table: pa.Table) -> None:
        """Keep a table for a run, in place of one of the same name."""
        number = self._number(run_id)
        with self._transaction():
            self._db.execute("DELETE FROM frames WHERE run = ? AND name = ?", (number, name))
            self._put_frame(number, name, table)

    def _put_frame(self, number: int | None, name: str, table: pa.Table) -> None:
        starts = range(0, max(table.num_rows, 1), _LINES_PER_PART)
        for part, start in enumerate(starts):
            self._db.execute(
                "INSERT INTO frames (run, name, part, ipc) VALUES (?, ?, ?, ?)",
                (number, name, part, _to_ipc(table.slice(start, _LINES_PER_PART))),
            )

    def load_frame(self, run_id: str, name: str) -> pa.Table | None:
        """Return a kept table, or None."""
        with self._translated():
            rows = self._db.execute(
                "SELECT ipc FROM frames WHERE run = ? AND name = ? ORDER BY part",
                (self._number(run_id), name),
            ).fetchall()
        return pa.concat_tables([_from_ipc(ipc) for (ipc,) in rows]) if rows else None

    def invites(self, keys: Iterable[bytes]) -> dict[bytes, InviteRecord]:
        """Return what is known of these invites; those never sent are left out."""
        known: dict[bytes, InviteRecord] = {}
        asked = iter(keys)
        with self._translated():
            (any_known,) = self._db.execute("SELECT EXISTS (SELECT 1 FROM invites)").fetchone()
            while any_known and (some := list(islice(asked, _KEYS_PER_QUERY))):
                marks = ",".join("?" * len(some))
                query = _INVITES.format(marks=marks)
                for key, state, run_id, attempts in self._db.execute(query, some):
                    known[key] = InviteRecord(
                        state=InviteState(state), run_id=run_id, attempts=attempts
                    )
        return known

    def write(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Apply entries in order, all or none, durable on return."""
        number = self._number(run_id)
        with self._transaction():
            for entry in entries:
                if isinstance(entry, Intent):
                    self._write_intent(number, entry)
                else:
                    self._write_result(number, entry)

    def _write_intent(self, number: int, intent: Intent) -> None:
        self._db.execute(
            "INSERT INTO requests (run, request, attempt, invites, sent_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (number, intent.request, intent.attempt, len(intent.invites),
             intent.sent_at.timestamp()),
        )  # fmt: skip
        begun = self._db.executemany(
            _BEGIN_INVITE, [(key, number, intent.attempt) for key, _ in intent.invites]
        )
        if begun.rowcount != len(intent.invites):
            message = (
                f"{self._path}: an invite about to be sent is already accepted. "
                "Nothing of this request was sent; please report this as a fault."
            )
            raise LedgerError(message)
        self._db.executemany(
            "DELETE FROM results WHERE run = ? AND line = ?",
            [(number, line) for _, line in intent.invites],
        )

    def _write_result(self, number: int, result: Result) -> None:
        if result.request is not None:
            self._db.execute(
                "UPDATE requests SET answered_at = ?, http_status = ?, code = ?, request_id = ?"
                " WHERE run = ? AND request = ?",
                (result.answered_at.timestamp(), result.http_status, result.code,
                 result.lines[0].request_id if result.lines else "", number, result.request),
            )  # fmt: skip
        self._db.executemany(
            _SETTLE_INVITE,
            [(int(line.state), number, line.key) for line in result.lines
             if line.key is not None and line.state is not None],
        )  # fmt: skip
        self._db.executemany(
            "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (number, line.line, str(line.outcome), line.code, line.message, line.attempts,
                 _iso(line.sent_at), line.request_id)
                for line in result.lines if line.outcome is not None
            ],
        )  # fmt: skip

    def results(self, run_id: str) -> pa.Table:
        """Return the settled lines of a run (see the port for the columns)."""
        schema = pa.schema([
            ("line", pa.int64()), ("outcome", pa.string()), ("code", pa.string()),
            ("message", pa.string()), ("attempts", pa.int64()), ("sent_at", pa.string()),
            ("request_id", pa.string()),
        ])  # fmt: skip
        with self._translated():
            cursor = self._db.execute(
                "SELECT line, outcome, code, message, attempts, sent_at, request_id"
                " FROM results WHERE run = ? ORDER BY line",
                (self._number(run_id),),
            )
            batches = []
            while rows := cursor.fetchmany(_LINES_PER_PART):
                columns = zip(*rows, strict=True)
                arrays = [
                    pa.array(column, field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                batches.append(pa.record_batch(arrays, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)

    def last_request(self, run_id: str) -> int:
        """Return the highest request number of a run; 0 when it has sent nothing."""
        with self._translated():
            (last,) = self._db.execute(
                "SELECT coalesce(max(request), 0) FROM requests WHERE run = ?",
                (self._number(run_id),),
            ).fetchone()
        return int(last)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _number(self, run_id: str) -> int:
        if run_id not in self._run_numbers:
            with self._translated():
                row = self._db.execute(
                    "SELECT run FROM runs WHERE run_id = ?", (run_id,)
                ).fetchone()
            if row is None:
                message = f"{self._path}: there is no run {run_id} in this ledger."
                raise LedgerError(message)
            self._run_numbers[run_id] = int(row[0])
        return self._run_numbers[run_id]

    def _is_made(self) -> bool:
        """Tell whether the file is in WAL mode already (the SQLite file format, 1.3.4)."""
        with self._path.open("rb") as stream:
            return stream.read(20)[18:] == b"\x02\x02"

    def _migrate(self) -> None:
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if tables and application != _APPLICATION_ID:
            message = f"{self._path}: this is a database, but not a ledger. Give another --ledger."
            raise LedgerError(message)
        if version > len(_MIGRATIONS):
            message = (
                f"{self._path}: this ledger was written by a newer version of bulk-referrals. "
                "Upgrade bulk-referrals to use it."
            )
            raise LedgerError(message)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves it in the drive
        with self._transaction():
            # Read again within the transaction: another process may be opening it too.
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(
                "INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (secrets.token_bytes(32),)
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            message = (
                f"{self._path}: the ledger cannot be used ({error}). "
                "Check the disk's space and the file's rights, then resume."
            )
            raise LedgerError(message) from error


def _sync_folder(folder: Path) -> None:
    """Make a new file's name, and that of its folder, as durable as what will be in it."""
    for each in (folder, folder.parent):
        with suppress(PermissionError):  # a folder that we may not list is not new, nor ours
            name = os.open(each, os.O_RDONLY)
            try:
                os.fsync(name)
            finally:
                os.close(name)


def _json(run: RunRecord) -> str:
    return _RECORD.dump_json(run).decode()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    ipc: bytes = sink.getvalue().to_pybytes()
    return ipc


def _from_ipc(blob: bytes) -> pa.Table:
    with pa.ipc.open_stream(blob) as reader:
        return reader.read_all()
