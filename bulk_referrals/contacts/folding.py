"""One writing for the many: other scripts' digits, wide signs, odd spaces, invisible marks."""

import unicodedata
from typing import Final

_WIDE: Final = {
    "＋": "+",
    "（": "(",
    "）": ")",
    "．": ".",
    "／": "/",
    "＠": "@",
    "\N{MINUS SIGN}": "-",
}


class _Fold(dict[int, str | None]):
    """A table for `str.translate` that looks each new character up once."""

    def __missing__(self, code: int) -> str | None:
        self[code] = folded = _folded(chr(code))
        return folded


def _folded(char: str) -> str | None:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    match unicodedata.category(char):
        case "Zs":  # NBSP and its friends
            return " "
        case "Pd":  # hyphens and dashes of every length
            return "-"
        case "Cf":  # zero-width and bidirectional marks, BOM, soft hyphen
            return None
    return _WIDE.get(char, char)


_TABLE: Final = _Fold()


def fold(text: str) -> str:
    """Return the text with one writing for each digit, space and dash.

    Decimal digits of every script become ASCII, every Unicode space a space, every dash a
    hyphen, wide ``＋（）．／＠`` their ASCII twins; format characters (Unicode category Cf:
    zero-width and bidirectional marks, the byte order mark, the soft hyphen) go. Characters
    keep their order; nothing is stripped at the ends.
    """
    return text if text.isascii() else text.translate(_TABLE)
