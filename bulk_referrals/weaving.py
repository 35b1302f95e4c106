"""Long texts, line by line, woven from columns: the rows of a sheet, a text file, payloads.

A line is a sequence of parts. A part is the same in every line (`str`), one of few texts (`Few`),
or its own in every line (`Many`). Joining a line costs by its parts, not by its length; so
neighbours of which there are few are fused beforehand into one part, whose texts are the
combinations that occur. A row of a sheet goes from sixty parts to ten that way.
"""

from collections.abc import Callable, Iterable, Sequence
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
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        values = flat(values)
        indices, texts = values.indices, values.dictionary
        if indices.null_count:
            indices = indices.fill_null(len(texts))
            texts = pa.concat_arrays([texts, pa.nulls(1, texts.type)])
        return cls(codes=np.asarray(indices).astype(np.int32, copy=False), texts=texts)

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
        return self.shaped(flat(self.values.slice(start, stop - start)))


Part: TypeAlias = str | Few | Many


def encoded(values: Values) -> Values:
    """Return a column of text as a dictionary where its texts repeat themselves, else as it is."""
    if pa.types.is_dictionary(values.type):
        return values
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
    return Few.of(values) if pa.types.is_dictionary(values.type) else None


def _few_numbers(values: Values) -> Few | None:
    values = flat(values)
    bounds = pc.min_max(values).as_py()
    least, most = bounds["min"] or 0, bounds["max"] or 0
    if most - least >= min(_MOST_SPAN, max(len(values), 2)):
        return None
    texts = pa.array(np.arange(least, most + 1)).cast(pa.string())
    texts = pa.concat_arrays([texts, pa.nulls(1, pa.string())])
    codes = np.asarray(values.fill_null(most + 1)) - least
    return Few(codes=codes.astype(np.int32), texts=texts)


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


def woven(parts: Sequence[Part], start: int, stop: int) -> pa.Array:
    """Return some lines as Arrow text; the caller bounds them to what Arrow's text can hold."""
    return joined(*(piece(part, start, stop) for part in parts))


def piece(part: Part, start: int, stop: int) -> str | pa.Array:
    """Return one part of some lines, ready to be joined."""
    if isinstance(part, str):
        return part
    if isinstance(part, Many):
        return part.block(start, stop)
    return part.texts.take(pa.array(part.codes[start:stop]))


def joined(*pieces: str | pa.Array) -> pa.Array:
    """Return texts joined line by line, a null as an empty text."""
    return pc.binary_join_element_wise(*pieces, "", null_handling="replace")


def digits(numbers: pa.Array) -> pa.Array:
    """Return numbers as text, nulls kept."""
    return numbers.cast(pa.string())


def flat(values: Values) -> pa.Array:
    """Return a column as one Arrow array."""
    if not isinstance(values, pa.ChunkedArray):
        return values
    values = values.unify_dictionaries() if pa.types.is_dictionary(values.type) else values
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
