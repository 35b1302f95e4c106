"""Workbooks of every class that breaks readers, each made here."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial

import openpyxl
from corpus_case import COLUMNS, GOOD, Case, lines, refused
from openpyxl.worksheet.worksheet import Worksheet

Cell = str | float | bool | dt.datetime | dt.date | None
SHEET = "xl/worksheets/sheet1.xml"
ODS_HEAD = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
    '<office:spreadsheet><table:table table:name="S">'
)
ODS_MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="{}"/></manifest:manifest>'
)
ODS_TAIL = "</table:table></office:spreadsheet></office:body></office:document-content>"


def book(
    *rows: Sequence[Cell], title: str = "S", change: Callable[[Worksheet], None] | None = None
) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.title = title
    for row in [COLUMNS, *(rows or lines(16, 17))]:
        sheet.append(row)
    if change is not None:
        change(sheet)
    return saved(made)


def saved(made: openpyxl.Workbook) -> bytes:
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def replaced(old: bytes, new: bytes, *, part: str = SHEET, content: bytes | None = None) -> bytes:
    members = parts(content or book())
    if old not in members[part]:
        raise ValueError(old)
    return packed({**members, part: members[part].replace(old, new)})


def with_rows(xml: bytes) -> bytes:
    return replaced(b"</sheetData>", xml + b"</sheetData>")


def with_part(name: str, content: bytes) -> bytes:
    return packed({**parts(book()), name: content})


def invitees(*cells: Cell) -> bytes:
    return book(*((GOOD[0], cell, *GOOD[2:]) for cell in cells))


def far_cell(place: str) -> bytes:
    row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    cell = f'<row r="{row}"><c r="{place}" t="n"><v>1</v></c></row>'
    return with_rows(cell.encode())


def ods(body: str) -> bytes:
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("META-INF/manifest.xml", ODS_MANIFEST.format(mimetype))
        archive.writestr("content.xml", ODS_HEAD + body + ODS_TAIL, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def ods_row(*cells: str, times: int = 1, across: int = 1) -> str:
    every = "".join(
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{across}">'
        f"<text:p>{cell}</text:p></table:table-cell>"
        for cell in cells
    )
    return f'<table:table-row table:number-rows-repeated="{times}">{every}</table:table-row>'


def laughs() -> bytes:
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
    )
    return f"<!DOCTYPE x [{entities}]><x>&a11;</x>".encode()


def two_of_a_name() -> bytes:
    written = io.BytesIO(book())
    with zipfile.ZipFile(written, "a") as archive:
        archive.writestr("XL/workbook.xml", b"<workbook/>")
    return written.getvalue()


def locked() -> bytes:
    content = bytearray(book())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def overlapping() -> bytes:
    content = bytearray(book())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    return bytes(content)


def hide(sheet: Worksheet) -> None:
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["F"].hidden = True
    sheet.merge_cells("F2:F3")


def many_sheets() -> bytes:
    made = openpyxl.load_workbook(io.BytesIO(book()))
    for number in range(1500):
        made.create_sheet(f"n{number}").append(["note"])
    return saved(made)


def sheet_named(name: str) -> bytes:
    new = f'name="{name}"'.encode()
    return replaced(b'name="S"', new, part="xl/workbook.xml", content=invitees("98-76"))


def error_cell() -> bytes:
    return replaced(b"BAD", b"#N/A", content=replaced(
        b'<c r="B2" t="inlineStr"><is><t>BAD</t></is></c>', b'<c r="B2" t="e"><v>BAD</v></c>',
        content=invitees("BAD", GOOD[1])))  # fmt: skip


TOO_LARGE = "more memory than 4 GiB"
DAMAGED = "damaged and cannot be read"
TRUTH = (True,)
LYING = b'<sst count="4294967295" uniqueCount="4294967295"></sst>'
CFB = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WORKBOOK_STREAM = "Workbook".encode("utf-16-le")
WHEN = dt.datetime(2024, 9, 10, 16, 35, 52)  # noqa: DTZ001 - cells have no zone

BOOKS = (
    Case(file="plain_book.xlsx", content=book, rows=(2, 3)),
    refused("far_corner.xlsx", partial(far_cell, "XFD1048576"), TOO_LARGE, hostile=True),
    refused("outside_the_grid.xlsx", partial(far_cell, "ZZZZZZ99999999"), TOO_LARGE,
            hostile=True),
    refused("row_of_4_billion.xlsx", partial(far_cell, "A4294967295"), TOO_LARGE, hostile=True),
    refused("row_zero.xlsx", partial(far_cell, "A0"), DAMAGED),
    Case(file="lying_dimension.xlsx", rows=(2, 3), hostile=True,
         content=lambda: replaced(b"<sheetData>",
                                  b'<dimension ref="A1:XFD1048576"/><sheetData>')),
    refused("no_such_text.xlsx", lambda: with_rows(b'<row><c t="s"><v>4294967295</v></c></row>'),
            DAMAGED),
    refused("open_elements.xlsx", lambda: with_rows(b"</row" * 99_999), DAMAGED, hostile=True),
    Case(file="deep_elements.xlsx", content=lambda: with_rows(b"<row>" * 99_999), rows=(2, 3),
         hostile=True),
    refused("billion_laughs.xlsx", lambda: with_part("xl/styles.xml", laughs()), "document type"),
    refused("zeros.xlsx", lambda: with_part("xl/media/a.bin", bytes(600 << 20)),
            "unpacks to far more", hostile=True),
    refused("lying_count_of_texts.xlsx", lambda: with_part("xl/sharedStrings.xml", LYING),
            TOO_LARGE, hostile=True),
    refused("two_of_a_name.xlsx", two_of_a_name, "have one name"),
    refused("overlapping.xlsx", overlapping, "overlap"),
    refused("locked.xlsx", locked, "protected by a password"),
    refused("torn.xlsx", lambda: book()[:-400], "damaged, cut short"),
    refused("empty_book.xlsx", lambda: saved(openpyxl.Workbook()), "holds no rows"),
    Case(file="many_sheets.xlsx", content=many_sheets, rows=(2, 3), hostile=True),
    Case(file="climbing_sheet.xlsx", content=partial(sheet_named, "../../../climbs"),
         exit_code=1, rows=(2,), codes={2: "1701"}),
    Case(file="live_sheet.xlsx", content=partial(sheet_named, "=1+1&lt;script&gt;&#9;'[]:*?"),
         exit_code=1, rows=(2,), codes={2: "1701"}),
    Case(file="endless_sheet_name.xlsx", content=partial(sheet_named, "n" * 5000), exit_code=1,
         rows=(2,), codes={2: "1701"}),
    Case(file="hidden_and_merged.xlsx", content=partial(book, change=hide), rows=(2, 3),
         says="1 hidden row and 1 hidden column"),
    Case(file="numbers.xlsx", exit_code=1, rows=(2, 3, 4, 5, 6, 7),
         content=lambda: invitees(917999836416, 917999836417.5, 9.17999836416e17, 9.18e11,
                                  "9.18E+11", 917999836418.0),
         codes={3: "1701", 4: "damaged-number", 5: "1701", 6: "1701"}),
    Case(file="rounded_book.xlsx", exit_code=1, rows=(2, 3, 4),
         content=lambda: invitees(9.88e9, 9.99e9, 917999836416),
         codes={2: "rounded-number", 3: "rounded-number"}),
    Case(file="dates_and_truths.xlsx", exit_code=1, rows=(2, 3, 4, 5),
         content=lambda: invitees(WHEN, dt.date(2024, 9, 10), *TRUTH, GOOD[1]),
         codes={2: "date-in-cell", 3: "date-in-cell", 4: "1701"}),
    Case(file="text_like_a_formula.xlsx", exit_code=1, rows=(2,), codes={2: "1701"},
         content=lambda: replaced(b"BAD", b"=1+1", content=invitees("BAD"))),
    Case(file="never_calculated.xlsx", exit_code=1, rows=(2, 3),
         codes={2: "no-value"},
         content=lambda: invitees("=A2", GOOD[1])),
    Case(file="error_cell.xlsx", exit_code=1, rows=(2, 3), codes={2: "error-cell"},
         content=error_cell),
    Case(file="phonetic.xlsx", rows=(2, 3),
         content=lambda: replaced(b"<t>Asha</t>", "<t>東</t><rPh sb='0' eb='1'><t>ト</t></rPh>"
                                  .encode())),
    refused("garbage.xls", lambda: CFB + b"\xff" * 9999 + WORKBOOK_STREAM, DAMAGED),
    refused("looping.xls", lambda: CFB + bytes(504) + WORKBOOK_STREAM + bytes(8192), DAMAGED,
            hostile=True),
    Case(file="plain.ods", rows=(2,), content=lambda: ods(ods_row(*COLUMNS) + ods_row(*GOOD))),
    refused("repeated.ods", lambda: ods(ods_row(*COLUMNS) + ods_row("x", times=1_048_576,
            across=16_384)), DAMAGED, hostile=True),
    refused("torn.xlsb", lambda: packed({"xl/workbook.bin": b"\x83\x01\xff\xff\xff\xff"}),
            DAMAGED),
)  # fmt: skip
