"""Our workbooks by the rules of the format, so that Excel opens them without a repair."""

import posixpath
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from report_factory import make_report

from bulk_referrals import reporter
from bulk_referrals.reporter.template import template

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


@pytest.fixture(scope="module", params=["report.xlsx", "to_fix.xlsx", "template.xlsx", "empty"])
def book(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    if request.param == "template.xlsx":
        path = folder / "template.xlsx"
        path.write_bytes(template("template.xlsx"))
        return path
    outputs = reporter.write(make_report(0 if request.param == "empty" else 300), folder)
    return Path(outputs["report.xlsx" if request.param == "empty" else request.param])


@pytest.fixture
def parts(book: Path) -> dict[str, ET.Element]:
    """Every XML part, parsed, under its name."""
    with zipfile.ZipFile(book) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names)
        return {
            name: ET.fromstring(archive.read(name))  # noqa: S314 - our own file
            for name in names
            if name.endswith((".xml", ".rels"))
        }


def test_every_relation_leads_to_a_part_and_every_part_has_a_type(
    parts: dict[str, ET.Element],
) -> None:
    for name, relations in parts.items():
        if not name.endswith(".rels"):
            continue
        folder = posixpath.dirname(posixpath.dirname(name))
        found = relations.findall(f"{RELATIONS}Relationship")
        assert len({each.get("Id") for each in found}) == len(found)
        for each in found:
            assert each.get("TargetMode") != "External"
            target = str(each.get("Target"))
            path = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
            assert path in parts
    types = parts["[Content_Types].xml"]
    declared = {
        str(each.get("PartName")).lstrip("/") for each in types.findall(f"{TYPES}Override")
    }
    assert declared <= set(parts)
    assert {name for name in parts if not name.endswith(".rels")} - {
        "[Content_Types].xml"
    } <= declared


def test_sheets_have_names_that_excel_takes(parts: dict[str, ET.Element]) -> None:
    names = [str(each.get("name")) for each in parts["xl/workbook.xml"].iter(f"{MAIN}sheet")]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[^\[\]:*?/\\']{1,31}", name)


def test_cells_are_in_order_and_refer_to_formats_and_texts_that_there_are(
    parts: dict[str, ET.Element],
) -> None:
    formats = parts["xl/styles.xml"].find(f"{MAIN}cellXfs")
    texts = parts["xl/sharedStrings.xml"]
    uses = 0
    for name, sheet in parts.items():
        if not name.startswith("xl/worksheets/sheet"):
            continue
        numbers = [int(row.get("r", "0")) for row in sheet.iter(f"{MAIN}row")]
        assert numbers == sorted(set(numbers))
        for row in sheet.iter(f"{MAIN}row"):
            places = [column(str(cell.get("r"))) for cell in row]
            assert places == sorted(set(places))
        cells = list(sheet.iter(f"{MAIN}c"))
        assert not [cell for cell in cells if cell.find(f"{MAIN}f") is not None]
        assert all(
            int(cell.get("s", "0")) < len(formats if formats is not None else ()) for cell in cells
        )
        shared = [int(str(cell.findtext(f"{MAIN}v"))) for cell in cells if cell.get("t") == "s"]
        uses += len(shared)
        assert max(shared, default=0) < max(len(texts), 1)
    assert int(texts.get("count", "0")) == uses
    assert int(texts.get("uniqueCount", "0")) == len(texts)


def column(reference: str) -> int:
    place = 0
    for letter in reference.rstrip("0123456789"):
        place = place * 26 + ord(letter) - ord("A") + 1
    return place


def test_blocks_of_merged_cells_do_not_overlap(parts: dict[str, ET.Element]) -> None:
    for name, sheet in parts.items():
        if not name.startswith("xl/worksheets/sheet"):
            continue
        seen: set[tuple[int, int]] = set()
        for block in sheet.iter(f"{MAIN}mergeCell"):
            first, last = str(block.get("ref")).split(":")
            rows = [int(re.sub(r"\D", "", end)) for end in (first, last)]
            inside = {
                (row, place)
                for row in range(rows[0], rows[1] + 1)
                for place in range(column(first), column(last) + 1)
            }
            assert not seen & inside
            seen |= inside
