"""What a night is expected to bring."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bulk_referrals.ledger import RunRecord
from bulk_referrals.model import RunState, Source
from bulk_referrals.pipeline.expectations import surprise, usual_rows

LOOK = "Look at the files; if they are right, run them with"


@pytest.mark.parametrize(
    ("rows", "expect_rows", "told"),
    [
        (0, "", ""),
        (999, "1000..50000", "1,000 to 50,000 rows were expected (expect_rows), and there are"),
        (1000, "1000..50000", ""),
        (50_000, "1000..50000", ""),
        (50_001, "1000..50000", "there are 50,001."),
        (999, "1000..", "1,000 rows or more were expected"),
        (50_001, "..50000", "50,000 rows or fewer were expected"),
        (7, "off", ""),
    ],
)  # fmt: skip
def test_a_number_of_rows_outside_what_is_expected_is_told(
    rows: int, expect_rows: str, told: str
) -> None:
    said = surprise(rows, expect_rows=expect_rows, growth=None, past=())
    assert told in said
    assert bool(said) == bool(told)
    if said:
        assert said.startswith("Nothing was sent: ")
        assert said.endswith(f"{LOOK} --expect-rows off.")


@pytest.mark.parametrize(
    ("rows", "past", "told"),
    [
        (5, (), ""),  # the first night: nothing to go by
        (5000, (500,), ""),
        (5001, (500,), "there are 5,001 rows, more than 10 times the usual 500 (expect_growth;"),
        (50, (500,), ""),
        (49, (500,), "there are 49 rows, fewer than 1 in 10 of the usual 500 (expect_growth;"),
        # One odd night is not what is usual, and what is long ago neither.
        (6000, (1000, 1000, 1000, 3, 1000), ""),
        (90, (*[9] * 20, *[900] * 7), ""),
        (9, (*[9] * 20, *[900] * 7), "the median of the last 7 finished runs"),
    ],
)
def test_ten_times_the_usual_is_told_either_way(rows: int, past: Sequence[int], told: str) -> None:
    said = surprise(rows, expect_rows="", growth=10, past=past)
    assert told in said
    assert bool(said) == bool(told)
    assert not said or said.endswith(f"{LOOK} --expect-growth off.")
    assert surprise(rows, expect_rows="", growth=None, past=past) == ""


def test_what_is_usual_comes_from_finished_runs_of_the_same_organisation() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    source = Source(path="a.csv", sha256="", size_bytes=1, rows=7)
    run = RunRecord(
        run_id="1", version="0", started_at=at, state=RunState.FINISHED, target="t",
        organisation="brand", timezone="UTC", sources=(source, source),
    )  # fmt: skip
    others = [
        replace(run, organisation="other"),
        *(replace(run, state=each) for each in RunState if each is not RunState.FINISHED),
        replace(run, sources=()),
    ]
    assert usual_rows([run, *others, replace(run, sources=(source,))], "brand") == [14, 7]
