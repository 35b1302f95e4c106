"""Long text files, piece by piece in bounded memory; every row as `text` and `cells` give it.

The file is read twice or, where its numbers turn out to be rounded, three times: whether it is
UTF-8 and where it ends is known first, and what is decided for a whole column last. A piece that
is read again takes the place of itself.

Only plain UTF-8 is read so, also within gzip. What is in another encoding must be seen whole for
it to be told, and what comes back from us corrected is never that long.
"""

import codecs
import gzip
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from bulk_referrals.errors import InputError
from bulk_referrals.loader import cells, encoding, files, headers, tables, text
from bulk_referrals.loader.grid import Grid
from bulk_referrals.loader.ragged import Ragged, Shape, as_columns, merged
from bulk_referrals.model import LoadOptions, Source, SourceTable
from bulk_referrals.wayback import ROW_KEY, own_columns

Take = Callable[[int, pa.Table, pa.Table], None]

_CHUNK_BYTES: Final = 4 << 20
_BLOCK_BYTES: Final = 4 << 20
_LONGEST_ROW_BYTES: Final = 64 << 20
# A piece holds no more rows than those of this size would be: what is said of a row that is at
# fault takes memory, too, however short the row.
_LEAST_ROW_BYTES: Final = 100
_MOST_RAGGED: Final = 1_000_000  # at a time; they are kept one by one
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class LongFile:
    """A long text file, read.

    Attributes:
        source: the file.
        table: its header.
        pieces: rows of each piece that was handed over.
        notices: sentences that the user should see.
    """

    source: Source
    table: SourceTable
    pieces: tuple[int, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A file that can be read in pieces.

    Attributes:
        path: as the user named it.
        place: where its bytes lie.
        packed: within gzip.
        start: where the rows begin, bytes.
        head: its header and first records.
        quoted: some cell may be quoted.
        cut: the last row has no line end.
    """

    path: str
    place: Path
    packed: bool
    start: int
    head: text.Head
    quoted: bool
    cut: bool

    def grids(self, piece_bytes: int, block_bytes: int) -> Iterator[Grid]:
        """Yield the rows as grids of about so many bytes."""
        head, width = self.head, self.head.usual_width
        odd: list[tuple[int, int, str]] = []

        def on_ragged(row: object) -> str:
            number, count, written = row.number, row.actual_columns, row.text  # type: ignore[attr-defined]
            odd.append((number - 1, count, written))
            return "skip" if len(odd) <= _MOST_RAGGED else "error"

        parsing = text.parse_options(head.delimiter, on_ragged, quoted=self.quoted)
        options = text.as_text(width, block_bytes, in_order=True) | {"parse_options": parsing}
        first = 0
        with _opened(self.place, packed=self.packed) as stream:
            _skip(stream, self.start)
            for batches, is_last in _by_size(pacsv.open_csv(stream, **options), piece_bytes):
                even = pa.Table.from_batches(batches, pacsv_schema(width))
                own = _own(odd, first + even.num_rows, is_last=is_last)
                grid = self._grid(even, odd[:own], first, is_last=is_last)
                del odd[:own]
                first += grid.cells.num_rows
                yield grid

    def _grid(
        self, even: pa.Table, odd: list[tuple[int, int, str]], first: int, *, is_last: bool
    ) -> Grid:
        head, total = self.head, even.num_rows + len(odd)
        ragged = Ragged()
        for at, count, written in odd:
            ragged.positions.setdefault(count, []).append(at - first)
            ragged.texts.setdefault(count, []).append(written)
        shape = Shape(
            header=len(head.header),
            usual=max(len(head.header), head.usual_width),
            last=total - 1 if is_last and self.cut else -1,
        )
        usual = np.setdiff1d(np.arange(total), ragged.places(), assume_unique=True)
        parse = text.parser(self.path, head.delimiter, quoted=self.quoted)
        groups = ragged.groups(shape, delimiter=head.delimiter, parse=parse)
        found, flaws = merged([as_columns(even, usual, shape), *groups])
        if self.quoted:
            flaws += tuple(text.swallowed(found, head))
        return Grid(
            header=tuple(head.header),
            header_row=head.position + 1 + first,
            match=head.match,
            cells=found,
            flaws=flaws,
            delimiter=head.delimiter,
            encoding="utf-8",
        )


@dataclass(slots=True, kw_only=True)
class Told:
    """What the pieces tell of the whole file."""

    rows: list[int] = field(default_factory=list)
    length: int = 0
    endings: dict[str, set[str]] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)

    def take_in(self, grid: Grid, part: pa.Table) -> None:
        """Count a piece and the rows that it gave."""
        self.rows.append(part.num_rows)
        self.length += grid.cells.num_rows
        for name, found in cells.endings(part).items():
            self.endings.setdefault(name, set()).update(found.to_pylist())
        for index in range(len(grid.header)):
            if index not in self.filled and not tables.is_blank(grid.cells.column(index)):
                self.filled.add(index)

    @property
    def rounded(self) -> frozenset[str]:
        """The fields whose numbers were rounded."""
        return frozenset(
            name
            for name, found in self.endings.items()
            if cells.is_rounded(len(found), self.length)
        )


def read_long(
    path: str, options: LoadOptions, *, place: Path, piece_bytes: int, take: Take
) -> LongFile | None:
    """Read a text file in pieces of about so many bytes; None where it must be read whole.

    Args:
        path: as the user named it.
        options: what the user says about the sources.
        place: where its bytes lie.
        piece_bytes: text in a piece.
        take: is given each piece: its number from 0, its rows and their cells, both as of
            `cells.rows` for table 0. A number that comes again replaces what came before.

    Raises:
        InputError: it cannot be read as it stands.
    """
    columns = headers.checked_map(options.columns)
    found = _long(path, place, options, columns)
    if found is None or ROW_KEY in own_columns(found.head.header):
        return None
    beginning = _beginning(found)
    tables.require(path, beginning, columns)
    told = _in_blocks(found, piece_bytes, frozenset(), take)
    if told.rounded:
        told = _in_blocks(found, piece_bytes, told.rounded, take)
    if not told.filled:
        raise tables.no_rows(path, beginning)
    named = path.removesuffix(".gz").removesuffix(".GZ") if found.packed else path
    misnamed = tuple(files.misnamed(path, named, files.Kind.TEXT))
    return long_file(path, place, beginning, told, misnamed)


def long_file(
    path: str, place: Path, beginning: Grid, told: Told, notices: tuple[str, ...]
) -> LongFile:
    """Return what has been read of a file.

    Args:
        path: as the user named it.
        place: where its bytes lie.
        beginning: its header.
        told: what its pieces told.
        notices: those that come before the header's.
    """
    unused = tables.header_notices(beginning, told.filled)
    return LongFile(
        source=Source(
            path=path,
            sha256=_sha256(place),
            size_bytes=place.stat().st_size,
            rows=sum(told.rows),
        ),
        table=SourceTable(
            source=0,
            sheet="",
            header=beginning.header,
            header_row=beginning.header_row,
            columns=beginning.match.columns,
            delimiter=beginning.delimiter,
            encoding=beginning.encoding,
        ),
        pieces=tuple(told.rows),
        notices=(*notices, *(f"{path}: {notice}" for notice in unused)),
    )


def _beginning(found: _Text) -> Grid:
    head = found.head
    return Grid(
        header=tuple(head.header),
        header_row=head.position + 1,
        match=head.match,
        cells=pa.table({}),
        delimiter=head.delimiter,
        encoding="utf-8",
    )


def _in_blocks(found: _Text, piece_bytes: int, rounded: Collection[str], take: Take) -> Told:
    """Hand over all pieces, read in larger blocks where a row does not fit into one."""
    for block_bytes in (min(_BLOCK_BYTES, piece_bytes), _LONGEST_ROW_BYTES):
        told = Told()
        try:
            for grid in found.grids(piece_bytes, block_bytes):
                part, original = cells.rows(grid, 0, rounded=rounded)
                take(len(told.rows), part, original)
                told.take_in(grid, part)
        except pa.ArrowInvalid as error:
            if "straddling" in str(error):
                continue
            if "Empty CSV" in str(error):
                return told
            advice = "Open it in a spreadsheet, save it as .xlsx, and use that file."
            raise InputError(found.path, "the text cannot be read", advice=advice) from error
        return told
    raise InputError(
        found.path,
        f"a row is longer than {_LONGEST_ROW_BYTES >> 20} MiB",
        advice='A quotation mark (") may never be closed. Look for it, and export the file again.',
    )


def pacsv_schema(width: int) -> pa.Schema:
    """Return the columns of rows of a text file."""
    return pa.schema([(str(index), pa.string()) for index in range(width)])


def most_rows(piece_bytes: int) -> int:
    """Return how many rows a piece of so many bytes may have."""
    return 1 + piece_bytes // _LEAST_ROW_BYTES


def _by_size(
    reader: pacsv.CSVStreamingReader, piece_bytes: int
) -> Iterator[tuple[list[pa.RecordBatch], bool]]:
    """Yield the batches of each piece, and whether it is the last."""
    pending: list[pa.RecordBatch] = []
    most = most_rows(piece_bytes)
    for batch in reader:
        for start in range(0, max(1, batch.num_rows), most):
            size_bytes = sum(each.nbytes for each in pending)
            if size_bytes >= piece_bytes or sum(each.num_rows for each in pending) >= most:
                yield pending, False
                pending = []
            pending.append(batch.slice(start, most))
    yield pending, True


def _own(odd: list[tuple[int, int, str]], end: int, *, is_last: bool) -> int:
    """Return how many of the ragged rows stand before the last even row of a piece.

    Args:
        odd: the ragged rows that are left, by their position in the file.
        end: position after the last even row, if none of these stood before it.
        is_last: there is no later piece.
    """
    if is_last:
        return len(odd)
    own = 0
    while own < len(odd) and odd[own][0] < end + own:
        own += 1
    return own


def _long(
    path: str, place: Path, options: LoadOptions, columns: Mapping[str, str]
) -> _Text | None:
    """Return the file where it can be read in pieces."""
    if options.encoding and codecs.lookup(options.encoding).name != "utf-8":
        return None
    try:
        with place.open("rb") as stream:
            packed = stream.read(2) == _GZIP
        with _opened(place, packed=packed) as stream:
            beginning = stream.read(text.BEGINNING_BYTES + len(codecs.BOM_UTF8))
        if encoding.utf16_without_mark(beginning) or not files.is_text(path, beginning):
            return None
        scanned = _scanned(place, packed=packed)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, OSError):
        return None  # what is wrong with it is said where it is read whole
    if scanned is None:
        return None
    plain = beginning.removeprefix(codecs.BOM_UTF8)
    mark = len(beginning) - len(plain)
    head, start = text.begin(path, plain[: text.BEGINNING_BYTES], options, columns)
    return _Text(
        path=path,
        place=place,
        packed=packed,
        start=mark + start,
        head=head,
        quoted=scanned[0],
        cut=scanned[1],
    )


def _scanned(place: Path, *, packed: bool) -> tuple[bool, bool] | None:
    """Return whether there is a quotation mark, and whether the last row has no line end.

    Returns:
        None where the text may switch character sets.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    decoder, quoted, last = codecs.getincrementaldecoder("utf-8")(), False, b"\n"
    with _opened(place, packed=packed) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            if b"\x1b" in chunk:
                return None
            if not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
            quoted = quoted or b'"' in chunk
            last = chunk[-1:]
    decoder.decode(b"", final=True)
    return quoted, last not in {b"\r", b"\n"}


def _opened(place: Path, *, packed: bool) -> BinaryIO:
    return cast("BinaryIO", gzip.open(place, "rb")) if packed else place.open("rb")


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(stream.read(min(count, _CHUNK_BYTES))) or count


def _sha256(place: Path) -> str:
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
