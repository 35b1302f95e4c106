"""Any spreadsheet -> rows of text, every cell exactly as its author meant it.

`files` finds the files and says what each really is; `text` and `workbook` read them into grids
of text, with the header that `headers` recognises; `cells` gives the cells their meaning; `load`
puts all of it together. What is wrong with one row is a fault in that row; what is wrong with a
file is an `InputError`.
"""

from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa

from bulk_referrals.loader import cells, files, headers
from bulk_referrals.loader.tables import grids
from bulk_referrals.model import Loaded, LoadOptions, Source, SourceTable

__all__ = ["load"]


def _placed(path: str, sheet: str, notice: str) -> str:
    return f"{path} [{sheet}]: {notice}" if sheet else f"{path}: {notice}"


def load(paths: Sequence[str], options: LoadOptions, *, stdin: BinaryIO | None = None) -> Loaded:
    """Read all the files, folders and globs into one frame of rows.

    Args:
        paths: files, folders (their spreadsheets in the order of their names), globs, or "-".
        options: what the user says about the sources.
        stdin: what "-" reads; its kind is told by its bytes, as for every file.

    Returns:
        The rows of all tables, in the order of the sources; see `model` for the frame. Row
        numbers are those of a spreadsheet that opens the file, blank rows counted; blank rows
        are no rows of the frame.

    Raises:
        UsageError: the map names an unknown field.
        InputError: a source cannot be read as it stands; the message says where, what is wrong
            and what to do, and never shows a contact.
    """
    columns = headers.checked_map(options.columns)
    found, notices = files.find(paths)
    sources: list[Source] = []
    tables: list[SourceTable] = []
    parts: list[pa.Table] = []
    originals: list[pa.Table] = []
    for path in found:
        content = files.read(path, stdin)
        notices += content.notices
        before = len(parts)
        for grid in grids(content, options, columns):
            part, original = cells.rows(grid, table=len(tables))
            notices += [_placed(path, grid.sheet, notice) for notice in grid.notices]
            tables.append(
                SourceTable(
                    source=len(sources),
                    sheet=grid.sheet,
                    header=grid.header,
                    header_row=grid.header_row,
                    columns=grid.match.columns,
                    delimiter=grid.delimiter,
                    encoding=grid.encoding,
                )
            )
            parts.append(part)
            originals.append(original)
        sources.append(
            Source(
                path=path,
                sha256=content.sha256,
                size_bytes=content.size_bytes,
                rows=sum(part.num_rows for part in parts[before:]),
            )
        )
    return Loaded(
        sources=tuple(sources),
        tables=tuple(tables),
        rows=cells.frame(parts),
        original=tuple(originals),
        notices=tuple(notices),
    )
