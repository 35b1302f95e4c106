"""Which encoding a text file is in; a doubtful guess is refused, for mojibake is never noticed.

A byte order mark decides; then UTF-16 without one, by its zero bytes; then UTF-8, which other
encodings hardly ever imitate. What is left is read in each encoding that `plausible` knows, and
taken only where exactly one reading makes sense, and that one is among `_TAKEN`: the same bytes
are `ñ` in Western Europe and `ń` in Poland. Otherwise the user is asked, with the likeliest
encoding named (by charset-normalizer, where we know none).
"""

import codecs
import difflib
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from bulk_referrals.errors import InputError, UsageError
from bulk_referrals.loader.grid import Positions

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON: Final = (
    "utf-8",
    "utf-16",
    "cp1252",
    "cp1250",
    "cp1251",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "iso8859-1",
    "iso8859-15",
    "mac_roman",
    "cp850",
)
_TAKEN: Final = frozenset({"cp1252", "cp932", "gb18030"})
_HEAD_BYTES: Final = 64 << 10
_SAMPLE_BYTES: Final = 128 << 10
_LINE_BYTES: Final = 4 << 10


def is_utf8(content: bytes) -> bool:
    """Return whether the bytes are UTF-8, without building a string of them."""
    if content.isascii():
        return True
    offsets = pa.array([0, len(content)], pa.int64()).buffers()[1]
    buffers = [None, offsets, pa.py_buffer(content)]
    try:
        pa.Array.from_buffers(pa.large_binary(), 1, buffers).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def to_utf8(path: str, content: bytes, wanted: str) -> tuple[bytes, str]:
    """Return the text as UTF-8 without a byte order mark, and the name of its encoding.

    Args:
        path: as the user named it, for messages.
        content: the whole file.
        wanted: the encoding that the user gave; "" means detect.

    Raises:
        UsageError: there is no such encoding.
        InputError: the text is not in that encoding, or its own is in doubt.
    """
    if wanted:
        return _decoded(path, content, _known(wanted))
    for mark, name in _BOMS:
        if content.startswith(mark):
            return _decoded(path, content, name)
    if wide := utf16_without_mark(content[:_HEAD_BYTES]):
        return _decoded(path, content, wide)
    if is_utf8(content):
        if b"\x1b" in content and b"\x1b$" in content:  # one byte is found far faster than two
            raise _doubt(path, "it switches character sets (ISO-2022)", "iso2022_jp")
        return content, "utf-8"
    return _decoded(path, content, _guess(path, content))


def _known(wanted: str) -> str:
    try:
        return codecs.lookup(wanted).name
    except LookupError:
        near = difflib.get_close_matches(wanted.lower(), _COMMON, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else f"Use one of {', '.join(_COMMON)}."
        msg = f"--encoding '{wanted}': there is no such encoding. {hint}"
        raise UsageError(msg) from None


def _decoded(path: str, content: bytes, name: str) -> tuple[bytes, str]:
    if name == "utf-8" and is_utf8(content):
        return content.removeprefix(codecs.BOM_UTF8), name
    try:
        text = content.decode(name)
    except (UnicodeError, LookupError) as error:
        at = f"byte {error.start:,} does not fit" if isinstance(error, UnicodeDecodeError) else ""
        raise InputError(
            path,
            f"the text is not {name}",
            found=at,
            advice="The file may be cut off, or mix encodings: save it again as UTF-8, or give"
            " its encoding with --encoding.",
        ) from None
    return text.removeprefix("\ufeff").encode("utf-8", "replace"), name


def utf16_without_mark(head: bytes) -> str:
    """Return utf-16-le or utf-16-be where the zero bytes of ASCII text give it away."""
    zeros = np.frombuffer(head[: len(head) // 2 * 2], dtype=np.uint8).reshape(-1, 2) == 0
    if not zeros.size:
        return ""
    first, second = zeros.mean(axis=0)
    enough, hardly_any = 0.2, 0.01
    if second > enough and first < hardly_any:
        return "utf-16-le"
    if first > enough and second < hardly_any:
        return "utf-16-be"
    return ""


def _guess(path: str, content: bytes) -> str:
    """Return the one encoding in which the text makes sense."""
    from bulk_referrals.loader import plausible  # noqa: PLC0415 - rarely needed

    raw = np.frombuffer(content, dtype=np.uint8)
    high = np.flatnonzero(raw >= 0x80)  # noqa: PLR2004 - the first byte that is not ASCII
    everywhere = bytes(np.flatnonzero(np.bincount(raw[high], minlength=256)).astype(np.uint8))
    lines = list(_lines_around(content, high, everywhere))
    if sum(map(is_utf8, lines)) * 2 > len(lines):
        raise _mixed(path, content)
    sample = b"\n".join(lines)
    sensible = plausible.readings(sample, everywhere)
    if sensible <= _TAKEN and len(sensible) == 1:
        return sensible.pop()
    if len(sensible) > 1:
        first, second, *_ = sorted(sensible, key=lambda name: (name not in _TAKEN, name))
        listed = ", ".join(sorted(sensible))
        raise _doubt(path, f"its text makes sense in {listed}", first, (everywhere, second))
    likely = sensible.pop() if sensible else _likeliest(sample)
    looks = f", and looks like {likely}" if likely else ""
    raise _doubt(path, f"it is not UTF-8{looks}", likely)


def _mixed(path: str, content: bytes) -> InputError:
    """Say where a text stops being UTF-8 that mostly is."""
    try:
        content.decode()
        at = len(content)
    except UnicodeDecodeError as error:
        at = error.start
    line = content.count(b"\n", 0, at) + 1
    return InputError(
        path,
        "its text mixes encodings",
        found=f"UTF-8 in most lines, but not in line {line:,}",
        advice="Correct that line and save the file as UTF-8 (in Excel: 'CSV UTF-8'), or say with"
        " --encoding how all of it should be read.",
    )


def _lines_around(content: bytes, high: Positions, everywhere: bytes) -> Iterator[bytes]:
    """Yield the first lines that are not ASCII, and the last one that holds each such byte.

    So no byte is judged unseen, and the sample stays bounded.
    """
    size_bytes = 0
    place = 0
    while place < len(high) and size_bytes < _SAMPLE_BYTES:
        line, end = _line_at(content, int(high[place]))
        yield line
        size_bytes += len(line)
        place = int(np.searchsorted(high, end))
    if place < len(high):
        for each in everywhere:
            yield _line_at(content, content.rfind(each.to_bytes()))[0]


def _line_at(content: bytes, at: int) -> tuple[bytes, int]:
    """Return the line around a place, or as much of it as is bounded, and where it ends."""
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    end = len(content) if end < 0 else end
    return content[max(start, at - _LINE_BYTES) : min(end, at + _LINE_BYTES)], end


def _likeliest(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - start-up time, rarely needed

    best = from_bytes(sample).best()
    return best.encoding if best is not None else ""


def _doubt(
    path: str, problem: str, example: str, other: tuple[bytes, str] | None = None
) -> InputError:
    say = f"--encoding {example or 'cp1252'}"
    if other is not None:
        letters, rival = other
        here, there = _first_difference(letters, example, rival)
        say += f" if it should read '{here}', {rival} if '{there}'" if here else ""
    return InputError(
        path,
        f"its encoding is in doubt: {problem}",
        advice=f"Save it as UTF-8 (in Excel: 'CSV UTF-8'), or say which it is: {say}.",
    )


def _first_difference(letters: bytes, name: str, rival: str) -> tuple[str, str]:
    """Return how two encodings of single bytes read the first byte that they read differently."""
    for each in letters:
        try:
            here, there = (each.to_bytes().decode(one) for one in (name, rival))
        except UnicodeDecodeError:
            continue
        if here != there and here.isalpha() and there.isalpha():
            return here, there
    return "", ""
