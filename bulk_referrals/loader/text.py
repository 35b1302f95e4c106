"""Text files: CSV and its kin, from bytes to columns of text.

Rows are numbered as a spreadsheet shows them when it opens the file: record n is row n, blank
lines counted, a record with line breaks inside quotes counted once. (Excel does not show a first
line `sep=;`, so neither is it counted.)

A row with fewer cells than the header lacks its last ones: exporters drop trailing empty cells,
so they are read as empty. Only a last row without a line end is refused then: the file was cut
off. A row with more cells is refused, unless the file's usual rows are that wide and what is
beyond the header is empty. So a cell is never read under another column's name.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from bulk_referrals.errors import InputError
from bulk_referrals.loader import encoding, headers
from bulk_referrals.loader.grid import Flaw, Grid, find_header
from bulk_referrals.loader.ragged import Ragged, Shape, as_columns, fitted, merged
from bulk_referrals.model import LoadOptions

DELIMITERS: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "pipes"}
_SPELLED: Final = {"tab": "\t", "\\t": "\t"}
MAX_COLUMNS: Final = 16_384  # Excel's own limit
_HEAD_BYTES: Final = 4 << 20
BEGINNING_BYTES: Final = _HEAD_BYTES + 64  # and a line that names the separator
_HEAD_ROWS: Final = 200
_LARGEST_HEAD_CELL_BYTES: Final = 128 << 10
_BLOCK_BYTES: Final = 4 << 20  # measured: the fastest on a 100 MB file
_LARGEST_BLOCK_BYTES: Final = (1 << 31) - 1
_SEPARATOR_LINE: Final = re.compile(rb"\"?sep=([^\r\n])\"?(?:\r\n|\r|\n)", re.IGNORECASE)
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first records of a file, read with one delimiter."""

    delimiter: str
    records: list[list[str]]
    ends: list[int]  # offset of the byte after each record
    position: int  # of the header among the records
    match: headers.Match

    @property
    def header(self) -> list[str]:
        """The author's column names, as typed."""
        return self.records[self.position] if self.records else []

    @property
    def rank(self) -> tuple[bool, int, int]:
        """How much it looks like the beginning of a table; the highest is taken."""
        width = len(self.header)
        alike = sum(len(record) == width for record in self.records) if width > 1 else 0
        return self.match.complete, self.match.weight, alike

    @property
    def usual_width(self) -> int:
        """The number of cells that most of the first rows have."""
        widths = Counter(len(record) for record in self.records[self.position + 1 :] if record)
        expected = widths.most_common(1)[0][0] if widths else len(self.header)
        return expected if expected <= MAX_COLUMNS else len(self.header)


def read(path: str, content: bytes, options: LoadOptions, columns: Mapping[str, str]) -> Grid:
    """Return a text file as a grid.

    Args:
        path: as the user named it, for messages.
        content: the whole file.
        options: encoding and delimiter, where the user gave them.
        columns: the author's column name -> canonical field.

    Raises:
        InputError: its encoding is in doubt, or it cannot be read.
    """
    content, charset = encoding.to_utf8(path, content, options.encoding)
    head, start = begin(path, content[:BEGINNING_BYTES], options, columns)
    body = pa.py_buffer(content).slice(start)
    quoted = b'"' in content
    cells, flaws = _body(path, body, head, quoted=quoted)
    if quoted:
        flaws += tuple(swallowed(cells, head))
    return Grid(
        header=tuple(head.header),
        header_row=head.position + 1,
        match=head.match,
        cells=cells,
        flaws=flaws,
        delimiter=head.delimiter,
        encoding=charset,
    )


def begin(
    path: str, beginning: bytes, options: LoadOptions, columns: Mapping[str, str]
) -> tuple[Head, int]:
    """Read the beginning of a text: its separator, its header, and where the rows begin.

    Args:
        path: as the user named it, for messages.
        beginning: UTF-8 without a byte order mark, the first `BEGINNING_BYTES` or all there are.
        options: the delimiter, where the user gave it.
        columns: the author's column name -> canonical field.

    Raises:
        InputError: it has no header, or too wide a one.
    """
    start, delimiter = 0, _SPELLED.get(options.delimiter.lower(), options.delimiter)
    if separator := _SEPARATOR_LINE.match(beginning):
        start = separator.end()
        delimiter = delimiter or separator[1].decode("latin-1")
    head = _head(path, beginning[start : start + _HEAD_BYTES], delimiter, columns)
    if not any(cell.strip() for record in head.records for cell in record):
        raise InputError(path, "the file begins with blank lines only", advice="Export it again.")
    if len(head.header) > MAX_COLUMNS or len(beginning) > start + head.ends[-1] == _HEAD_BYTES:
        advice = "Check the file, or give its separator with --delimiter."
        raise InputError(path, f"it has more than {MAX_COLUMNS:,} columns", advice=advice)
    return head, start + head.ends[head.position]


def _head(path: str, sample: bytes, delimiter: str, columns: Mapping[str, str]) -> Head:
    """Read the first records with each delimiter; keep the one that names most columns."""
    if delimiter and (len(delimiter) > 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        raise InputError(
            path,
            f"--delimiter '{delimiter}' is not one character",
            advice="Give one ASCII character such as ; or the word tab.",
        )
    tried = [_try(sample, each, columns) for each in ([delimiter] if delimiter else DELIMITERS)]
    return max(tried, key=lambda head: head.rank)


def _try(sample: bytes, delimiter: str, columns: Mapping[str, str]) -> Head:
    records: list[list[str]] = []
    ends: list[int] = []
    for record, end in _records(sample, delimiter):
        records.append(record)
        ends.append(end)
        if len(records) == _HEAD_ROWS:
            break
    position, found = find_header(records, columns)
    return Head(delimiter=delimiter, records=records, ends=ends, position=position, match=found)


def _records(sample: bytes, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield each record and the offset of the byte after it."""
    # Latin-1 maps bytes to characters one to one, so that offsets in the text are the bytes'.
    ends = [0]

    def lines() -> Iterator[str]:
        for line in _LINE.finditer(sample.decode("latin-1")):
            if line.end() == ends[-1]:
                return
            ends.append(line.end())
            yield line[0]

    csv.field_size_limit(_LARGEST_HEAD_CELL_BYTES)
    try:
        for record in csv.reader(lines(), delimiter=delimiter):
            yield [_as_utf8(cell) for cell in record[: MAX_COLUMNS + 1]], ends[-1]
    except csv.Error:  # a cell too large for a header: what came before it is the head
        return


def _as_utf8(cell: str) -> str:
    return cell.encode("latin-1").decode("utf-8", "replace")


def _body(
    path: str, body: pa.Buffer, head: Head, *, quoted: bool
) -> tuple[pa.Table, tuple[Flaw, ...]]:
    """Read all records after the header: one line of cells for each, and what is wrong."""
    header_width, expected = len(head.header), head.usual_width
    if not body.size:
        return fitted(pa.table({}), header_width), ()
    ragged = Ragged()
    parse = parser(path, head.delimiter, quoted=quoted)
    even = parse(body, expected, ragged)
    odd = ragged.places()
    total = even.num_rows + len(odd)
    shape = Shape(
        header=header_width,
        usual=max(header_width, expected),
        last=-1 if body[-1] in b"\r\n" else total - 1,
    )
    usual = np.setdiff1d(np.arange(total), odd, assume_unique=True)
    return merged(
        [
            as_columns(even, usual, shape),
            *ragged.groups(shape, delimiter=head.delimiter, parse=parse),
        ]
    )


def parser(path: str, delimiter: str, *, quoted: bool) -> "partial[pa.Table]":
    """Return what parses rows of one width: see `Parse`."""
    return partial(_parse, path, delimiter, quoted)


def _parse(
    path: str,
    delimiter: str,
    quoted: bool,  # noqa: FBT001 - bound by `partial`
    body: pa.Buffer,
    width: int,
    ragged: Ragged | None = None,
) -> pa.Table:
    """Parse in parallel; where a row is ragged again in order, so that such rows are numbered."""
    uneven = False

    def stop(_: object) -> str:
        nonlocal uneven
        uneven = True
        return "error"

    block_bytes = _BLOCK_BYTES
    while True:
        in_order = uneven and ragged is not None
        if in_order and ragged is not None:
            ragged.clear()
        try:
            on_ragged = ragged if in_order else stop
            options = parse_options(delimiter, on_ragged, quoted=quoted)
            return _pyarrow(body, width, options, block_bytes, in_order=in_order)
        except pa.ArrowInvalid as error:
            if uneven and not in_order and ragged is not None:
                continue
            if "straddling" not in str(error) or block_bytes > body.size:
                advice = "Open it in a spreadsheet, save it as .xlsx, and use that file."
                raise InputError(path, "the text cannot be read", advice=advice) from error
            block_bytes = min(block_bytes * 16, _LARGEST_BLOCK_BYTES)


def parse_options(
    delimiter: str,
    on_ragged: Any,  # noqa: ANN401 - a callback over pyarrow's InvalidRow, which has no stub
    *,
    quoted: bool,
) -> pacsv.ParseOptions:
    """Return how pyarrow tells rows and cells apart, blank lines counted."""
    return pacsv.ParseOptions(
        delimiter=delimiter,
        # Without quotes each line is a record, which is found without parsing all of it first.
        quote_char='"' if quoted else False,
        newlines_in_values=quoted,
        ignore_empty_lines=False,
        invalid_row_handler=on_ragged,
    )


def _pyarrow(
    body: pa.Buffer,
    width: int,
    parse_options: pacsv.ParseOptions,
    block_bytes: int,
    *,
    in_order: bool,
) -> pa.Table:
    return pacsv.read_csv(
        pa.BufferReader(body),
        **as_text(width, block_bytes, in_order=in_order),
        parse_options=parse_options,
    )


def as_text(width: int, block_bytes: int, *, in_order: bool) -> dict[str, Any]:
    """Return how pyarrow takes every cell as it is."""
    names = [str(index) for index in range(width)]
    return {
        "read_options": pacsv.ReadOptions(
            column_names=names, use_threads=not in_order, block_size=block_bytes
        ),
        "convert_options": pacsv.ConvertOptions(
            strings_can_be_null=False,
            column_types=dict.fromkeys(names, pa.string()),
            check_utf8=False,  # checked over the whole file already
        ),
    }


def swallowed(cells: pa.Table, head: Head) -> Iterator[Flaw]:
    """Yield the rows in which a quoted cell seems to have swallowed the lines after it.

    So it seems where a cell that we use runs over several lines, and where any other holds, over
    several lines, as many separators as a whole row has.
    """
    header, fields = head.header, set(head.match.columns.values())
    for index, column in enumerate(cells.columns):
        trimmed = pc.utf8_trim_whitespace(column)
        suspect = pc.match_substring_regex(trimmed, "[\r\n]")
        if index not in fields:
            enough = pc.greater_equal(pc.count_substring(trimmed, head.delimiter), len(header) - 1)
            suspect = pc.and_(suspect, enough)
        positions = np.flatnonzero(suspect.fill_null(False).to_numpy(zero_copy_only=False))  # noqa: FBT003 - the fill value
        if positions.size:
            breaks = pc.count_substring_regex(trimmed.take(pa.array(positions)), "\r\n|\r|\n")
            name = header[index] or f"column {index + 1}"
            details = [f"'{name}' runs over {n + 1} lines" for n in breaks.to_pylist()]
            yield Flaw(code="swallowed-lines", positions=positions, details=details)
