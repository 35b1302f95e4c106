"""Paints the launch workbook as a marketer would: titles, colours, widths, notes, links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from making.table import Cell, Formula, Link, Rich, Table

MADE_ON = datetime(2025, 10, 27, 11, 42)  # noqa: DTZ001 - a workbook's own dates have no zone
HEADER_HEIGHT_PT = 32
NOTES = (
    "How to fill in this workbook",
    "1. One line for each friend who is to be invited.",
    "2. Mobiles with their country code, please. The Indian list takes them without, too.",
    "3. Do not touch the campaign tokens: they come from the campaign's home page.",
    "Wave 1 goes out on 12 October, wave 2 on 19 October, wave 3 on 26 October.",
    "Open points: store Salt Lake still owes us twelve names. Ask Meera.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one sheet looks.

    Attributes:
        title: the merged line above the list; "" where the list begins on row 1.
        colour: of the title and the header, as #RRGGBB.
        header_row: the header's row number, from 1.
        left: the column of the first header, from 0.
        widths: field -> width in characters; others get 14.
        notes: field -> the note on its header.
        above: (row number, column from 0) -> cell, in the lines above the header.
    """

    title: str
    colour: str
    header_row: int
    left: int = 0
    widths: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[tuple[int, int], str] = field(default_factory=dict)


LOOKS = {
    "Wave 1": Look(
        title="Diwali Delights 2025 - Refer & Earn - launch list",
        colour="#1F6F54",
        header_row=4,
        widths={"serial": 6, "identifier": 30, "name": 26, "invited_on": 20, "region": 9},
        notes={
            "identifier": "The friend's mobile or e-mail",
            "referral_code": "From the app, under Refer & Earn",
        },
        above={(2, 0): "Campaign", (2, 1): "DW25N", (2, 3): "Owner", (2, 4): "Loyalty team"},
    ),
    "Wave 2 (UAE)": Look(
        title="",
        colour="#8A5A00",
        header_row=3,
        left=1,
        widths={"name": 30, "invitee_mobile": 20, "invitee_email": 32, "invited_on": 18},
        above={(1, 1): "UAE stores, campaign", (1, 2): "EID7K"},
    ),
    "Wave 3": Look(
        title="",
        colour="#2B4C7E",
        header_row=1,
        widths={"referrer_email": 32, "identifier": 32, "name": 22, "invited_on": 28},
    ),
}


class Painter:
    """Paints one workbook; its formats are made once and shared by the sheets."""

    def __init__(self, path: Path) -> None:
        """Begin the workbook at the path."""
        self.book = xlsxwriter.Workbook(
            path, {"strings_to_formulas": False, "strings_to_urls": False}
        )
        self.book.set_properties({"title": "Refer & Earn launch", "created": MADE_ON})
        self.plain = self.book.add_format({"font_name": "Calibri", "font_size": 11})
        self.bold = self.book.add_format({"bold": True, "font_color": "#B00020"})
        self.number = self.book.add_format({"num_format": "0"})
        self.date = self.book.add_format({"num_format": "dd-mmm-yyyy hh:mm"})
        self.text = self.book.add_format({"num_format": "@"})
        self.link = self.book.add_format({"font_color": "#0563C1", "underline": 1})

    def paint(self, table: Table) -> None:
        """Add the table as a sheet in its look."""
        look = LOOKS[table.sheet]
        sheet = self.book.add_worksheet(table.sheet)
        self._header(sheet, table, look)
        for line in table.lines:
            for column, name in enumerate(table.columns.values(), look.left):
                self._cell(sheet, line.row - 1, column, line.cells.get(name))
        self._margins(sheet, table, look)

    def paint_notes(self) -> None:
        """Add a visible sheet that holds no list."""
        sheet = self.book.add_worksheet("Notes")
        sheet.set_tab_color("#999999")
        sheet.set_column(0, 0, 90)
        for row, note in enumerate(NOTES):
            sheet.write_string(row, 0, note, self.plain if row else self.bold)

    def paint_hidden(self, table: Table) -> None:
        """Add last year's list, as a hidden sheet that nobody means to send again."""
        sheet = self.book.add_worksheet("Old")
        sheet.write_row(0, 0, table.columns)
        for row, line in enumerate(table.lines[:12], 1):
            for column, name in enumerate(table.columns.values()):
                self._cell(sheet, row, column, line.cells.get(name))
        sheet.hide()

    def close(self) -> None:
        """Write the workbook."""
        self.book.close()

    def _header(self, sheet: Worksheet, table: Table, look: Look) -> None:
        header = self.book.add_format(
            {"bold": True, "font_color": "white", "bg_color": look.colour, "border": 1}
        )
        header.set_text_wrap()
        last = look.left + len(table.columns) - 1
        if look.title:
            title = self.book.add_format(
                {"bold": True, "font_size": 16, "font_color": look.colour, "align": "center"}
            )
            sheet.merge_range(0, 0, 0, last, look.title, title)
        for (row, column), said in look.above.items():
            sheet.write_string(row - 1, column, said, self.plain)
        for column, (name, meant) in enumerate(table.columns.items(), look.left):
            sheet.set_column(column, column, look.widths.get(meant, 14))
            sheet.write_string(look.header_row - 1, column, name, header)
            if meant in look.notes:
                sheet.write_comment(look.header_row - 1, column, look.notes[meant])
        sheet.set_row(look.header_row - 1, HEADER_HEIGHT_PT)
        sheet.freeze_panes(look.header_row, 0)
        sheet.set_tab_color(look.colour)
        if look.left:
            sheet.set_column(0, look.left - 1, 2)

    def _cell(self, sheet: Worksheet, row: int, column: int, cell: Cell) -> None:
        match cell:
            case None:
                sheet.write_blank(row, column, None, self.plain)
            case bool():
                sheet.write_boolean(row, column, cell)
            case int() | float():
                sheet.write_number(row, column, cell, self.number)
            case datetime():
                sheet.write_datetime(row, column, cell, self.date)
            case Formula():
                sheet.write_formula(row, column, cell.text, self.plain, cell.cached)
            case Rich():
                sheet.write_rich_string(row, column, *self._bold_by_turns(cell))
            case Link():
                sheet.write_url(row, column, f"mailto:{cell.text}", self.link, cell.text)
            case str():
                sheet.write_string(row, column, cell, self.text)

    def _bold_by_turns(self, rich: Rich) -> list[Format | str]:
        fragments: list[Format | str] = []
        for place, part in enumerate(rich.parts):
            fragments += [self.bold if place % 2 else self.plain, part]
        return fragments

    def _margins(self, sheet: Worksheet, table: Table, look: Look) -> None:
        """Leave formatted, empty cells beside and under the list, as real workbooks do."""
        right = look.left + len(table.columns)
        below = table.lines[-1].row
        for row in range(look.header_row, below + 6):
            sheet.write_blank(row, right, None, self.plain)
            sheet.write_blank(row, right + 1, None, self.date)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.autofilter(look.header_row - 1, look.left, below - 1, right - 1)
