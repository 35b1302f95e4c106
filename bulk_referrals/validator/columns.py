"""Small words for Arrow columns that the checks share: trim, map, pick, spread."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.weaving import may_be_padded

type_positions = npt.NDArray[np.int64]
type_mask = npt.NDArray[np.bool_]

# What surrounds a pasted cell without being seen: blanks of every width and zero-width marks.
_BLANKS: Final = (
    " \t\r\n\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
_NULL: Final = pa.scalar(None, pa.string())
_QUOTED_MAX_CHARS: Final = 60


def trimmed(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the cells as text without surrounding blanks; a blank cell becomes null."""
    text = cells.cast(pa.string())
    bare = pc.utf8_trim(text, characters=_BLANKS) if may_be_padded(text) else text
    blank = pc.equal(bare, "")
    return pc.if_else(blank, _NULL, bare) if pc.any(blank).as_py() else bare


def nulls(length: int) -> pa.ChunkedArray:
    """Return a text column of nulls."""
    return pa.chunked_array([pa.nulls(length, pa.string())])


def mask_of(condition: pa.ChunkedArray) -> type_mask:
    """Return a boolean column as a numpy mask; null counts as False."""
    mask: type_mask = pc.fill_null(condition, fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def filled(cells: pa.ChunkedArray) -> type_mask:
    """Return where the column holds something."""
    if cells.null_count == len(cells):
        return np.zeros(len(cells), dtype=np.bool_)
    if cells.null_count == 0:
        return np.ones(len(cells), dtype=np.bool_)
    return mask_of(pc.is_valid(cells))


def positions(mask: type_mask) -> type_positions:
    """Return where the mask is True, ascending."""
    return np.flatnonzero(mask).astype(np.int64)


def pick(cells: pa.ChunkedArray, at: type_positions) -> pa.ChunkedArray:
    """Return the cells at these positions; the column itself when they are all of them."""
    return cells if len(at) == len(cells) else cells.take(pa.array(at))


def words(cells: pa.ChunkedArray, at: type_positions) -> list[str]:
    """Return the cells at these positions as Python text, null as ""; for the few at fault."""
    return [cell or "" for cell in cells.take(pa.array(at)).to_pylist()]


def quoted(cell: str) -> str:
    """Return the cell in quotes for a reason, cut where it would drown the sentence."""
    whole = len(cell) <= _QUOTED_MAX_CHARS
    return f"'{cell}'" if whole else f"'{cell[: _QUOTED_MAX_CHARS - 1]}…'"


def by_distinct(cells: pa.ChunkedArray, reading: Callable[[str], str | None]) -> pa.ChunkedArray:
    """Return `reading` of each cell, called once per distinct one; null stays null."""
    encoded = cells.combine_chunks().dictionary_encode()
    read = pa.array([reading(cell) for cell in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([read.take(encoded.indices)])


def where_distinct(cells: pa.ChunkedArray, is_so: Callable[[str], bool]) -> type_positions:
    """Return where `is_so` says so of the cell, asked once per distinct one; never of null."""
    encoded = cells.combine_chunks().dictionary_encode()
    told = [code for code, cell in enumerate(encoded.dictionary.to_pylist()) if is_so(cell)]
    if not told:
        return np.empty(0, dtype=np.int64)
    return positions(mask_of(pc.is_in(encoded.indices, value_set=pa.array(told, pa.int32()))))


def spread(
    parts: Iterable[tuple[type_positions, pa.ChunkedArray]], *, length: int
) -> pa.ChunkedArray:
    """Return a text column of `length` lines with each part's cells at its positions.

    Positions of different parts do not overlap; a line that no part names is null.
    """
    kept = [(at, cells) for at, cells in parts if len(at)]
    if not kept:
        return nulls(length)
    if len(kept) == 1 and len(kept[0][0]) == length:
        return kept[0][1]
    chunks: list[Any] = [chunk for _, cells in kept for chunk in cells.chunks]
    together = pa.chunked_array(chunks, pa.string()).combine_chunks()
    source = sources(np.concatenate([at for at, _ in kept]), length=length)
    return pa.chunked_array([together.take(source)])


def scattered(at: type_positions, texts: pa.Array, *, length: int) -> pa.ChunkedArray:
    """Return a text column of `length` lines with the texts at these positions, else null.

    Args:
        at: ascending.
        texts: text, one for each position.
        length: lines of the column.
    """
    # A few texts among many nulls: their bytes stay as they are, only the offsets are spread.
    texts = pa.concat_arrays([texts])
    offsets = np.zeros(length + 1, dtype=np.int32)
    offsets[at + 1] = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    valid = np.zeros(length, dtype=np.bool_)
    valid[at] = texts.is_valid().to_numpy(zero_copy_only=False)
    buffers = (np.cumsum(offsets, dtype=np.int32), np.packbits(valid, bitorder="little"))
    spread_out, bits = (pa.py_buffer(buffer) for buffer in buffers)
    text = texts.buffers()[2]
    return pa.chunked_array([pa.StringArray.from_buffers(length, spread_out, text, bits)])


def sources(at: type_positions, *, length: int) -> pa.Array:
    """Return, for each of `length` lines, which element of `at` names it; null for none."""
    source = np.full(length, -1, dtype=np.int64)
    source[at] = np.arange(len(at))
    return pa.array(source, mask=source < 0)
