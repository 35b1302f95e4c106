"""The ledger in one SQLite file: WAL, synchronous=FULL, one durable transaction per batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger import sqlite_moving as moving
from bulk_referrals.ledger.packing import (
    LINES_PER_PART,
    packed,
    run_as_json,
    run_from_json,
    unpacked,
)
from bulk_referrals.ledger.port import (
    Entry,
    Intent,
    InviteKeys,
    InviteRecord,
    InviteState,
    Merged,
    Result,
    RunRecord,
    Withheld,
)
from bulk_referrals.ledger.sqlite_file import SqliteFile

_KEYS_PER_QUERY: Final = 500

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
_CODES: Final = "SELECT key, code FROM codes WHERE key IN ({marks})"


class SqliteLedger(SqliteFile):
    """The port's SQLite store; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._run_numbers: dict[str, int] = {}

    def keys(self) -> InviteKeys:
        """Return this ledger's way to make keys."""
        with self._translated():
            (secret,) = self._db.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        return InviteKeys(secret=secret)

    def begin(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Add a run and its frames, before anything of it is sent: all of it, or none."""
        with self._transaction():
            added = self._db.execute(
                "INSERT INTO runs (run_id, record) VALUES (?, ?)", (run.run_id, run_as_json(run))
            )
            for name, table in (frames or {}).items():
                self._put_frame(added.lastrowid, name, table)

    def update(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Replace a run's record, and of its frames those that are given: all of it, or none."""
        number = self._number(run.run_id) if frames else None
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET record = ? WHERE run_id = ?", (run_as_json(run), run.run_id)
            )
            for name, table in (frames or {}).items():
                self._db.execute("DELETE FROM frames WHERE run = ? AND name = ?", (number, name))
                self._put_frame(number, name, table)

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run, or None."""
        with self._translated():
            row = self._db.execute(
                "SELECT record FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
        return run_from_json(row[0]) if row else None

    def runs(self) -> list[RunRecord]:
        """Return all runs, the oldest first."""
        with self._translated():
            rows = self._db.execute("SELECT record FROM runs ORDER BY run").fetchall()
        return [run_from_json(row[0]) for row in rows]

    def _put_frame(self, number: int | None, name: str, table: pa.Table) -> None:
        starts = range(0, max(table.num_rows, 1), LINES_PER_PART)
        for part, start in enumerate(starts):
            self._db.execute(
                "INSERT INTO frames (run, name, part, ipc) VALUES (?, ?, ?, ?)",
                (number, name, part, packed(table.slice(start, LINES_PER_PART))),
            )

    def load_frame(self, run_id: str, name: str) -> pa.Table | None:
        """Return a kept table, or None."""
        with self._translated():
            rows = self._db.execute(
                "SELECT ipc FROM frames WHERE run = ? AND name = ? ORDER BY part",
                (self._number(run_id), name),
            ).fetchall()
        return pa.concat_tables([unpacked(ipc) for (ipc,) in rows]) if rows else None

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

    def claim(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return all the keys: no other run can hold any."""
        return set(keys)

    def write(self, run_id: str, entries: Sequence[Entry]) -> dict[bytes, Withheld]:
        """Apply entries in order, all or none, durable on return; nothing is withheld."""
        number = self._number(run_id)
        with self._transaction():
            for entry in entries:
                if isinstance(entry, Intent):
                    self._write_intent(number, entry)
                else:
                    self._write_result(number, entry)
        return {}

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
            while rows := cursor.fetchmany(LINES_PER_PART):
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

    def rate(self, organisation: str) -> None:
        """Return None: one run sends at a time, and its own pace is the organisation's."""

    def codes(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Return the referral codes kept under these keys."""
        known: dict[bytes, str] = {}
        asked = iter(keys)
        with self._translated():
            while some := list(islice(asked, _KEYS_PER_QUERY)):
                query = _CODES.format(marks=",".join("?" * len(some)))
                known.update(self._db.execute(query, some))
        return known

    def save_codes(self, codes: Mapping[bytes, str]) -> None:
        """Keep referral codes, in place of those under the same keys: all of them, or none."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO codes VALUES (?, ?)", codes.items())

    def forget(self, run: RunRecord) -> None:
        """Replace a run's record, and delete its frames, results and requests."""
        number = self._number(run.run_id)
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET record = ? WHERE run = ?", (run_as_json(run), number)
            )
            for table in ("frames", "results", "requests"):
                self._db.execute(f"DELETE FROM {table} WHERE run = ?", (number,))  # noqa: S608 - our own names

    def every_invite(self) -> Iterator[pa.RecordBatch]:
        """Yield all invites as `INVITES`, in the order of their keys."""
        with self._translated():
            yield from moving.every_invite(self._db)

    def every_code(self) -> Iterator[pa.RecordBatch]:
        """Yield all referral codes as `CODES`, in the order of their keys."""
        with self._translated():
            yield from moving.every_code(self._db)

    def merge(
        self,
        secret: bytes,
        runs: Iterable[RunRecord],
        invites: Iterable[pa.RecordBatch],
        codes: Iterable[pa.RecordBatch],
    ) -> Merged:
        """Take in the keys of another ledger: all of them, or none (see the port)."""
        with self._transaction():
            return moving.merge(self._db, self._path, secret, runs, invites, codes)

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


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
