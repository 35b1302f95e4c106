"""Formulas that were never calculated: a program wrote the workbook, no spreadsheet opened it.

Readers of values show such cells as blank. They are not blank to their author, so they are
looked for in the XML of XLSX and XLSM files, as the libraries that leave them so write it; the
other formats always hold a value.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import IO, Final
from xml.etree import ElementTree as ET

Places = Mapping[str, Sequence[tuple[int, int]]]

_CHUNK_BYTES: Final = 4 << 20
_LONGEST_CELL_BYTES: Final = 64 << 10
# A cell with a formula, no type (`t="str"` with no value is the empty text) and no value.
_CELL: Final = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="[0-9]+")?(?: t="n")?>'
    rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>"
)
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def uncalculated(source: str | bytes) -> Places:
    """Return, for each sheet, the places (row, column, both from 0) of such formulas.

    Args:
        source: a workbook, as a path or bytes; one of another format, or one whose parts are not
            where they should be, gives nothing: its reader has the last word on it.
    """
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            return {
                name: places
                for name, part in _parts(archive)
                if (places := list(_places(archive, part)))
            }
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


def _places(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, int]]:
    with archive.open(part) as opened:
        for window in _windows(opened):
            if b"<f" in window:
                for cell in _CELL.finditer(window):
                    yield int(cell[2]) - 1, _column(cell[1])


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
