"""What readers of values do not tell of a sheet, from its XML.

- Formulas that were never calculated: a program wrote the workbook, no spreadsheet opened it. They
  are looked for in the XML of XLSX and XLSM files, as the libraries that leave them so write it.
- Errors such as #N/A in ODS files, as LibreOffice writes them; in the other formats the reader
  tells them itself.
- Hidden rows and columns, and merged cells, of XLSX and XLSM files.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Final
from xml.etree import ElementTree as ET

from bulk_referrals.workbooks.sheets import NO_LAYOUT, Layout, Mark

Place = tuple[int, int, Mark]

_ODS_ERROR: Final = b'calcext:value-type="error"'
_ODS_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_ODS_TYPE: Final = (
    "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
)
_CHUNK_BYTES: Final = 4 << 20
_LONGEST_CELL_BYTES: Final = 64 << 10
# A cell with a formula, no type (`t="str"` with no value is the empty text) and no value.
_CELL: Final = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="[0-9]+")?(?: t="n")?>'
    rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>"
)
_HIDDEN: Final = re.compile(rb'<(row|col)\b[^>]*\shidden="(?:1|true)"[^>]*>')
_SPAN: Final = re.compile(rb'\s(min|max)="([0-9]{1,5})"')
_PLACED: Final = re.compile(rb'<c r="([A-Z]{1,6})([0-9]{1,10})"')
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRINGS: Final = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
)
# What archives and XML of others can raise.
FOREIGN: Final = (zipfile.BadZipFile, KeyError, ET.ParseError, OSError, EOFError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: (row, column, what stands there) of valueless cells, from 0, and its layout."""

    places: tuple[Place, ...] = ()
    layout: Layout = NO_LAYOUT


Seen = Mapping[str, Sheet]


def seen(content: bytes) -> Seen:
    """Return what the XML of each sheet tells.

    Args:
        content: a workbook; one of another format, or one whose parts are not where they should
            be, gives nothing: its reader has the last word on it.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if "content.xml" in archive.namelist():
                return _ods(archive)
            return {name: _sheet(archive, part) for name, part in parts(archive)}
    except FOREIGN:
        return {}


def extent(content: bytes) -> str:
    """Return "cells from A1 to XFD1048576 on 'S'" of the widest sheet; "" where none is known."""
    widest, told = 0, ""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for name, part in parts(archive):
                row, column = _furthest(archive, part)
                if (row + 1) * (column + 1) > widest:
                    widest = (row + 1) * (column + 1)
                    told = f"cells up to row {row + 1} and column {column + 1} on '{name[:31]}'"
    except FOREIGN:
        return told
    return told


def _furthest(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    row, columns = 0, {b"A"}
    with archive.open(part) as opened:
        for window in _windows(opened):
            found = _PLACED.findall(window)
            columns |= {letters for letters, _ in found}
            row = max(row, *(int(number) - 1 for _, number in found), 0)
    return row, max(map(column_number, columns))


def parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield each sheet's name and the part that holds it."""
    if "xl/workbook.xml" not in archive.namelist():
        return
    targets = {each.get("Id"): _target(each) for each in _relations(archive)}
    for sheet in _xml(archive, "xl/workbook.xml").findall(".//{*}sheet"):
        part = targets.get(sheet.get(_RELATION), "")
        if part in archive.namelist():
            yield sheet.get("name", ""), part


def strings_part(archive: zipfile.ZipFile) -> str:
    """Return the part that holds the strings of all sheets; "" where they hold their own."""
    found = [_target(each) for each in _relations(archive) if each.get("Type") == _STRINGS]
    return found[0] if found and found[0] in archive.namelist() else ""


def _relations(archive: zipfile.ZipFile) -> ET.Element:
    return _xml(archive, "xl/_rels/workbook.xml.rels")


def _target(relation: ET.Element) -> str:
    target = relation.get("Target", "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _xml(archive: zipfile.ZipFile, part: str) -> ET.Element:
    with archive.open(part) as opened:
        content = opened.read(_CHUNK_BYTES)  # both parts are a few kilobytes in a sane file
    if b"<!DOCTYPE" in content:
        raise ET.ParseError
    return ET.fromstring(content)  # noqa: S314 - without a DTD there are no entities to expand


def _sheet(archive: zipfile.ZipFile, part: str) -> Sheet:
    places: list[Place] = []
    counts: Counter[str] = Counter()
    has_formulas = False
    with archive.open(part) as opened:
        for window in _windows(opened):
            # A formula that is shared stands in full first, and four bytes are found faster.
            has_formulas = has_formulas or b"</f>" in window
            if has_formulas:
                places += [
                    (int(cell[2]) - 1, column_number(cell[1]), Mark.UNCALCULATED)
                    for cell in _CELL.finditer(window)
                ]
            if b'hidden="' in window:
                for line in _HIDDEN.finditer(window):
                    counts[line[1].decode()] += _lines(line[0])
            counts["merged"] += window.count(b"<mergeCell ")
    layout = Layout(
        hidden_rows=counts["row"], hidden_columns=counts["col"], merged=counts["merged"]
    )
    return Sheet(places=tuple(places), layout=layout)


def _lines(element: bytes) -> int:
    """Return how many rows (one) or columns (a span) an element stands for."""
    span = {name: int(number) for name, number in _SPAN.findall(element)}
    return max(span[b"max"] - span[b"min"] + 1, 1) if len(span) > 1 else 1


def _windows(opened: IO[bytes]) -> Iterator[bytes]:
    """Yield the part in windows that end between two cells, so that none is cut."""
    rest = b""
    while chunk := opened.read(_CHUNK_BYTES):
        window = rest + chunk
        cut = window.rfind(b"<c ", max(0, len(window) - _LONGEST_CELL_BYTES))
        if cut < 0:
            cut = len(window)
        yield window[:cut]
        rest = window[cut:]
    yield rest


def column_number(letters: bytes) -> int:
    """Return a column's number, from 0: A is 0, XFD 16,383."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _ods(archive: zipfile.ZipFile) -> Seen:
    with archive.open("content.xml") as opened:
        tail, found = b"", False
        while not found and (chunk := opened.read(_CHUNK_BYTES)):
            found = _ODS_ERROR in tail + chunk
            tail = chunk[-len(_ODS_ERROR) :]
    return _ods_errors(archive) if found else {}


def _ods_errors(archive: zipfile.ZipFile) -> Seen:
    places: dict[str, list[Place]] = {}
    name, row = "", 0
    with archive.open("content.xml") as opened:
        for event, element in ET.iterparse(opened, events=("start", "end")):  # noqa: S314 - expat bounds what entities may grow to
            if event == "start" and element.tag == f"{_ODS_TABLE}table":
                name, row = element.get(f"{_ODS_TABLE}name", ""), 0
            elif event == "end" and element.tag == f"{_ODS_TABLE}table-row":
                places.setdefault(name, []).extend(_ods_row(element, row))
                row += int(element.get(f"{_ODS_TABLE}number-rows-repeated", "1"))
                element.clear()
    return {name: Sheet(places=tuple(each)) for name, each in places.items()}


def _ods_row(element: ET.Element, row: int) -> Iterator[Place]:
    column = 0
    for cell in element:
        if cell.get(_ODS_TYPE) == "error":
            yield row, column, Mark.ERROR
        column += int(cell.get(f"{_ODS_TABLE}number-columns-repeated", "1"))
