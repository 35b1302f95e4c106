"""Which texts of a column are equal, told by numbers: half the cost of a dictionary of them."""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Arrow's Array or ChunkedArray, which come without types.
Values: TypeAlias = Any
Numbers = npt.NDArray[np.int64]

_INT64_DIGITS: Final = 19


def numbers(texts: Values) -> Numbers:
    """Return texts as numbers that are equal where the texts are; all nulls are one text.

    What is a number already, as the keys of mobiles are, serves as one; the rest is counted down
    from -1, apart from them. A leading zero would be lost, and 19 digits may not fit.
    """
    found = np.empty(len(texts), dtype=np.int64)
    rest, start = [], 0
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        short = pc.and_(
            pc.ascii_is_decimal(chunk), pc.less(pc.binary_length(chunk), _INT64_DIGITS)
        )
        plain = pc.fill_null(pc.and_not(short, pc.starts_with(chunk, "0")), fill_value=False)
        here = found[start : start + len(chunk)]
        mask = plain.to_numpy(zero_copy_only=False)
        here[mask] = chunk.filter(plain).cast(pa.int64()).to_numpy()
        if not mask.all():
            rest.append((here, ~mask, chunk.filter(pc.invert(plain))))
        start += len(chunk)
    others = pa.chunked_array([cells for *_, cells in rest], pa.string()).combine_chunks()
    codes = others.dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)
    for here, mask, cells in rest:
        here[mask], codes = -1 - codes[: len(cells)], codes[len(cells) :]
    return found


def groups(texts: Values, at: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """Return texts as numbers counted from 0 in the order in which they first appear.

    Args:
        texts: Arrow text.
        at: the positions of those that count, in their order; None: all.

    Returns:
        One number for each that counts; and for each number the place, among those that count,
        of the first that has it.
    """
    values = numbers(texts)
    codes, distinct = counted(values if at is None else values[at])
    return codes, firsts(codes, len(distinct))


def counted(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return numbers counted from 0 in the order of first appearance, and the distinct ones."""
    encoded = pa.array(values).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_numpy()


def combinations(*columns: Values) -> Numbers:
    """Return for each line the number of what columns of text hold in it, as `groups` counts."""
    codes, _ = groups(columns[0])
    for texts in columns[1:]:
        own, found = groups(texts)
        codes, _ = counted(codes * len(found) + own)
    return codes


def firsts(codes: npt.NDArray[np.integer], distinct: int) -> Numbers:
    """Return for each code below `distinct` the first position that has it.

    A code that none has gets the number of codes.
    """
    first = np.full(distinct, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last one written stays
    return first
