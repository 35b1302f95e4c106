"""The to-fix files: the rows that need a person, as their author wrote them.

They hold the author's own columns in the author's order, under the author's sheet names, and two
columns more, `Reason` and `What to do`. Saved, such a file is run as it is: those two headings
are no column that the loader knows. Where the author's file had them already, because it was
itself such a file, they are written anew.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.frames import column
from bulk_referrals.model import RunReport
from bulk_referrals.reporter.delimited import write_delimited
from bulk_referrals.reporter.grids import FAULT, TEXT, WRAPPED, Column, Grid
from bulk_referrals.reporter.long_sheets import new_book
from bulk_referrals.summary import needs_a_person

ADDED: Final = ("Reason", "What to do")
_MOST_NAME: Final = 31  # characters in the name of a sheet (Excel's own limit)


def write_to_fix(report: RunReport, tables: tuple[int, ...], path: Path, *, book: bool) -> None:
    """Write the rows to correct of some tables, as a workbook or as one delimited file.

    Args:
        report: the run.
        tables: indices into `report.tables`; for a delimited file all with the same header.
        path: the file.
        book: a workbook, with a sheet per table.
    """
    grids = [_grid(report, index) for index in tables]
    if book:
        with new_book(path) as workbook:
            for grid in _named_apart(report, tables, grids):
                workbook.add_grid(grid)
        return
    parts = [
        pa.table([it.values for it in grid.columns], names=[it.header for it in grid.columns])
        for grid in grids
    ]
    delimiter = report.tables[tables[0]].delimiter or ","
    write_delimited(pa.concat_tables(parts), path, delimiter=delimiter, for_spreadsheet=True)


def _grid(report: RunReport, index: int) -> Grid:
    """Return the rows to correct of one table, the cells at fault marked."""
    table, faults = report.tables[index], _faults(report, index)
    lines = np.asarray(faults.column("line")) - _offset(report, index)
    cells = report.original[index].take(pa.array(lines))
    fields = faults.column("field").to_pylist()
    places = [{table.columns.get(field) for field in found} for found in fields]
    own = [
        Column(
            header=name, values=cells.column(place), width=_width(name), look=_look(places, place)
        )
        for place, name in enumerate(table.header)
        if name.strip().casefold() not in {added.casefold() for added in ADDED}
    ]
    texts = (_told(faults.column(name)) for name in ("reason", "advice"))
    added = [
        Column(header=name, values=text, width=50, look=WRAPPED)
        for name, text in zip(ADDED, texts, strict=True)
    ]
    return Grid(name=table.sheet, columns=(*own, *added), colour="#E08E0B")


def _faults(report: RunReport, index: int) -> pa.Table:
    """Return one line per source row to correct: `line`, and lists of what was said about it."""
    wanted = pc.and_(needs_a_person(report), pc.equal(column(report.outcomes, "table"), index))
    names = ("line", "reason", "advice", "field")
    found = pa.table({name: column(report.outcomes, name) for name in names}).filter(wanted)
    grouped = found.group_by("line", use_threads=False)
    lists = grouped.aggregate([(name, "list") for name in names[1:]])
    return lists.rename_columns([name.removesuffix("_list") for name in lists.column_names])


def _offset(report: RunReport, index: int) -> int:
    """Return the position in the rows frame of a table's first row."""
    return sum(table.num_rows for table in report.original[:index])


def _told(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return each list as one text; a row with two invitees may have two things to correct."""
    texts = [" ".join(dict.fromkeys(filter(None, told))) for told in lists.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _look(places: list[set[int | None]], place: int) -> Any:  # noqa: ANN401 - str or an array
    at_fault = [place in found for found in places]
    return pa.array([FAULT if it else TEXT for it in at_fault]) if any(at_fault) else TEXT


def _width(name: str) -> float:
    return min(max(len(name) + 4, 18), 40)


def _named_apart(report: RunReport, tables: tuple[int, ...], grids: list[Grid]) -> list[Grid]:
    """Return the grids under their sheets' names; a name taken before gets a number."""
    named: dict[str, Grid] = {}
    for index, grid in zip(tables, grids, strict=True):
        plain = re.sub(r"[\[\]:*?/\\]", " ", report.tables[index].sheet).strip("' ") or "Rows"
        name, number = plain[:_MOST_NAME], 1
        while name.casefold() in {taken.casefold() for taken in named}:
            number += 1
            mark = f" ({number})"
            name = plain[: _MOST_NAME - len(mark)] + mark
        named[name] = Grid(name=name, columns=grid.columns, colour=grid.colour)
    return list(named.values())
