"""How far apart requests leave, and arrive."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import busiest

from bulk_referrals.policy import Beat, Pace

# --- how requests leave


def departures(
    pace: Pace, *, seconds: float, workers: int, latest_s: float, seed: int
) -> list[float]:
    """When requests leave, one after another, if those who wait are woken up to so late."""
    chance = random.Random(seed)  # noqa: S311 - a test's own chance
    now = 0.0
    left: list[float] = []
    ready = [0.0] * workers
    while now < seconds:
        now = max(now, heapq.heappop(ready))
        if (beat := pace.beat_at()) > now:
            now = beat + chance.uniform(0.0, latest_s)
        left.append(now)
        pace.left(now)
        heapq.heappush(ready, now)
    return [moment for moment in left if moment < seconds]


@settings(deadline=None, max_examples=40)
@given(
    rate=st.sampled_from([1, 7, 60, 66, 67, 300, 500, 1000, 6000]),
    workers=st.sampled_from([2, 4, 16]),
    latest_s=st.sampled_from([0.0, 0.001, 0.02, 0.2]),
    seed=st.integers(0, 5),
)
def test_no_minute_holds_more_than_the_rate(
    rate: int, workers: int, latest_s: float, seed: int
) -> None:
    left = departures(
        Pace(rate_per_min=rate), seconds=200, workers=workers, latest_s=latest_s, seed=seed
    )
    assert busiest(left, 60.0) <= rate
    if rate >= 60:
        in_ten = rate / 6
        assert busiest(left, 10.0) <= in_ten * (1 + latest_s / 10) + 1


@pytest.mark.parametrize("latest_s", [0.0, 0.002, 0.005])
@pytest.mark.parametrize("rate", [300, 1000, 3000])
def test_a_rate_is_used_to_97_percent_at_least(rate: int, latest_s: float) -> None:
    left = departures(Pace(rate_per_min=rate), seconds=600, workers=16, latest_s=latest_s, seed=1)
    assert len(left) >= 0.97 * rate * 10


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    pace = Pace(rate_per_min=300)
    left = [0.0, 100.0]
    for moment in left:
        assert pace.beat_at() <= moment
        pace.left(moment)
    for _ in range(4):
        left.append(pace.beat_at())
        pace.left(left[-1])
    gaps = [after - before for before, after in itertools.pairwise(left[1:])]
    assert gaps[0] >= 0.19
    assert all(gap >= 0.2 for gap in gaps[1:])


def test_without_a_rate_nothing_waits_until_the_platform_refuses() -> None:
    pace = Pace(rate_per_min=None)
    for _ in range(5):
        assert pace.beat_at() <= 0.0
        pace.answered(pace.left(0.0), 5.0)  # however long it took
    pace.refused(1.0, left_at=0.5, wait_s=None)
    pace.left(1.0)
    assert pace.beat_at() > 1.0


# --- what arrives late


@dataclass
class Road:
    """Sends at a pace to a server that is some way off, and notes when requests arrive.

    `way_s` gives each request's way there and back, by when it leaves.
    """

    pace: Pace
    way_s: Callable[[float], tuple[float, float]]
    arrived: list[float] = field(default_factory=list)

    def drive(self, seconds: float) -> None:
        now = 0.0
        answers: list[tuple[float, int, Beat]] = []
        while now < seconds:
            while answers and answers[0][0] <= max(now, self.pace.beat_at()):
                now, _, beat = heapq.heappop(answers)
                self.pace.answered(beat, now)
            now = max(now, self.pace.beat_at())
            there_s, back_s = self.way_s(now)
            self.arrived.append(now + there_s)
            beat = self.pace.left(now)
            heapq.heappush(answers, (now + there_s + back_s, beat.number, beat))
        self.arrived.sort()


@pytest.mark.parametrize("latency_s", [0.001, 0.08, 0.4])
@pytest.mark.parametrize("rate", [60, 600, 3000])
def test_what_a_server_that_stands_still_takes_in_late_is_kept_at_a_distance(
    rate: int, latency_s: float
) -> None:
    """Every five seconds for 60 ms nothing is taken in; its limit is of one second."""

    def way_s(now: float) -> tuple[float, float]:
        arrives = now + latency_s / 2
        into_s = (arrives + 1.0) % 4.987
        return (latency_s / 2 + (0.06 - into_s if into_s < 0.06 else 0.0), latency_s / 2)

    road = Road(Pace(rate_per_min=rate), way_s)
    road.drive(600.0)
    assert busiest(road.arrived, 1.0) <= rate / 60
    assert len(road.arrived) >= 0.97 * rate * 10


def test_the_first_request_may_take_longer_for_its_connection() -> None:
    road = Road(Pace(rate_per_min=600), lambda now: (0.24 if now == 0.0 else 0.04, 0.04))
    road.drive(60.0)
    assert busiest(road.arrived, 1.0) <= 10


@pytest.mark.parametrize("rate", [300, 3000, 12_000])
def test_answers_that_take_now_so_long_and_now_so_do_not_cost_the_rate(rate: int) -> None:
    chance = random.Random(1)  # noqa: S311 - a test's own chance
    road = Road(Pace(rate_per_min=rate), lambda _: (0.02, chance.lognormvariate(-2, 1)))
    road.drive(180.0)
    assert len(road.arrived) >= 0.97 * rate * 3


def test_a_refusal_ends_what_was_reckoned_at_the_old_speed() -> None:
    pace = Pace(rate_per_min=600)
    early, late = pace.left(0.0), pace.left(0.1)
    pace.answered(late, 0.6)
    pace.answered(early, 0.01)
    pace.answered(early, 0.01)
    assert pace.beat_at() > 0.3
    pace.refused(0.7, left_at=0.1, wait_s=None)
    assert pace.beat_at() == 0.7
    pace.answered(late, 9.0)  # it left before that, too
    assert pace.beat_at() == 0.7


# --- refusals


def test_a_burst_of_refusals_slows_down_once() -> None:
    pace = Pace(rate_per_min=600)
    usual = pace.interval_s()
    for late in range(10):  # ten that were on their way together
        pace.refused(10.0 + late / 100, left_at=9.5, wait_s=None)
    assert pace.interval_s() == pytest.approx(2 * usual)
    pace.refused(12.0, left_at=11.0, wait_s=None)
    assert pace.interval_s() == pytest.approx(4 * usual)


def test_slowing_down_has_an_end() -> None:
    pace = Pace(rate_per_min=600)
    for second in range(100):
        pace.refused(float(second), left_at=float(second), wait_s=None)
    assert pace.slowness == 64.0


def test_speed_is_won_back_gently_and_in_full() -> None:
    pace = Pace(rate_per_min=600)
    usual = pace.interval_s()
    pace.refused(0.0, left_at=0.0, wait_s=None)
    pace.succeeded()
    assert usual < pace.interval_s() < 2 * usual
    for _ in range(20):
        pace.succeeded()
    assert pace.interval_s() == usual


def test_a_wait_that_was_asked_for_is_kept_by_all() -> None:
    pace = Pace(rate_per_min=600)
    pace.left(0.0)
    pace.refused(0.5, left_at=0.0, wait_s=30.0)
    pace.refused(0.6, left_at=0.0, wait_s=5.0)  # a shorter one does not cut it short
    assert pace.held_until == 30.5
    assert pace.beat_at() == 30.5
