"""Text files that a spreadsheet can open without running anything that stands in them.

Cells that a spreadsheet might run are defused by an apostrophe: see `wayback`.

`results.csv` is UTF-8 without a byte order mark, as machines expect it; people have the workbook.
The to-fix file is for a spreadsheet and has the mark, without which Excel misreads every accent.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.wayback import defused
from bulk_referrals.weaving import (
    Few,
    Many,
    Part,
    Values,
    Weave,
    as_text,
    few,
    joined,
    octets_of,
    signs_in,
    where,
)


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
    names = [_quoted(name) for name in defused(pa.chunked_array([table.column_names])).to_pylist()]
    weave = Weave(_line(table, delimiter), table.num_rows)
    with path.open("wb") as file:
        file.write(codecs.BOM_UTF8 if for_spreadsheet else b"")
        file.write((delimiter.join(names) + "\n").encode())
        for block in weave.blocks():
            file.write(block.data)


def _line(table: pa.Table, delimiter: str) -> Iterator[Part]:
    for place, values in enumerate(table.columns):
        yield delimiter if place else ""
        yield from _cell(values)
    yield "\n"


def _cell(values: Values) -> Iterator[Part]:
    is_number, repeated = pa.types.is_integer(values.type), few(values)
    if isinstance(repeated, Few):
        yield repeated if is_number else repeated.written(_whole)
    elif is_number:
        yield Many(values=values, shaped=as_text)
    else:
        yield from (where(values, '"'), Many(values=values, shaped=_safe), where(values, '"'))


def _whole(texts: pa.Array) -> pa.Array:
    return joined('"', _safe(texts), '"')


def _safe(texts: pa.Array) -> pa.Array:
    """Return texts as they stand between quotes."""
    texts = defused(texts)
    if signs_in(octets_of(texts), b'"'):
        texts = pc.replace_substring(texts, '"', '""')
    return texts


def _quoted(name: str) -> str:
    """Return a header cell, quoted only where it must be, so that machines find plain names."""
    if not any(sign in name for sign in ',;|\t\r\n"'):
        return name
    return '"' + name.replace('"', '""') + '"'
