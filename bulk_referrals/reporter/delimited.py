"""Text files that a spreadsheet can open without running anything that stands in them.

Cells that a spreadsheet might run are defused by an apostrophe: see `wayback`.

`results.csv` is UTF-8 without a byte order mark, as machines expect it; people have the workbook.
The to-fix file is for a spreadsheet and has the mark, without which Excel misreads every accent.
"""

import codecs
from pathlib import Path

import pyarrow as pa

from bulk_referrals.wayback import defused


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
