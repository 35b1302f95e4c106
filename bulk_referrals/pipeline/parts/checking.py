"""The steps between reading and sending: check each part, and find what repeats across parts.

What is decided for a whole column is decided from what all parts say. A part is checked by its
own evidence first, which nearly always is enough; where all parts together say otherwise, it is
checked again. Repeats are looked for among the invites of the same people, whichever part they
stand in: all that name one invitee meet in one lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.engine import Engine
from bulk_referrals.frames import shifted
from bulk_referrals.model import Outcome, Rules
from bulk_referrals.pipeline.parts.reading import AllRead, Part
from bulk_referrals.pipeline.parts.spool import Spool, dealt
from bulk_referrals.validator import (
    Evidence,
    decisions_notices,
    marked,
    merged,
    repeats,
    validate,
    would_differ,
)

_KEYS = ("campaign_token", "referrer_key", "identifier_key")
_WHERE = ("table", "row")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    """A part to be checked.

    Attributes:
        part: its rows.
        lots: how many lots its invites are dealt into.
        rules: what to go by.
        places: the human name of each table of the run.
        told: what all parts say; None: the part's own evidence counts.
        spool: where it comes from and goes to.
    """

    part: Part
    lots: int
    rules: Rules
    places: tuple[str, ...]
    told: Evidence | None = None
    spool: Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDone:
    """What a part says, and how many lines it has."""

    evidence: Evidence
    lines: int


def check_part(task: CheckTask) -> CheckDone:
    """Check the rows of a part on their own; leave its keys where repeats are looked for."""
    part = task.part
    rows = task.spool.read(f"rows-{part.name}")
    rows = shifted(rows, table=part.first_table)
    checked = validate(rows, task.rules, places=task.places, told=task.told, is_part=True)
    table = shifted(checked.frame, line=part.first_line)
    task.spool.write(f"checked-{part.index}", [table])
    lines = pa.array(np.arange(table.num_rows, dtype=np.int64))
    keys = table.select([*_WHERE, *_KEYS]).append_column("at", lines)
    ready = keys.filter(pc.is_null(table["outcome"]))
    task.spool.write(f"keys-{part.index}", dealt(ready, "identifier_key", task.lots))
    return CheckDone(evidence=checked.evidence, lines=table.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatsTask:
    """A lot of invites among which repeats are looked for.

    Attributes:
        lot: its number.
        first_at: of each part, the position of its first line among those of all parts.
        spool: where the keys are.
    """

    lot: int
    first_at: tuple[int, ...]
    spool: Spool


def find_repeats(task: RepeatsTask) -> None:
    """Find what stands more than once in a lot; tell each part of its own."""
    count = len(task.first_at)
    pieces = [task.spool.read(f"keys-{part}", task.lot) for part in range(count)]
    keys = pa.concat_tables(pieces)
    part = np.repeat(np.arange(count), [piece.num_rows for piece in pieces])
    found = repeats(
        np.arange(keys.num_rows, dtype=np.int64), **{name: keys[name] for name in _KEYS}
    )
    first = np.full(keys.num_rows, -1, dtype=np.int64)
    first[found.at] = found.first
    referrers = np.zeros(keys.num_rows, dtype=np.int64)
    referrers[found.shared] = found.referrers
    at, repeated = np.asarray(keys["at"]), first >= 0
    everywhere = np.asarray(task.first_at, dtype=np.int64)[part] + at
    told = pa.table(
        {
            "at": at,
            "first": pa.array(everywhere[first], mask=~repeated),
            "first_table": keys["table"].take(pa.array(first, mask=~repeated)),
            "first_row": keys["row"].take(pa.array(first, mask=~repeated)),
            "referrers": pa.array(referrers, mask=referrers == 0),
        }
    )
    worth = repeated | (referrers > 0)
    told, part = told.filter(pa.array(worth)), part[worth]
    ends = np.searchsorted(part, np.arange(count + 1))
    lots = [told.slice(a, b - a) for a, b in pairwise(ends.tolist())]
    task.spool.write(f"repeats-{task.lot}", lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTask:
    """A part whose repeats are to be marked.

    Attributes:
        part: with `first_at`.
        lots: how many lots there are.
        places: the human name of each table of the run.
        to_send: its invites are dealt out to be sent, by referrer.
        spool: where it comes from and goes to.
    """

    part: Part
    lots: int
    places: tuple[str, ...]
    to_send: bool
    spool: Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDone:
    """How much of a part is ready."""

    ready: int


def mark_part(task: MarkTask) -> MarkDone:
    """Mark the repeats of a part; where it is to be sent, deal its invites out by referrer.

    Repeats go with the invite that they repeat, which is the same referrer's.
    """
    part, spool = task.part, task.spool
    again = spool.gather("repeats", task.lots, part.index)
    again = again.take(pa.array(np.argsort(np.asarray(again["at"]), kind="stable")))
    checked = marked(spool.read(f"checked-{part.index}"), again, places=task.places)
    spool.write(f"marked-{part.index}", [checked])
    ready = pc.is_null(checked["outcome"])
    if task.to_send:
        at = np.arange(checked.num_rows, dtype=np.int64) + part.first_at
        whole = checked.append_column("at", pa.array(at))
        sent = pc.or_(ready, pc.equal(checked["outcome"], Outcome.DUPLICATE.value))
        sent = pc.fill_null(sent, fill_value=True)
        spool.write(f"dealt-{part.index}", dealt(whole.filter(sent), "referrer_key", task.lots))
    return MarkDone(ready=int(pc.sum(ready).as_py() or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class AllChecked:
    """All parts, checked.

    Attributes:
        read: with `first_at` in every part.
        lots: how many lots invites are dealt into.
        lines: invites asked for.
        ready: of these, those that are to be sent.
        notices: what was decided for whole columns.
    """

    read: AllRead
    lots: int
    lines: int
    ready: int
    notices: tuple[str, ...]


def check_all(
    read: AllRead, rules: Rules, *, engine: Engine, spool: Spool, to_send: bool
) -> AllChecked:
    """Check all parts, and mark what repeats in them.

    Args:
        read: the parts.
        rules: what to go by.
        engine: takes the steps.
        spool: where the rows are.
        to_send: deal what is ready out by referrer.
    """
    places, lots = read.places, max(1, len(read.parts))
    tasks = [
        CheckTask(part=part, lots=lots, rules=rules, places=places, spool=spool)
        for part in read.parts
    ]
    done = list(engine.each(check_part, tasks))
    whole = merged(each.evidence for each in done)
    amiss = [i for i, each in enumerate(done) if would_differ(each.evidence, whole, rules)]
    again = [replace(tasks[index], told=whole) for index in amiss]
    for index, each in zip(amiss, engine.each(check_part, again), strict=True):
        done[index] = each
    parts = _placed(read.parts, [each.lines for each in done])
    first_at = tuple(part.first_at for part in parts)
    for _ in engine.each(
        find_repeats,
        [RepeatsTask(lot=lot, first_at=first_at, spool=spool) for lot in range(lots)],
    ):
        pass
    marks = engine.each(
        mark_part,
        [
            MarkTask(part=part, lots=lots, places=places, to_send=to_send, spool=spool)
            for part in parts
        ],
    )
    ready = sum(each.ready for each in marks)
    spool.discard("checked", "keys", "repeats")
    evidence = merged(each.evidence for each in done)
    return AllChecked(
        read=replace(read, parts=parts),
        lots=lots,
        lines=sum(each.lines for each in done),
        ready=ready,
        notices=decisions_notices(evidence, rules, places=places),
    )


def _placed(parts: Sequence[Part], lines: Sequence[int]) -> tuple[Part, ...]:
    firsts = np.concatenate([[0], np.cumsum(lines)])[: len(parts)].tolist()
    return tuple(replace(part, first_at=first) for part, first in zip(parts, firsts, strict=True))


def frame_of(spool: Spool, part: Part) -> pa.Table:
    """Return the checked frame of a part, its repeats marked."""
    return spool.read(f"marked-{part.index}")
