"""Whatever stands in the cells: no row is lost, none is unexplained, and order is kept."""

import re
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import pyarrow as pa
from dataframes import to_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.codes import CODES
from bulk_referrals.model import FIELDS, Rules
from bulk_referrals.validator import validate

RULES: Final = Rules(
    now=datetime(2024, 9, 20, tzinfo=UTC), region="IN", suppressed=frozenset({"919876543210"})
)
STAMP: Final = re.compile(r"\d{8}T\d\d:\d\d:\d\d\.[\w~-]+")
SENT: Final = (
    *("referrer", "referrer_key", "referrer_type", "campaign_token", "type"),
    *("identifier", "identifier_key", "invited_on"),
)
TOLD: Final = ("outcome", "code", "reason", "advice")
LIKELY: Final = {
    "referrer_mobile": ["7999836466", "9876500000", "12"],
    "referrer_email": ["asha@example.com", "asha@"],
    "campaign_token": ["J0H7Q", "K1", "J 0"],
    "type": ["MOBILE", "email", "fax"],
    "identifier": ["7999836416", "7999836466", "9876543210", "b@example.com", "98-76", "ravi"],
    "invitee_mobile": ["7999836416", "+919876543211"],
    "invitee_email": ["B@example.com", "x"],
    "invited_on": ["20240910T16:35:52.pV7BF", "10/09/2024", "25/12/2023", "12/25/2023", "45545"],
    "referral_code": ["pV7BF", "p V"],
    "region": ["IN", "ae", "IND"],
    "fault": ["ragged-row"],
}


def cells(name: str) -> st.SearchStrategy[str | None]:
    likely = st.sampled_from(LIKELY.get(name, ["x"]))
    if name == "fault":
        return st.one_of(*[st.none()] * 8, likely)
    return st.one_of(st.none(), likely, likely, likely, st.text(max_size=12))


ROW: Final = st.fixed_dictionaries(
    {name: cells(name) for name in (*FIELDS, "fault", "fault_detail")}
)
TABLE: Final = st.lists(ROW, max_size=12)


def frame_of(table: list[dict[str, str | None]]) -> pa.Table:
    count = len(table)
    columns = {
        "table": pa.array([at % 2 for at in range(count)], pa.int32()),
        "row": pa.array(range(2, count + 2), pa.int64()),
    }
    for name in (*FIELDS, "fault", "fault_detail"):
        columns[name] = pa.array([row[name] or None for row in table], pa.string())
    return pa.table(columns)


@settings(deadline=None, max_examples=150)
@given(table=TABLE)
def test_every_row_has_a_line_and_every_line_is_ready_or_explained(
    table: list[dict[str, str | None]],
) -> None:
    rows = frame_of(table)
    frame = to_frame(validate(rows, RULES, places=("a.csv", "b.csv")).frame)
    assert frame["line"].is_monotonic_increasing
    assert set(frame["line"]) == set(range(len(rows)))
    assert frame["row"].tolist() == rows["row"].take(pa.array(frame["line"])).to_pylist()
    ready = frame["outcome"].isna()
    assert frame.loc[ready, list(SENT)].notna().all(axis=None)
    assert frame.loc[ready, [*TOLD, "field", "duplicate_of"]].isna().all(axis=None)
    assert frame.loc[~ready, list(TOLD)].notna().all(axis=None)
    assert set(frame.loc[~ready, "code"]) <= set(CODES)
    assert all(STAMP.fullmatch(stamp) for stamp in frame.loc[ready, "invited_on"])


@settings(deadline=None, max_examples=150)
@given(table=TABLE)
def test_no_invite_is_ready_twice_and_each_repeat_points_back_at_a_ready_one(
    table: list[dict[str, str | None]],
) -> None:
    frame = to_frame(validate(frame_of(table), RULES, places=("a.csv", "b.csv")).frame)
    keys = frame[["campaign_token", "referrer_key", "type", "identifier_key"]]
    ready = frame["outcome"].isna()
    assert not keys[ready].duplicated().any()
    pointed = frame["duplicate_of"].astype(object).tolist()
    said = frame["outcome"].fillna("ready").tolist()
    told = keys.astype(object).to_numpy().tolist()
    for at, first in enumerate(pointed):
        assert pd.isna(first) == (said[at] != "duplicate")
        if not pd.isna(first):
            assert first < at
            assert ready[first]
            assert told[first] == told[at]


@settings(deadline=None, max_examples=50)
@given(table=TABLE)
def test_the_same_rows_are_checked_the_same_in_one_chunk_or_in_many(
    table: list[dict[str, str | None]],
) -> None:
    whole = frame_of(table)
    parts = [whole.slice(at, 1) for at in range(len(whole))]
    chunked = pa.concat_tables([whole.slice(0, 0), *parts])
    once, again = (validate(rows, RULES, places=("a.csv", "b.csv")) for rows in (whole, chunked))
    assert once.frame.equals(again.frame)
    assert once.notices == again.notices
