"""The to-fix files: the rows that need a person, as their author wrote them.

They hold the author's own columns in the author's order, under the author's sheet names, and three
columns more: what is wrong, what to do, and the key by which the row is known again (`wayback`).
Saved, such a file is run as it is: those headings are no column that the loader knows. Where the
author's file had them already, because it was itself such a file, they are written anew.

The workbook holds the rows of all sources, those of text files too: a spreadsheet that opens a
text file turns twelve digits into 9.18E+11, and never does so in a cell that is text.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.model import RunReport
from bulk_referrals.reporter.delimited import write_delimited
from bulk_referrals.reporter.grids import FAULT, TEXT, WRAPPED, Column, Grid
from bulk_referrals.reporter.lines import lines_needing
from bulk_referrals.reporter.long_sheets import new_book
from bulk_referrals.summary import Summary
from bulk_referrals.wayback import REASON, ROW_KEY, WHAT_TO_DO, own_columns, row_keys

Marks = npt.NDArray[np.bool_]

_MOST_NAME: Final = 31  # characters in the name of a sheet (Excel's own limit)


def write_to_fix(
    report: RunReport, summary: Summary, tables: tuple[int, ...], path: Path, *, book: bool
) -> None:
    """Write the rows to correct of some tables, as a workbook or as one delimited file.

    Args:
        report: the run.
        summary: its figures.
        tables: indices into `report.tables`; for a delimited file all with the same header.
        path: the file.
        book: a workbook, with a sheet per table.
    """
    grids = [_grid(report, summary, index) for index in tables]
    if book:
        with new_book(path) as workbook:
            for grid in _named_apart(grids):
                workbook.add_grid(grid)
        return
    parts = [
        pa.table([it.values for it in grid.columns], names=[it.header for it in grid.columns])
        for grid in grids
    ]
    delimiter = report.tables[tables[0]].delimiter or ","
    write_delimited(pa.concat_tables(parts), path, delimiter=delimiter, for_spreadsheet=True)


def _grid(report: RunReport, summary: Summary, index: int) -> Grid:
    """Return the rows to correct of one table, the cells at fault marked."""
    names = ("line", "row", "reason", "advice", "field")
    table, faults = report.tables[index], lines_needing(report, summary, index, names)
    lines = np.asarray(faults.column("line"))
    first = np.r_[True, lines[1:] != lines[:-1]]  # of a row's one or two invites
    before = sum(it.num_rows for it in report.original[:index])
    cells = report.original[index].take(pa.array(lines[first] - before))
    looks = _looks(faults, first, table.columns)
    ours = own_columns(table.header).values()
    own = [
        Column(
            header=name,
            values=cells.column(place),
            width=min(max(len(name) + 4, 18), 40),
            look=looks.get(place, TEXT),
        )
        for place, name in enumerate(table.header)
        if place not in ours
    ]
    added = [
        Column(header=name, values=_told(faults.column(told), first), width=50, look=WRAPPED)
        for name, told in ((REASON, "reason"), (WHAT_TO_DO, "advice"))
    ]
    keys = row_keys(report.run_id, index, faults.column("row").filter(pa.array(first)))
    key = Column(header=ROW_KEY, values=keys, width=36, hidden=True)
    return Grid(name=_sheet_name(report, index), columns=(*own, *added, key), colour="#E08E0B")


def _sheet_name(report: RunReport, index: int) -> str:
    """Return what a table's sheet is to be called: as its own, or as its file."""
    table = report.tables[index]
    name = table.sheet or PurePath(report.sources[table.source].path).stem
    return re.sub(r"[\[\]:*?/\\]", " ", name).strip("' -") or "Rows"


def _looks(faults: pa.Table, first: Marks, columns: dict[str, int]) -> dict[int, pa.Array]:
    """Return the place of each of the author's columns with a fault -> the look of its cells."""
    row_of, fields = np.cumsum(first) - 1, faults.column("field")
    looks = {}
    for field in pc.unique(fields).to_pylist():
        if field in columns:
            at_fault = np.zeros(int(first.sum()), dtype=bool)
            at_fault[
                row_of[np.asarray(pc.fill_null(pc.equal(fields, field), fill_value=False))]
            ] = True
            looks[columns[field]] = pc.if_else(pa.array(at_fault), FAULT, TEXT)
    return looks


def _told(texts: pa.ChunkedArray, first: Marks) -> pa.ChunkedArray:
    """Return one text per row; where a row has two invites to correct, both are told."""
    once = texts.filter(pa.array(first))
    if first.all():
        return once
    told, row_of = once.to_pylist(), np.cumsum(first) - 1
    for place in np.flatnonzero(~first):
        parts = (told[row_of[place]], texts[int(place)].as_py())
        told[row_of[place]] = " ".join(dict.fromkeys(filter(None, parts)))
    return pa.chunked_array([told], pa.string())


def _named_apart(grids: list[Grid]) -> list[Grid]:
    """Return the grids under names that a sheet can have; a name taken before gets a number."""
    named: dict[str, Grid] = {}
    for grid in grids:
        name, number = grid.name[:_MOST_NAME], 1
        while name.casefold() in {taken.casefold() for taken in named}:
            number += 1
            mark = f" ({number})"
            name = grid.name[: _MOST_NAME - len(mark)] + mark
        named[name] = replace(grid, name=name)
    return list(named.values())
