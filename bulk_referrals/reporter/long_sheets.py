"""Workbooks with long sheets: XlsxWriter makes the shell, the rows are put in afterwards."""

import contextlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bulk_referrals.reporter.cells import SharedTexts, column_letters
from bulk_referrals.reporter.grids import NUMBER, TEXT, Grid
from bulk_referrals.reporter.looks import add_looks
from bulk_referrals.reporter.rows import RowsXml
from bulk_referrals.reporter.splicing import LongPart, shared_count, splice

# Rows of a sheet, less the heading (Excel's own limit).
MOST_ROWS: Final = 1_048_575

_OPTIONS: Final = {
    "in_memory": True,  # no contacts in temporary files
    # Nothing that stands in a cell may come alive.
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


@dataclass(slots=True)
class Book:
    """A workbook under way.

    Attributes:
        shell: XlsxWriter's workbook, for the short sheets.
        looks: look -> its format.
        long: the long sheets so far: the part's name, the grid, and its rows from and to.
    """

    shell: Any
    looks: dict[str, Any]
    long: list[tuple[str, Grid, int, int]] = field(default_factory=list)

    def add_grid(self, grid: Grid) -> None:
        """Add the grid as a sheet, or as several where it has more rows than a sheet holds."""
        for number, start in enumerate(range(0, max(grid.rows, 1), MOST_ROWS), start=1):
            stop = min(start + MOST_ROWS, grid.rows)
            sheet = self.shell.add_worksheet(grid.name if number == 1 else f"{grid.name} {number}")
            _dress(sheet, grid, self.looks, stop - start)
            if stop > start:
                # One empty cell per look: it tells which index the format gets.
                for place, look in enumerate(grid.looks):
                    sheet.write_blank(1, place, None, self.looks[look])
                part = f"xl/worksheets/sheet{len(self.shell.worksheets())}.xml"
                self.long.append((part, grid, start, stop))


@contextlib.contextmanager
def new_book(path: Path) -> Iterator[Book]:
    """Lend a new workbook, written to `path` at the end."""
    import xlsxwriter  # noqa: PLC0415 - start-up time

    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, _OPTIONS) as shell:
        book = Book(shell, add_looks(shell))
        yield book
    content = stream.getvalue()
    shared = SharedTexts(shared_count(content))
    splice(content, path, list(_parts(content, book, shared)), shared)


def _parts(content: bytes, book: Book, shared: SharedTexts) -> Iterator[LongPart]:
    prepared: dict[str, RowsXml] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as shell:
        for name, grid, start, stop in book.long:
            if grid.name not in prepared:
                styles = _styles(shell.read(name), grid)
                prepared[grid.name] = RowsXml(grid, styles, shared)
            rows = prepared[grid.name]
            last = f"{column_letters(len(grid.columns) - 1)}{stop - start + 1}"
            yield LongPart(name=name, rows=rows, start=start, stop=stop, last_cell=last)


def _styles(sheet: bytes, grid: Grid) -> dict[str, int]:
    """Return look -> the index of its format, from the empty cells in the sheet's row 2."""
    row = sheet.partition(b'<row r="2"')[2].partition(b"</row>")[0]
    indices = re.findall(rb'<c r="[A-Z]+2" s="(\d+)"/>', row)
    return {look: int(index) for look, index in zip(grid.looks, indices, strict=True)}


def _dress(sheet: Any, grid: Grid, looks: dict[str, Any], rows: int) -> None:  # noqa: ANN401
    """Give the sheet its heading, widths, filter, frozen panes and print set-up."""
    for place, part in enumerate(grid.columns):
        right = part.look == NUMBER
        look = looks[NUMBER if right else TEXT]
        sheet.set_column(place, place, part.width, look, {"hidden": part.hidden})
        sheet.write_string(0, place, part.header, looks["header_right" if right else "header"])
    sheet.set_row(0, 24)
    sheet.freeze_panes(1, grid.frozen)
    sheet.autofilter(0, 0, max(rows, 1), len(grid.columns) - 1)
    if grid.colour:
        sheet.set_tab_color(grid.colour)
    if not rows:
        sheet.write_string(1, 0, grid.when_empty, looks["good_line"])
    sheet.hide_gridlines(2)  # the cells draw finer ones
    print_well(sheet, repeat_heading=True)


def print_well(sheet: Any, *, repeat_heading: bool) -> None:  # noqa: ANN401
    """Print on A4 across, as wide as the page, with page numbers."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&A&R&8&P / &N")
    if repeat_heading:
        sheet.repeat_rows(0)
