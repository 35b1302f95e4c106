"""All that foreign readers are asked, in the process that `child` bounds.

As text, a cell reads: a number without exponent or thousands separators (`919876543210`,
`917999836466`, `0.5`); a date as `2024-09-10 16:35:52` (ODS: `2024-09-10` or with a `T`); a
boolean as `true`; a formula as the value it had when it was saved; rich text as its letters, a
phonetic reading (furigana) left out; text as it is.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import date, time, timedelta
from io import BytesIO
from typing import IO, Any, Final

import fastexcel
import pyarrow as pa

from bulk_referrals.workbooks import marks
from bulk_referrals.workbooks.sheets import NO_LAYOUT, Mark, Raw

_UNREADABLE: Final = pa.schema(
    [("row", pa.int32()), ("column", pa.int32()), ("what", pa.string())]
)
_GRID_ROWS: Final = 1_048_576


def cells(content: bytes, asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Write the cells of each wanted sheet, and then its unreadable cells, as Arrow streams.

    Args:
        content: the workbook.
        asked: `wanted`, names of sheets; none means every sheet.
        rows: where the streams go.

    Returns:
        Under `sheets`, for each: its name, whether it is visible, its layout, and the lengths
        of the two streams in bytes; under `missing`, the wanted names that there are not.
    """
    # It warns, on standard error, of sheets that are charts: they have no cells, and are skipped.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    book = fastexcel.read_excel(content)
    names, wanted = list(book.sheet_names), asked["wanted"]
    missing = [name for name in wanted if name not in names]
    if missing:
        return {"sheets": [], "missing": missing, "names": names}
    # The readers let go of the interpreter while they work, so the two go on side by side.
    with ThreadPoolExecutor(max_workers=1) as beside:
        seen = beside.submit(marks.seen, content)
        chosen = [name for name in names if not wanted or name in wanted]
        return {"sheets": [_sheet(book, name, seen, rows) for name in chosen]}


def _sheet(
    book: fastexcel.ExcelReader, name: str, seen: Future[marks.Seen], rows: IO[bytes]
) -> dict[str, Any]:
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    told: dict[str, Any] = {"name": name, "visible": sheet.visible == "visible"}
    if not sheet.width or not sheet.height:
        return {**told, "layout": asdict(NO_LAYOUT), "lengths": []}
    batch, errors = sheet.to_arrow_with_errors()
    first = min(column.absolute_index for column in sheet.available_columns())
    found = seen.result().get(name, marks.Sheet())
    places = [*_errors(errors), *_valueless(found, first)]
    unreadable = pa.Table.from_pylist(
        [{"row": row, "column": column, "what": what} for row, column, what in places],
        schema=_UNREADABLE,
    )
    lengths = [_written(part, rows) for part in (pa.Table.from_batches([batch]), unreadable)]
    return {**told, "layout": asdict(found.layout), "lengths": lengths}


def _written(table: pa.Table, rows: IO[bytes]) -> int:
    start = rows.tell()
    with pa.ipc.new_stream(rows, table.schema) as stream:
        stream.write_table(table)
    return rows.tell() - start


def _errors(errors: Any) -> Iterator[tuple[int, int, Mark]]:  # noqa: ANN401 - no stub
    for each in errors.errors if errors is not None else ():
        row, column = each.offset_position
        yield row, column, Mark.ERROR if "Error(" in each.detail else Mark.TIME


def _valueless(found: marks.Sheet, first: int) -> Iterator[tuple[int, int, Mark]]:
    for row, column, what in found.places:
        if row < _GRID_ROWS and column >= first:
            yield row, column - first, what


def kinds(content: bytes, asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Tell what cells are in the file, before they are made text.

    Args:
        content: the workbook.
        asked: `sheet`, and `places`: row from 0 -> columns of the sheet's cells.
        rows: not used.

    Returns:
        Under `kinds`, one letter of `Raw` for each place, in order.
    """
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - seldom needed

    del rows
    places: list[tuple[int, int]] = [tuple(place) for place in asked["places"]]
    wanted: dict[int, list[int]] = {}
    for row, column in places:
        wanted.setdefault(row, []).append(column)
    last = max(wanted)
    found: dict[tuple[int, int], Raw] = {}
    sheet = CalamineWorkbook.from_object(BytesIO(content)).get_sheet_by_name(asked["sheet"])
    for row, values in enumerate(sheet.iter_rows()):
        for column in wanted.get(row, ()):
            found[row, column] = _raw(values[column]) if column < len(values) else Raw.TEXT
        if row == last:
            break
    return {"kinds": "".join(found.get(place, Raw.TEXT) for place in places)}


def _raw(value: object) -> Raw:
    if isinstance(value, bool):
        return Raw.BOOLEAN
    if isinstance(value, (int, float)):
        return Raw.NUMBER
    if isinstance(value, (date, time, timedelta)):
        return Raw.DATE
    return Raw.TEXT


def extent(content: bytes, asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Tell, under `extent`, how far apart the cells of a workbook lie that no reader could hold.

    Args:
        content: the workbook; of another format than XLSX and XLSM nothing is told.
        asked: nothing more.
        rows: not used.
    """
    del asked, rows
    return {"extent": re.sub(r"[^\w ':-]", "?", marks.extent(content))}


TASKS: Final[Mapping[str, Callable[[bytes, Mapping[str, Any], IO[bytes]], dict[str, Any]]]] = {
    "cells": cells,
    "kinds": kinds,
    "extent": extent,
}
