"""The figures of a report whose lines are counted part by part, each part somewhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.model import Outcome, RunReport
from bulk_referrals.summary import NEEDS_A_PERSON, Summary, figures, sentences
from bulk_referrals.summary.figures import Moment, SourceFigures

_BY: Final = ("table", "outcome", "code", "second", "warned")
_NO_REFERRERS: Final = pa.table(
    {"referrer": pa.array([], pa.string())}
    | {
        name: pa.array([], pa.int64())
        for name in (
            "invites", "accepted", "already_sent", "refused", "to_correct", "unknown",
            "left_out", "not_sent",
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """What some lines of the outcomes frame come to; it can be added up.

    Attributes:
        counted: invites by `table`, `outcome`, `code`, `second` (of the last attempt, since
            1970; null where never sent) and `warned`; `invites` int64.
        rows: table -> source rows that the lines come from.
        imbalance: what keeps the books from balancing; "" when they do.
        corrects: the runs whose rows these are, corrected.
    """

    counted: pa.Table
    rows: Mapping[int, int]
    imbalance: str
    corrects: tuple[str, ...]


def count(report: RunReport, *, rows: int, first_table: int) -> Counts:
    """Count the lines of a part.

    Args:
        report: of the part: its tables and lines count from 0.
        rows: source rows that the part holds.
        first_table: added to its tables, it gives those of the run.
    """
    sent = report.outcomes["sent_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    lines = pa.table(
        {
            "table": pc.add(report.outcomes["table"].cast(pa.int64()), first_table),
            "outcome": report.outcomes["outcome"],
            "code": report.outcomes["code"],
            "second": pc.floor(pc.divide(sent, 1_000_000)).cast(pa.int64()),
            "warned": pc.is_valid(report.outcomes["warning"]),
            "invites": pa.repeat(pa.scalar(1, pa.int64()), len(report.outcomes)),
        }
    )
    tables, numbers = np.asarray(lines["table"]), np.asarray(report.outcomes["line"])
    first = np.ones(len(numbers), dtype=bool)
    first[1:] = numbers[1:] != numbers[:-1]
    here, found = np.unique(tables[first], return_counts=True)
    seen = dict(zip(here.tolist(), found.tolist(), strict=True))
    return Counts(
        counted=_summed(lines),
        rows=seen,
        imbalance=_imbalance(report, rows, sum(seen.values())),
        corrects=figures.corrects(report),
    )


def _imbalance(report: RunReport, rows: int, seen: int) -> str:
    if lost := int((figures.kinds(report) < 0).sum()):
        return f"{lost:,} of {len(report.outcomes):,} invites have no known outcome"
    return "" if seen == rows else f"{rows:,} rows were read, but {seen:,} are accounted for"


def _summed(lines: pa.Table) -> pa.Table:
    summed = lines.group_by(list(_BY), use_threads=False).aggregate([("invites", "sum")])
    return summed.rename_columns([*_BY, "invites"])


def total(parts: Iterable[Counts]) -> Counts:
    """Return what all parts come to together; there is at least one."""
    every = list(parts)
    rows: dict[int, int] = {}
    for each in every:
        for table, number in each.rows.items():
            rows[table] = rows.get(table, 0) + number
    return Counts(
        counted=_summed(pa.concat_tables([each.counted for each in every])),
        rows=rows,
        imbalance=next((each.imbalance for each in every if each.imbalance), ""),
        corrects=tuple(dict.fromkeys(run for each in every for run in each.corrects)),
    )


def summarised(report: RunReport, counts: Counts) -> Summary:
    """Return the figures, tables and sentences of a run of which only an excerpt is at hand.

    Args:
        report: the run; of its outcomes, those that are shown.
        counts: of all its lines, in all its parts.

    Returns:
        As `summarise`, but for `referrers`, which is empty.
    """
    counted = counts.counted
    outcomes = _by_outcome(counted)
    invites = pc.sum(counted["invites"]).as_py() or 0
    warnings = pc.sum(counted["invites"].filter(counted["warned"])).as_py() or 0
    needing = figures.needing(figures.kinds(report))
    groups = figures.to_fix_groups(report, needing)
    read = sum(source.rows for source in report.sources)
    imbalance = counts.imbalance
    if not imbalance and sum(counts.rows.values()) != read:
        seen = sum(counts.rows.values())
        imbalance = f"{read:,} rows were read, but {seen:,} are accounted for"
    over_time, step_s = _over_time(counted)
    return Summary(
        headline=sentences.headline(report, outcomes, invites=invites),
        tasks=sentences.tasks(
            report, outcomes, imbalance=imbalance, warnings=warnings, to_fix=tuple(groups)
        ),
        rows=invites,
        source_rows=read,
        outcomes=outcomes,
        codes=_codes(counted),
        books_balance=not imbalance,
        books=sentences.books(report, imbalance, invites=invites),
        sources=_sources(report, counts),
        reasons=figures.reasons_of(_needing_a_person(counted)),
        over_time=over_time,
        step_s=step_s,
        needing=needing,
        referrers=_NO_REFERRERS,
        warnings=warnings,
        to_fix=groups,
        corrects=counts.corrects,
    )


def _grouped(counted: pa.Table, *by: str) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = (
        counted.group_by(list(by)).aggregate([("invites", "sum")]).to_pylist()
    )
    return lines


def _by_outcome(counted: pa.Table) -> dict[str, int]:
    found = {line["outcome"]: line["invites_sum"] for line in _grouped(counted, "outcome")}
    return {str(each): int(found.get(str(each), 0)) for each in Outcome}  # type: ignore[call-overload]


def _needing_a_person(counted: pa.Table) -> pa.Table:
    wanted = pc.is_in(counted["outcome"], value_set=pa.array(list(map(str, NEEDS_A_PERSON))))
    lines = counted.filter(wanted).group_by(["outcome", "code"])
    summed = lines.aggregate([("invites", "sum")])
    return summed.rename_columns(["outcome", "code", "invites"])


def _codes(counted: pa.Table) -> dict[str, int]:
    lines = _grouped(counted.filter(pc.is_valid(counted["code"])), "code")
    found = {str(line["code"]): int(line["invites_sum"]) for line in lines}  # type: ignore[call-overload]
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def _sources(report: RunReport, counts: Counts) -> tuple[SourceFigures, ...]:
    outcomes: dict[object, dict[str, int]] = {}
    for line in _grouped(counts.counted, "table", "outcome"):
        found = outcomes.setdefault(line["table"], dict.fromkeys(map(str, Outcome), 0))
        if line["outcome"] in found:
            found[str(line["outcome"])] += int(line["invites_sum"])  # type: ignore[call-overload]
    nothing = dict.fromkeys(map(str, Outcome), 0)
    return tuple(
        SourceFigures(
            path=report.sources[table.source].path,
            sheet=table.sheet,
            rows=counts.rows.get(index, 0),
            outcomes=outcomes.get(index, nothing),
        )
        for index, table in enumerate(report.tables)
    )


def _over_time(counted: pa.Table) -> tuple[tuple[Moment, ...], int]:
    sent = counted.filter(pc.is_valid(counted["second"]))
    if not sent.num_rows:
        return (), 0
    seconds, invites = np.asarray(sent["second"]), np.asarray(sent["invites"])
    step_s = figures.finest_step(int(seconds.max() - seconds.min()))
    start = int(seconds.min()) // step_s
    steps = seconds // step_s - start

    def in_steps(outcome: Outcome) -> list[int]:
        mask = np.asarray(pc.equal(sent["outcome"], str(outcome)))
        weights = np.where(mask, invites, 0)
        sums = np.bincount(steps, weights=weights, minlength=int(steps.max()) + 1)
        return [int(each) for each in sums]

    counted_of = (in_steps(it) for it in (Outcome.ACCEPTED, Outcome.FAILED, Outcome.UNKNOWN))
    return tuple(
        Moment(
            at=datetime.fromtimestamp((start + place) * step_s, UTC),
            accepted=accepted,
            failed=failed,
            unknown=unknown,
        )
        for place, (accepted, failed, unknown) in enumerate(zip(*counted_of, strict=True))
    ), step_s
