"""Long texts, line by line, woven from columns: the rows of a sheet, a text file, payloads.

A line is a sequence of parts. A part is the same in every line (`str`), one of few texts (`Few`),
or its own in every line (`Many`). Joining a line costs by its parts, not by its length; so
neighbours of which there are few are fused beforehand into one part, whose texts are the
combinations that occur. A row of a sheet goes from sixty parts to ten that way.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Arrow's Array or ChunkedArray, which come without types.
Values: TypeAlias = Any
Codes = npt.NDArray[np.int32]
Octets = npt.NDArray[np.uint8]

# As much as the processor's caches hold: larger blocks are slower, smaller ones no faster.
BLOCK_LINES: Final = 8_192
# Arrow's text holds 2**31 octets together; one octet becomes seven at most ("_x0001_").
MOST_OCTETS: Final = 2**30
_MOST_GROWTH: Final = 7
_MOST_DIGITS: Final = 20

_SPACE: Final = 0x20
_LAST_ASCII: Final = 0x7E
_SAMPLE: Final = 4_096
_FEW_IN_SAMPLE: Final = 512
_MOST_TEXTS: Final = 50_000
_MOST_PAIRS: Final = 1 << 22
_MOST_SPAN: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Few:
    """In each line one of few texts.

    Attributes:
        codes: int32 (lines,), positions in `texts`.
        texts: Arrow text; a null says that the line has no value.
    """

    codes: Codes
    texts: pa.Array

    @classmethod
    def of(cls, values: Values) -> "Few":
        """Return a dictionary column, or one of text of which few are known to be different."""
        if not _is_dictionary(values):
            values = values.dictionary_encode()
        values = flat(values)
        indices, texts = values.indices, values.dictionary
        if indices.null_count:
            indices = indices.fill_null(len(texts))
            texts = pa.concat_arrays([texts, pa.nulls(1, texts.type)])
        return cls(codes=np.asarray(indices).astype(np.int32, copy=False), texts=texts)

    def at(self, lines: npt.NDArray[np.int64]) -> "Few":
        """Return the lines at some positions, in that order."""
        return Few(codes=self.codes[lines], texts=self.texts)

    def written(self, shaped: Callable[[pa.Array], pa.Array], empty: str = "") -> "Few":
        """Return the same with each text shaped, and `empty` where there is no value."""
        texts = pc.if_else(pc.is_valid(self.texts), shaped(self.texts), empty)
        return Few(codes=self.codes, texts=texts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Many:
    """In each line a text of its own; a null is as an empty text.

    Attributes:
        values: Arrow text or numbers.
        shaped: a block of the values -> their texts, nulls kept.
    """

    values: Values
    shaped: Callable[[pa.Array], pa.Array]

    def block(self, start: int, stop: int) -> pa.Array:
        """Return the texts of some lines."""
        values = flat(self.values.slice(start, stop - start))
        return self.shaped(values if pa.types.is_integer(values.type) else as_text(values))


Part: TypeAlias = str | Few | Many


def encoded(values: Values) -> Values:
    """Return a column of text as a dictionary where its texts repeat themselves, else as it is."""
    if pa.types.is_integer(values.type) or _is_dictionary(values):
        return values
    values = as_text(values)
    step = max(len(values) // _SAMPLE, 1)
    sample = values.take(pa.array(np.arange(0, len(values), step)))
    if pc.count_distinct(sample).as_py() > _FEW_IN_SAMPLE:
        return values
    dictionary = flat(values).dictionary_encode()
    return dictionary if len(dictionary.dictionary) <= _MOST_TEXTS else values


def few(values: Values) -> Few | None:
    """Return a column as one of few texts in each line, where it is; numbers as their digits."""
    if pa.types.is_integer(values.type):
        return _few_numbers(values)
    values = encoded(values)
    if not _is_dictionary(values) or len(flat(values).dictionary) > _MOST_TEXTS:
        return None
    return Few.of(values)


def _few_numbers(values: Values) -> Few | None:
    values = flat(values)
    bounds = pc.min_max(values).as_py()
    least, most = bounds["min"] or 0, bounds["max"] or 0
    if most - least >= min(_MOST_SPAN, max(len(values), 2)):
        return None
    texts = pa.array(np.arange(least, most + 1)).cast(pa.string())
    if values.null_count:
        texts = pa.concat_arrays([texts, pa.nulls(1, pa.string())])
        values = values.fill_null(most + 1)
    return Few(codes=(np.asarray(values) - least).astype(np.int32), texts=texts)


def where(present: Values, text: str, otherwise: str = "") -> str | Few:
    """Return `text` for the lines that have a value, and `otherwise` for the rest.

    Args:
        present: the column that has it or has not.
        text: where it has.
        otherwise: where it has not.
    """
    if not present.null_count:
        return text
    codes = np.asarray(flat(pc.is_valid(present))).astype(np.int32)
    return Few(codes=codes, texts=pa.array([otherwise, text]))


def fused(parts: Iterable[Part]) -> list[Part]:
    """Return the parts of a line with those neighbours made one of which there are few."""
    whole: list[Part] = []
    for part in map(_plain, parts):
        pair = _pair(whole[-1], part) if whole else None
        whole[-1:] = [pair] if pair is not None else [*whole[-1:], part]
    return whole


def _plain(part: Part) -> Part:
    """Return a part of which there is one as what it is."""
    return part.texts[0].as_py() or "" if isinstance(part, Few) and len(part.texts) == 1 else part


def _pair(one: Part, other: Part) -> Part | None:
    """Return two parts as one, or None where that does not pay."""
    if isinstance(one, Many) or isinstance(other, Many):
        return None
    if isinstance(one, Few) and isinstance(other, Few):
        return _combinations(one, other)
    if isinstance(one, Few):
        return Few(codes=one.codes, texts=joined(one.texts, other))
    if isinstance(other, Few):
        return Few(codes=other.codes, texts=joined(one, other.texts))
    return one + other


def _combinations(one: Few, other: Few) -> Few | None:
    """Return two parts as one whose texts are the combinations that occur; None if too many."""
    width = len(other.texts)
    if len(one.texts) * width > _MOST_PAIRS:
        return None
    codes = one.codes * np.int32(width) + other.codes
    occurs = np.zeros(len(one.texts) * width, dtype=bool)
    occurs[codes] = True
    left, right = np.divmod(np.flatnonzero(occurs), width)
    if len(left) > _MOST_TEXTS:
        return None
    renumbered = np.cumsum(occurs, dtype=np.int32) - 1
    texts = joined(one.texts.take(pa.array(left)), other.texts.take(pa.array(right)))
    return Few(codes=renumbered[codes], texts=texts)


class Weave:
    """Lines that are woven block by block, in any order and by several threads at once.

    Attributes:
        lines: how many.
        parts: of a line, fused.
    """

    def __init__(self, parts: Iterable[Part], lines: int) -> None:
        """Prepare so many lines from what stands in them, from the left."""
        self.lines = lines
        self.parts = fused(parts)
        if all(isinstance(part, str) for part in self.parts):  # Arrow joins them to one text
            whole = pa.array(["".join(map(str, self.parts))])
            self.parts = [Few(codes=np.zeros(lines, np.int32), texts=whole)]
        self._own = [part.values for part in self.parts if isinstance(part, Many)]
        few_texts = [_texts(part) for part in self.parts if not isinstance(part, Many)]
        longest = [pc.max(pc.binary_length(texts)).as_py() or 0 for texts in few_texts]
        self._line_octets = sum(longest) + _MOST_DIGITS * len(self._own)

    def most_octets(self, start: int, stop: int) -> int:
        """Return a bound that some lines cannot exceed, but for a text's look-up by number."""
        size = stop - start
        text = sum(int(values.slice(start, size).nbytes) for values in self._own)
        return _MOST_GROWTH * text + self._line_octets * size

    def blocks(self) -> Iterator[Octets]:
        """Yield the text of all lines, a block after another."""
        for start in range(0, self.lines, BLOCK_LINES):
            yield from self.block(start, min(start + BLOCK_LINES, self.lines))

    def block(self, start: int, stop: int) -> Iterator[Octets]:
        """Yield the text of some lines, in a piece or, where Arrow cannot hold it, in a few."""
        if stop - start > 1 and self.most_octets(start, stop) > MOST_OCTETS:
            middle = (start + stop) // 2
            yield from self.block(start, middle)
            yield from self.block(middle, stop)
            return
        yield octets_of(self._joined(start, stop))

    def texts(self) -> pa.Array:
        """Return all lines as Arrow text, where that can hold them."""
        return self._joined(0, self.lines)

    def _joined(self, start: int, stop: int) -> pa.Array:
        return joined(*(_piece(part, start, stop) for part in self.parts))


def _texts(part: str | Few) -> pa.Array:
    return pa.array([part]) if isinstance(part, str) else part.texts


def _piece(part: Part, start: int, stop: int) -> str | pa.Array:
    if isinstance(part, str):
        return part
    if isinstance(part, Many):
        return part.block(start, stop)
    return part.texts.take(pa.array(part.codes[start:stop]))


def joined(*pieces: str | pa.Array) -> pa.Array:
    """Return texts joined line by line, a null as an empty text."""
    return pc.binary_join_element_wise(*pieces, "", null_handling="replace")


def as_text(values: Values) -> Values:
    """Return numbers, or text of any kind, as Arrow's plain text, nulls kept."""
    return values.cast(pa.string())


def _is_dictionary(values: Values) -> bool:
    return bool(pa.types.is_dictionary(values.type))


def flat(values: Values) -> pa.Array:
    """Return a column as one Arrow array."""
    if not isinstance(values, pa.ChunkedArray):
        return values
    values = values.unify_dictionaries() if _is_dictionary(values) else values
    return values.combine_chunks()


def octets_of(texts: pa.Array) -> Octets:
    """Return the UTF-8 of all the texts together, without a copy."""
    if texts.buffers()[2] is None:
        return np.empty(0, np.uint8)
    bounds = bounds_of(texts)
    first = int(bounds[0])
    return np.frombuffer(texts.buffers()[2], np.uint8, int(bounds[-1]) - first, first)


def bounds_of(texts: pa.Array) -> Codes:
    """Return where each text begins among the octets of Arrow's buffer, and the last one ends."""
    if texts.buffers()[1] is None:
        return np.zeros(1, np.int32)
    return np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)


def signs_in(octets: Octets, signs: bytes) -> set[int]:
    """Return which of the signs occur among the octets."""
    if not octets.size:
        return set()
    # Digits alone, say, need no further look; and comparing beats a table of 256 by far.
    least, most = int(octets.min()), int(octets.max())
    return {sign for sign in signs if least <= sign <= most and (octets == sign).any()}


def may_be_padded(texts: Values) -> bool:
    """Tell whether some text may begin or end with a blank: with a byte that is no ASCII sign.

    To look at two bytes of each is ten times faster than to trim it.
    """
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return any(_has_odd_ends(chunk) for chunk in chunks)


def _has_odd_ends(texts: pa.Array) -> bool:
    octets, bounds = octets_of(texts), bounds_of(texts) - bounds_of(texts)[0]
    begin, end = bounds[:-1], bounds[1:]
    filled = begin < end
    ends = (octets[begin[filled]], octets[end[filled] - 1])
    return any(bool(np.any((each <= _SPACE) | (each > _LAST_ASCII))) for each in ends)
