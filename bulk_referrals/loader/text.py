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
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from bulk_referrals.errors import InputError
from bulk_referrals.loader import encoding, headers
from bulk_referrals.loader.grid import Flaw, Grid, Positions, find_header
from bulk_referrals.model import LoadOptions

DELIMITERS: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "pipes"}
_SPELLED: Final = {"tab": "\t", "\\t": "\t"}
MAX_COLUMNS: Final = 16_384  # Excel's own limit
_HEAD_BYTES: Final = 4 << 20
_HEAD_ROWS: Final = 200
_BLOCK_BYTES: Final = 4 << 20  # measured: the fastest on a 100 MB file
_LARGEST_BLOCK_BYTES: Final = (1 << 31) - 1
_SEPARATOR_LINE: Final = re.compile(rb"\"?sep=([^\r\n])\"?(?:\r\n|\r|\n)", re.IGNORECASE)
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The first records of a file, read with one delimiter."""

    delimiter: str
    records: list[list[str]]
    ends: list[int]  # offset of the byte after each record
    position: int  # of the header among the records
    match: headers.Match

    @property
    def rank(self) -> tuple[bool, int, int]:
        header = self.records[self.position] if self.records else []
        width = len(header)
        alike = sum(len(record) == width for record in self.records) if width > 1 else 0
        return self.match.complete, self.match.weight, alike


@dataclass(slots=True, eq=False)
class _Ragged:
    """Collects the rows whose number of cells is not the expected one."""

    positions: dict[int, list[int]] = field(default_factory=dict)  # number of cells -> rows
    texts: dict[int, list[str]] = field(default_factory=dict)  # number of cells -> their text

    def __call__(self, row: Any) -> str:  # noqa: ANN401 - pyarrow's InvalidRow has no stub
        self.positions.setdefault(row.actual_columns, []).append(row.number - 1)
        self.texts.setdefault(row.actual_columns, []).append(row.text)
        return "skip"

    def clear(self) -> None:
        """Forget all rows: the file is read again."""
        self.positions.clear()
        self.texts.clear()


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
    start, delimiter = 0, _SPELLED.get(options.delimiter.lower(), options.delimiter)
    if separator := _SEPARATOR_LINE.match(content):
        start = separator.end()
        delimiter = delimiter or separator[1].decode("latin-1")
    head = _head(path, content[start : start + _HEAD_BYTES], delimiter, columns)
    if not any(cell.strip() for record in head.records for cell in record):
        raise InputError(path, "the file begins with blank lines only", advice="Export it again.")
    header = head.records[head.position]
    if len(header) > MAX_COLUMNS or len(content) > start + head.ends[-1] == _HEAD_BYTES:
        advice = "Check the file, or give its separator with --delimiter."
        raise InputError(path, f"it has more than {MAX_COLUMNS:,} columns", advice=advice)
    body = pa.py_buffer(content).slice(start + head.ends[head.position])
    cells, flaws = _body(path, body, head, len(header))
    if b'"' in content:
        flaws += tuple(_swallowed(cells, header, set(head.match.columns.values()), head.delimiter))
    return Grid(
        header=tuple(header),
        header_row=head.position + 1,
        match=head.match,
        cells=cells,
        flaws=flaws,
        delimiter=head.delimiter,
        encoding=charset,
    )


def _head(path: str, sample: bytes, delimiter: str, columns: Mapping[str, str]) -> _Head:
    """Read the first records with each delimiter; keep the one that names most columns."""
    if delimiter and (len(delimiter) > 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        raise InputError(
            path,
            f"--delimiter '{delimiter}' is not one character",
            advice="Give one ASCII character such as ; or the word tab.",
        )
    tried = [_try(sample, each, columns) for each in ([delimiter] if delimiter else DELIMITERS)]
    return max(tried, key=lambda head: head.rank)


def _try(sample: bytes, delimiter: str, columns: Mapping[str, str]) -> _Head:
    records: list[list[str]] = []
    ends: list[int] = []
    for record, end in _records(sample, delimiter):
        records.append(record)
        ends.append(end)
        if len(records) == _HEAD_ROWS:
            break
    position, found = find_header(records, columns)
    return _Head(delimiter=delimiter, records=records, ends=ends, position=position, match=found)


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

    try:
        for record in csv.reader(lines(), delimiter=delimiter):
            yield [cell.encode("latin-1").decode("utf-8", "replace") for cell in record], ends[-1]
    except csv.Error:  # a cell too large for a header: what came before it is the head
        return


def _body(
    path: str, body: pa.Buffer, head: _Head, header_width: int
) -> tuple[pa.Table, tuple[Flaw, ...]]:
    """Read all records after the header: one line of cells for each, and what is wrong."""
    if not body.size:
        return _empty(header_width), ()
    widths = Counter(len(record) for record in head.records[head.position + 1 :] if record)
    expected = widths.most_common(1)[0][0] if widths else header_width
    ragged = _Ragged()
    even = _parse(path, body, head.delimiter, expected, ragged)
    groups: list[tuple[pa.Table, Positions | None]] = [(even, None)]
    for width, texts in ragged.texts.items():
        joined = pa.py_buffer("\n".join(texts).encode())
        rows = _parse(path, joined, head.delimiter, width, None)
        groups.append((rows, np.array(ragged.positions[width], dtype=np.int64)))
    usual_width = max(header_width, expected)
    return _merge(groups, header_width, usual_width, cut_off=body[-1] not in b"\r\n")


def _parse(
    path: str, body: pa.Buffer, delimiter: str, width: int, ragged: _Ragged | None
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
            return _pyarrow(body, delimiter, width, on_ragged, block_bytes, in_order=in_order)
        except pa.ArrowInvalid as error:
            if uneven and not in_order and ragged is not None:
                continue
            if "straddling" not in str(error) or block_bytes > body.size:
                advice = "Open it in a spreadsheet, save it as .xlsx, and use that file."
                raise InputError(path, "the text cannot be read", advice=advice) from error
            block_bytes = min(block_bytes * 16, _LARGEST_BLOCK_BYTES)


def _pyarrow(
    body: pa.Buffer,
    delimiter: str,
    width: int,
    on_ragged: Any,  # noqa: ANN401 - a callback over pyarrow's InvalidRow, which has no stub
    block_bytes: int,
    *,
    in_order: bool,
) -> pa.Table:
    names = [str(index) for index in range(width)]
    return pacsv.read_csv(
        pa.BufferReader(body),
        read_options=pacsv.ReadOptions(
            column_names=names, use_threads=not in_order, block_size=block_bytes
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=on_ragged,
        ),
        convert_options=pacsv.ConvertOptions(
            strings_can_be_null=False,
            column_types=dict.fromkeys(names, pa.string()),
            check_utf8=False,  # checked over the whole file already
        ),
    )


def _merge(
    groups: list[tuple[pa.Table, Positions | None]],
    header_width: int,
    usual_width: int,
    *,
    cut_off: bool,
) -> tuple[pa.Table, tuple[Flaw, ...]]:
    """Put rows of all widths back in their order, each as wide as the header.

    Args:
        groups: rows of one width, with their positions in the file; None: all other positions.
        header_width: columns of the header.
        usual_width: cells of the file's usual rows, at least those of the header.
        cut_off: the last row has no line end.
    """
    total = sum(rows.num_rows for rows, _ in groups)
    is_even = np.ones(total, dtype=bool)
    for _, positions in groups:
        if positions is not None:
            is_even[positions] = False
    flaws: list[Flaw] = []
    places: list[Positions] = []
    for rows, known in groups:
        positions = np.flatnonzero(is_even) if known is None else known
        places.append(positions)
        last = total - 1 if cut_off else -1
        flaws += _misfits(rows, positions, header_width, usual_width, last=last)
    tables = [_fit(rows, header_width) for rows, _ in groups]
    if len(tables) == 1:
        return tables[0], tuple(flaws)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_tables(tables).take(pa.array(order)), tuple(flaws)


def _misfits(
    rows: pa.Table,
    positions: Positions,
    header_width: int,
    usual_width: int,
    *,
    last: int,
) -> Iterator[Flaw]:
    width = rows.num_columns
    # Wider than its neighbours: a separator within a cell shifted the rest, and what is empty
    # beyond the header may be the shifted end of a row whose last cells were empty.
    beyond = np.full(rows.num_rows, width > usual_width)
    for extra in rows.columns[header_width:]:
        filled = pc.not_equal(pc.utf8_trim_whitespace(extra), "")
        beyond |= filled.to_numpy(zero_copy_only=False)
    if beyond.any():
        fact = f"{width} cells under {header_width} column names"
        yield Flaw.alike("ragged-row", positions[beyond], fact)
    if width < header_width and last in positions[-1:]:
        fact = f"the file ends after {width} of {header_width} cells, with no line end"
        yield Flaw.alike("cut-row", positions[-1:], fact)


def _fit(rows: pa.Table, header_width: int) -> pa.Table:
    columns = rows.columns[:header_width]
    missing = header_width - len(columns)
    columns += [pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])] * missing
    return pa.table(columns, names=[str(index) for index in range(header_width)])


def _empty(width: int) -> pa.Table:
    return _fit(pa.table({}), width)


def _swallowed(
    cells: pa.Table, header: list[str], fields: set[int], delimiter: str
) -> Iterator[Flaw]:
    """Yield the rows in which a quoted cell seems to have swallowed the lines after it.

    So it seems where a cell that we use runs over several lines, and where any other holds, over
    several lines, as many separators as a whole row has.
    """
    for index, column in enumerate(cells.columns):
        trimmed = pc.utf8_trim_whitespace(column)
        suspect = pc.match_substring_regex(trimmed, "[\r\n]")
        if index not in fields:
            enough = pc.greater_equal(pc.count_substring(trimmed, delimiter), len(header) - 1)
            suspect = pc.and_(suspect, enough)
        positions = np.flatnonzero(suspect.fill_null(False).to_numpy(zero_copy_only=False))  # noqa: FBT003 - the fill value
        if positions.size:
            breaks = pc.count_substring_regex(trimmed.take(pa.array(positions)), "\r\n|\r|\n")
            name = header[index] or f"column {index + 1}"
            details = [f"'{name}' runs over {n + 1} lines" for n in breaks.to_pylist()]
            yield Flaw(code="swallowed-lines", positions=positions, details=details)
