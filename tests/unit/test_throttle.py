"""The gate that every request passes."""

import asyncio

import pytest
from virtual_time import now, run
from windows import busiest

from bulk_referrals.policy import Beat, Pace
from bulk_referrals.sender.throttle import Throttle


async def passed(throttle: Throttle, turns: int) -> list[float]:
    """When so many requests, all ready now, may leave."""

    async def one() -> float:
        assert await throttle.turn()
        return now()

    return sorted(await asyncio.gather(*(one() for _ in range(turns))))


def test_requests_leave_at_the_pace() -> None:
    async def scene() -> list[float]:
        return await passed(Throttle(Pace(rate_per_min=300)), 4)

    first, *others = run(scene())
    assert others == pytest.approx([first + n * 0.2 / 0.98 for n in (1, 2, 3)], abs=0.06)


def test_time_spent_waiting_is_counted() -> None:
    async def scene() -> float:
        throttle = Throttle(Pace(rate_per_min=60))
        await passed(throttle, 2)
        return throttle.waited_s

    assert run(scene()) == pytest.approx(60 / 60 / 0.98, abs=0.06)


def test_requests_already_waiting_keep_the_quiet_that_another_was_asked_for() -> None:
    async def scene() -> list[float]:
        throttle = Throttle(Pace(rate_per_min=600))
        waiting = asyncio.create_task(passed(throttle, 8))
        await asyncio.sleep(0.25)
        throttle.pace.refused(now(), left_at=0.0, wait_s=60.0)
        return await waiting

    left = run(scene())
    assert [moment < 1 for moment in left[:3]] == [True] * 3
    assert min(left[3:]) >= 60.25
    assert busiest(left[3:], 0.19) == 1


def test_whoever_waits_is_let_go_when_the_run_stops() -> None:
    async def scene() -> tuple[list[Beat | None], float]:
        throttle = Throttle(Pace(rate_per_min=1))
        assert await throttle.turn()
        waiting = asyncio.gather(*(throttle.turn() for _ in range(3)))
        await asyncio.sleep(1)
        throttle.stop()
        return [*await waiting, await throttle.turn()], now()

    assert run(scene()) == ([None] * 4, 1.0)


def test_one_that_left_late_keeps_the_next_at_its_distance() -> None:
    pace = Pace(rate_per_min=600)
    pace.left(0.5)  # the machine was busy
    left = [0.5]
    for _ in range(10):
        left.append(pace.beat_at())
        pace.left(left[-1])
    assert left[10] - left[0] > 1.01  # eleven never stand in one second


def test_a_burst_of_refusals_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="bulk_referrals")
    throttle = Throttle(Pace(rate_per_min=300))
    for number in range(16):
        throttle.slow_down(10.0 + number / 100, left_at=9.0, wait_s=None)
    assert [record.getMessage() for record in caplog.records] == ["slowed_down"]
    caplog.clear()
    for number in range(16):
        throttle.slow_down(20.0 + number / 100, left_at=19.0, wait_s=30.0)
    assert [record.getMessage() for record in caplog.records] == ["paused"]
    assert vars(caplog.records[0])["figures"] == {"pause_s": 30.0}
