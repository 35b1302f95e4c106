"""One writing for the many: other scripts' digits, wide signs, odd spaces, invisible marks."""

import unicodedata
from typing import Final

_TWINS: Final = {
    "\N{FULLWIDTH PLUS SIGN}": "+",
    "\N{FULLWIDTH LEFT PARENTHESIS}": "(",
    "\N{FULLWIDTH RIGHT PARENTHESIS}": ")",
    "\N{FULLWIDTH FULL STOP}": ".",
    "\N{FULLWIDTH SOLIDUS}": "/",
    "\N{FULLWIDTH COMMERCIAL AT}": "@",
    "\N{MINUS SIGN}": "-",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
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
        case "Zs":  # the no-break space and its friends
            return " "
        case "Pd":  # hyphens and dashes of every length
            return "-"
        case "Cf":  # zero-width and bidirectional marks, byte order mark, soft hyphen
            return None
    return _TWINS.get(char, char)


_TABLE: Final = _Fold()


def fold(text: str) -> str:
    """Return the text with one writing for each digit, space, dash and sign of a number.

    Decimal digits of every script become ASCII, every Unicode space a space, every dash a
    hyphen; a wide plus, bracket, full stop, slash or @ and the curly apostrophe their ASCII
    twins. Format characters (Unicode category Cf) go. Nothing is stripped at the ends.
    """
    return text if text.isascii() else text.translate(_TABLE)
