"""Which files the user means, and what each really is: its bytes decide, not its name.

- A folder stands for the spreadsheets in it, in the order of their names; hidden files and the
  lock files that Excel and LibreOffice leave (`~$x.xlsx`, `.~lock.x.ods#`) are passed over.
- A glob stands for the files that match it, in the order of their names.
- "-" is standard input. A file named twice is read once, and a notice says so.
"""

import glob
import gzip
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, BinaryIO, Final

from bulk_referrals.errors import InputError, NothingToDoError, UsageError
from bulk_referrals.workbooks import prescan

STDIN: Final = "-"
PARQUET_SUFFIXES: Final = (".parquet", ".parq", ".pq")
TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".tab", ".psv")
WORKBOOK_SUFFIXES: Final = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
PACKED_SUFFIXES: Final = (".gz", ".zip")
_PLAIN: Final = TEXT_SUFFIXES + WORKBOOK_SUFFIXES + PARQUET_SUFFIXES
_ENDINGS: Final = (*_PLAIN, *(a + b for a in _PLAIN for b in PACKED_SUFFIXES), ".zip")
_CHUNK_BYTES: Final = 1 << 20
_MIMETYPE_BYTES: Final = 100
_SAVE_AS: Final = "Open it in Excel or LibreOffice, save it as .xlsx or .csv, and use that file."

_PARQUET: Final = (b"PAR1", b"PARE")  # the second: even what it is made of is encrypted
# Text of a Parquet file over its bytes: it is packed, and names what comes again by a number.
_PARQUET_TEXT: Final = 8

# First bytes -> what people call such a file. None of them can be read as a spreadsheet.
_FOREIGN: Final = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),  # in another one, since the first is unpacked
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"{\\rtf", "a text document"),
    (b'{"', "a JSON file"),
    (b'[{"', "a JSON file"),
)
_MARKUP: Final = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<table", "a web page"),
    (b"<meta", "a web page"),
    (b"<head", "a web page"),
    (b"<style", "a web page"),
    (b"<?xml", "an XML document"),
    (b"<workbook", "an XML document"),
)


class Kind(StrEnum):
    """What a source is, by its bytes."""

    TEXT = "text"
    WORKBOOK = "a workbook"
    PARQUET = "a Parquet file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file's bytes, unpacked, and what they are.

    Attributes:
        path: as the user named it.
        kind: by the bytes.
        raw: the bytes as they lie on disk.
        content: the bytes, after decompression.
        notices: what the user should know of how it was read.
    """

    path: str
    kind: Kind
    raw: bytes
    content: bytes
    notices: tuple[str, ...] = ()

    def sha256(self) -> str:
        """Return the hex digest of the file as it lies on disk."""
        return hashlib.sha256(self.raw).hexdigest()


def find(
    paths: Sequence[str],
    fetched: Mapping[str, Path] | None = None,
    absent: list[NothingToDoError] | None = None,
) -> tuple[list[str], list[str]]:
    """Return the files that the paths, folders and globs stand for, and notices.

    Args:
        paths: files, folders, globs, or "-".
        fetched: those of the paths that lie elsewhere: they stand for themselves.
        absent: takes what would be raised of a glob or a folder, so that the others are found.

    Raises:
        UsageError: there is no path.
        NothingToDoError: a glob matches nothing, a folder has no spreadsheet.
    """
    if not paths:
        msg = "no file to read. Name a spreadsheet, a folder, or - for standard input."
        raise UsageError(msg)
    found: list[str] = []
    notices: list[str] = []
    seen: set[str] = set()
    for path in _expanded(paths, fetched or {}, absent):
        real = path if path == STDIN else os.path.realpath(path)
        if real in seen:
            notices.append(f"{path}: named more than once; it is read once.")
            continue
        seen.add(real)
        found.append(path)
    return found, notices


def read(
    path: str, stdin: BinaryIO | None, memory_bytes: int, fetched: Mapping[str, Path] | None = None
) -> Content:
    """Return one file's bytes, unpacked, and what they are.

    Args:
        path: as the user named it.
        stdin: what "-" reads.
        memory_bytes: what reading may take; rows of text take about as much as the file again.
        fetched: path -> where its bytes lie, for what does not lie where its path says.

    Raises:
        NothingToDoError: there is no such file, or it is empty.
        InputError: it cannot be opened, is too large, or of no kind that can be read.
    """
    raw = _read_bytes(path, stdin, memory_bytes // 2, (fetched or {}).get(path, Path(path)))
    unpacked, inner = _unpack(path, raw, memory_bytes // 2)
    kind = _kind(path, unpacked)
    named = inner or path
    return Content(
        path=path,
        kind=kind,
        raw=raw,
        content=unpacked,
        notices=tuple(misnamed(path, named, kind)),
    )


def is_text(path: str, beginning: bytes) -> bool:
    """Tell by its first bytes whether a file is text.

    Raises:
        InputError: it is of no kind that can be read.
    """
    return not beginning.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) and (
        _kind(path, beginning) is Kind.TEXT
    )


def is_parquet(place: Path) -> bool:
    """Tell by its first bytes whether a file is a Parquet file; no where it cannot be read."""
    try:
        with place.open("rb") as opened:
            return opened.read(4) in _PARQUET
    except OSError:
        return False


def text_bytes(place: Path) -> int:
    """Return about how much text is in a file, by its size; 0 where there is none."""
    if not place.is_file():
        return 0
    return place.stat().st_size * (_PARQUET_TEXT if is_parquet(place) else 1)


def is_spreadsheet(name: str) -> bool:
    """Tell by its name whether a file of a folder is one of those that the folder stands for."""
    return name.lower().endswith(_ENDINGS) and not name.startswith((".", "~$"))


def _expanded(
    paths: Sequence[str], fetched: Mapping[str, Path], absent: list[NothingToDoError] | None
) -> Iterator[str]:
    for path in paths:
        try:
            yield from _expand(path, fetched)
        except NothingToDoError as nothing:
            if absent is None:
                raise
            absent.append(nothing)


def _expand(path: str, fetched: Mapping[str, Path]) -> Iterator[str]:
    if path == STDIN or path in fetched:
        yield path
    elif Path(path).is_dir():
        yield from _spreadsheets(path)
    elif Path(path).exists() or not glob.has_magic(path):
        yield path
    else:
        matches = sorted(each for each in glob.glob(path, recursive=True) if _is_open(each))  # noqa: PTH207 - keeps the path as the user wrote it
        if not matches:
            raise NothingToDoError(
                path, "no file matches this pattern", advice="Check the folder and the name."
            )
        yield from matches


def _spreadsheets(folder: str) -> list[str]:
    names = sorted(each.name for each in Path(folder).iterdir() if each.is_file())
    chosen = [name for name in names if is_spreadsheet(name)]
    if not chosen:
        raise NothingToDoError(
            folder,
            "the folder holds no spreadsheet",
            found=f"{len(names):,} files of other kinds" if names else "it empty",
            advice="Put .csv, .xlsx, .ods, .parquet or the like there, or name another folder.",
        )
    return [str(Path(folder) / name) for name in chosen]


def _is_open(path: str) -> bool:
    return Path(path).is_file() and not Path(path).name.startswith("~$")


def _read_bytes(path: str, stdin: BinaryIO | None, most_bytes: int, place: Path) -> bytes:
    try:
        if path == STDIN:
            content = _read_stdin(stdin, most_bytes)
        else:
            with place.open("rb") as opened:  # a pipe or a device has no size to ask for
                content = opened.read(most_bytes + 1)
    except FileNotFoundError:
        advice = "Check the folder and the name."
        raise NothingToDoError(path, "no such file", advice=advice) from None
    except OSError as error:
        problem = f"it cannot be read ({error.strerror or type(error).__name__})"
        raise InputError(path, problem, advice="Check the file and its permissions.") from error
    if not content:
        raise NothingToDoError(path, "the file is empty", advice="Export it again.")
    if len(content) > most_bytes:
        raise _too_large(path, "it is larger", most_bytes)
    return content


def _too_large(path: str, problem: str, most_bytes: int) -> InputError:
    return InputError(
        path,
        f"{problem} than {most_bytes / (1 << 30):.3g} GiB",
        advice="Split it into smaller files, or allow more than twice as much with --max-memory.",
    )


def _read_stdin(stdin: BinaryIO | None, most_bytes: int) -> bytes:
    if stdin is None:
        raise InputError(
            STDIN, "there is no standard input", advice="Name a file, or pipe one in."
        )
    return stdin.read(most_bytes + 1)


def _unpack(path: str, raw: bytes, most_bytes: int) -> tuple[bytes, str]:
    """Return the bytes and the name inside; the very same bytes where nothing was packed."""
    try:
        if raw.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
                inner = path.removesuffix(".gz").removesuffix(".GZ")
                return _inflate(path, packed, most_bytes), inner
        if raw.startswith(b"PK\x03\x04"):
            prescan.count(path, raw)
            if not _office_kind(raw):
                return _only_member(path, raw, most_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            path, "the archive is damaged, cut short or locked", advice="Fetch or pack it again."
        ) from error
    return raw, ""


def _only_member(path: str, raw: bytes, most_bytes: int) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [
            each
            for each in archive.infolist()
            if not each.is_dir()
            and not each.filename.startswith("__MACOSX/")
            and not Path(each.filename).name.startswith(".")
        ]
        if len(members) != 1:
            raise InputError(
                path,
                "an archive must hold one spreadsheet",
                found=f"{len(members):,} files in it",
                advice="Unpack it into a folder and name the folder.",
            )
        with archive.open(members[0]) as packed:
            return _inflate(path, packed, most_bytes), members[0].filename


def _inflate(path: str, packed: IO[bytes] | gzip.GzipFile, most_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while chunk := packed.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes > most_bytes:
            raise _too_large(path, "it unpacks to more", most_bytes)
        chunks.append(chunk)
    if not size_bytes:
        problem = "the file in the archive is empty"
        raise NothingToDoError(path, problem, advice="Export it again.")
    return b"".join(chunks)


def _office_kind(raw: bytes) -> str:
    """Return "workbook", "document" or "presentation" for an office file; "" for another zip."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = set(archive.namelist())
        if "mimetype" in names:
            with archive.open("mimetype") as opened:
                declared = opened.read(_MIMETYPE_BYTES)
            return "workbook" if b"opendocument.spreadsheet" in declared else "document"
    if any(name.lower().startswith("xl/workbook.") for name in names):
        return "workbook"
    if "[Content_Types].xml" in names:
        return "presentation" if any(n.startswith("ppt/") for n in names) else "document"
    return ""


def _kind(path: str, content: bytes) -> Kind:
    if content.startswith(_PARQUET):
        return Kind.PARQUET
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, words in _FOREIGN:
        if content.startswith(magic) or (magic[:1] in b"{[" and start.startswith(magic)):
            raise InputError(path, f"it is {words}, not a spreadsheet", advice=_SAVE_AS)
    for magic, words in _MARKUP:
        if start[:64].lower().startswith(magic):
            raise InputError(path, f"it is {words}, not a spreadsheet", advice=_SAVE_AS)
    if content.startswith(b"PK\x03\x04"):
        if (found := _office_kind(content)) == "workbook":
            return Kind.WORKBOOK
        problem = f"it is a {found or 'packed archive'}, not a spreadsheet"
        raise InputError(path, problem, advice=_SAVE_AS)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _old_office(path, content)
    return Kind.TEXT


def _old_office(path: str, content: bytes) -> Kind:
    def holds(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if holds("EncryptedPackage"):
        raise InputError(
            path,
            "the workbook is protected by a password",
            advice="Open it, remove the password, and save it again.",
        )
    if holds("Workbook") or holds("Book"):
        return Kind.WORKBOOK
    raise InputError(path, "it is an office file, but not a spreadsheet", advice=_SAVE_AS)


def misnamed(path: str, named: str, kind: Kind) -> Iterator[str]:
    """Say where a name promises what the bytes are not."""
    suffix = Path(named).suffix.lower()
    expected = {
        Kind.TEXT: TEXT_SUFFIXES,
        Kind.WORKBOOK: WORKBOOK_SUFFIXES,
        Kind.PARQUET: PARQUET_SUFFIXES,
    }[kind]
    if suffix in _PLAIN and suffix not in expected:
        yield f"{path}: its name ends in {suffix}, but it is {kind}; it was read as {kind}."
