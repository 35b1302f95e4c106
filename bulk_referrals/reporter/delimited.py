"""Text files that a spreadsheet can open without running anything that stands in them.

A cell that begins with ``= + - @``, a tab, a line break, or the fullwidth form of one of the
signs gets one apostrophe in front (OWASP, "CSV Injection"). So that nothing is lost, the same
goes for a cell that begins with apostrophes followed by one of these: whoever wants the exact
text takes one apostrophe from every cell that matches `DEFUSED`.

`results.csv` is UTF-8 without a byte order mark, as machines expect it; people have the workbook.
The to-fix file is for a spreadsheet and has the mark, without which Excel misreads every accent.
"""

import codecs
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_LIVE: Final = "=+\\-@\t\r\n＝＋－＠"  # noqa: RUF001 - the fullwidth forms are meant
_TO_DEFUSE: Final = f"^'*[{_LIVE}]"
DEFUSED: Final = f"^'+[{_LIVE}]"
_BEGINNINGS: Final = pa.array([*_LIVE.replace("\\", ""), "'"])


def defused(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts with an apostrophe before each that a spreadsheet might run."""
    first = pc.utf8_slice_codeunits(texts, 0, 1)
    if not pc.any(pc.is_in(first, value_set=_BEGINNINGS)).as_py():
        return texts
    live = pc.match_substring_regex(texts, _TO_DEFUSE)
    return pc.if_else(live, pc.binary_join_element_wise("'", texts, ""), texts)


def write_delimited(
    table: pa.Table, path: Path, *, delimiter: str = ",", for_spreadsheet: bool = False
) -> None:
    r"""Write the table as UTF-8 text, lines ending in ``\n``, every text quoted and defused.

    Args:
        table: text and integer columns; a null becomes an empty cell.
        path: an existing or new file.
        delimiter: one character.
        for_spreadsheet: begin with a byte order mark.
    """
    import pyarrow.csv  # noqa: PLC0415 - start-up time

    safe = [_safe(table.column(index)) for index in range(table.num_columns)]
    names = [_quoted(name) for name in defused(pa.chunked_array([table.column_names])).to_pylist()]
    options = pyarrow.csv.WriteOptions(include_header=False, delimiter=delimiter)
    with path.open("wb") as file:
        file.write(codecs.BOM_UTF8 if for_spreadsheet else b"")
        file.write((delimiter.join(names) + "\n").encode())
        # Positions instead of names: the author's header may hold one name twice.
        numbered = pa.table(safe, names=[str(index) for index in range(len(safe))])
        pyarrow.csv.write_csv(numbered, file, options)


def _safe(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
        values = values.cast(pa.string())
    return defused(values) if pa.types.is_string(values.type) else values


def _quoted(name: str) -> str:
    """Return a header cell, quoted only where it must be, so that machines find plain names."""
    if not any(sign in name for sign in ',;|\t\r\n"'):
        return name
    return '"' + name.replace('"', '""') + '"'
