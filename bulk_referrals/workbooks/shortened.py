"""A workbook without the rows that nobody is to touch, and those rows put back afterwards.

openpyxl takes a second for two thousand rows, to read and to write. So it is given only the rows
that are to be marked; all others go past it as the XML that they are, freed of what it would not
keep either: formulas (their values stay) and what extensions say. Both ways give the same cells.

That holds for rows written as spreadsheet programs and libraries write them: the known elements
without prefixes, numbered rows, placed cells, no markup but elements. For all else `UnusualError`
is raised, and the whole workbook goes through openpyxl. Two things are relied on of openpyxl: the
styles that it read keep their numbers, and strings are written where they stand.
"""

import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from bulk_referrals.workbooks import marks

_MAIN: Final = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_NO_STRINGS: Final = b'<sst xmlns="%b"/>' % _MAIN
_HEAD_BYTES: Final = 4 << 10
_ENCODED: Final = re.compile(rb"""<\?xml[^>]*\sencoding=["'](?!utf-8["'])""", re.IGNORECASE)
_OPENING: Final = re.compile(rb"<sheetData\s*>")
_CLOSING: Final = b"</sheetData>"
_DIMENSION: Final = re.compile(rb"<dimension\s[^>]*/>")
# ECMA-376 part 1, 18.3.1.73 (row), 18.3.1.4 (c), 18.4.8 (si; `is` is of the same type).
_RICH: Final = (
    rb"t|r|rPr|rPh|phoneticPr|b|i|u|strike|sz|color|rFont|family|charset|scheme|vertAlign"
    rb"|outline|shadow|condense|extend"
)
_OTHER_ELEMENT: Final = re.compile(rb"<(?!/?(?:row|c|v|f|is|%b)[\s/>])" % _RICH)
_OTHER_IN_STRING: Final = re.compile(rb"<(?!/?(?:sst|si|%b)[\s/>])" % _RICH)
# Metadata of dynamic arrays and of data types, which is not kept; another style of quoting.
_OTHER_ATTRIBUTES: Final = (b' cm="', b' vm="', b"='")
_OTHER_PREFIX: Final = re.compile(rb'\s(?!xml:)[\w.-]+:[\w.-]+="')
_PREFIXED: Final = re.compile(rb'(<row\s[^>]*?)\s(?!xml:)[\w.-]+:[\w.-]+="[^"]*"')
_FORMULA: Final = re.compile(rb"<f(?:\s[^>]*?)?(?:/>|>[^<]*</f>)")
_ROW: Final = re.compile(rb'<row\s(?:[^>]*?\s)?r="(\d{1,7})"[^>]*?(?:/>|>.*?</row>)', re.DOTALL)
_CELL: Final = re.compile(rb"<c[\s/>]")
_PLACED: Final = re.compile(rb'<c\s(?:[^>]*?\s)?r="([A-Z]{1,3})\d')
_SHARED_TYPE: Final = b' t="s"'
_SHARED: Final = re.compile(rb'<c(\s[^>]*?)?\st="s"([^>]*)>\s*<v>(\d+)</v>\s*</c>')
_STRING: Final = re.compile(rb"<si(?:\s[^>]*?)?(?:/>|>(.*?)</si>)", re.DOTALL)

Rows = Mapping[int, bytes]


class UnusualError(Exception):
    """The rows are not written as they usually are, so they are not to be taken as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """A workbook without most of its rows.

    Attributes:
        content: the workbook.
        rows: sheet -> number from 1 -> XML of the rows that were left out.
        widths: sheet -> its last column with a cell, from 1; 0 where there is none.
    """

    content: bytes
    rows: Mapping[str, Rows]
    widths: Mapping[str, int]


def shorten(content: bytes, kept: Mapping[str, Collection[int]]) -> Shortened:
    """Leave rows out of a workbook, XLSX or XLSM.

    Args:
        content: the workbook.
        kept: sheet -> numbers of the rows that stay, from 1; of other sheets none stays.

    Raises:
        UnusualError: its rows cannot be told from its bytes.
    """
    short = BytesIO()
    rows: dict[str, Rows] = {}
    widths: dict[str, int] = {}
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(short, "w") as copy:
        names = {part: name for name, part in marks.parts(source)}
        strings_part = marks.strings_part(source)
        strings = _strings(source.read(strings_part)) if strings_part else ()
        for part in source.namelist():
            held = source.read(part)
            if part == strings_part:
                held = _NO_STRINGS
            elif part in names:
                name = names[part]
                before, cells, after = _opened(held)
                cells = _plain(cells, strings)
                widths[name] = _width(cells)
                numbered = _numbered(cells)
                stay = b"".join(numbered[n] for n in numbered if n in kept.get(name, ()))
                rows[name] = {n: row for n, row in numbered.items() if n not in kept.get(name, ())}
                held = before + stay + after
            copy.writestr(part, held)
    return Shortened(content=short.getvalue(), rows=rows, widths=widths)


def lengthen(content: bytes, rows: Mapping[str, Rows]) -> bytes:
    """Put rows back into a workbook that openpyxl has written; where both have one, ours stays.

    Args:
        content: the workbook.
        rows: sheet -> number -> XML, as `shorten` left them out.

    Raises:
        UnusualError: openpyxl has not written it as it should.
    """
    long = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as source,
        zipfile.ZipFile(long, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy,
    ):
        names = {part: name for name, part in marks.parts(source)}
        if rows.keys() - set(names.values()) or marks.strings_part(source):
            raise UnusualError
        for part in source.namelist():
            held = source.read(part)
            if part in names:
                before, cells, after = _opened(held)
                whole = {**_numbered(cells), **rows.get(names[part], {})}
                before = _DIMENSION.sub(b"", before, count=1)  # of the rows that it knew
                held = before + b"".join(whole[number] for number in sorted(whole)) + after
            copy.writestr(part, held)
    return long.getvalue()


def _opened(sheet: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what stands before the rows, the rows, and what stands after them."""
    sheet = sheet.replace(b"<sheetData/>", b"<sheetData></sheetData>", 1)
    sheet = sheet.replace(b"<sheetData />", b"<sheetData></sheetData>", 1)
    opening, end = _OPENING.search(sheet), sheet.rfind(_CLOSING)
    if opening is None or end < opening.end():
        raise UnusualError
    before = sheet[: opening.end()]
    if b'xmlns="%b"' % _MAIN not in before or b"<!" in before or _ENCODED.match(before):
        raise UnusualError
    return before, sheet[opening.end() : end], sheet[end:]


def _plain(cells: bytes, strings: Sequence[bytes]) -> bytes:
    """Return rows that stand for themselves: no formula, no prefix, each string in its place."""
    if _OTHER_ELEMENT.search(cells):
        raise UnusualError
    if b"<f" in cells:
        cells = _FORMULA.sub(b"", cells)
    while _PREFIXED.search(cells):
        cells = _PREFIXED.sub(rb"\1", cells)
    if any(each in cells for each in _OTHER_ATTRIBUTES) or _OTHER_PREFIX.search(cells):
        raise UnusualError
    if _SHARED_TYPE not in cells:
        return cells

    def in_place(cell: re.Match[bytes]) -> bytes:
        try:
            text = strings[int(cell[3])]
        except IndexError:
            raise UnusualError from None
        return b'<c%b t="inlineStr"%b><is>%b</is></c>' % (cell[1] or b"", cell[2], text)

    cells = _SHARED.sub(in_place, cells)
    if _SHARED_TYPE in cells:
        raise UnusualError
    return cells


def _width(cells: bytes) -> int:
    columns = _PLACED.findall(cells)
    if len(columns) != len(_CELL.findall(cells)):
        raise UnusualError
    return max((marks.column_number(letters) + 1 for letters in set(columns)), default=0)


def _numbered(cells: bytes) -> dict[int, bytes]:
    rows: dict[int, bytes] = {}
    end = 0
    for row in _ROW.finditer(cells):
        if int(row[1]) in rows or cells[end : row.start()].strip():
            raise UnusualError
        rows[int(row[1])] = row[0]
        end = row.end()
    if cells[end:].strip():
        raise UnusualError
    return rows


def _strings(table: bytes) -> Sequence[bytes]:
    """Return the content of each shared string, as it is to stand in a cell."""
    head = table[:_HEAD_BYTES]
    start = table.find(b"<sst")
    if _ENCODED.match(head) or b'xmlns="%b"' % _MAIN not in head or start < 0:
        raise UnusualError
    if _OTHER_IN_STRING.search(table, start):
        raise UnusualError
    return _STRING.findall(table, start)
