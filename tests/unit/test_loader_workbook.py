"""Workbooks of every format, written by other libraries, and by hand where none can (XLSB)."""

import datetime as dt
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from bulk_referrals.errors import InputError
from bulk_referrals.loader import load
from bulk_referrals.model import Loaded, LoadOptions

HEADER = ("referrer_mobile", "identifier", "name")
Rows = Sequence[Sequence[Any]]
MOMENT = dt.datetime(2024, 9, 10, 16, 35, 52)  # noqa: DTZ001 - cells have no zone
MIDNIGHT = dt.datetime(2024, 9, 10)  # noqa: DTZ001 - cells have no zone


def read(path: Path, *sheets: str, **columns: str) -> Loaded:
    return load([str(path)], LoadOptions(sheets=sheets, columns=columns))


def xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(list(line))
    book.save(path)
    return path


def column(loaded: Loaded, name: str) -> list[str | None]:
    cells: list[str | None] = loaded.rows[name].to_pylist()
    return cells


def faults(loaded: Loaded) -> dict[int, str]:
    faulty = loaded.rows.filter(loaded.rows["fault"].is_valid())
    return dict(zip(faulty["row"].to_pylist(), faulty["fault"].to_pylist(), strict=True))


def rows(loaded: Loaded) -> list[int]:
    numbers: list[int] = loaded.rows["row"].to_pylist()
    return numbers


# --- what cells mean


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (919876543210, "919876543210"),
        (917999836466.0, "917999836466"),
        (9876543210.5, "9876543210.5"),
        (999999999999999, "999999999999999"),
        ("00123", "00123"),
        ("NA", "NA"),
        ("1E5", "1E5"),
        ("9.19E+11", "9.19E+11"),
        ("919876543210123456", "919876543210123456"),
        (" 98765 43210 ", "98765 43210"),
        ("TRUE", "TRUE"),
        (True, "TRUE"),
        (False, "FALSE"),
        (919000000000, "919000000000"),
    ],
)
def test_a_cell_is_what_its_author_meant(tmp_path: Path, value: object, text: str) -> None:
    loaded = read(xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", value, "x")]}))
    assert column(loaded, "identifier") == [text]
    assert faults(loaded) == {}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (919876543210123456, "damaged-number"),
        (9.19876543210123e17, "damaged-number"),
        (1.5e300, "damaged-number"),
        (MOMENT, "date-in-cell"),
        (dt.date(2024, 9, 10), "date-in-cell"),
        (dt.time(16, 35), "date-in-cell"),
        ("=A2", "no-value"),
        ("#N/A", "error-cell"),
        ("#REF!", "error-cell"),
    ],
)
@pytest.mark.parametrize("field", ["identifier", "campaign_token", "id"])
def test_what_a_spreadsheet_has_spoilt_is_refused(
    tmp_path: Path, field: str, value: object, code: str
) -> None:
    lines = [("referrer_mobile", "invitee_email", field), ("1", "a@b.co", value), ("1", "2", "3")]
    loaded = read(xlsx(tmp_path / "a.xlsx", {"S": lines}))
    assert faults(loaded) == {2: code}
    assert f"'{field}' holds" in str(column(loaded, "fault_detail")[0])


def test_a_column_of_no_use_may_hold_anything(tmp_path: Path) -> None:
    spoilt = (919876543210123456, dt.date(2024, 9, 10), "=A2", "#N/A")
    lines = [(*HEADER, "a", "b", "c", "d"), ("1", "2", "x", *spoilt)]
    assert faults(read(xlsx(tmp_path / "a.xlsx", {"S": lines}))) == {}


def test_a_date_cell_of_an_invitation_is_its_date_and_time(tmp_path: Path) -> None:
    lines = [
        ("referrer_mobile", "identifier", "invited_on"),
        ("1", "2", MOMENT),
        ("1", "2", dt.date(2024, 9, 10)),
        ("1", "2", "20240910T16:35:52.pV7BF"),
    ]
    loaded = read(xlsx(tmp_path / "a.xlsx", {"S": lines}))
    assert column(loaded, "invited_on") == [
        "2024-09-10 16:35:52",
        "2024-09-10 00:00:00",
        "20240910T16:35:52.pV7BF",
    ]
    assert faults(loaded) == {}


def test_text_after_a_thousand_numbers_stays_text(tmp_path: Path) -> None:
    lines = [HEADER, *(("1", n, "x") for n in range(1500)), ("1", "00123", "x")]
    loaded = read(xlsx(tmp_path / "a.xlsx", {"S": lines}))
    assert column(loaded, "identifier")[-2:] == ["1499", "00123"]


def test_a_formula_has_the_value_that_it_was_saved_with(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", "=6*7", "x"), ("1", "=B1", "y")]})
    replace_in(path, "<f>6*7</f><v />", "<f>6*7</f><v>42</v>", "<f>6*7</f><v></v>")
    loaded = read(path)
    assert column(loaded, "identifier") == ["42", None]
    assert faults(loaded) == {3: "no-value"}


def test_last_rows_of_nothing_but_uncalculated_formulas_are_rows(tmp_path: Path) -> None:
    lines = [HEADER, ("1", "2", "x"), (None, None, None), ("=A2", "=B2", "=C2")]
    assert faults(read(xlsx(tmp_path / "a.xlsx", {"S": lines}))) == {4: "no-value"}


def replace_in(path: Path, old: str, new: str, also: str) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    assert old in sheet or also in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(old, new).replace(also, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


# --- sheets and headers


def test_every_visible_sheet_of_invites_is_read(tmp_path: Path) -> None:
    sheets: dict[str, Rows] = {
        "Cover": [("Diwali campaign",), ("Prepared by", "Marketing")],
        "One": [HEADER, ("1", "2", "a")],
        "Two": [("Friend phone", "Member phone"), ("3", "4"), ("5", "6")],
    }
    loaded = read(xlsx(tmp_path / "a.xlsx", sheets))
    assert [table.sheet for table in loaded.tables] == ["One", "Two"]
    assert loaded.sources[0].rows == 3
    assert column(loaded, "invitee_mobile") == [None, "3", "5"]
    assert [each.split(": ")[1] for each in loaded.notices] == [
        "The sheet 'Cover' has no invites and was passed over."
    ]


def hide(path: Path, name: str) -> None:
    book = openpyxl.load_workbook(path)
    book[name].sheet_state = "hidden"
    book.save(path)


def test_a_hidden_sheet_is_read_only_when_it_is_named(tmp_path: Path) -> None:
    sheets = {"Shown": [HEADER, ("1", "2", "a")], "Old": [HEADER, ("3", "4", "b")]}
    path = xlsx(tmp_path / "a.xlsx", sheets)
    hide(path, "Old")
    loaded = read(path)
    assert column(loaded, "identifier") == ["2"]
    assert "The sheet 'Old' is hidden and was not read" in loaded.notices[0]
    assert column(read(path, "Old"), "identifier") == ["4"]


def test_only_the_named_sheets_are_read(tmp_path: Path) -> None:
    sheets = {"One": [HEADER, ("1", "2", "a")], "Two": [HEADER, ("3", "4", "b")]}
    path = xlsx(tmp_path / "a.xlsx", sheets)
    assert [table.sheet for table in read(path, "Two").tables] == ["Two"]
    with pytest.raises(InputError, match=r"no sheet 'two2'; found 'One', 'Two'\. Did you mean"):
        read(path, "two2")


def test_a_sheet_of_invites_with_a_mistyped_column_stops_the_run(tmp_path: Path) -> None:
    sheets: dict[str, Rows] = {
        "One": [HEADER, ("1", "2", "a")],
        "Two": [("Refferrer mobile", "name"), ("3", "4")],  # codespell:ignore
    }
    with pytest.raises(
        InputError, match=r"\[Two\].*'Refferrer mobile' looks like"
    ):  # codespell:ignore
        read(xlsx(tmp_path / "a.xlsx", sheets))


def test_a_workbook_without_invites_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column names the referrer"):
        read(xlsx(tmp_path / "a.xlsx", {"Notes": [("some", "words")]}))
    with pytest.raises(InputError, match="the workbook holds no rows"):
        read(xlsx(tmp_path / "b.xlsx", {"Empty": []}))
    with pytest.raises(InputError, match="no rows under them"):
        read(xlsx(tmp_path / "c.xlsx", {"S": [HEADER, ("", None, " ")]}))


def test_titles_merged_cells_and_blanks_around_the_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet["C2"] = "Diwali campaign 2026"
    sheet.merge_cells("C2:F2")
    for index, line in enumerate([HEADER, ("1", "2", "a"), (None, " ", None), ("3", "4", "b")]):
        for offset, value in enumerate(line):
            sheet.cell(5 + index, 3 + offset, value)
    sheet["A40"].number_format = "@"
    sheet["J60"] = " "
    book.save(tmp_path / "a.xlsx")
    loaded = read(tmp_path / "a.xlsx")
    assert rows(loaded) == [6, 8]
    assert loaded.tables[0].header_row == 5
    assert tuple(name for name in loaded.tables[0].header if name) == HEADER
    assert loaded.original[0].num_rows == 2


def test_uncalculated_formulas_are_found_where_the_sheet_does_not_begin_at_a1(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for offset, (name, value) in enumerate(zip(HEADER, ("1", "=A1", "x"), strict=True)):
        sheet.cell(4, 28 + offset, name)
        sheet.cell(5, 28 + offset, value)
    book.save(tmp_path / "a.xlsx")
    assert faults(read(tmp_path / "a.xlsx")) == {5: "no-value"}


def test_columns_without_names(tmp_path: Path) -> None:
    lines = [("referrer_mobile", None, "identifier", None), ("1", "x", "2", None)]
    loaded = read(xlsx(tmp_path / "a.xlsx", {"S": lines}))
    assert loaded.tables[0].header == ("referrer_mobile", "", "identifier")
    assert "Column 2 has no name" in loaded.notices[0]


def test_charts_are_passed_over(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", "2", "a")]})
    book = openpyxl.load_workbook(path)
    book.create_chartsheet("Chart")
    book.save(path)
    assert column(read(path), "identifier") == ["2"]


# --- other formats


def test_xls(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("S")
    dated = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    for index, name in enumerate((*HEADER, "invited_on", "id")):
        sheet.write(2, index, name)
    values = (919876543210, "00123", True, MOMENT)
    for index, value in enumerate(values):
        sheet.write(3, index, value, dated) if index == 3 else sheet.write(3, index, value)
    sheet.write(4, 0, "1")
    sheet.write(4, 1, MIDNIGHT, dated)
    sheet.write(5, 0, 919876543210123456)
    sheet.write(6, 0, "1")
    sheet.write(6, 4, MIDNIGHT, dated)
    hidden = book.add_sheet("H")
    hidden.visibility = 1
    hidden.write(0, 0, "x")
    book.save(str(tmp_path / "a.xls"))
    loaded = read(tmp_path / "a.xls")
    assert column(loaded, "referrer_mobile")[0] == "919876543210"
    assert column(loaded, "identifier")[0] == "00123"
    assert column(loaded, "name")[0] == "TRUE"
    assert column(loaded, "invited_on")[0] == "2024-09-10 16:35:52"
    assert faults(loaded) == {5: "date-in-cell", 6: "damaged-number", 7: "date-in-cell"}
    assert "'H' is hidden" in loaded.notices[0]


def ods_cell(value: object) -> TableCell:
    match value:
        case bool():
            cell = TableCell(valuetype="boolean", booleanvalue=str(value).lower())
        case int() | float():
            cell = TableCell(valuetype="float", value=str(value))
        case dt.date():
            cell = TableCell(valuetype="date", datevalue=value.isoformat())
        case dt.time():
            cell = TableCell(valuetype="time", timevalue=value.strftime("PT%HH%MM%SS"))
        case _:
            cell = TableCell(valuetype="string")
    cell.addElement(P(text=str(value)))
    return cell


def ods(path: Path, lines: Rows) -> Path:
    document = OpenDocumentSpreadsheet()
    table = Table(name="S")
    for line in lines:
        row = TableRow()
        table.addElement(row)
        for value in line:
            row.addElement(ods_cell(value))
    blank = TableRow(numberrowsrepeated=1_000_000)
    blank.addElement(TableCell(numbercolumnsrepeated=1000))
    table.addElement(blank)
    document.spreadsheet.addElement(table)
    document.save(path)
    return path


def test_ods(tmp_path: Path) -> None:
    lines = [
        ("referrer_mobile", "identifier", "name", "invited_on", "referral_code"),
        (919876543210, "00123", True, MOMENT, "2024-09-10"),
        ("1", "2", "x", dt.date(2024, 9, 10), "pV7BF"),
        ("1", dt.date(2024, 9, 10), "x", "", ""),
        (919876543210123456, "2", "x", "", ""),
        ("1", "2", "x", "", dt.date(2024, 3, 1)),
        ("1", dt.time(16, 35, 52), "x", "", ""),
        ("1", "#N/A", "x", "", ""),
    ]
    loaded = read(ods(tmp_path / "a.ods", lines))
    assert column(loaded, "referrer_mobile")[0] == "919876543210"
    assert column(loaded, "identifier")[0] == "00123"
    assert column(loaded, "name")[0] == "TRUE"
    assert column(loaded, "invited_on")[:2] == ["2024-09-10T16:35:52", "2024-09-10"]
    assert column(loaded, "referral_code")[0] == "2024-09-10"
    assert faults(loaded) == {
        4: "date-in-cell",
        5: "damaged-number",
        6: "date-in-cell",
        7: "date-in-cell",
        8: "error-cell",
    }


def test_an_error_in_ods_as_libreoffice_writes_it(tmp_path: Path) -> None:
    path = ods(tmp_path / "a.ods", [HEADER, ("1", "", "x"), ("1", "BAD", "x"), ("1", "", "x")])
    error = (
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
        ' calcext:value-type="error" table:formula="of:=NA()" office:value-type="string"'
        ' office:string-value=""><text:p>#N/A<'
    )
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    content = parts["content.xml"].decode()
    faulty = content.replace('office:value-type="string"><text:p>BAD<', error)
    assert faulty != content
    parts["content.xml"] = faulty.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    assert faults(read(path)) == {3: "error-cell"}


def test_a_time_of_day_is_no_date_of_an_invitation(tmp_path: Path) -> None:
    lines = [("referrer_mobile", "identifier", "invited_on"), ("1", "2", dt.time(10, 0))]
    assert faults(read(xlsx(tmp_path / "a.xlsx", {"S": lines}))) == {2: "bad-invited-on"}
    assert faults(read(ods(tmp_path / "a.ods", lines))) == {2: "bad-invited-on"}


def record(kind: int, content: bytes = b"") -> bytes:
    """One BIFF12 record: type and length, each in groups of seven bits (MS-XLSB 2.1.4)."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(content)
    while length >= 0x80:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_cell(index: int, value: object) -> bytes:
    place = struct.pack("<II", index, 0)
    match value:
        case bool():
            return record(4, place + bytes([value]))
        case int() | float():
            return record(5, place + struct.pack("<d", value))
        case bytes():  # an error, by its code
            return record(3, place + value)
        case _:
            return record(6, place + wide(str(value)))


def xlsb(path: Path, lines: Rows) -> Path:
    """Write the least workbook that MS-XLSB allows: the record numbers are from its 2.3.2."""
    width = max(map(len, lines))
    size = struct.pack("<IIII", 0, len(lines) - 1, 0, width - 1)
    sheet = record(0x81) + record(0x94, size) + record(0x91)
    for index, line in enumerate(lines):
        sheet += record(0, struct.pack("<IIHHBI", index, 0, 300, 0, 0, 0))
        sheet += b"".join(xlsb_cell(n, value) for n, value in enumerate(line))
    sheet += record(0x92) + record(0x82)
    bundle = record(0x9C, struct.pack("<II", 0, 1) + wide("rId1") + wide("S"))
    book = record(0x83) + record(0x8F) + bundle + record(0x90) + record(0x84)
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    relation = (
        '<Relationships xmlns="{package}/relationships"><Relationship Id="rId1"'
        ' Type="{office}/{kind}" Target="{target}"/></Relationships>'
    )
    kinds = (
        f'<Types xmlns="{package}/content-types">'
        '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.main"/>'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", kinds)
        for part, kind, target in (
            ("_rels/.rels", "officeDocument", "xl/workbook.bin"),
            ("xl/_rels/workbook.bin.rels", "worksheet", "worksheets/sheet1.bin"),
        ):
            text = relation.format(package=package, office=office, kind=kind, target=target)
            archive.writestr(part, text)
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return path


def test_xlsb(tmp_path: Path) -> None:
    lines = [
        HEADER,
        (919876543210, "00123", True),
        (919876543210123456.0, "2", "x"),
        ("1", b"\x2a", "x"),  # #N/A
        ("1", "2", "Łukasz 山田"),
    ]
    loaded = read(xlsb(tmp_path / "a.xlsb", lines))
    assert column(loaded, "referrer_mobile")[0] == "919876543210"
    assert column(loaded, "identifier")[0] == "00123"
    assert column(loaded, "name") == ["TRUE", "x", "x", "Łukasz 山田"]
    assert faults(loaded) == {3: "damaged-number", 4: "error-cell"}


# --- damaged workbooks


def test_a_damaged_workbook_is_a_sentence(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", "2", "a")]})
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:200] + b"<c r=<<"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="the workbook is damaged and cannot be read"):
        read(path)


def test_numbers_that_end_in_zeros_are_refused_where_chance_cannot_have_made_them(
    tmp_path: Path,
) -> None:
    rounded = [("1", 9.88e9, "x"), ("1", "9990000000", "x"), ("1", 919000000000, "x")]
    whole = [("1", f"98765432{n:02}", "x") for n in range(10)]
    one = read(xlsx(tmp_path / "a.xlsx", {"S": [HEADER, rounded[0], rounded[0], *whole]}))
    assert faults(one) == {}  # somebody's number, by all that is known
    run = read(xlsx(tmp_path / "b.xlsx", {"S": [HEADER, *rounded, *whole]}))
    assert faults(run) == dict.fromkeys((2, 3, 4), "rounded-number")
    assert column(run, "fault_detail")[0] == (
        "'identifier' ends in zeros, like others in its column: 9880000000"
    )


def test_hidden_rows_and_merged_cells_are_read_and_said(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"S": [HEADER, ("1", "2", "a"), ("3", "4", "b")]})
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    sheet.row_dimensions[2].hidden = True
    sheet.merge_cells("C2:C3")
    book.save(path)
    loaded = read(path)
    assert column(loaded, "identifier") == ["2", "4"]
    assert loaded.notices == (
        f"{path} [S]: It has 1 hidden row, perhaps by a filter; what is hidden was read too.",
        (
            f"{path} [S]: It has 1 block of merged cells; only the first cell of such a block"
            " holds its value, the others were read as blank."
        ),
    )
