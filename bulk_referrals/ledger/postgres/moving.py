"""Keys out of the PostgreSQL ledger, and keys of another one in."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger.packing import run_as_json
from bulk_referrals.ledger.port import BY_WEIGHT, CODES, INVITES, Merged, RunRecord
from bulk_referrals.ledger.postgres.session import Connection, Session

_ROWS_PER_BATCH: Final = 65_536

_EVERY_INVITE: Final = """
    SELECT key, state, run_id, attempts FROM invites JOIN runs USING (run)
    WHERE key > %b ORDER BY key LIMIT %b
"""
_EVERY_CODE: Final = "SELECT key, code FROM codes WHERE key > %b ORDER BY key LIMIT %b"


def _weight(state: str) -> str:
    cases = " ".join(f"WHEN {each:d} THEN {weight}" for weight, each in enumerate(BY_WEIGHT))
    return f"CASE {state} {cases} END"


_MERGE_RUNS: Final = """
    WITH new AS (
        INSERT INTO runs (run_id, record) SELECT * FROM unnest(%b::text[], %b::text[])
        ON CONFLICT (run_id) DO NOTHING RETURNING run
    ) SELECT count(*) FROM new
"""
_MERGE_INVITES: Final = f"""
    WITH told AS (
        INSERT INTO invites (key, state, run, attempts)
        SELECT * FROM unnest(%b::bytea[], %b::int2[], %b::int8[], %b::int4[])
        ON CONFLICT (key) DO UPDATE SET
            state = excluded.state, run = excluded.run, attempts = excluded.attempts,
            holder = NULL
        WHERE {_weight("excluded.state")} > {_weight("invites.state")}
        RETURNING xmax = 0 AS is_new
    ) SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM told
"""  # noqa: S608 - the numbers are our own enum's
_MERGE_CODES: Final = """
    WITH new AS (
        INSERT INTO codes SELECT * FROM unnest(%b::bytea[], %b::text[])
        ON CONFLICT (key) DO NOTHING RETURNING key
    ) SELECT count(*) FROM new
"""


def every_invite(session: Session) -> Iterator[pa.RecordBatch]:
    """Yield all invites (see the port)."""
    return _pages(session, _EVERY_INVITE, INVITES)


def every_code(session: Session) -> Iterator[pa.RecordBatch]:
    """Yield all referral codes (see the port)."""
    return _pages(session, _EVERY_CODE, CODES)


def _pages(session: Session, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield page after page, each from where the last one ended: no transaction stays open."""
    last = b""
    while rows := session.read(
        lambda db: db.execute(query.encode(), (last, _ROWS_PER_BATCH)).fetchall()  # noqa: B023 - read before the next page
    ):
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)
        ]
        yield pa.record_batch(arrays, schema=schema)
        last = bytes(rows[-1][0])


def merge(
    db: Connection,
    place: str,
    secret: bytes,
    runs: Iterable[RunRecord],
    invites: Iterable[pa.RecordBatch],
    codes: Iterable[pa.RecordBatch],
) -> Merged:
    """Take in keys (see the port), within the caller's transaction."""
    _take_secret(db, place, secret)
    records = [(run.run_id, run_as_json(run)) for run in runs]
    new_runs = new_invites = changed = new_codes = 0
    if records:
        (new_runs,) = _counted(
            db, _MERGE_RUNS, [list(each) for each in zip(*records, strict=True)]
        )
    numbers: dict[str, int] = dict(db.execute("SELECT run_id, run FROM runs").fetchall())
    for batch in invites:
        new, other = _counted(db, _MERGE_INVITES, _invites(batch, numbers, place))
        new_invites, changed = new_invites + new, changed + other
    for batch in codes:
        (new,) = _counted(db, _MERGE_CODES, [column.to_pylist() for column in batch.columns])
        new_codes += new
    return Merged(invites=new_invites, changed=changed, runs=new_runs, codes=new_codes)


def _take_secret(db: Connection, place: str, secret: bytes) -> None:
    (ours,) = _row(db, "SELECT value FROM meta WHERE name = 'secret' FOR UPDATE")
    (in_use,) = _row(db, "SELECT EXISTS (SELECT 1 FROM invites) OR EXISTS (SELECT 1 FROM codes)")
    if in_use and bytes(ours) != secret:
        message = (
            f"{place}: this ledger's keys were made with another secret, so these cannot be told "
            "from them. Import into a ledger of its own: give a new --ledger."
        )
        raise LedgerError(message)
    db.execute("UPDATE meta SET value = %b WHERE name = 'secret'", (secret,))


def _counted(db: Connection, statement: str, columns: list[list[Any]]) -> tuple[int, ...]:
    return tuple(int(each) for each in _row(db, statement, columns))


def _row(
    db: Connection, statement: str, columns: list[list[Any]] | None = None
) -> tuple[Any, ...]:
    return db.execute(statement.encode(), columns).fetchone() or ()


def _invites(batch: pa.RecordBatch, numbers: dict[str, int], place: str) -> list[list[Any]]:
    keys, states, runs, attempts = (column.to_pylist() for column in batch.columns)
    try:
        owners = [numbers[run_id] for run_id in runs]
    except KeyError:
        message = f"{place}: nothing was taken in, as an invite names a run that is not there."
        raise LedgerError(message) from None
    return [keys, states, owners, attempts]
