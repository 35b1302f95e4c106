"""The figures and tables of the report, from the outcomes frame; counted in columns."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.codes import describe
from bulk_referrals.equality import groups
from bulk_referrals.model import Outcome, RunReport, SourceTable
from bulk_referrals.summary.sentences import NEEDS_A_PERSON, words
from bulk_referrals.wayback import ROW_KEY, own_columns, runs_of
from bulk_referrals.weaving import Few

_STEPS_S: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
_MOST_STEPS: Final = 40
_COUNTED: Final = ["outcome", "code", "invites"]

_KINDS: Final = len(Outcome) + 1  # with what is no outcome

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why some invites ended as they did: one outcome with one code.

    Attributes:
        outcome: theirs.
        code: theirs; "" where the outcome came without one.
        title: the code in a few words.
        advice: what to do, a sentence.
        rows: how many invites.
    """

    outcome: Outcome
    code: str
    title: str
    advice: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """What became of one sheet of one file; `outcomes` holds all eight."""

    path: str
    sheet: str
    rows: int
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The invites whose last attempt fell into one step of time.

    Attributes:
        at: the beginning of the step, aware, UTC.
        accepted: how many the platform took.
        failed: how many it refused.
        unknown: how many may have arrived.
    """

    at: datetime
    accepted: int
    failed: int
    unknown: int


def to_fix_groups(report: RunReport, positions: pa.Array) -> dict[str, tuple[int, ...]]:
    """Return file name -> the tables whose rows to correct it holds; see `Summary.to_fix`."""
    tables = report.outcomes["table"]
    wanted = sorted(pc.unique(tables.take(positions)).to_pylist())
    by_header: dict[tuple[str, ...], list[int]] = {}
    for index in wanted:
        if _is_text(report.tables[index]):
            by_header.setdefault(report.tables[index].header, []).append(index)
    groups = {"to_fix.xlsx": tuple(wanted)} if wanted else {}
    for position, texts in enumerate(by_header.values(), start=1):
        groups[f"to_fix_{position}.csv" if position > 1 else "to_fix.csv"] = tuple(texts)
    return groups


def corrects(report: RunReport) -> tuple[str, ...]:
    """Return the runs whose rows these are, corrected: those that the rows' keys name."""
    found: dict[str, None] = {}
    for table, cells in zip(report.tables, report.original, strict=True):
        place = own_columns(table.header).get(ROW_KEY)
        if place is not None:
            found |= dict.fromkeys(runs_of(cells.column(place)))
    return tuple(found)


def needing(outcome_of: Ints) -> pa.Array:
    """Return the positions of the lines that are unknown, failed or rejected, in order."""
    order = list(Outcome)
    wanted = np.isin(outcome_of, [order.index(outcome) for outcome in NEEDS_A_PERSON])
    return pa.array(np.flatnonzero(wanted))


def _is_text(table: SourceTable) -> bool:
    return bool(table.delimiter or table.encoding)


def kinds(report: RunReport) -> Ints:
    """Return each line's outcome as its position in `Outcome`; -1 where it is none of them."""
    known = pa.array([str(outcome) for outcome in Outcome])
    positions = pc.index_in(report.outcomes["outcome"], value_set=known)
    return np.asarray(pc.fill_null(positions, -1)).astype(np.int64)


def by_outcome(outcome_of: Ints) -> dict[str, int]:
    """Return outcome -> lines, all eight, from positions in `Outcome`."""
    return _named(np.bincount(outcome_of + 1, minlength=_KINDS))


def _named(counts: Ints) -> dict[str, int]:
    """Return outcome -> its count, from the counts of what is no outcome and of each outcome."""
    return {str(it): int(count) for it, count in zip(Outcome, counts[1:], strict=True)}


def most_frequent(values: pa.ChunkedArray) -> dict[str, int]:
    """Return text -> how often it occurs, the most frequent first, nulls left out."""
    counted = pc.value_counts(values.drop_null().combine_chunks()).to_pylist()
    counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    return {entry["values"]: entry["counts"] for entry in counted}


def filled(values: pa.ChunkedArray) -> int:
    """Return how many values are not null."""
    return len(values) - int(values.null_count)


def imbalance(report: RunReport, outcome_of: Ints) -> str:
    """Return what keeps the books from balancing, without a full stop; "" when they do."""
    lost = int((outcome_of < 0).sum())
    if lost:
        return f"{lost:,} of {len(report.outcomes):,} invites have no known outcome"
    read = sum(source.rows for source in report.sources)
    lines = np.asarray(report.outcomes["line"])
    # They stand in order, as a rule, and neighbours are compared ten times as fast as all.
    in_order = lines if (lines[1:] >= lines[:-1]).all() else np.sort(lines)
    seen = int((in_order[1:] != in_order[:-1]).sum()) + bool(len(lines))
    if seen != read:
        return f"{read:,} rows were read, but {seen:,} are accounted for"
    if read and (in_order[0] != 0 or in_order[-1] != read - 1):
        return "some rows are not those of the files"
    return ""


def sources(report: RunReport, outcome_of: Ints) -> tuple[SourceFigures, ...]:
    """Return what became of each sheet of each file, in order."""
    tables = np.asarray(report.outcomes["table"]).astype(np.int64)
    lines = np.asarray(report.outcomes["line"])
    first = np.ones(len(lines), dtype=bool)
    first[1:] = lines[1:] != lines[:-1]
    known = len(report.tables)
    rows = np.bincount(tables[first], minlength=known)
    counts = np.bincount(tables * _KINDS + outcome_of + 1, minlength=known * _KINDS)
    return tuple(
        SourceFigures(
            path=report.sources[table.source].path,
            sheet=table.sheet,
            rows=int(rows[index]),
            outcomes=_named(counts.reshape(known, _KINDS)[index]),
        )
        for index, table in enumerate(report.tables)
    )


def reasons(report: RunReport, positions: pa.Array) -> tuple[Reason, ...]:
    """Return what needs a person by outcome and code, unknown first, then by number."""
    cells = (report.outcomes[name].take(positions) for name in ("outcome", "code"))
    outcome, code = map(Few.of, cells)
    width = len(code.texts)
    counts = np.bincount(outcome.codes.astype(np.int64) * width + code.codes)
    at = np.flatnonzero(counts)
    texts = outcome.texts.take(pa.array(at // width)), code.texts.take(pa.array(at % width))
    return reasons_of(pa.table([*texts, counts[at]], names=_COUNTED))


def reasons_of(counted: pa.Table) -> tuple[Reason, ...]:
    """Return the reasons, in order, for counted `invites` by `outcome` and `code`."""
    found = [
        _reason(Outcome(entry["outcome"]), entry["code"] or "", entry["invites"])
        for entry in counted.select(_COUNTED).to_pylist()
    ]
    found.sort(key=lambda it: (it.outcome is not Outcome.UNKNOWN, -it.rows, it.code))
    return tuple(found)


def _reason(outcome: Outcome, code: str, rows: int) -> Reason:
    plain = describe(code) if code else describe("no-answer")
    title = plain.title if code else words(outcome, sending=True).meaning.rstrip(".")
    return Reason(outcome=outcome, code=code, title=title, advice=plain.advice, rows=rows)


def over_time(report: RunReport, outcome_of: Ints) -> tuple[tuple[Moment, ...], int]:
    """Return what was sent when, and the step in seconds: the finest that gives 40 or fewer."""
    sent = report.outcomes["sent_at"]
    was_sent = np.asarray(pc.is_valid(sent))
    if not was_sent.any():
        return (), 0
    instants = sent.drop_null().cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    seconds = np.asarray(instants) // 1_000_000
    step_s = finest_step(int(seconds.max() - seconds.min()))
    start = int(seconds.min()) // step_s
    steps = seconds // step_s - start
    width = len(Outcome)
    counts = np.bincount(
        steps * width + outcome_of[was_sent].clip(min=0), minlength=width * (int(steps.max()) + 1)
    ).reshape(-1, width)
    order = list(Outcome)
    moments = tuple(
        Moment(
            at=datetime.fromtimestamp((start + position) * step_s, UTC),
            accepted=int(line[order.index(Outcome.ACCEPTED)]),
            failed=int(line[order.index(Outcome.FAILED)]),
            unknown=int(line[order.index(Outcome.UNKNOWN)]),
        )
        for position, line in enumerate(counts)
    )
    return moments, step_s


def finest_step(span_s: int) -> int:
    """Return the finest step, in seconds, that gives 40 or fewer over a span of seconds."""
    fitting = (step for step in _STEPS_S if span_s // step < _MOST_STEPS)
    return next(fitting, span_s // _MOST_STEPS + 1)


def referrers(report: RunReport, outcome_of: Ints) -> pa.Table:
    """Return one line per referrer; see `Summary.referrers`."""
    frame = report.outcomes
    keys = pc.coalesce(frame["referrer_key"], frame["referrer"], "")
    referrer_of, first = groups(keys)
    invites = np.bincount(referrer_of, minlength=len(first))
    none = np.zeros_like(invites)
    # Most outcomes do not occur in a run, and to count those that do is to read little.
    counts = {
        outcome: np.bincount(referrer_of[outcome_of == place], minlength=len(none))
        for place, outcome in enumerate(Outcome)
        if (outcome_of == place).any()
    }

    def total(*outcomes: Outcome) -> Ints:
        found: Ints = sum((counts[it] for it in outcomes if it in counts), none)
        return found

    table = pa.table(
        {
            "referrer": keys.take(pa.array(first)),
            "invites": invites,
            "accepted": total(Outcome.ACCEPTED),
            "already_sent": total(Outcome.ALREADY_SENT),
            "refused": total(Outcome.FAILED),
            "to_correct": total(Outcome.REJECTED),
            "unknown": total(Outcome.UNKNOWN),
            "left_out": total(Outcome.DUPLICATE, Outcome.SUPPRESSED),
            "not_sent": total(Outcome.NOT_SENT),
        }
    )
    return table.take(pa.array(_descending(total(*NEEDS_A_PERSON), invites)))


def _descending(first: Ints, second: Ints) -> Ints:
    """Return the order of counts, the most first, by `first` and then by `second`; stable."""
    least_first = (first.max(initial=0) - first) * (second.max(initial=0) + 1)
    least_first += second.max(initial=0) - second
    # Counts are mostly small, and small numbers are sorted in linear time.
    fitting = least_first.astype(np.min_scalar_type(int(least_first.max(initial=0))))
    return np.argsort(fitting, kind="stable")
