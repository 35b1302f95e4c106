"""Our part of a rate that many senders share: beats, a slice at a time, as they are needed.

All beats of an organisation lie evenly on one line of time, kept in the ledger's database by its
clock. A sender takes no more of them than it has requests waiting, and no more than a slice; it
asks for the next slice when this one is nearly used. So hardly a beat is lost when a sender goes,
and one that comes has its first beats within the slices that the others hold.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from bulk_referrals.ledger import RateSource
from bulk_referrals.policy import Pace

T = TypeVar("T")
Args = TypeVarTuple("Args")

_SLICE_S: Final = 0.5
# How long before the last beat of a slice the next one is asked for.
_LEAD_S: Final = 0.1
# Several processes and wires jitter more than one: a little wider apart than the pace has it.
_WIDER: Final = 1.01
# A request that leaves later after its beat takes another: a stall is not to end in a burst.
_LATEST_S: Final = 0.05


class SharedBeats:
    """Beats of a shared rate, for all workers of one event loop.

    Args:
        rate: what deals them out; asked in a thread of its own, one call at a time.
        pace: how far apart ours lie, and until when the platform asked for quiet.

    Attributes:
        opens_at: loop seconds before which no further slice is taken.
    """

    def __init__(self, rate: RateSource, pace: Pace) -> None:
        self._rate = rate
        self._pace = pace
        self._beats: deque[float] = deque()
        self._waiting = 0
        self._one_call = asyncio.Lock()
        self.opens_at = float("-inf")

    async def next(self) -> float | None:
        """Return the loop seconds of a beat that is the caller's alone; None before `opens_at`.

        Raises:
            LedgerError: none can be had.
        """
        self._waiting += 1
        try:
            async with self._one_call:
                while self._beats and not self.is_good(self._beats[0]):
                    self._beats.popleft()
                if not self._beats:
                    if asyncio.get_running_loop().time() < self.opens_at:
                        return None
                    await self._take_slice()
                return self._beats.popleft()
        finally:
            self._waiting -= 1

    def is_good(self, beat: float) -> bool:
        """Tell whether a request may leave on this beat now, or on it later."""
        late_s = asyncio.get_running_loop().time() - beat
        return late_s <= _LATEST_S and beat >= self._pace.held_until

    async def charge(self) -> None:
        """Take a beat for a request that leaves outside the line."""
        async with self._one_call:
            await _in_thread(self._rate.take, 1, self._interval_s())

    async def hold(self, wait_s: float) -> None:
        """Let nobody's beats that are not taken yet fall within the next so many seconds."""
        async with self._one_call:
            await _in_thread(self._rate.hold, wait_s)

    def _interval_s(self) -> float:
        return self._pace.interval_s() * _WIDER

    async def _take_slice(self) -> None:
        interval_s = self._interval_s()
        count = max(1, min(self._waiting, int(_SLICE_S / interval_s)))
        wait_s = await _in_thread(self._rate.take, count, interval_s)
        # Counted from when the answer came: a slow answer makes us late, never early.
        first = asyncio.get_running_loop().time() + wait_s
        self._beats.extend(first + place * interval_s for place in range(count))
        self.opens_at = self._beats[-1] - _LEAD_S


async def _in_thread(call: Callable[[*Args], T], *args: *Args) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, call, *args)
