"""A cheap look at an archive from outside, before anything unpacks it.

What no spreadsheet program writes is refused with the reason: two parts of one name (readers
differ in which they take), parts that overlap or are locked, a declared size or a ratio that only
a bomb has, a document type (the way to entities that explode or fetch). What lies about itself is
met by the limits of the process that reads it.
"""

import re
import struct
import zipfile
from collections import Counter
from io import BytesIO
from itertools import pairwise
from typing import Final

from bulk_referrals.errors import InputError

MOST_PARTS: Final = 10_000
# Beyond what Excel itself opens: a full sheet of a hundred columns.
MOST_INFLATED_BYTES: Final = 4 << 30
# Sheets deflate to a tenth or a twentieth; the most that DEFLATE can is 1,032 times.
_MOST_RATIO: Final = 250
_BOMB_BYTES: Final = 64 << 20
_ENTRY: Final = b"PK\x01\x02"
_LOCKED: Final = 0x1
_LOCKED_ODS: Final = b"encryption-data"  # OpenDocument 1.3 part 2, 4.4
_MANIFEST: Final = "META-INF/manifest.xml"
_BOF: Final = b"\x09\x08\x10\x00\x00\x06\x05\x00"  # of a workbook's globals (MS-XLS 2.4.21)
_FILEPASS: Final = 0x2F
_FIRST_RECORDS: Final = 50
_HEADER_BYTES: Final = 30
_HEAD_BYTES: Final = 4 << 10
_PROLOG_BYTES: Final = 64 << 10
_ROOT: Final = re.compile(rb"<[A-Za-z_]")
_SAVE_AGAIN: Final = "Open it in Excel or LibreOffice, save it again as .xlsx, and use that file."
_SUSPECT: Final = "Ask where it comes from; a workbook saved by Excel or LibreOffice is not so."


def count(path: str, content: bytes) -> None:
    """Raise `InputError` for an archive of more parts than may be listed at all."""
    found = content.count(_ENTRY)
    if found > MOST_PARTS:
        raise InputError(
            path,
            f"the archive has more than {MOST_PARTS:,} parts",
            found=f"{found:,}",
            advice=_SUSPECT,
        )


def check(path: str, content: bytes) -> None:
    """Raise `InputError` for a workbook that is not to be read."""
    if not content.startswith(b"PK\x03\x04"):
        if _is_locked_xls(content):
            raise _locked(path)
        return
    count(path, content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            _sizes(path, entries)
            _places(path, entries, archive.start_dir)
            _unlocked(path, archive)
            for entry in entries:
                if entry.filename.lower().endswith((".xml", ".rels")):
                    _prolog(path, archive, entry)
    except InputError:
        raise
    except Exception as error:  # whatever zipfile and zlib make of bytes that are no archive
        raise InputError(
            path, "the workbook is damaged and cannot be read", advice=_SAVE_AGAIN
        ) from error


def _unlocked(path: str, archive: zipfile.ZipFile) -> None:
    if _MANIFEST in archive.namelist():
        with archive.open(_MANIFEST) as opened:
            if _LOCKED_ODS in opened.read(_PROLOG_BYTES):
                raise _locked(path)


def _locked(path: str) -> InputError:
    return InputError(
        path,
        "the workbook is protected by a password",
        advice="Open it, remove the password, and save it again.",
    )


def _is_locked_xls(content: bytes) -> bool:
    """Whether a FILEPASS record is among the first of the workbook's stream (MS-XLS 2.4.117)."""
    at = content.find(_BOF)
    for _ in range(_FIRST_RECORDS):
        if at < 0 or at + 4 > len(content):
            return False
        kind, length = struct.unpack_from("<HH", content, at)
        if kind == _FILEPASS:
            return True
        at += 4 + length
    return False


def _sizes(path: str, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    worst = max(
        (each for each in entries if each.file_size > _BOMB_BYTES),
        key=lambda each: each.file_size / max(each.compress_size, 1),
        default=None,
    )
    ratio = worst.file_size // max(worst.compress_size, 1) if worst else 0
    if total > MOST_INFLATED_BYTES or ratio > _MOST_RATIO:
        packed = sum(entry.compress_size for entry in entries)
        raise InputError(
            path,
            "the workbook unpacks to far more than it should",
            found=f"{total >> 20:,} MiB out of {packed >> 10:,} KiB",
            advice="Delete empty rows and columns and save it again, or save it as .csv.",
        )


def _places(path: str, entries: list[zipfile.ZipInfo], end: int) -> None:
    if any(entry.flag_bits & _LOCKED for entry in entries):
        raise _locked(path)
    names = Counter(entry.filename.casefold() for entry in entries)
    if len(names) < len(entries):
        raise InputError(path, "two parts of the workbook have one name", advice=_SAVE_AGAIN)
    spans = sorted((e.header_offset, _HEADER_BYTES + e.compress_size) for e in entries)
    if any(at + size > after for (at, size), (after, _) in pairwise([*spans, (end, 0)])):
        raise InputError(path, "parts of the workbook overlap", advice=_SUSPECT)


def _prolog(path: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse a document type, which can only stand before the first element."""
    with archive.open(entry) as opened:
        head = opened.read(_HEAD_BYTES).replace(b"\0", b"")  # UTF-16, too
        root = _ROOT.search(head)
        if root is None:
            head += opened.read(_PROLOG_BYTES).replace(b"\0", b"")
            root = _ROOT.search(head)
    if b"<!DOCTYPE" in head[: root.start() if root else None] or (
        root is None and len(head) > _PROLOG_BYTES
    ):
        raise InputError(path, "the workbook's XML holds a document type", advice=_SUSPECT)
