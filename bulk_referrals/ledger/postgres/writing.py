"""A batch of entries as a few statements, whatever its size, in one transaction.

First the invites are locked and looked at; what is new is then inserted, and it is an error, and
all is done again, where another run has inserted the same one meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bulk_referrals.ledger.port import (
    Entry,
    Intent,
    InviteState,
    LineResult,
    Result,
    Withheld,
)
from bulk_referrals.ledger.postgres.batch import (
    Batch,
    Standing,
    applied,
    batches,
    foreign,
    withheld,
)
from bulk_referrals.ledger.postgres.session import Connection

_LOOK: Final = """
    SELECT key, state, holder FROM invites WHERE key = ANY(%b::bytea[]) ORDER BY key FOR UPDATE
"""
_ALIVE: Final = "SELECT holder FROM leases"
_TAKE_OVER: Final = f"""
    UPDATE invites SET holder = %b, state = {InviteState.UNKNOWN:d} WHERE key = ANY(%b::bytea[])
"""  # noqa: S608 - the number is our own enum's
_BEGIN_NEW: Final = f"""
    INSERT INTO invites (key, state, run, attempts, holder)
    SELECT key, {InviteState.IN_FLIGHT:d}, %b, attempts, %b
    FROM unnest(%b::bytea[], %b::int4[]) AS new (key, attempts) ORDER BY key
"""  # noqa: S608 - as above
_BEGIN_AGAIN: Final = f"""
    UPDATE invites SET state = {InviteState.IN_FLIGHT:d}, run = %b, holder = %b,
        attempts = again.attempts
    FROM unnest(%b::bytea[], %b::int4[]) AS again (key, attempts)
    WHERE invites.key = again.key
"""  # noqa: S608 - as above
_ASK: Final = """
    INSERT INTO requests (run, holder, request, attempt, invites, sent_at)
    SELECT %b, %b, request, attempt, invites, sent_at
    FROM unnest(%b::int8[], %b::int4[], %b::int4[], %b::timestamptz[])
        AS asked (request, attempt, invites, sent_at)
"""
_TAKE_BACK: Final = "DELETE FROM results WHERE run = %b AND line = ANY(%b::int8[])"
_ANSWER: Final = """
    UPDATE requests SET answered_at = told.answered_at, http_status = told.http_status,
        code = told.code, request_id = told.request_id
    FROM unnest(%b::int8[], %b::timestamptz[], %b::int4[], %b::text[], %b::text[])
        AS told (request, answered_at, http_status, code, request_id)
    WHERE run = %b AND holder = %b AND requests.request = told.request
"""
# Only its holder can tell of an invite; that it is accepted is true whoever tells it.
_SETTLE: Final = f"""
    UPDATE invites SET state = told.state, run = %b,
        holder = CASE WHEN told.is_settled THEN NULL ELSE invites.holder END
    FROM unnest(%b::bytea[], %b::int2[], %b::bool[]) AS told (key, state, is_settled)
    WHERE invites.key = told.key AND invites.state <> {InviteState.ACCEPTED:d}
        AND (invites.holder = %b OR told.state = {InviteState.ACCEPTED:d})
"""  # noqa: S608 - as above
_RECORD: Final = """
    INSERT INTO results (run, line, outcome, code, message, attempts, sent_at, request_id)
    SELECT %b, told.* FROM unnest(
        %b::int8[], %b::text[], %b::text[], %b::text[], %b::int4[], %b::text[], %b::text[]
    ) AS told
    ON CONFLICT (run, line) DO UPDATE SET
        outcome = excluded.outcome, code = excluded.code, message = excluded.message,
        attempts = excluded.attempts, sent_at = excluded.sent_at, request_id = excluded.request_id
"""


def write(
    db: Connection, entries: Iterable[Entry], *, run: int, holder: int
) -> dict[bytes, Withheld]:
    """Apply entries within the caller's transaction, and return what may not leave (see the port).

    Args:
        db: within a transaction.
        entries: in order.
        run: the number of their run.
        holder: the lease under which they are written.
    """
    kept: dict[bytes, Withheld] = {}
    for batch in batches(entries):
        kept |= _write_batch(db, batch, run=run, holder=holder)
    return kept


def _write_batch(db: Connection, batch: Batch, *, run: int, holder: int) -> dict[bytes, Withheld]:
    standing = look(db, batch.keys)
    kept: dict[bytes, Withheld] = {}
    if batch.intents:
        others = foreign(batch.intents, standing, holder)
        # Asked after the invites were locked: whoever has put his name there has a lease by then.
        alive = alive_of(db) if others - {None} else set[int]()
        kept = withheld(batch.intents, standing, holder=holder, alive=alive)
        take_over(db, [key for key, why in kept.items() if why is Withheld.DOUBTFUL], holder)
        _begin(db, applied(batch.intents, kept), standing, run=run, holder=holder)
    if batch.results:
        _settle(db, batch.results, run=run, holder=holder)
    return kept


def look(db: Connection, keys: Sequence[bytes]) -> dict[bytes, Standing]:
    """Lock invites, and return where they stand; `keys` in order, so that nobody waits in turn."""
    if not keys:
        return {}
    rows = db.execute(_LOOK, (list(keys),)).fetchall()
    return {
        bytes(key): Standing(state=InviteState(state), holder=holder)
        for key, state, holder in rows
    }


def alive_of(db: Connection) -> set[int]:
    """Return all leases that are held."""
    return {int(holder) for (holder,) in db.execute(_ALIVE).fetchall()}


def take_over(db: Connection, keys: Sequence[bytes], holder: int) -> None:
    """Put our name to invites in doubt that nobody holds."""
    if keys:
        db.execute(_TAKE_OVER, (holder, list(keys)))


def _begin(
    db: Connection,
    intents: Sequence[Intent],
    standing: Mapping[bytes, Standing],
    *,
    run: int,
    holder: int,
) -> None:
    if not intents:
        return
    pairs = [(key, intent.attempt) for intent in intents for key, _ in intent.invites]
    new = [pair for pair in pairs if pair[0] not in standing]
    again = [pair for pair in pairs if pair[0] in standing]
    for statement, some in ((_BEGIN_NEW, new), (_BEGIN_AGAIN, again)):
        if some:
            db.execute(statement, (run, holder, *_columns(some)))
    asked = [(one.request, one.attempt, len(one.invites), one.sent_at) for one in intents]
    db.execute(_ASK, (run, holder, *_columns(asked)))
    lines = [line for intent in intents for _, line in intent.invites]
    db.execute(_TAKE_BACK, (run, lines))


def _settle(db: Connection, results: Sequence[Result], *, run: int, holder: int) -> None:
    answered = [
        (one.request, one.answered_at, one.http_status, one.code,
         one.lines[0].request_id if one.lines else "")
        for one in results if one.request is not None
    ]  # fmt: skip
    if answered:
        db.execute(_ANSWER, (*_columns(answered), run, holder))
    lines = [line for result in results for line in result.lines]
    settled = [
        (line.key, int(line.state), line.outcome is not None)
        for line in lines
        if line.key is not None and line.state is not None
    ]
    if settled:
        db.execute(_SETTLE, (run, *_columns(settled), holder))
    recorded = [_result(line) for line in lines if line.outcome is not None]
    if recorded:
        db.execute(_RECORD, (run, *_columns(recorded)))


def _result(line: LineResult) -> tuple[int, str, str, str, int, str | None, str]:
    return (
        line.line,
        str(line.outcome),
        line.code,
        line.message.replace("\0", "�"),  # no text of PostgreSQL holds a NUL
        line.attempts,
        _iso(line.sent_at),
        line.request_id,
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
