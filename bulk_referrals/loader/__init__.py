"""Any spreadsheet -> rows of text, every cell exactly as its author meant it.

`files` finds the files and says what each really is; `text` and the room `workbooks` read them
into grids of text, with the header that `headers` recognises; `cells` gives the cells their
meaning; `load` puts all of it together. What is wrong with one row is a fault in that row; what
is wrong with a file is an `InputError`.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from bulk_referrals.errors import NothingToDoError
from bulk_referrals.loader import cells, files, headers, parquet, pieces
from bulk_referrals.loader.files import find, is_spreadsheet, text_bytes
from bulk_referrals.loader.grid import Grid
from bulk_referrals.loader.lists import load_list
from bulk_referrals.loader.pieces import LongFile, Take
from bulk_referrals.loader.tables import grids
from bulk_referrals.model import Loaded, LoadOptions, Source, SourceTable

__all__ = ["LongFile", "find", "is_spreadsheet", "load", "load_list", "read_long", "text_bytes"]


def load(
    paths: Sequence[str],
    options: LoadOptions,
    *,
    stdin: BinaryIO | None = None,
    fetched: Mapping[str, Path] | None = None,
) -> Loaded:
    """Read all the files, folders and globs into one frame of rows.

    Args:
        paths: files, folders (their spreadsheets in the order of their names), globs, or "-".
        options: what the user says about the sources.
        stdin: what "-" reads; its kind is told by its bytes, as for every file.
        fetched: path -> where its bytes lie, for what does not lie where its path says.

    Returns:
        The rows of all tables, in the order of the sources; see `model` for the frame. Row
        numbers are those of a spreadsheet that opens the file, blank rows counted; blank rows
        are no rows of the frame.

    Raises:
        UsageError: the map names an unknown field.
        NothingToDoError: a source is missing or has no rows, and that is not allowed
            (`LoadOptions.allow_empty`) or no other source has any.
        InputError: a source cannot be read as it stands; the message says where, what is wrong
            and what to do, and never shows a contact.
    """
    columns = headers.checked_map(options.columns)
    absent: list[NothingToDoError] = []
    paths, notices = files.find(paths, fetched, absent)
    read: list[_File] = []
    for path in paths:
        first_table = sum(len(each.tables) for each in read)
        try:
            content = files.read(path, stdin, options.max_memory_bytes, fetched)
            read.append(_read(content, options, columns, len(read), first_table))
        except NothingToDoError as nothing:
            absent.append(nothing)
    if absent and not (read and options.allow_empty):
        raise absent[0]
    notices += map(str, absent)
    return Loaded(
        sources=tuple(each.source for each in read),
        tables=tuple(table for each in read for table in each.tables),
        rows=pa.concat_tables(part for each in read for part in each.parts),
        original=tuple(original for each in read for original in each.original),
        notices=(*notices, *(notice for each in read for notice in each.notices)),
    )


def read_long(
    path: str, options: LoadOptions, *, place: Path, piece_bytes: int, take: Take
) -> LongFile | None:
    """Read a file in pieces of about so many bytes of text; None where it must be read whole.

    Args:
        path: as the user named it.
        options: what the user says about the sources.
        place: where its bytes lie.
        piece_bytes: text in a piece.
        take: is given each piece; see `pieces.read_long`.

    Raises:
        InputError: it cannot be read as it stands.
    """
    reading = parquet.read_long if files.is_parquet(place) else pieces.read_long
    return reading(path, options, place=place, piece_bytes=piece_bytes, take=take)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _File:
    """One file, read."""

    source: Source
    tables: list[SourceTable]
    parts: list[pa.Table]
    original: list[pa.Table]
    notices: list[str]


def _read(
    content: files.Content,
    options: LoadOptions,
    columns: Mapping[str, str],
    source: int,
    first_table: int,
) -> _File:
    notices: list[str] = []
    with ThreadPoolExecutor(max_workers=1) as beside:  # hashing lets go of the interpreter
        sha256 = beside.submit(content.sha256)
        if content.kind is files.Kind.PARQUET:
            found = [parquet.read(content, options, columns)]
        else:
            found, notices = grids(content, options, columns)
        pairs = [cells.rows(grid, first_table + index) for index, grid in enumerate(found)]
    return _File(
        source=Source(
            path=content.path,
            sha256=sha256.result(),
            size_bytes=len(content.raw),
            rows=sum(part.num_rows for part, _ in pairs),
        ),
        tables=[_table(grid, source) for grid in found],
        parts=[part for part, _ in pairs],
        original=[original for _, original in pairs],
        notices=[
            *content.notices,
            *(f"{content.path}: {notice}" for notice in notices),
            *(_placed(content.path, grid.sheet, each) for grid in found for each in grid.notices),
        ],
    )


def _table(grid: Grid, source: int) -> SourceTable:
    return SourceTable(
        source=source,
        sheet=grid.sheet,
        header=grid.header,
        header_row=grid.header_row,
        columns=grid.match.columns,
        delimiter=grid.delimiter,
        encoding=grid.encoding,
    )


def _placed(path: str, sheet: str, notice: str) -> str:
    return f"{path} [{sheet}]: {notice}" if sheet else f"{path}: {notice}"
