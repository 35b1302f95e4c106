"""The lines of the results, one per line of the outcomes frame, as a table of 16 columns."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.frames import replaced
from bulk_referrals.model import RunReport, SourceTable
from bulk_referrals.reporter.escaping import MOST_UNITS
from bulk_referrals.summary import Summary
from bulk_referrals.weaving import Values, encoded, flat

COLUMNS: Final = (
    "source",
    "sheet",
    "row",
    "outcome",
    "code",
    "reason",
    "referrer",
    "campaign_token",
    "type",
    "identifier",
    "name",
    "invited_on",
    "id",
    "request_id",
    "attempts",
    "sent_at",
)


def result_lines(report: RunReport) -> pa.Table:
    """Return the results: `COLUMNS`, text but for `row` and `attempts` (int64), order kept.

    `source` is the file's path, `sheet` the sheet's name or null for a text file. A column whose
    texts repeat themselves comes as a dictionary, so that what is made of the results looks at
    each text once.
    """
    paths = [source.path for source in report.sources]
    return placed(report.outcomes, paths, report.tables)


def with_short_paths(report: RunReport, lines: pa.Table) -> pa.Table:
    """Return the results with the files' names without their folders, if these tell them apart."""
    paths = [source.path for source in report.sources]
    bare = [PurePath(path).name for path in paths]
    if len(set(bare)) < len(set(paths)):
        return lines
    sources = _named(_tables_of(report.outcomes), [bare[it.source] for it in report.tables])
    return replaced(lines, source=sources)


def placed(outcomes: pa.Table, paths: Sequence[str], tables: Sequence[SourceTable]) -> pa.Table:
    """Return the results of an outcomes frame, or of some of its lines: see `result_lines`.

    Args:
        outcomes: the outcomes frame (`model`).
        paths: of the sources, in order.
        tables: their sheets, in order.
    """
    of_line, own = _tables_of(outcomes), COLUMNS[2:]
    sources = [paths[table.source] for table in tables]
    sheets = [table.sheet or None for table in tables]
    with ThreadPoolExecutor() as pool:  # Arrow lets go of the interpreter
        columns = pool.map(_told, [outcomes[name] for name in own])
        told = dict(zip(own, columns, strict=True))
    return pa.table({"source": _named(of_line, sources), "sheet": _named(of_line, sheets), **told})


def _told(cells: Values) -> Values:
    """Return the cells, each no longer than a spreadsheet shows, repeated texts once.

    Somebody's cell of fifty megabytes would else be copied for each file that tells of it; the
    files to be corrected keep it whole.
    """
    if pa.types.is_string(cells.type):
        longest = pc.max(pc.binary_length(cells)).as_py() or 0
        if longest > MOST_UNITS:  # one more than fits, so that the workbook knows that it is cut
            cells = pc.utf8_slice_codeunits(cells, 0, MOST_UNITS + 1)
    return encoded(cells)


def lines_needing(
    report: RunReport, summary: Summary, index: int, names: Sequence[str]
) -> pa.Table:
    """Return some columns of the invites of one table that need a person, in order."""
    tables = report.outcomes["table"].take(summary.needing)
    positions = summary.needing.filter(flat(pc.equal(tables, index)))
    return pa.table({name: report.outcomes[name].take(positions) for name in names})


def _tables_of(outcomes: pa.Table) -> pa.Array:
    return flat(outcomes["table"].cast(pa.int32()))


def _named(tables: pa.Array, names: list[str] | list[str | None]) -> pa.Array:
    """Return for each line the name that its table has."""
    return pa.DictionaryArray.from_arrays(tables, pa.array(names, pa.string()))


def local_times(instants: Values, zone: str) -> Values:
    """Return ISO 8601 texts with an offset as `2026-11-23 18:30:05` in the zone, to the second."""
    if instants.null_count == len(instants):
        return instants
    if pa.types.is_dictionary(instants.type):
        instants = instants.cast(pa.string())
    seconds = instants.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("s", "UTC"), safe=False)
    # Many invites share a second, and writing a date is slow: each distinct one is written once.
    distinct = seconds.combine_chunks().dictionary_encode()
    written = [
        None if it is None else it.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        for it in distinct.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(distinct.indices, pa.array(written, pa.string()))
