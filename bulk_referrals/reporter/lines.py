"""The lines of the results, one per line of the outcomes frame, as a table of 16 columns."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.frames import column
from bulk_referrals.model import RunReport, SourceTable

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


def result_lines(report: RunReport, *, short_paths: bool = False) -> pa.Table:
    """Return the results: `COLUMNS`, text but for `row` and `attempts` (int64), order kept.

    `source` is the file's path, `sheet` the sheet's name or null for a text file; both come as
    dictionary columns, since they hold few distinct texts.

    Args:
        report: the run.
        short_paths: give the files' names without their folders, where that tells them apart.
    """
    names = [source.path for source in report.sources]
    bare = [PurePath(name).name for name in names]
    shown = bare if short_paths and len(set(bare)) == len(set(names)) else names
    return placed(report.outcomes, shown, report.tables)


def placed(
    outcomes: pd.DataFrame, paths: Sequence[str], tables: Sequence[SourceTable]
) -> pa.Table:
    """Return the results of an outcomes frame, or of some of its lines: see `result_lines`.

    Args:
        outcomes: the outcomes frame (`model`).
        paths: of the sources, in order.
        tables: their sheets, in order.
    """
    of_line = column(outcomes, "table").cast(pa.int32())
    sources = [paths[table.source] for table in tables]
    sheets = [table.sheet or None for table in tables]
    own = {name: column(outcomes, name) for name in COLUMNS[2:]}
    return pa.table({"source": _named(of_line, sources), "sheet": _named(of_line, sheets), **own})


def _named(tables: pa.ChunkedArray, names: list[str] | list[str | None]) -> pa.ChunkedArray:
    dictionary = pa.array(names, pa.string())
    chunks = [pa.DictionaryArray.from_arrays(chunk, dictionary) for chunk in tables.chunks]
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def local_times(instants: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Return ISO 8601 texts with an offset as `2026-11-23 18:30:05` in the zone, to the second."""
    seconds = instants.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("s", "UTC"), safe=False)
    # Many invites share a second, and writing a date is slow: each distinct one is written once.
    encoded = seconds.combine_chunks().dictionary_encode()
    written = [
        None if it is None else it.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        for it in encoded.dictionary.to_pylist()
    ]
    return pa.chunked_array([pc.take(pa.array(written, pa.string()), encoded.indices)])
