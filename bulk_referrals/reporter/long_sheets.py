"""Paint the long sheets of a workbook."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bulk_referrals.reporter.grids import NUMBER, Grid
from bulk_referrals.reporter.looks import add_looks

# Rows of a sheet (ECMA-376 leaves it open; Excel's own limit), less the heading.
MOST_ROWS: Final = 1_048_575
# UTF-16 units in a cell (Excel's own limit).
MOST_UNITS: Final = 32_767
CUT_MARK: Final = " … (cut)"

# Nothing that stands in a cell may come alive.
WORKBOOK_OPTIONS: Final = {
    "in_memory": True,  # no contacts in temporary files
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def add_long_sheet(book: Any, grid: Grid, looks: dict[str, Any]) -> None:  # noqa: ANN401
    """Add the grid as a sheet, or as several where it has more rows than a sheet can hold."""
    for number, start in enumerate(range(0, max(grid.rows, 1), MOST_ROWS), start=1):
        rows = min(grid.rows - start, MOST_ROWS)
        sheet = book.add_worksheet(grid.name if number == 1 else f"{grid.name} {number}")
        _dress(sheet, grid, looks, rows)
        for index, part in enumerate(grid.columns):
            values = part.values.slice(start, rows).to_pylist()
            names = (
                [part.look] * rows
                if isinstance(part.look, str)
                else part.look.slice(start, rows).to_pylist()
            )
            for row, (value, look) in enumerate(zip(values, names, strict=True), start=1):
                if value is None:
                    sheet.write_blank(row, index, None, looks[look])
                else:
                    write = sheet.write_number if part.look == NUMBER else sheet.write_string
                    write(row, index, value, looks[look])


def write_long_sheets(path: Path, grids: Sequence[Grid]) -> None:
    """Write a workbook of long sheets and nothing else."""
    import xlsxwriter  # noqa: PLC0415 - start-up time

    with xlsxwriter.Workbook(str(path), WORKBOOK_OPTIONS) as book:
        looks = add_looks(book)
        for grid in grids:
            add_long_sheet(book, grid, looks)


def _dress(sheet: Any, grid: Grid, looks: dict[str, Any], rows: int) -> None:  # noqa: ANN401
    """Give the sheet its heading, widths, filter, frozen panes and print set-up."""
    for index, part in enumerate(grid.columns):
        right = part.look == NUMBER
        sheet.set_column(index, index, part.width, looks[NUMBER if right else "text"])
        sheet.write_string(0, index, part.header, looks["header_right" if right else "header"])
    sheet.set_row(0, 24)
    sheet.freeze_panes(1, grid.frozen)
    sheet.autofilter(0, 0, max(rows, 1), len(grid.columns) - 1)
    if grid.colour:
        sheet.set_tab_color(grid.colour)
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
