"""Put long sheets into a finished workbook: deflated in parallel, in place of their rows.

A workbook is a ZIP archive. The small parts come from the shell as they are; a long sheet's rows
are built and deflated block by block on all cores, and the blocks, each ended by a flush that
leaves the stream open, make one DEFLATE stream together (RFC 1951; zlib's pigz does the same).
"""

import io
import os
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bulk_referrals.reporter.cells import SharedTexts
from bulk_referrals.reporter.rows import RowsXml
from bulk_referrals.weaving import BLOCK_LINES, Octets

try:  # Three times as fast, and never needed.
    from isal import isal_zlib as deflater
except ImportError:  # pragma: no cover - where the platform has no wheel
    deflater = zlib  # type: ignore[misc]

SHARED_PART: Final = "xl/sharedStrings.xml"
_LEVEL: Final = 1
_ZIP32_MOST: Final = 2**32 - 2**20
_END_OF_STREAM: Final = b"\x03\x00"  # an empty final block

Buffer = bytes | Octets
Deflated = tuple[bytes, int, Sequence[Buffer]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongPart:
    """A sheet of the shell whose rows are to be put in.

    Attributes:
        name: the part's name in the archive.
        rows: the grid's rows.
        start: the first that stands on this sheet.
        stop: the one after the last.
        last_cell: the reference of the sheet's last cell.
    """

    name: str
    rows: RowsXml
    start: int
    stop: int
    last_cell: str


def splice(shell: bytes, path: Path, parts: Sequence[LongPart], shared: SharedTexts) -> None:
    """Write the shell's workbook to `path` with the long sheets' rows put in.

    Args:
        shell: a workbook; each long sheet has a heading as row 1 and a row 2 to be replaced.
        path: an existing or new file.
        parts: the long sheets.
        shared: the texts that their cells refer to.
    """
    long = {part.name: part for part in parts}
    workers = min(os.cpu_count() or 1, 8)
    with (
        zipfile.ZipFile(io.BytesIO(shell)) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book,
        ThreadPoolExecutor(workers) as pool,
    ):
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename in long:
                part = long[entry.filename]
                jobs = _jobs(content, part)
                wide = part.rows.most_octets(part.start, part.stop) > _ZIP32_MOST
                _add_stream(book, entry.filename, _in_order(pool, jobs, 2 * workers), wide=wide)
            else:
                added = entry.filename == SHARED_PART
                book.writestr(entry, with_shared(content, shared) if added else content)


def shared_count(shell: bytes) -> int:
    """Return how many shared texts a workbook has."""
    with zipfile.ZipFile(io.BytesIO(shell)) as book:
        found = re.search(rb'uniqueCount="(\d+)"', book.read(SHARED_PART))
    return int(found[1]) if found else 0


def with_shared(content: bytes, shared: SharedTexts) -> bytes:
    """Return the part of the shared texts with ours added at its end."""
    counted = re.sub(
        rb'count="(\d+)" uniqueCount="(\d+)"',
        lambda found: (
            b'count="%d" uniqueCount="%d"'
            % (int(found[1]) + shared.uses, int(found[2]) + len(shared.numbers))
        ),
        content,
        count=1,
    )
    return counted.replace(b"</sst>", shared.xml().encode() + b"</sst>")


def _jobs(content: bytes, part: LongPart) -> Iterator[Callable[[], Deflated]]:
    """Yield what makes each deflated piece of a sheet, in order."""
    head, _, rest = content.partition(b'<row r="2"')
    _, _, tail = rest.partition(b"</row>")
    head = re.sub(
        rb'<dimension ref="[^"]*"/>', f'<dimension ref="A1:{part.last_cell}"/>'.encode(), head
    )
    yield partial(_deflated, [head])
    for start in range(part.start, part.stop, BLOCK_LINES):
        stop = min(start + BLOCK_LINES, part.stop)
        yield partial(_deflated_rows, part.rows, start, stop, start - part.start + 2)
    yield partial(_deflated, [tail])


def _deflated_rows(rows: RowsXml, start: int, stop: int, first_row: int) -> Deflated:
    return _deflated(rows.blocks(start, stop, first_row))


def _deflated(blocks: Iterable[Buffer]) -> Deflated:
    raw = list(blocks)
    stream = deflater.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join([*map(stream.compress, raw), stream.flush(zlib.Z_SYNC_FLUSH)])
    return packed, sum(map(len, raw)), raw


def _in_order(
    pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], Deflated]], ahead: int
) -> Iterator[Deflated]:
    """Yield what the jobs make, in their order, with so many of them under way."""
    waiting: deque[Future[Deflated]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _add_stream(
    book: zipfile.ZipFile, name: str, pieces: Iterable[Deflated], *, wide: bool
) -> None:
    """Add a member from pieces already deflated; its header is written again with its sizes.

    Args:
        book: the archive, open for writing on a file that can seek.
        name: the member's.
        pieces: in order.
        wide: the member may be larger than 4 GiB. Only then ZIP64 is used, since Excel takes
            exception to it.
    """
    file = book.fp
    if file is None:
        raise ValueError(name)
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry.CRC = entry.file_size = entry.compress_size = 0
    file.seek(book.start_dir)
    entry.header_offset = file.tell()
    file.write(entry.FileHeader(zip64=wide))
    for packed, size, raw in pieces:
        for block in raw:
            entry.CRC = deflater.crc32(block, entry.CRC)
        entry.file_size += size
        entry.compress_size += file.write(packed)
    entry.compress_size += file.write(_END_OF_STREAM)
    book.start_dir = file.tell()
    file.seek(entry.header_offset)
    file.write(entry.FileHeader(zip64=wide))
    file.seek(book.start_dir)
    book.filelist.append(entry)
    book.NameToInfo[name] = entry
