"""The port's PostgreSQL store: one transaction per batch, durable when it returns."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

from bulk_referrals.database import DatabaseUrl
from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger.packing import (
    LINES_PER_PART,
    packed,
    run_as_json,
    run_from_json,
    unpacked,
)
from bulk_referrals.ledger.port import (
    Entry,
    InviteKeys,
    InviteRecord,
    InviteState,
    Merged,
    RunRecord,
    Withheld,
)
from bulk_referrals.ledger.postgres import moving, writing
from bulk_referrals.ledger.postgres.lease import Lease
from bulk_referrals.ledger.postgres.rate import PostgresRate
from bulk_referrals.ledger.postgres.schema import prepare
from bulk_referrals.ledger.postgres.session import Connection, Session, Work

T = TypeVar("T")

_KEYS_PER_QUERY: Final = 20_000
_FORGOTTEN: Final = ("frames", "results", "requests")

_INVITES: Final = """
    SELECT key, state, run_id, attempts FROM invites JOIN runs USING (run)
    WHERE key = ANY(%b::bytea[])
"""
_RESULTS: Final = """
    COPY (SELECT line, outcome, code, message, attempts, sent_at, request_id
          FROM results WHERE run = {} ORDER BY line)
    TO STDOUT (FORMAT csv, ENCODING 'UTF8')
"""
_RESULT_COLUMNS: Final = pa.schema([
    ("line", pa.int64()), ("outcome", pa.string()), ("code", pa.string()),
    ("message", pa.string()), ("attempts", pa.int64()), ("sent_at", pa.string()),
    ("request_id", pa.string()),
])  # fmt: skip


class PostgresLedger:
    """The port's PostgreSQL store; used by one thread at a time, save where the port says so.

    Args:
        url: the database; its tables are made where there are none.

    Raises:
        LedgerError: it cannot be reached or used, or is of a newer version.
    """

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._session = Session(url, "ledger")
        self._lease: Lease | None = None
        self._run_numbers: dict[str, int] = {}
        try:
            prepare(self._session)
        except LedgerError:
            self._session.close()
            raise

    def keys(self) -> InviteKeys:
        """Return this ledger's way to make keys."""
        rows = self._all("SELECT value FROM meta WHERE name = 'secret'")
        return InviteKeys(secret=bytes(rows[0][0]))

    # --- who holds it

    @contextmanager
    def lock(
        self, run_id: str = "", *, member: str = "", wait_s: float, grace_s: float = 0.0
    ) -> Iterator[None]:
        """Hold a run, or the whole ledger, by a lease (see the port)."""
        lease = Lease(self._url, run_id, member, wait_s=wait_s, grace_s=grace_s)
        self._lease = lease
        try:
            yield
        finally:
            self._lease = None
            lease.release()

    def is_held(self) -> bool:
        """Tell whether the lease certainly lasts."""
        return self._lease is not None and self._lease.is_held()

    def renew(self) -> None:
        """Make sure that the lease is ours, and make it last from now."""
        self._held().renew()

    def _held(self) -> Lease:
        if self._lease is None:
            message = f"{self._url}: this ledger is written to only while it is held."
            raise LedgerError(message)
        return self._lease

    # --- runs

    def begin(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Add a run and its frames, before anything of it is sent: all of it, or none."""

        def added(db: Connection) -> None:
            rows = db.execute(
                "INSERT INTO runs (run_id, record) VALUES (%s, %s) RETURNING run",
                (run.run_id, run_as_json(run)),
            )
            ((number,),) = rows.fetchall()
            for name, table in (frames or {}).items():
                _put_frame(db, int(number), name, table)

        self._write(added)

    def update(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Replace a run's record, and of its frames those that are given: all of it, or none."""
        number = self._number(run.run_id) if frames else 0

        def replaced(db: Connection) -> None:
            change = (run_as_json(run), run.run_id)
            db.execute("UPDATE runs SET record = %s WHERE run_id = %s", change)
            for name, table in (frames or {}).items():
                db.execute("DELETE FROM frames WHERE run = %s AND name = %s", (number, name))
                _put_frame(db, number, name, table)

        self._write(replaced)

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run, or None."""
        rows = self._all("SELECT record FROM runs WHERE run_id = %s", run_id)
        return run_from_json(rows[0][0]) if rows else None

    def runs(self) -> list[RunRecord]:
        """Return all runs, the oldest first."""
        return [
            run_from_json(text) for (text,) in self._all("SELECT record FROM runs ORDER BY run")
        ]

    def load_frame(self, run_id: str, name: str) -> pa.Table | None:
        """Return a kept table, or None."""
        query = "SELECT ipc FROM frames WHERE run = %s AND name = %s ORDER BY part"

        def parts(db: Connection) -> list[tuple[bytes]]:
            return db.cursor(binary=True).execute(query, (number, name)).fetchall()

        number = self._number(run_id)
        rows = self._session.read(parts)
        return pa.concat_tables([unpacked(ipc) for (ipc,) in rows]) if rows else None

    def forget(self, run: RunRecord) -> None:
        """Replace a run's record, and delete its frames, results and requests."""
        number = self._number(run.run_id)

        def forgotten(db: Connection) -> None:
            db.execute("UPDATE runs SET record = %s WHERE run = %s", (run_as_json(run), number))
            for table in _FORGOTTEN:
                statement = sql.SQL("DELETE FROM {} WHERE run = {}")
                db.execute(statement.format(sql.Identifier(table), number))

        self._write(forgotten)

    def compact(self) -> int:
        """Rewrite the tables of what was forgotten; logs and backups of the server keep theirs."""
        tables = [sql.Identifier(table) for table in _FORGOTTEN]
        before = self._size_bytes()
        for table in tables:
            statement = sql.SQL("VACUUM FULL {}").format(table)
            self._session.read(partial(Connection.execute, query=statement))
        return max(before - self._size_bytes(), 0)

    def _size_bytes(self) -> int:
        query = (
            "SELECT sum(pg_total_relation_size(each::regclass)) FROM unnest(%s::text[]) AS each"
        )
        return int(self._all(query, list(_FORGOTTEN))[0][0])

    # --- invites

    def invites(self, keys: Iterable[bytes]) -> dict[bytes, InviteRecord]:
        """Return what is known of these invites; those never sent are left out."""
        if not self._all("SELECT 1 FROM invites LIMIT 1"):
            return {}
        return {
            bytes(key): InviteRecord(state=InviteState(state), run_id=run_id, attempts=attempts)
            for some in _by(_KEYS_PER_QUERY, keys)
            for key, state, run_id, attempts in self._all(_INVITES, some)
        }

    def claim(self, keys: Iterable[bytes]) -> set[bytes]:
        """Take over what is in doubt and held by nobody; return which of the keys are ours."""
        holder = self._held().holder
        claimed: set[bytes] = set()
        for some in _by(_KEYS_PER_QUERY, sorted(set(keys))):
            claimed |= self._write(partial(_claim, keys=some, holder=holder))
        return claimed

    def write(self, run_id: str, entries: Sequence[Entry]) -> dict[bytes, Withheld]:
        """Apply entries in order, all or none, durable on return (see the port)."""
        number, holder = self._number(run_id), self._held().holder
        return self._write(lambda db: writing.write(db, entries, run=number, holder=holder))

    def results(self, run_id: str) -> pa.Table:
        """Return the settled lines of a run (see the port for the columns)."""
        query = sql.SQL(_RESULTS).format(self._number(run_id))

        def copied(db: Connection) -> bytes:
            with db.cursor().copy(query) as copy:
                return b"".join(copy)

        text = self._session.read(copied)
        return _from_csv(text) if text else _RESULT_COLUMNS.empty_table()

    def last_request(self, run_id: str) -> int:
        """Return the highest request number of a run; 0 when it has sent nothing."""
        query = "SELECT coalesce(max(request), 0) FROM requests WHERE run = %s"
        return int(self._all(query, self._number(run_id))[0][0])

    def rate(self, organisation: str) -> PostgresRate:
        """Return the organisation's one rate."""
        return PostgresRate(self._url, organisation)

    # --- codes and keys

    def codes(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Return the referral codes kept under these keys."""
        query = "SELECT key, code FROM codes WHERE key = ANY(%b::bytea[])"
        return {
            bytes(key): code
            for some in _by(_KEYS_PER_QUERY, keys)
            for key, code in self._all(query, some)
        }

    def save_codes(self, codes: Mapping[bytes, str]) -> None:
        """Keep referral codes, in place of those under the same keys: all of them, or none."""
        keys = sorted(codes)
        self._session.write(
            lambda db: db.execute(
                "INSERT INTO codes SELECT * FROM unnest(%b::bytea[], %b::text[])"
                " ON CONFLICT (key) DO UPDATE SET code = excluded.code",
                (keys, [codes[key] for key in keys]),
            ),
            is_done=lambda _: False,  # to keep them again changes nothing
        )

    def every_invite(self) -> Iterator[pa.RecordBatch]:
        """Yield all invites as `INVITES`, in the order of their keys."""
        return moving.every_invite(self._session)

    def every_code(self) -> Iterator[pa.RecordBatch]:
        """Yield all referral codes as `CODES`, in the order of their keys."""
        return moving.every_code(self._session)

    def merge(
        self,
        secret: bytes,
        runs: Iterable[RunRecord],
        invites: Iterable[pa.RecordBatch],
        codes: Iterable[pa.RecordBatch],
    ) -> Merged:
        """Take in the keys of another ledger: all of them, or none (see the port)."""
        place = str(self._url)
        return self._session.once(lambda db: moving.merge(db, place, secret, runs, invites, codes))

    def close(self) -> None:
        """Let go of the database."""
        self._session.close()

    # ---

    def _write(self, work: Work[T]) -> T:
        """Do some work in one transaction; where something is held, only as its holder."""
        lease = self._lease
        if lease is None:
            return self._session.write(work)
        batch = lease.next_batch()
        return self._session.write(
            lambda db: lease.fenced(db, batch, work),
            is_done=lambda db: lease.has_committed(db, batch),
        )

    def _all(self, query: str, *asked: object) -> list[tuple[Any, ...]]:
        return self._session.read(lambda db: db.execute(query.encode(), asked).fetchall())

    def _number(self, run_id: str) -> int:
        if run_id not in self._run_numbers:
            rows = self._all("SELECT run FROM runs WHERE run_id = %s", run_id)
            if not rows:
                message = f"{self._url}: there is no run {run_id} in this ledger."
                raise LedgerError(message)
            self._run_numbers[run_id] = int(rows[0][0])
        return self._run_numbers[run_id]


def _claim(db: Connection, *, keys: Sequence[bytes], holder: int) -> set[bytes]:
    standing = writing.look(db, keys)
    alive = writing.alive_of(db) - {holder}
    ours = {key for key, one in standing.items() if one.in_doubt and one.holder not in alive}
    writing.take_over(db, sorted(ours), holder)
    return ours


def _put_frame(db: Connection, number: int, name: str, table: pa.Table) -> None:
    for part, start in enumerate(range(0, max(table.num_rows, 1), LINES_PER_PART)):
        db.execute(
            "INSERT INTO frames (run, name, part, ipc) VALUES (%s, %s, %s, %b)",
            (number, name, part, packed(table.slice(start, LINES_PER_PART))),
        )


def _from_csv(text: bytes) -> pa.Table:
    """Read what COPY wrote: a null is nothing at all, and an empty text is in quotes."""
    return pa_csv.read_csv(
        io.BytesIO(text),
        read_options=pa_csv.ReadOptions(column_names=_RESULT_COLUMNS.names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=_RESULT_COLUMNS,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _by(size: int, keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    asked = iter(keys)
    while some := list(islice(asked, size)):
        yield some
