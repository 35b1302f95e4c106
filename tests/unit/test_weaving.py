"""Lines woven from columns are what joining their cells one by one gives."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals import weaving
from bulk_referrals.weaving import Few, Many, Part, Weave, as_text, encoded, few, fused, where

TEXTS = st.none() | st.sampled_from(["", "a", "b", "é", "😀"]) | st.text(max_size=5)
NUMBERS = st.none() | st.integers(-3, 3) | st.integers(-(10**12), 10**12)
CONSTANTS = st.sampled_from(["", ",", "<c>", "ü"])
KINDS = ("plain", "large", "dictionary", "chunks")


@st.composite
def lines(draw: st.DrawFn) -> tuple[int, list[tuple[str, Any]]]:
    """Draw how many lines there are, and what stands in each: (kind, constant or cells)."""
    size = draw(st.integers(1, 30))
    parts: list[tuple[str, Any]] = []
    for _ in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(["constant", "numbers", *KINDS]))
        cells = NUMBERS if kind == "numbers" else TEXTS
        whole = st.lists(cells, min_size=size, max_size=size)
        parts.append((kind, draw(CONSTANTS if kind == "constant" else whole)))
    return size, parts


def column(kind: str, cells: list[Any]) -> Any:
    if kind == "numbers":
        return pa.array(cells, pa.int64())
    texts = pa.array(cells, pa.string())
    if kind == "large":
        return texts.cast(pa.large_string())
    if kind == "dictionary":
        return texts.dictionary_encode(null_encoding="encode")
    if kind == "chunks":
        return pa.chunked_array([texts[:3], texts[3:3], texts[3:]])
    return texts


def bracketed(values: Any) -> Iterator[Part]:
    """Yield a column in brackets, which stand only where there is a value."""
    repeated = few(values)
    if repeated is not None:
        texts = pa.array([(text and text) or "" for text in repeated.texts.to_pylist()])
        yield where(repeated_values(repeated), "[")
        yield Few(codes=repeated.codes, texts=texts)
        yield where(repeated_values(repeated), "]")
        return
    yield where(values, "[")
    yield Many(values=values, shaped=as_text)
    yield where(values, "]")


def repeated_values(repeated: Few) -> Any:
    return repeated.texts.take(pa.array(repeated.codes))


def plainly(size: int, parts: list[tuple[str, Any]]) -> str:
    def cell(kind: str, cells: Any, line: int) -> str:
        if kind == "constant":
            return str(cells)
        return "" if cells[line] is None else f"[{cells[line]}]"

    return "".join(cell(*part, line) for line in range(size) for part in parts)


@settings(deadline=None, max_examples=120)
@given(drawn=lines(), many=st.booleans(), pairs=st.sampled_from([1, 6, 1 << 22]))
def test_lines_are_their_cells_one_after_another(
    drawn: tuple[int, list[tuple[str, Any]]],
    many: bool,  # noqa: FBT001 - drawn
    pairs: int,
) -> None:
    size, parts = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weaving, "_FEW_IN_SAMPLE", 0 if many else 512)
        patch.setattr(weaving, "_MOST_PAIRS", pairs)
        patch.setattr(weaving, "BLOCK_LINES", 7)
        patch.setattr(weaving, "MOST_OCTETS", 300)
        pieces: list[Part] = []
        for kind, cells in parts:
            pieces += [cells] if kind == "constant" else bracketed(column(kind, cells))
        weave = Weave(pieces, size)
        woven = b"".join(map(bytes, weave.blocks()))
    assert woven.decode() == plainly(size, parts)
    assert "".join(weave.texts().to_pylist()) == plainly(size, parts)


def test_neighbours_of_which_there_are_few_become_one_part() -> None:
    one = Few(codes=np.array([0, 1, 0, 1], np.int32), texts=pa.array(["a", "b"]))
    other = Few(codes=np.array([2, 0, 2, 0], np.int32), texts=pa.array(["x", "y", "z"]))
    many = Many(values=pa.array(["k", "l", "m", "n"]), shaped=as_text)
    parts = fused(["<", one, "-", other, ">", many, "!", "?"])
    assert [type(part) for part in parts] == [Few, Many, str]
    (first, *_) = parts
    assert isinstance(first, Few)
    assert first.texts.to_pylist() == ["<a-z>", "<b-x>"]  # only what occurs
    assert first.codes.tolist() == [0, 1, 0, 1]


def test_a_column_is_encoded_only_where_its_texts_repeat_themselves() -> None:
    repeated = pa.chunked_array([["a", "b", None] * 2_000])
    assert pa.types.is_dictionary(encoded(repeated).type)
    different = pa.chunked_array([[str(number) for number in range(6_000)]])
    assert encoded(different).equals(different)
    late = pa.array(["a"] * 5_000 + [str(number) for number in range(60_000)])
    assert few(late) is None


def test_numbers_in_a_narrow_span_are_few() -> None:
    found = few(pa.array([7, None, 5, 7] * 2, pa.int64()))
    assert found is not None
    assert repeated_values(found).to_pylist() == ["7", None, "5", "7"] * 2
    assert few(pa.array([1, 10**15], pa.int64())) is None


def test_signs_are_found_among_octets_and_in_none() -> None:
    octets = weaving.octets_of(pa.array(["a&b", None, "<c>"])[1:])
    assert weaving.signs_in(octets, b"&<>") == set(b"<>")
    assert weaving.signs_in(weaving.octets_of(pa.array([], pa.string())), b"&") == set()
