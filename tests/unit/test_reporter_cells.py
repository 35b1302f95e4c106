"""Long sheets are read back cell by cell, by two readers, just as they were given."""

import zipfile
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pyarrow as pa
import pytest
import python_calamine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from bulk_referrals.reporter import long_sheets, splicing
from bulk_referrals.reporter.cells import column_letters
from bulk_referrals.reporter.escaping import CUT_MARK, MOST_UNITS, escaped
from bulk_referrals.reporter.grids import FAULT, NUMBER, TEXT, WRAPPED, Column, Grid
from bulk_referrals.reporter.long_sheets import new_book

# Written by the standard, but left as they stand by calamine.
NO_CHARACTERS = "\ufffe and \uffff"

HOSTILE = (
    "=1+1",
    "+919876543210",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    '=HYPERLINK("https://example.org")',
    "https://example.org",
    "{=1}",
    "a < b & c > d",
    "]]>",
    "_x0041_",
    "_x005F_x0041_",
    "_x005f_",
    "_xZZZZ_",
    "__x0041__",
    "bell \x07 null \x00 escape \x1b",
    "line\nfeed",
    "carriage\r\nreturn",
    " leading and trailing ",
    "\ttab\t",
    NO_CHARACTERS,
    "\x7f and \x85 and \x9f",
    "😀👩‍👩‍👧‍👦",
    "مرحبا بالعالم",
    "\u202eright to left override",
    "＝1+1",  # noqa: RUF001 - fullwidth is meant
    "e\u0301 and é",
    "00123",
    "1E5",
    "917999836466",
    "TRUE",
    "NA",
    "#REF!",
)

texts = st.one_of(
    st.none(),
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.text("_x0041F& <>=\r\n\t'\"\x00\x01", min_size=1, max_size=14),
)


def grid_of(values: list[str | None], numbers: list[int | None], looks: list[str]) -> Grid:
    return Grid(
        name="Rows",
        columns=(
            Column(header="Text", values=pa.chunked_array([values], pa.string()), width=20),
            Column(header="Number", values=pa.array(numbers, pa.int64()), width=9, look=NUMBER),
            Column(
                header="Looks", values=pa.array(values, pa.string()), width=9, look=pa.array(looks)
            ),
            Column(header="Long", values=pa.array(values, pa.string()), width=4, look=WRAPPED),
        ),
    )


def write(grid: Grid, path: Path) -> Path:
    with new_book(path) as book:
        book.add_grid(grid)
    return path


def expected(grid: Grid) -> list[list[Any]]:
    columns = [column.values.to_pylist() for column in grid.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def parsed(part: bytes) -> ET.Element:
    return ET.fromstring(part)  # noqa: S314 - we wrote it


def by_the_standard(path: Path, sheet: str = "Rows") -> list[list[Any]]:
    """Read the sheet by ECMA-376 alone: XML, shared strings, and the escapes of ST_Xstring."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    place = openpyxl.load_workbook(path, read_only=True).sheetnames.index(sheet) + 1
    with zipfile.ZipFile(path) as book:
        shared = parsed(book.read("xl/sharedStrings.xml")).findall(f"{main}si")
        rows = parsed(book.read(f"xl/worksheets/sheet{place}.xml"))

    def value(cell: ET.Element) -> Any:
        kind, number = cell.get("t", "n"), cell.findtext(f"{main}v")
        if kind == "n":
            return None if number is None else int(number)
        holder = cell if kind == "inlineStr" else shared[int(number or "")]
        return unescape("".join(it.text or "" for it in holder.iter(f"{main}t")))

    found = []
    for row in list(rows.iter(f"{main}row"))[1:]:
        cells = {cell.get("r"): value(cell) for cell in row}
        found.append([cells.get(f"{letter}{row.get('r')}") for letter in "ABCD"])
    return found


def by_openpyxl(path: Path, sheet: str = "Rows") -> list[list[Any]]:
    rows = openpyxl.load_workbook(path)[sheet].iter_rows(min_row=2, max_col=4, values_only=True)
    return [list(row) for row in rows]


def by_calamine(path: Path, sheet: str = "Rows") -> list[list[Any]]:
    book = python_calamine.CalamineWorkbook.from_path(path)
    rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)[1:]
    return [[None if it == "" else it for it in row] for row in rows]


def test_every_hostile_text_is_read_back_as_it_was(tmp_path: Path) -> None:
    grid = grid_of(list(HOSTILE), list(range(len(HOSTILE))), [TEXT] * len(HOSTILE))
    path = write(grid, tmp_path / "a.xlsx")
    assert by_the_standard(path) == expected(grid)
    place = HOSTILE.index(NO_CHARACTERS)
    assert by_calamine(path)[:place] == expected(grid)[:place]
    assert by_calamine(path)[place + 1 :] == expected(grid)[place + 1 :]


def test_no_cell_is_a_formula_or_a_link(tmp_path: Path) -> None:
    grid = grid_of(list(HOSTILE), [None] * len(HOSTILE), [TEXT] * len(HOSTILE))
    sheet = openpyxl.load_workbook(write(grid, tmp_path / "a.xlsx"))["Rows"]
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert {cell.number_format for cell in cells if cell.column == 1} == {"@"}


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(texts, min_size=1, max_size=40), repeat=st.booleans())
def test_any_text_is_read_back_whether_it_is_shared_or_not(
    tmp_path: Path,
    values: list[str | None],
    repeat: bool,  # noqa: FBT001 - drawn
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk_referrals.weaving._FEW_IN_SAMPLE", 10_000 if repeat else 0)
        patch.setattr(splicing, "BLOCK_LINES", 7)
        numbers = [position if value else None for position, value in enumerate(values)]
        grid = grid_of(values, numbers, [TEXT if value else FAULT for value in values])
        path = write(grid, tmp_path / "any.xlsx")
    assert by_the_standard(path) == expected(grid)


def test_every_cell_says_where_it_stands_however_long_its_rows_number_is(tmp_path: Path) -> None:
    values = [None if row % 7 == 0 else f"text {row % 5}" for row in range(1_200)]
    grid = grid_of(values, [row % 3 or None for row in range(1_200)], [TEXT, FAULT] * 600)
    path = write(grid, tmp_path / "a.xlsx")
    assert by_the_standard(path) == expected(grid)
    assert by_openpyxl(path) == expected(grid)


def test_what_a_sheet_cannot_hold_goes_on_to_further_sheets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_sheets, "MOST_ROWS", 100)
    values: list[str | None] = [f"text {position}" for position in range(250)]
    grid = grid_of(values, list(range(250)), [TEXT] * 250)
    path = write(grid, tmp_path / "a.xlsx")
    assert openpyxl.load_workbook(path).sheetnames == ["Rows", "Rows 2", "Rows 3"]
    found = [row for name in ("Rows", "Rows 2", "Rows 3") for row in by_openpyxl(path, name)]
    assert found == expected(grid)
    assert openpyxl.load_workbook(path)["Rows 3"].dimensions == "A1:D51"


def test_a_text_too_long_for_a_cell_is_cut_with_a_mark(tmp_path: Path) -> None:
    just, over, emoji = "a" * MOST_UNITS, "b" * (MOST_UNITS + 1), "😀" * MOST_UNITS
    grid = grid_of([just, over, emoji], [1, 2, 3], [TEXT] * 3)
    rows = by_openpyxl(write(grid, tmp_path / "a.xlsx"))
    assert rows[0][0] == just
    assert rows[1][0] == "b" * (MOST_UNITS - len(CUT_MARK)) + CUT_MARK
    assert rows[2][0].endswith("😀" + CUT_MARK)
    assert len(rows[2][0].encode("utf-16-le")) // 2 <= MOST_UNITS


def test_blocks_too_large_for_arrow_are_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk_referrals.reporter.rows.MOST_OCTETS", 100)
    values: list[str | None] = ["x" * position for position in range(1, 60)]
    grid = grid_of(values, list(range(59)), [TEXT] * 59)
    assert by_openpyxl(write(grid, tmp_path / "a.xlsx")) == expected(grid)


def test_an_empty_cell_shows_its_own_look_and_no_other(tmp_path: Path) -> None:
    grid = grid_of(["a", None, None], [None, None, None], [TEXT, FAULT, TEXT])
    sheet = openpyxl.load_workbook(write(grid, tmp_path / "a.xlsx"))["Rows"]
    assert sheet["C3"].fill.fgColor.rgb == "FFFDEBCF"
    assert sheet["C4"].fill.fill_type is None


def test_a_wrapped_text_gets_the_height_of_its_lines(tmp_path: Path) -> None:
    grid = grid_of(["abcd", "abcdefgh"], [1, 2], [TEXT] * 2)
    sheet = openpyxl.load_workbook(write(grid, tmp_path / "a.xlsx"))["Rows"]
    assert sheet.row_dimensions[2].height is None
    assert sheet.row_dimensions[3].height == 30


def test_the_archive_is_sound_with_and_without_the_fast_deflater(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = grid_of(list(HOSTILE), list(range(len(HOSTILE))), [TEXT] * len(HOSTILE))
    assert zipfile.ZipFile(write(grid, tmp_path / "fast.xlsx")).testzip() is None
    monkeypatch.setattr(splicing, "deflater", zlib)
    assert zipfile.ZipFile(write(grid, tmp_path / "plain.xlsx")).testzip() is None
    assert by_the_standard(tmp_path / "plain.xlsx") == expected(grid)


def test_a_slice_of_texts_is_escaped_as_the_whole_is() -> None:
    whole = pa.array(["a&b", None, "_x0041_", "\x07", "plain"])
    assert escaped(whole.slice(1)).to_pylist() == escaped(whole).to_pylist()[1:]


@pytest.mark.parametrize(
    ("place", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
)
def test_columns_are_named_as_spreadsheets_do(place: int, name: str) -> None:
    assert column_letters(place) == name
