"""The policy step by the column: what `dialled` says of the cells that hold a number."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.contacts.dialled import FORMATTED, LONGEST_NUMBER, LONGEST_TEXT, MARK, WHOLE
from bulk_referrals.contacts.folding import fold

# Shorter numbers are nobody's mobile, and left to the exact way.
_PLAIN: Final = rf"^\+?[0-9]{{4,{LONGEST_NUMBER}}}$"
_ZEROS: Final = "000000"  # the least that a spreadsheet leaves of a rounded number


def dialled_numbers(cells: pa.Array) -> pa.Array:
    """Return what one would dial; null where the exact way has to say (refused or unusual)."""
    plain = pc.match_substring_regex(cells, _PLAIN)
    if not pc.all(plain, min_count=0).as_py():
        odd = pc.invert(plain)
        cells = pc.replace_with_mask(cells, odd, _unformatted(cells.filter(odd)))
    return pc.if_else(pc.ends_with(cells, _ZEROS), None, cells)


def _unformatted(cells: pa.Array) -> pa.Array:
    """Do the policy step for cells that hold more than digits."""
    text = pc.ascii_trim_whitespace(_folded(cells))
    text = pc.replace_substring_regex(text, f"^{MARK}", "")
    text = pc.ascii_trim_whitespace(text)
    short = pc.less_equal(pc.binary_length(text), LONGEST_TEXT)
    text = pc.replace_substring_regex(text, f"^{WHOLE}$", r"\1")
    sure = pc.and_not(short, pc.match_substring(text, "/"))
    sure = pc.and_(sure, pc.not_equal(pc.count_substring(text, "."), 1))
    formatted = pc.and_(sure, pc.match_substring_regex(text, f"^{FORMATTED}$"))
    text = pc.if_else(formatted, pc.replace_substring_regex(text, "[^0-9+]+", ""), None)
    return pc.if_else(pc.match_substring_regex(text, _PLAIN), text, None)


def _folded(cells: pa.Array) -> pa.Array:
    """Fold the cells beyond ASCII, all of them in one text."""
    foreign = pc.invert(pc.string_is_ascii(cells))
    if not pc.any(foreign, min_count=0).as_py():
        return cells
    rows = cells.filter(foreign).to_pylist()
    folded = fold("\0".join(rows)).split("\0")
    if len(folded) != len(rows):  # a cell holds the very sign that parts them
        folded = [fold(row) for row in rows]
    return pc.replace_with_mask(cells, foreign, pa.array(folded, pa.string()))
