"""Ready rows become requests: every row once, in order, one referrer in one lane."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals import grouper
from bulk_referrals.exchange import Lane
from bulk_referrals.grouper import group, lanes

Row = tuple[bool, str, str, str]

ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(["9198", "9197", "a@b.co", "9196", "9195"]),
        st.sampled_from(["J0H7Q", "K1"]),
        st.sampled_from(["MOBILE", "EMAIL"]),
    ),
    max_size=60,
)
SIZES = st.integers(1, 7)


def checked(rows: list[Row]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "outcome": [None if ready else "rejected" for ready, *_ in rows],
        "referrer": [f"+{referrer}" for _, referrer, *_ in rows],
        "referrer_key": [referrer for _, referrer, *_ in rows],
        "referrer_type": ["EMAIL" if "@" in one[1] else "MOBILE" for one in rows],
        "campaign_token": [token for _, _, token, _ in rows],
        "type": [kind for *_, kind in rows],
        "identifier": [f"i{line}" for line in range(len(rows))],
        "identifier_key": [f"k{line}" for line in range(len(rows))],
        "name": [None if line % 3 else f"N{line}" for line in range(len(rows))],
        "invited_on": ["20240910T16:35:52.pV7BF"] * len(rows),
        "id": [None if line % 2 else f"u{line}" for line in range(len(rows))],
    }
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def grouped(rows: list[Row], *, batch_size: int, customers: int = 1) -> list[Lane]:
    frame = checked(rows)
    plan = group(frame, batch_size=batch_size, customers_per_request=customers)
    return list(lanes(frame, plan))


def plainly(rows: list[Row], batch_size: int, customers: int) -> list[list[list[list[int]]]]:
    """The same grouping as anybody would write it: lanes of requests of parts of lines."""
    by_referrer: dict[str, dict[tuple[str, str], list[int]]] = {}
    for line, (ready, referrer, token, kind) in enumerate(rows):
        if ready:
            by_referrer.setdefault(referrer, {}).setdefault((token, kind), []).append(line)
    parts = [
        [
            lines[start : start + batch_size]
            for lines in groups.values()
            for start in range(0, len(lines), batch_size)
        ]
        for groups in by_referrer.values()
    ]
    shared = [parts[start : start + customers] for start in range(0, len(parts), customers)]
    return [
        [
            [of_one[turn] for of_one in lane if turn < len(of_one)]
            for turn in range(max(len(of_one) for of_one in lane))
        ]
        for lane in shared
    ]


def lines_of(planned: list[Lane]) -> list[list[list[list[int]]]]:
    return [
        [[[invite.line for invite in part.invites] for part in request] for request in lane]
        for lane in planned
    ]


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, batch_size=SIZES, customers=SIZES)
def test_the_plan_equals_a_plain_grouping(
    rows: list[Row], batch_size: int, customers: int
) -> None:
    planned = grouped(rows, batch_size=batch_size, customers=customers)
    assert lines_of(planned) == plainly(rows, batch_size, customers)


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, batch_size=SIZES, customers=SIZES)
def test_every_ready_line_stands_in_the_plan_once(
    rows: list[Row], batch_size: int, customers: int
) -> None:
    planned = grouped(rows, batch_size=batch_size, customers=customers)
    lines = [
        i.line for lane in planned for request in lane for part in request for i in part.invites
    ]
    assert sorted(lines) == [line for line, row in enumerate(rows) if row[0]]


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, batch_size=SIZES, customers=SIZES)
def test_a_referrer_is_in_one_lane_and_once_in_a_request(
    rows: list[Row], batch_size: int, customers: int
) -> None:
    lane_of: dict[str, int] = {}
    for number, lane in enumerate(grouped(rows, batch_size=batch_size, customers=customers)):
        for request in lane:
            referrers = [part.referrer_key for part in request]
            assert len(set(referrers)) == len(referrers) <= customers
            assert {lane_of.setdefault(referrer, number) for referrer in referrers} == {number}
            assert all(1 <= len(part.invites) <= batch_size for part in request)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, customers=SIZES)
def test_what_is_turned_into_objects_block_by_block_is_the_same(
    rows: list[Row], customers: int
) -> None:
    whole = grouped(rows, batch_size=3, customers=customers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouper, "_BLOCK_LINES", 4)
        assert grouped(rows, batch_size=3, customers=customers) == whole


def test_each_cell_of_a_row_reaches_its_invite() -> None:
    (((first,),), ((second,),)) = grouped(
        [(True, "9198", "J0H7Q", "MOBILE"), (True, "a@b.co", "K1", "EMAIL")], batch_size=50
    )
    assert (first.referrer, first.referrer_key, first.referrer_type) == ("+9198", "9198", "MOBILE")
    assert (first.campaign_token, first.type) == ("J0H7Q", "MOBILE")
    assert (second.referrer_type, second.campaign_token, second.type) == ("EMAIL", "K1", "EMAIL")
    (one,) = second.invites
    assert (one.line, one.identifier, one.identifier_key) == (1, "i1", "k1")
    assert (one.name, one.id, one.invited_on) == ("", "", "20240910T16:35:52.pV7BF")
    assert (first.invites[0].name, first.invites[0].id) == ("N0", "u0")


def test_campaigns_and_types_of_a_referrer_are_sent_one_after_the_other() -> None:
    rows: list[Row] = [
        (True, "9198", "J0H7Q", "MOBILE"),
        (True, "9198", "J0H7Q", "EMAIL"),
        (True, "9198", "K1", "MOBILE"),
        (True, "9198", "J0H7Q", "MOBILE"),
    ]
    assert lines_of(grouped(rows, batch_size=50, customers=9)) == [[[[0, 3]], [[1]], [[2]]]]


def test_a_batch_is_cut_where_it_is_full() -> None:
    rows: list[Row] = [(True, "9198", "J0H7Q", "MOBILE")] * 5
    assert lines_of(grouped(rows, batch_size=2)) == [[[[0, 1]], [[2, 3]], [[4]]]]


def test_nothing_ready_gives_an_empty_plan() -> None:
    for rows in ([], [(False, "9198", "J0H7Q", "MOBILE")]):
        plan = group(checked(rows), batch_size=50)
        assert (plan.lane_count, len(plan.lines)) == (0, 0)
        assert list(lanes(checked(rows), plan)) == []


@pytest.mark.parametrize(("batch_size", "customers"), [(0, 1), (1, 0), (-1, 1)])
def test_a_size_below_one_is_refused(batch_size: int, customers: int) -> None:
    with pytest.raises(ValueError, match="start at 1"):
        group(checked([]), batch_size=batch_size, customers_per_request=customers)
