"""A workbook that openpyxl sees only the marked rows of comes out as one that it sees all of."""

import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from bulk_referrals.workbooks import annotating, marks
from bulk_referrals.workbooks.shortened import UnusualError, lengthen, shorten

SAMPLE = Path(__file__).parents[2] / "sample_data" / "campaign_launch.xlsx"
HEADER = ("Referrer mobile", "Token", "Friend's mobile", "Name")
DAY = date(2024, 9, 10)
ROWS = tuple((f"9198765432{n:02}", "J0H7Q", 919812345600 + n, f"N{n} é") for n in range(20))


def own(edit: Callable[[Worksheet], None] = lambda _: None) -> bytes:
    """Return a workbook of openpyxl's, its first sheet edited."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Delhi"
    for row in (HEADER, *ROWS):
        sheet.append(list(row))
    other = book.create_sheet("Notes & more")
    other.append(["Not for us"])
    other["C9"] = 3.5
    edit(sheet)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def shared() -> bytes:
    """Return a workbook as Excel writes it: shared strings, some of them rich."""
    out = BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("Delhi")
        bold = book.add_format({"bold": True})
        for index, row in enumerate((HEADER, *ROWS)):
            sheet.write_row(index, 0, row)
        sheet.write_rich_string("D4", "Ra", bold, "vi ", " & Co")
        sheet.write_rich_string("D9", "  spaced ", bold, "<b>")
        sheet.write_string("D10", " \n two lines ")
        sheet.write_formula("E5", '=HYPERLINK("https://example.com","x")', value="x")
        sheet.write_formula("F6", "=1/0", value="#DIV/0!")
        sheet.write_formula("F7", "=1=1", value=True)
        sheet.write_array_formula("F8:F9", "{=A1:A2}", value=2)
        sheet.write_datetime("G3", DAY, book.add_format({"num_format": "d/m/y"}))
        sheet.set_row(11, 40, bold)
        sheet.write_blank("K14", None, bold)
    return out.getvalue()


def styled(sheet: Worksheet) -> None:
    sheet["B3"].font = Font(bold=True)
    sheet["B7"].fill = PatternFill("solid", fgColor="FF00FF")
    sheet["C5"] = DAY
    sheet["H6"] = "beyond"
    sheet.row_dimensions[8].height = 33
    sheet.row_dimensions[9].hidden = True
    sheet.column_dimensions["B"].width = 31
    sheet.auto_filter.ref = "A1:D21"
    sheet.freeze_panes = "A2"


def linked(sheet: Worksheet) -> None:
    sheet["D3"].hyperlink = "https://example.com/a"
    sheet["D12"].hyperlink = "https://example.com/b"
    sheet["B4"].comment = Comment("mine", "Asha")
    sheet["B14"].comment = Comment("also mine", "Asha")
    sheet["B40"].comment = Comment("where no row is", "Asha")


def merged(sheet: Worksheet) -> None:
    sheet.merge_cells("F3:G6")
    sheet["F3"] = "once"
    sheet.add_table(Table(displayName="Friends", ref="A1:D21"))


BOOKS = {
    "plain": own,
    "styled": lambda: own(styled),
    "linked": lambda: own(linked),
    "merged": lambda: own(merged),
    "shared": shared,
    "sample": SAMPLE.read_bytes,
}


def asked(content: bytes, rows: tuple[int, ...]) -> dict[str, Any]:
    book = openpyxl.load_workbook(BytesIO(content), read_only=True)
    name = book.sheetnames[0]
    book.close()
    notes = [(row, 2, "FDEBCF", f"row {row}", f"run:0:{row}") for row in rows]
    sheet = {"name": name, "header_row": 1, "header": HEADER, "notes": notes}
    return {"heading": "Row key", "sheets": [sheet]}


def shown(content: bytes) -> Iterator[tuple[object, ...]]:
    """Yield all that a person sees of a workbook, cell by cell."""
    for sheet in openpyxl.load_workbook(BytesIO(content)):
        yield sheet.title, sheet.freeze_panes, sheet.auto_filter.ref, sorted(sheet.tables)
        yield sheet.title, sheet.max_row, sheet.max_column, str(sheet.merged_cells)
        for number, row in sorted(sheet.row_dimensions.items()):
            yield sheet.title, number, row.height, row.hidden
        for letter, column in sorted(sheet.column_dimensions.items()):
            yield sheet.title, letter, column.width, column.hidden
        for line in sheet.iter_rows():
            for cell in line:
                note, link = cell.comment, cell.hyperlink
                looks = (cell.number_format, cell.font.b, cell.fill.fgColor.rgb)
                said = note and (note.author, note.text)
                yield sheet.title, cell.coordinate, cell.value, looks, said, link and link.target


def short_way(content: bytes, rows: tuple[int, ...]) -> bytes:
    asking = asked(content, rows)
    short = shorten(content, {asking["sheets"][0]["name"]: {1, *rows}})
    return lengthen(annotating._marked(short.content, asking, short.widths), short.rows)


def long_way(content: bytes, rows: tuple[int, ...]) -> bytes:
    return annotating._marked(content, asked(content, rows), {})


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("rows", [(), (3,), (4, 5, 12, 14, 30)])
def test_both_ways_give_the_same_workbook(name: str, rows: tuple[int, ...]) -> None:
    content = BOOKS[name]()
    assert list(shown(short_way(content, rows))) == list(shown(long_way(content, rows)))


def test_no_formula_and_nothing_but_known_parts_is_left() -> None:
    with zipfile.ZipFile(BytesIO(short_way(shared(), (3,)))) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
        assert "xl/sharedStrings.xml" not in archive.namelist()
    assert re.search(rb"<f[ />]", sheet) is None
    assert b"HYPERLINK" not in sheet
    assert len(set(re.findall(rb'<row r="(\d+)"', sheet))) == sheet.count(b"<row ")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
CELL = st.none() | TEXT | st.integers(-(10**12), 10**12) | st.booleans() | st.just(" \n ")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(CELL, min_size=1, max_size=5), min_size=1, max_size=8),
    st.sets(st.integers(1, 10), max_size=4),
    st.sampled_from(["shared", "in place"]),
)
def test_both_ways_agree_whatever_the_cells_hold(
    lines: list[list[Any]], noted: set[int], strings: str
) -> None:
    out = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, {**options, "constant_memory": strings == "in place"}) as book:
        sheet = book.add_worksheet("Delhi")
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, line)
    rows = tuple(sorted(noted))
    content = out.getvalue()
    assert list(shown(short_way(content, rows))) == list(shown(long_way(content, rows)))


def edited(change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook whose first sheet's XML is changed."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(own())) as source, zipfile.ZipFile(out, "w") as copy:
        first = dict(marks.parts(source))["Delhi"]
        for part in source.namelist():
            held = source.read(part)
            copy.writestr(part, change(held) if part == first else held)
    return out.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(b"<row ", b"<x:row ").replace(b"</row>", b"</x:row>"),
        lambda xml: xml.replace(b'r="3"', b'r="2"', 1),
        lambda xml: xml.replace(b'<row r="3"', b"<row", 1),
        lambda xml: xml.replace(b'<c r="B4"', b"<c", 1),
        lambda xml: xml.replace(b'<c r="B4"', b'<c r="B4" cm="1"', 1),
        lambda xml: xml.replace(b'<c r="B4"', b"<c r='B4'", 1),
        lambda xml: xml.replace(b'<c r="B4"', b'<c xr:uid="1" r="B4"', 1),
        lambda xml: xml.replace(b"<sheetData>", b"<sheetData><!-- </row> -->", 1),
        lambda xml: xml.replace(b"</row>", b"<extLst/></row>", 1),
        lambda xml: xml.replace(b"<sheetData>", b"<sheetData>text", 1),
        lambda xml: xml.replace(b"spreadsheetml/2006/main", b"spreadsheetml/2099/main"),
        lambda xml: xml.replace(b"<worksheet ", b"<!DOCTYPE a><worksheet ", 1),
        lambda xml: b'<?xml version="1.0" encoding="latin-1"?>' + xml,
        lambda xml: xml.replace(b't="inlineStr"', b't="s"').replace(b"is>", b"v>"),
        lambda xml: xml.replace(b"sheetData", b"sheetDatum"),
    ],
)
def test_rows_that_are_written_otherwise_are_not_taken_as_text(
    change: Callable[[bytes], bytes],
) -> None:
    with pytest.raises(UnusualError):
        shorten(edited(change), {"Delhi": {1}})


def test_what_excel_adds_to_rows_is_left_out() -> None:
    content = edited(
        lambda xml: xml.replace(b'<row r="3"', b'<row r="3" x14ac:dyDescent="0.2" a:b="1"', 1)
    )
    short = shorten(content, {"Delhi": {1}})
    assert short.rows["Delhi"][3].startswith(b'<row r="3"><c ')
    assert short.widths == {"Delhi": 4, "Notes & more": 3}


def test_unusual_rows_take_the_long_way() -> None:
    content = edited(lambda xml: xml.replace(b"<sheetData>", b"<sheetData><!-- x -->", 1))
    out = BytesIO()
    assert annotating.annotate(content, asked(content, (4,)), out) == {"notes": 1}
    assert list(shown(out.getvalue())) == list(shown(long_way(content, (4,))))
