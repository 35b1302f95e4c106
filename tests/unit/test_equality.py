"""Texts are equal exactly where their numbers are."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bulk_referrals.equality import combinations, firsts, groups, numbers

# What looks like a number and what only seems to: zeros in front, signs, too many digits.
TEXTS = st.one_of(
    st.none(),
    st.integers(0, 30).map(str),
    st.sampled_from(["", "0", "00", "7", "07", "-1", "+7", "1.0", " 7", "\u0667", "\uff17"]),
    st.sampled_from(["9" * 18, "9" * 19, "1" + "0" * 18, "18446744073709551615", "9" * 30]),
    st.sampled_from(["a@example.com", "A@example.com", "😀", "\0"]),
)
CHUNKS = st.lists(st.lists(TEXTS, max_size=12), max_size=5)


def first_seen(texts: Sequence[object]) -> list[int]:
    seen: dict[object, int] = {}
    return [seen.setdefault(text, len(seen)) for text in texts]


@given(CHUNKS)
def test_numbers_are_equal_exactly_where_the_texts_are(chunks: list[list[str | None]]) -> None:
    texts = [text for chunk in chunks for text in chunk]
    got = numbers(pa.chunked_array(chunks, pa.string()))
    assert first_seen(got.tolist()) == first_seen(texts)
    assert numbers(pa.array(texts, pa.string())).tolist() == got.tolist()


@given(CHUNKS)
def test_groups_count_in_the_order_of_first_appearance(chunks: list[list[str | None]]) -> None:
    texts = [text for chunk in chunks for text in chunk]
    codes, first = groups(pa.chunked_array(chunks, pa.string()))
    assert codes.tolist() == first_seen(texts)
    assert first.tolist() == sorted({texts.index(text) for text in texts})


@given(st.lists(TEXTS, min_size=1, max_size=20), st.data())
def test_groups_of_some_of_them_are_those_of_these_alone(
    texts: list[str | None], data: st.DataObject
) -> None:
    at = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=20))
    codes, first = groups(pa.chunked_array([texts], pa.string()), np.array(at, dtype=np.int64))
    alone = [texts[place] for place in at]
    assert codes.tolist() == first_seen(alone)
    assert [alone[place] for place in first] == list(dict.fromkeys(alone))


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=30))
def test_combinations_are_equal_exactly_where_all_columns_are(
    lines: list[tuple[str | None, ...]],
) -> None:
    columns = [pa.chunked_array([[line[n] for line in lines]], pa.string()) for n in range(3)]
    assert combinations(*columns).tolist() == first_seen(lines)


def test_a_code_that_none_has_comes_after_all() -> None:
    assert firsts(np.array([2, 0, 2, 0]), 4).tolist() == [1, 4, 0, 4]
