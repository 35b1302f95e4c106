"""The last steps: what has become of each part, and the report of all of them.

A report that fits one sheet is the very one that a run in memory makes. Beyond that the results
are a set of files, one for each part, and the workbook holds the figures of all lines and those
lines that need a person, the most pressing ones first, up to `MOST_SHOWN`.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import reporter
from bulk_referrals.config import Settings
from bulk_referrals.engine import Engine
from bulk_referrals.frames import replaced, shifted
from bulk_referrals.model import RunReport
from bulk_referrals.pipeline.outcomes import completed_unsent
from bulk_referrals.pipeline.parts.checking import frame_of
from bulk_referrals.pipeline.parts.reading import Part
from bulk_referrals.pipeline.parts.spool import Spool
from bulk_referrals.pipeline.publishing import Finished, published
from bulk_referrals.reporter import write_results
from bulk_referrals.summary import NEEDS_A_PERSON
from bulk_referrals.summary.merging import Counts, count, summarised, total

MOST_WHOLE = 500_000  # lines of a report that is made in memory, as that of any run
MOST_SHOWN = 100_000  # lines of an excerpt

_OF_ITS_OWN = ("line", "table", "row", "duplicate_of")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResultTask:
    """A part whose results are to be written.

    Attributes:
        part: its rows.
        lots: the lots that were sent, whose outcomes are there; none for a check.
        otherwise: the code of what is ready and in none of these.
        report: of the run, without lines.
        as_file: write its results as a file.
        spool: where it comes from and goes to.
    """

    part: Part
    lots: tuple[int, ...]
    otherwise: str
    report: RunReport
    as_file: bool
    spool: Spool


def write_part(task: ResultTask) -> Counts:
    """Write the results of a part, and count them."""
    part, spool = task.part, task.spool
    base = completed_unsent(frame_of(spool, part), otherwise=task.otherwise)
    outcomes = _with_sent(base, task)
    spool.write(f"outcomes-{part.index}", [outcomes])
    report = _report_of_part(task, outcomes)
    if task.as_file:
        with spool.replacing(f"results-{part.index:05d}.csv") as path:
            write_results(report, path)
    return count(report, rows=part.rows, first_table=part.first_table)


def _with_sent(base: pa.Table, task: ResultTask) -> pa.Table:
    """Put what has become of the lines that were sent in their places."""
    if not task.lots:
        return base
    pieces = [task.spool.read(f"sent-{lot}", task.part.index) for lot in task.lots]
    sent = pa.concat_tables(pieces)
    source = np.arange(base.num_rows)
    source[np.asarray(sent["at"]) - task.part.first_at] = base.num_rows + np.arange(sent.num_rows)
    both = pa.concat_tables([base, sent.select(base.column_names)])
    taken = both.take(pa.array(source))
    return replaced(taken, **{name: base[name] for name in _OF_ITS_OWN})


def _report_of_part(task: ResultTask, outcomes: pa.Table) -> RunReport:
    """Return the report of a part alone, whose tables and lines count from 0."""
    part = task.part
    original = list(_cells(task.spool, part, task.report))
    outcomes = shifted(outcomes, table=-part.first_table, line=-part.first_line)
    tables = task.report.tables[part.first_table : part.first_table + len(original)]
    return replace(task.report, tables=tables, outcomes=outcomes, original=tuple(original))


def _cells(spool: Spool, part: Part, report: RunReport) -> Iterator[pa.Table]:
    """Yield the author's cells of each table of a part."""
    tables = np.asarray(spool.read(f"rows-{part.name}")["table"])
    cells = spool.read(f"cells-{part.name}")
    for table in range(int(tables.max(initial=-1)) + 1):
        start, stop = np.searchsorted(tables, [table, table + 1]).tolist()
        width = len(report.tables[part.first_table + table].header)
        yield cells.slice(start, stop - start).select([str(index) for index in range(width)])


def report_all(
    parts: Sequence[Part],
    report: RunReport,
    settings: Settings,
    *,
    lots: tuple[int, ...],
    lines: int,
    otherwise: str,
    engine: Engine,
    spool: Spool,
) -> Finished:
    """Write the report of all parts.

    Args:
        parts: all.
        report: without lines.
        settings: where the reports are.
        lots: the lots that were sent.
        lines: invites asked for, in all parts.
        otherwise: the code of what is ready and was in none of these.
        engine: takes the steps.
        spool: where the parts are.

    Raises:
        OSError: the report cannot be written.
    """
    is_whole = lines <= MOST_WHOLE
    tasks = [
        ResultTask(
            part=part,
            lots=lots,
            otherwise=otherwise,
            report=report,
            as_file=not is_whole,
            spool=spool,
        )
        for part in parts
    ]
    counts = total(engine.each(write_part, tasks))
    if is_whole:
        return published(_whole(parts, report, spool), settings)
    excerpt = _excerpt(parts, report, spool)
    files: Mapping[str, reporter.Writer] = {
        (name := f"results-{part.index:05d}.csv"): partial(_copy, spool.path(name))
        for part in parts
    }
    return published(excerpt, settings, beside=files, summary=summarised(excerpt, counts))


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)


def _whole(parts: Sequence[Part], report: RunReport, spool: Spool) -> RunReport:
    outcomes = pa.concat_tables([spool.read(f"outcomes-{part.index}") for part in parts])
    return replace(report, outcomes=outcomes, original=_together(parts, report, spool, {}))


def _together(
    parts: Sequence[Part],
    report: RunReport,
    spool: Spool,
    chosen: Mapping[int, pa.Array],
) -> tuple[pa.Table, ...]:
    """Return the cells of each table, over all parts.

    Args:
        parts: all.
        report: its tables count.
        spool: where the cells are.
        chosen: part -> positions of the rows that are wanted; empty: all of all parts.
    """
    pieces: list[list[pa.Table]] = [[] for _ in report.tables]
    for part in parts:
        if chosen and not len(chosen[part.index]):
            continue
        start, wanted = 0, np.asarray(chosen[part.index]) if chosen else None
        for table, cells in enumerate(_cells(spool, part, report)):
            stop = start + cells.num_rows
            if wanted is not None:
                here = wanted[(wanted >= start) & (wanted < stop)] - start
                cells = cells.take(pa.array(here))  # noqa: PLW2901 - the same, less of it
            pieces[part.first_table + table].append(cells)
            start = stop
    return tuple(
        pa.concat_tables(found) if found else _no_cells(len(table.header))
        for found, table in zip(pieces, report.tables, strict=True)
    )


def _no_cells(width: int) -> pa.Table:
    return pa.schema([(str(index), pa.string()) for index in range(width)]).empty_table()


def _excerpt(parts: Sequence[Part], report: RunReport, spool: Spool) -> RunReport:
    """Return the lines that need a person, and those with a warning, `MOST_SHOWN` at most."""
    frames, rows = [], {}
    chosen = _chosen(parts, spool)
    first = 0
    for part in parts:
        lines = spool.read(f"outcomes-{part.index}").take(chosen[part.index])
        numbers = np.asarray(lines["line"]) - part.first_line
        own, line = np.unique(numbers, return_inverse=True)
        rows[part.index] = pa.array(own)
        frames.append(replaced(lines, line=pa.array(line.astype(np.int64) + first)))
        first += len(own)
    told: tuple[str, ...] = ()
    outcomes = pa.concat_tables(frames)
    if outcomes.num_rows == MOST_SHOWN:
        sentence = (
            f"The report shows {MOST_SHOWN:,} of the invites that need a person or a look; all of "
            "them are in the results."
        )
        told = (sentence,)
    return replace(
        report,
        outcomes=outcomes,
        original=_together(parts, report, spool, rows),
        notices=(
            *report.notices,
            f"The results of so many rows are {len(parts):,} files: results-00000.csv and on.",
            *told,
        ),
    )


def _chosen(parts: Sequence[Part], spool: Spool) -> dict[int, pa.Array]:
    """Return part -> positions of the lines to show, what presses most chosen first."""
    found: dict[int, list[np.ndarray]] = {part.index: [] for part in parts}
    room = MOST_SHOWN
    for kind in (*NEEDS_A_PERSON, None):
        for part in parts:
            lines = spool.read(f"outcomes-{part.index}").select(["outcome", "warning"])
            at = np.flatnonzero(_of_kind(lines, kind))[:room]
            found[part.index].append(at)
            room -= len(at)
    return {index: pa.array(np.sort(np.concatenate(several))) for index, several in found.items()}


def _of_kind(lines: pa.Table, kind: str | None) -> np.ndarray:
    """Return which lines ended so; None: those with a warning that need nobody."""
    if kind is not None:
        mask = pc.equal(lines["outcome"], str(kind))
    else:
        wanted = pc.is_in(lines["outcome"], value_set=pa.array(list(map(str, NEEDS_A_PERSON))))
        mask = pc.and_(pc.is_valid(lines["warning"]), pc.invert(wanted))
    return np.asarray(pc.fill_null(mask, fill_value=False))
