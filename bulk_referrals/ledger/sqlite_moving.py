"""Keys out of the SQLite ledger, and keys of another one in."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger.packing import run_as_json
from bulk_referrals.ledger.port import BY_WEIGHT, CODES, INVITES, Merged, RunRecord

_ROWS_PER_BATCH: Final = 65_536

# The CROSS JOIN keeps the planner from sorting: the invites lie in the order of their keys.
_EVERY_INVITE: Final = """
    SELECT key, state, run_id, attempts FROM invites CROSS JOIN runs USING (run) ORDER BY key
"""
_EVERY_CODE: Final = "SELECT key, code FROM codes ORDER BY key"


def _weight(state: str) -> str:
    cases = " ".join(f"WHEN {each:d} THEN {weight}" for weight, each in enumerate(BY_WEIGHT))
    return f"CASE {state} {cases} END"


_MERGE_INVITE: Final = f"""
    INSERT INTO invites (key, state, run, attempts) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        state = excluded.state, run = excluded.run, attempts = excluded.attempts
    WHERE {_weight("excluded.state")} > {_weight("invites.state")}
"""  # noqa: S608 - the numbers are our own enum's


def every_invite(db: sqlite3.Connection) -> Iterator[pa.RecordBatch]:
    """Yield all invites (see the port)."""
    return _batches(db.execute(_EVERY_INVITE), INVITES)


def every_code(db: sqlite3.Connection) -> Iterator[pa.RecordBatch]:
    """Yield all referral codes (see the port)."""
    return _batches(db.execute(_EVERY_CODE), CODES)


def _batches(cursor: sqlite3.Cursor, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while rows := cursor.fetchmany(_ROWS_PER_BATCH):
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)
        ]
        yield pa.record_batch(arrays, schema=schema)


def merge(
    db: sqlite3.Connection,
    path: Path,
    secret: bytes,
    runs: Iterable[RunRecord],
    invites: Iterable[pa.RecordBatch],
    codes: Iterable[pa.RecordBatch],
) -> Merged:
    """Take in keys (see the port), within the caller's transaction."""
    _take_secret(db, path, secret)
    before = _counts(db)
    db.executemany(
        "INSERT OR IGNORE INTO runs (run_id, record) VALUES (?, ?)",
        ((run.run_id, run_as_json(run)) for run in runs),
    )
    numbers: dict[str, int] = dict(db.execute("SELECT run_id, run FROM runs").fetchall())
    written = sum(
        db.executemany(_MERGE_INVITE, _rows(batch, numbers, path)).rowcount for batch in invites
    )
    for batch in codes:
        columns = (column.to_pylist() for column in batch.columns)
        db.executemany("INSERT OR IGNORE INTO codes VALUES (?, ?)", zip(*columns, strict=True))
    new_runs, new_invites, new_codes = (
        now - then for now, then in zip(_counts(db), before, strict=True)
    )
    return Merged(
        invites=new_invites, changed=written - new_invites, runs=new_runs, codes=new_codes
    )


def _take_secret(db: sqlite3.Connection, path: Path, secret: bytes) -> None:
    (ours,) = db.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
    (in_use,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM invites) OR EXISTS (SELECT 1 FROM codes)"
    ).fetchone()
    if in_use and ours != secret:
        message = (
            f"{path}: this ledger's keys were made with another secret, so these cannot be told "
            "from them. Import into a ledger of its own: give a new --ledger."
        )
        raise LedgerError(message)
    db.execute("UPDATE meta SET value = ? WHERE name = 'secret'", (secret,))


def _counts(db: sqlite3.Connection) -> tuple[int, int, int]:
    counts: tuple[int, int, int] = db.execute(
        "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM invites),"
        " (SELECT count(*) FROM codes)"
    ).fetchone()
    return counts


def _rows(
    batch: pa.RecordBatch, numbers: dict[str, int], path: Path
) -> Iterator[tuple[bytes, int, int, int]]:
    keys, states, runs, attempts = (column.to_pylist() for column in batch.columns)
    try:
        owners = [numbers[run_id] for run_id in runs]
    except KeyError:
        message = f"{path}: nothing was taken in, as an invite names a run that is not there."
        raise LedgerError(message) from None
    return zip(keys, states, owners, attempts, strict=True)
