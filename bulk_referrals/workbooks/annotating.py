"""The author's own workbook again, some of its cells coloured and commented; in the child.

openpyxl keeps formats, widths, filters and validations. A formula is replaced by the value that it
had: nothing that we write is live, and the copy reads as its author saw it, with no spreadsheet to
calculate it anew. Macros and links to other files are left out for the same reason, and what
openpyxl does not know is lost (shapes, pictures where Pillow is missing). Rows without a note go
past it wherever they can: see `shortened`.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import IO, Any, Final

from bulk_referrals.workbooks import marks
from bulk_referrals.workbooks.shortened import UnusualError, lengthen, shorten

_COMMENT_WIDTH: Final = 340  # pixels
_LINE_HEIGHT: Final = 19
_LINE_CHARACTERS: Final = 46
_AUTHOR: Final = "bulk-referrals"


def annotate(content: bytes, asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Write the workbook with its notes.

    Args:
        content: the workbook, XLSX or XLSM.
        asked: `heading`, of the hidden column of keys; and `sheets`: for each `name`,
            `header_row` (from 1), `header` (the names in it) and `notes`: row (from 1), column
            (index into `header`), colour ("RRGGBB"), text, key.
        rows: where the workbook goes.

    Returns:
        Under `notes`, how many were written.
    """
    touched = {
        sheet["name"]: {sheet["header_row"], *(row for row, *_ in sheet["notes"])}
        for sheet in asked["sheets"]
    }
    try:
        short = shorten(content, touched)
        rows.write(lengthen(_marked(short.content, asked, short.widths), short.rows))
    except (UnusualError, *marks.FOREIGN):
        rows.write(_marked(content, asked, {}))
    return {"notes": sum(len(sheet["notes"]) for sheet in asked["sheets"])}


def _marked(content: bytes, asked: Mapping[str, Any], widths: Mapping[str, int]) -> bytes:
    """Return the workbook with its notes.

    Args:
        content: the workbook, perhaps without some of its rows.
        asked: as of `annotate`.
        widths: sheet -> its last column that is in use, where rows are missing.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - seldom needed

    book = load_workbook(BytesIO(content), data_only=True, keep_vba=False, keep_links=False)
    for sheet in asked["sheets"]:
        _annotate(book[sheet["name"]], sheet, asked["heading"], widths.get(sheet["name"], 0))
    marked = BytesIO()
    book.save(marked)
    return marked.getvalue()


def _annotate(sheet: Any, asked: Mapping[str, Any], heading: str, width: int) -> None:  # noqa: ANN401
    from openpyxl.styles import PatternFill  # noqa: PLC0415 - as above

    first = _first_column(sheet, asked["header_row"], asked["header"])
    keys = _key_column(sheet, asked["header_row"], heading, width)
    fills: dict[str, PatternFill] = {}
    for row, column, colour, text, key in asked["notes"]:
        cell = sheet.cell(row, first + column)
        cell.fill = fills.setdefault(colour, PatternFill("solid", fgColor=colour))
        _comment(cell, text)
        sheet.cell(row, keys, key)
    sheet.sheet_properties.tabColor = "E08E0B"


def _first_column(sheet: Any, header_row: int, header: Sequence[str]) -> int:  # noqa: ANN401
    """Return where the header begins: the column, from 1, under which most names agree."""
    names = [name.strip() for name in header]
    cells = [str(cell.value or "").strip() for cell in sheet[header_row]]

    def agreeing(start: int) -> int:
        pairs = zip(names, cells[start:], strict=False)
        return sum(name == cell != "" for name, cell in pairs)

    return max(range(max(len(cells), 1)), key=agreeing) + 1


def _key_column(sheet: Any, header_row: int, heading: str, width: int) -> int:  # noqa: ANN401
    """Return the column of the keys: the one that an earlier run has added, or a new one."""
    for cell in sheet[header_row]:
        if cell.value == heading:
            return int(cell.column)
    place = max(int(sheet.max_column), width) + 1
    cell = sheet.cell(header_row, place, heading)
    sheet.column_dimensions[cell.column_letter].hidden = True
    return place


def _comment(cell: Any, text: str) -> None:  # noqa: ANN401
    from openpyxl.comments import Comment  # noqa: PLC0415 - as above

    old = cell.comment
    if old is not None and old.author != _AUTHOR:
        text = f"{text}\n\n{old.text}"
    note = Comment(text, _AUTHOR)
    lines = sum(1 + len(line) // _LINE_CHARACTERS for line in text.split("\n"))
    note.width, note.height = _COMMENT_WIDTH, _LINE_HEIGHT * (lines + 1)
    cell.comment = note
