"""The date layouts of fixed width that systems write, read as columns of bytes.

These are the forms that whole exports come in; `dateforms` reads them too, cell by cell by its
patterns, some ten times slower and to the same result.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bulk_referrals.validator.columns import type_mask

# Y, m, d, H, M, S stand for digits of what they usually do; a and b for the first and the second
# of day and month, whose order is open. All else stands for itself, save what `_MARKS` says.
LAYOUTS: Final = (
    "YYYY-mm-dd",
    "YYYY-mm-dd HH:MM",
    "YYYY-mm-dd HH:MM:SS",
    "YYYY-mm-dd HH:MM:SSz",
    "YYYYmmddtHH:MM:SS",
    "aa/bb/YYYY",
    "aa/bb/YYYY HH:MM",
    "aa/bb/YYYY HH:MM:SS",
)
_DIGITS: Final = "YmdabHMS"
_MARKS: Final = {" ": b" t", "/": b"/-."}
_ZERO: Final = ord("0")
_TEN: Final = np.int16(10)

type_numbers = dict[str, npt.NDArray[np.integer]]


def numbers(cells: pa.Array, layout: str) -> tuple[type_mask, type_numbers]:
    """Return which cells are written in the layout, and the number that each letter stands for.

    Args:
        cells: text in lower case, no nulls, each of as many bytes as the layout.
        layout: one of `LAYOUTS`.

    Returns:
        The mask; and int16 by letter, of no meaning where the mask is False.
    """
    columns = _byte_columns(cells, len(layout))
    fits = np.ones(len(cells), dtype=np.bool_)
    found: type_numbers = {}
    for letter, column in zip(layout, columns, strict=True):
        if letter in _DIGITS:
            digit = column - _ZERO  # uint8: what lies below "0" wraps to above 9
            fits &= digit <= 9  # noqa: PLR2004 - the last digit
            tens = found.get(letter)
            found[letter] = digit.astype(np.int16) if tens is None else tens * _TEN + digit
        else:
            marks = _MARKS.get(letter, letter.encode())
            fits &= np.logical_or.reduce([column == mark for mark in marks])
    if "/" in layout:
        first, second = (i for i, letter in enumerate(layout) if letter == "/")
        fits &= columns[first] == columns[second]
    return fits, found


def _byte_columns(cells: pa.Array, width: int) -> npt.NDArray[np.uint8]:
    """Return the cells' bytes, one contiguous line per place in the cell."""
    _, offsets, text = cells.buffers()
    if text is None or not len(cells):
        return np.zeros((width, 0), dtype=np.uint8)
    start = int(np.frombuffer(offsets, np.int32)[cells.offset])
    raw = np.frombuffer(text, np.uint8)[start : start + len(cells) * width]
    return np.ascontiguousarray(raw.reshape(len(cells), width).T)
