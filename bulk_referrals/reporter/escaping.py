"""Texts as a workbook's XML holds them, column by column.

The rules kept here, from ECMA-376 part 1:

* a character that XML cannot hold is written ``_xHHHH_``, and a text that looks so by itself has
  its underscore written ``_x005F_`` (22.9.2.19, ST_Xstring); so is a carriage return, which an
  XML reader would turn into a line feed;
* white space at either end, and line feeds, ask for ``xml:space="preserve"``.

Excel's own limit of 32,767 UTF-16 units in a cell is kept by a visible cut.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.weaving import Values, bounds_of, octets_of, signs_in

MOST_UNITS: Final = 32_767
CUT_MARK: Final = " … (cut)"

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_FORBIDDEN_RE2: Final = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_ENTITIES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
# Octets that can begin something to escape; 0xEF leads U+FFFE and U+FFFF.
_SUSPECT: Final = bytes([*range(0x09), *range(0x0B, 0x20), *b"&<>_\xef"])
_WHITE: Final = b" \t\n\r"


def escaped(texts: pa.Array) -> pa.Array:
    """Return texts as the content of ``<t>``, nulls kept, cut to what a cell can hold."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > MOST_UNITS:
        texts = pa.array([text and _cut(text) for text in texts.to_pylist()], pa.string())
    found = signs_in(octets_of(texts), _SUSPECT)
    if found - set(b"&<>"):
        strange = pc.fill_null(pc.match_substring_regex(texts, _FORBIDDEN_RE2), fill_value=False)
        if pc.any(strange).as_py():
            mended = [_FORBIDDEN.sub(_hex, text) for text in texts.filter(strange).to_pylist()]
            texts = pc.replace_with_mask(texts, strange, pa.array(mended, pa.string()))
    for sign, entity in _ENTITIES:
        if ord(sign) in found:
            texts = pc.replace_substring(texts, sign, entity)
    return texts


def _hex(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _cut(text: str) -> str:
    """Return the text, or its beginning and a mark where a cell cannot hold it."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST_UNITS:
        return text
    kept = units[: 2 * (MOST_UNITS - len(CUT_MARK))]
    return kept.decode("utf-16-le", "ignore") + CUT_MARK


def keeps_white(texts: Values) -> bool:
    """Say whether some text has white space that an XML reader might not keep."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return any(_keeps_white(chunk) for chunk in chunks)


def _keeps_white(texts: pa.Array) -> bool:
    octets = octets_of(texts)
    white = signs_in(octets, _WHITE)
    if white != set(b" "):
        return bool(white)
    bounds = bounds_of(texts) - bounds_of(texts)[0]
    filled = bounds[:-1] < bounds[1:]
    ends = octets[bounds[:-1][filled]], octets[bounds[1:][filled] - 1]
    return any(signs_in(end, b" ") for end in ends)
