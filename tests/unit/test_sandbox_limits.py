from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.sandbox.limits import PeakRate, RateLimit, retry_after


def allowed(limit: RateLimit, times: Iterable[float]) -> list[float]:
    return [time for time in times if limit.wait_s(time) == 0]


def limit(rate_per_min: float, *, window_s: float = 60.0, window: str = "sliding") -> RateLimit:
    return RateLimit(rate_per_min=rate_per_min, window_s=window_s, window=window)


def test_a_sliding_minute_takes_its_number_and_opens_again_as_the_first_call_leaves_it() -> None:
    minute = limit(3)
    assert allowed(minute, [0.0, 10.0, 20.0]) == [0.0, 10.0, 20.0]
    assert minute.wait_s(30.0) == pytest.approx(30.0)
    assert minute.wait_s(59.9) == pytest.approx(0.1)
    assert minute.wait_s(60.0) == 0.0
    assert minute.wait_s(61.0) == pytest.approx(9.0)


def test_a_refused_call_does_not_count() -> None:
    minute = limit(1)
    assert allowed(minute, [0.0, 59.0, 60.0]) == [0.0, 60.0]


def test_a_fixed_minute_begins_anew_with_the_clock() -> None:
    minute = limit(2, window="fixed")
    assert allowed(minute, [58.0, 59.0, 59.5, 60.0, 61.0, 62.0]) == [58.0, 59.0, 60.0, 61.0]
    assert minute.wait_s(100.0) == pytest.approx(20.0)


def test_a_shorter_window_takes_its_share_of_the_minute() -> None:
    assert len(allowed(limit(600, window_s=1.0), [0.01 * n for n in range(100)])) == 10


def test_without_a_rate_nothing_is_refused() -> None:
    assert len(allowed(limit(0), [0.0] * 1000)) == 1000


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=200).map(sorted), st.integers(1, 20))
@settings(deadline=None, max_examples=100)
def test_no_sliding_window_ever_holds_more_than_the_rate(
    times_ms: list[int], rate_per_min: int
) -> None:
    taken = allowed(limit(rate_per_min), times_ms_to_s(times_ms))
    for first in taken:
        assert sum(first <= time < first + 60 for time in taken) <= rate_per_min


def times_ms_to_s(times_ms: list[int]) -> list[float]:
    # In binary fractions, so that no rounding sits on a window's edge.
    return [time_ms / 1024 for time_ms in times_ms]


def test_the_peak_is_that_of_the_fullest_window() -> None:
    peak = PeakRate(60.0)
    for time in (0.0, 1.0, 2.0, 61.5, 62.5):
        peak.see(time)
    assert peak.peak == 3


@pytest.mark.parametrize(
    ("wait_s", "form", "told"),
    [
        (0.001, "seconds", "1"),
        (1.001, "seconds", "2"),
        (30.0, "seconds", "30"),
        (29.5, "date", "Thu, 01 Jan 1970 00:01:30 GMT"),
        (29.2, "date", "Thu, 01 Jan 1970 00:01:30 GMT"),
        (5.0, "none", ""),
    ],
)
def test_retry_after_never_comes_too_early(wait_s: float, form: str, told: str) -> None:
    assert retry_after(wait_s, now=60.25, form=form) == told
