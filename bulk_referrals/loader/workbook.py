"""Workbooks (XLSX, XLSM, XLS, XLSB, ODS) as columns of text, with the facts that text loses.

All foreign readers are called here, behind `read_workbook` and `number_kinds`, which take a path
or bytes and give back Arrow tables and plain values: so they can run in a process of their own.
Their errors, and the panics of the Rust underneath (which are no `Exception`), become
`InputError` here and nowhere else.

As text, a cell reads: a number without exponent or thousands separators (`919876543210`,
`917999836466`, `0.5`); a date as `2024-09-10 16:35:52` (ODS: `2024-09-10` or with a `T`); a
boolean as Excel shows it, `TRUE`; a formula as the value it had when it was saved; text as it is.
Hidden rows and columns, and rows that a filter hides, are read like all others.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.errors import InputError
from bulk_referrals.loader import formulas

_SAVE_AGAIN: Final = "Open it in Excel or LibreOffice, save it again as .xlsx, and use that file."
_GRID_ROWS: Final = 1_048_576
T = TypeVar("T")


class Raw(StrEnum):
    """What a cell is in the file, before it was made text."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetCells:
    """One sheet as text.

    Attributes:
        name: of the sheet.
        visible: False where its author has hidden it.
        cells: text columns "0", "1", …, from the first column that holds anything; row 0 is row
            1 of the sheet; an empty cell is null.
        unreadable: (row from 0, column of `cells`, what stands there) of cells that have no
            text: error values, formulas that were never calculated.
    """

    name: str
    visible: bool
    cells: pa.Table
    unreadable: tuple[tuple[int, int, str], ...] = ()


def read_workbook(path: str, source: str | bytes, wanted: Sequence[str]) -> list[SheetCells]:
    """Return the sheets of a workbook as text.

    Args:
        path: as the user named it, for messages.
        source: the path on disk, or the bytes.
        wanted: names of the sheets to read; empty means every sheet.

    Raises:
        InputError: the workbook cannot be read, or lacks a wanted sheet.
    """
    import fastexcel  # noqa: PLC0415 - start-up time

    # It warns, on standard error, of sheets that are charts: they have no cells, and are skipped.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    book = _translated(path, lambda: fastexcel.read_excel(source))
    names = list(book.sheet_names)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise _no_such_sheet(path, missing[0], names)
    # The readers let go of the interpreter while they work, so the two go on side by side.
    with ThreadPoolExecutor(max_workers=1) as beside:
        valueless = beside.submit(formulas.valueless, source)
        chosen = [name for name in names if not wanted or name in wanted]
        return [_translated(path, partial(_sheet, book, name, valueless)) for name in chosen]


def number_kinds(
    path: str, source: str | bytes, sheet: str, places: Sequence[tuple[int, int]]
) -> list[Raw]:
    """Return what the cells at these places (row from 0, column of `SheetCells.cells`) are.

    It reads the sheet a second time, so it is asked only about cells whose text is in doubt.
    """

    def look() -> list[Raw]:
        from python_calamine import CalamineWorkbook  # noqa: PLC0415 - start-up time

        book = CalamineWorkbook.from_object(_readable(source))
        wanted: dict[int, list[int]] = {}
        for row, column in places:
            wanted.setdefault(row, []).append(column)
        last = max(wanted)
        found: dict[tuple[int, int], Raw] = {}
        for row, values in enumerate(book.get_sheet_by_name(sheet).iter_rows()):
            for column in wanted.get(row, ()):
                found[row, column] = _raw(values[column])
            if row == last:
                break
        return [found.get(place, Raw.TEXT) for place in places]

    return _translated(path, look)


def _readable(source: str | bytes) -> Any:  # noqa: ANN401 - a path or a file, as calamine takes
    from io import BytesIO  # noqa: PLC0415 - beside its only use

    return BytesIO(source) if isinstance(source, bytes) else source


def _raw(value: object) -> Raw:
    if isinstance(value, bool):
        return Raw.BOOLEAN
    if isinstance(value, (int, float)):
        return Raw.NUMBER
    if isinstance(value, (date, time, timedelta)):
        return Raw.DATE
    return Raw.TEXT


def _translated(path: str, call: Callable[[], T]) -> T:
    """Return what the call gives; a foreign error or panic becomes an `InputError`."""
    try:
        return call()
    except (InputError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        # Rust panics derive from BaseException; anything else that does is not ours to hide.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if "password" in str(error).lower():
            raise InputError(
                path,
                "the workbook is protected by a password",
                advice="Open it, remove the password, and save it again.",
            ) from None
        raise InputError(
            path, "the workbook is damaged and cannot be read", advice=_SAVE_AGAIN
        ) from error


def _no_such_sheet(path: str, wanted: str, names: Sequence[str]) -> InputError:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    folded = {name.casefold().strip(): name for name in names}
    near = get_close_matches(wanted.casefold().strip(), folded, n=1, cutoff=0.6)
    hint = f"Did you mean '{folded[near[0]]}'?" if near else "Give one of these with --sheet."
    listed = ", ".join(f"'{name}'" for name in names)
    return InputError(path, f"it has no sheet '{wanted}'", found=listed, advice=hint)


def _sheet(
    book: Any,  # noqa: ANN401 - fastexcel's reader has no stub
    name: str,
    valueless: Future[formulas.Places],
) -> SheetCells:
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    if not sheet.width or not sheet.height:
        return SheetCells(name=name, visible=sheet.visible == "visible", cells=pa.table({}))
    batch, errors = sheet.to_arrow_with_errors()
    table = pa.Table.from_batches([batch])
    never = valueless.result().get(name, ())
    table = _extended(table, max((row + 1 for row, _, _ in never), default=0))
    first = min(column.absolute_index for column in sheet.available_columns())
    unreadable = [
        *_errors(errors, table),
        *_valueless(never, first, table),
    ]
    return SheetCells(
        name=name,
        visible=sheet.visible == "visible",
        cells=pa.table(
            [_booleans(column) for column in table.columns],
            names=[str(index) for index in range(table.num_columns)],
        ),
        unreadable=tuple(unreadable),
    )


def _extended(table: pa.Table, height: int) -> pa.Table:
    """Add blank rows: the reader leaves out last rows that hold nothing but formulas."""
    missing = min(height, _GRID_ROWS) - table.num_rows
    if missing <= 0:
        return table
    return pa.concat_tables([table.cast(_nullable(table)), _blank(table, missing)])


def _nullable(table: pa.Table) -> pa.Schema:
    return pa.schema([pa.field(name, pa.string()) for name in table.column_names])


def _blank(table: pa.Table, height: int) -> pa.Table:
    columns = [pa.nulls(height, pa.string())] * table.num_columns
    return pa.table(columns, schema=_nullable(table))


def _errors(errors: Any, table: pa.Table) -> Iterator[tuple[int, int, str]]:  # noqa: ANN401 - no stub
    for each in errors.errors if errors is not None else ():
        row, column = each.offset_position
        if row < table.num_rows and column < table.num_columns:
            what = formulas.ERROR if "Error(" in each.detail else "a time of day or a duration"
            yield row, column, what


def _valueless(
    places: Sequence[formulas.Place], first: int, table: pa.Table
) -> Iterator[tuple[int, int, str]]:
    for row, column, what in places:
        if row < table.num_rows and 0 <= column - first < table.num_columns:
            yield row, column - first, what


def _booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write booleans as every spreadsheet shows them; the reader gives them in small letters.

    Text typed as `true` becomes a boolean in every spreadsheet, so no text is lost here.
    """
    lengths = pc.binary_length(column).to_numpy(zero_copy_only=False)
    if not np.isin(lengths, (4, 5)).any():
        return column
    is_boolean = pc.is_in(column, pa.array(["true", "false"]))
    if not pc.any(is_boolean).as_py():
        return column
    return pc.if_else(is_boolean, pc.utf8_upper(column), column)
