"""A rate that several senders share: whatever they do, its beats are dealt out once."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from virtual_time import VirtualLoop, now, run

from bulk_referrals.errors import LedgerError
from bulk_referrals.policy import Beat, Pace
from bulk_referrals.sender.sharing import _WIDER
from bulk_referrals.sender.throttle import Throttle

INTERVAL_S = Pace(rate_per_min=300).interval_s() * _WIDER


@dataclass(kw_only=True)
class Line:
    """All beats of an organisation, as the database keeps them, by the clock of the test."""

    loop: asyncio.AbstractEventLoop
    next_at: float = 0.0
    slices: list[int] = field(default_factory=list)
    fails: bool = False

    def take(self, count: int, interval_s: float) -> float:
        if self.fails:
            message = "the database is gone"
            raise LedgerError(message)
        first = max(self.next_at, self.loop.time())
        self.next_at = first + count * interval_s
        self.slices.append(count)
        return first - self.loop.time()

    def hold(self, wait_s: float) -> None:
        self.next_at = max(self.next_at, self.loop.time() + wait_s)

    def close(self) -> None:
        pass


def line() -> Line:
    return Line(loop=asyncio.get_running_loop())


def sharing(rate: Line) -> Throttle:
    return Throttle(Pace(rate_per_min=300), rate)


async def passed(throttle: Throttle, turns: int) -> list[float]:
    """When so many requests, all ready now, may leave."""

    async def one() -> float:
        assert await throttle.turn()
        return now()

    return sorted(await asyncio.gather(*(one() for _ in range(turns))))


def test_two_senders_leave_on_beats_of_one_line() -> None:
    async def scene() -> list[float]:
        rate = line()
        both = await asyncio.gather(passed(sharing(rate), 8), passed(sharing(rate), 8))
        return sorted(moment for one in both for moment in one)

    assert run(scene()) == pytest.approx([n * INTERVAL_S for n in range(16)], abs=1e-6)


def test_a_sender_takes_no_more_than_it_needs_nor_than_a_slice() -> None:
    async def scene() -> tuple[list[int], list[int]]:
        alone, crowd = line(), line()
        await passed(sharing(alone), 1)
        await passed(sharing(crowd), 9)
        return alone.slices, crowd.slices

    alone, crowd = run(scene())
    assert alone == [1]
    assert max(crowd) == 2, "half a second's worth at five a second"
    assert sum(crowd) == 9


def test_a_sender_that_comes_later_has_its_beats_soon() -> None:
    async def scene() -> float:
        rate = line()
        crowd = asyncio.create_task(passed(sharing(rate), 100))
        await asyncio.sleep(3)
        (first,) = await passed(sharing(rate), 1)
        crowd.cancel()
        return first - 3

    assert run(scene()) < 1


def test_a_beat_that_has_passed_unused_is_let_go() -> None:
    async def scene() -> list[float]:
        rate = line()
        throttle = sharing(rate)
        waiting = asyncio.create_task(passed(throttle, 4))
        await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jumping.now += 5  # the process was stopped for a while
        return await waiting

    first, *later = run(scene())
    assert first < 5
    assert [b - a >= INTERVAL_S - 0.051 for a, b in pairwise(later)] == [True, True]


def test_all_keep_the_quiet_that_one_was_asked_for() -> None:
    async def scene() -> list[float]:
        rate = line()
        one, two = sharing(rate), sharing(rate)
        await one.refused(now(), left_at=0.0, wait_s=60.0)
        return [*await passed(one, 2), *await passed(two, 2)]

    assert min(run(scene())) >= 60


def test_a_request_outside_the_line_costs_a_beat() -> None:
    async def scene() -> list[float]:
        rate = line()
        throttle = sharing(rate)
        await throttle.charge()
        return await passed(throttle, 1)

    assert run(scene()) == pytest.approx([INTERVAL_S])


def test_whoever_waits_for_a_shared_beat_is_let_go_when_the_run_stops() -> None:
    async def scene() -> tuple[list[Beat | None], float]:
        throttle = Throttle(Pace(rate_per_min=1), line())
        assert await throttle.turn()
        waiting = asyncio.gather(*(throttle.turn() for _ in range(3)))
        await asyncio.sleep(1)
        throttle.stop()
        return [*await waiting, await throttle.turn()], now()

    assert run(scene()) == ([None] * 4, 1.0)


def test_nothing_leaves_when_no_beat_can_be_had() -> None:
    async def scene() -> None:
        rate = line()
        rate.fails = True
        await sharing(rate).turn()

    with pytest.raises(LedgerError, match="gone"):
        run(scene())
