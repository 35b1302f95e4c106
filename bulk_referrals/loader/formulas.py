"""Cells that are not blank to their author, though readers of values show them so.

- Formulas that were never calculated: a program wrote the workbook, no spreadsheet opened it. They
  are looked for in the XML of XLSX and XLSM files, as the libraries that leave them so write it.
- Errors such as #N/A in ODS files, as LibreOffice writes them; in the other formats the reader
  tells them itself.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import IO, Final
from xml.etree import ElementTree as ET

Place = tuple[int, int, str]
Places = Mapping[str, Sequence[Place]]

UNCALCULATED: Final = "a formula that was never calculated"
ERROR: Final = "an error"
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
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def valueless(source: str | bytes) -> Places:
    """Return, for each sheet, (row, column, what stands there) of such cells, both from 0.

    Args:
        source: a workbook, as a path or bytes; one of another format, or one whose parts are not
            where they should be, gives nothing: its reader has the last word on it.
    """
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            if "content.xml" in archive.namelist():
                return _ods_errors(archive)
            sheets = ((name, list(_places(archive, part))) for name, part in _parts(archive))
            return {name: places for name, places in sheets if places}
    except (zipfile.BadZipFile, KeyError, ET.ParseError, OSError, EOFError, RuntimeError):
        return {}


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield each sheet's name and the part that holds it."""
    if "xl/workbook.xml" not in archive.namelist():
        return
    targets = {
        each.get("Id"): each.get("Target", "")
        for each in _xml(archive, "xl/_rels/workbook.xml.rels")
    }
    for sheet in _xml(archive, "xl/workbook.xml").findall(".//{*}sheet"):
        target = targets.get(sheet.get(_RELATION), "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if part in archive.namelist():
            yield sheet.get("name", ""), part


def _xml(archive: zipfile.ZipFile, part: str) -> ET.Element:
    with archive.open(part) as opened:
        content = opened.read(_CHUNK_BYTES)  # both parts are a few kilobytes in a sane file
    if b"<!DOCTYPE" in content:
        raise ET.ParseError
    return ET.fromstring(content)  # noqa: S314 - without a DTD there are no entities to expand


def _places(archive: zipfile.ZipFile, part: str) -> Iterator[Place]:
    with archive.open(part) as opened:
        for window in _windows(opened):
            if b"<f" in window:
                for cell in _CELL.finditer(window):
                    yield int(cell[2]) - 1, _column(cell[1]), UNCALCULATED


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


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _ods_errors(archive: zipfile.ZipFile) -> Places:
    with archive.open("content.xml") as opened:
        tail, found = b"", False
        while not found and (chunk := opened.read(_CHUNK_BYTES)):
            found = _ODS_ERROR in tail + chunk
            tail = chunk[-len(_ODS_ERROR) :]
    if not found:
        return {}
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
    return places


def _ods_row(element: ET.Element, row: int) -> Iterator[Place]:
    column = 0
    for cell in element:
        if cell.get(_ODS_TYPE) == "error":
            yield row, column, ERROR
        column += int(cell.get(f"{_ODS_TABLE}number-columns-repeated", "1"))
