"""The one gate that every request passes: the pace, as time that really goes by."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from bulk_referrals.events import Event, happened
from bulk_referrals.ledger import RateSource
from bulk_referrals.policy import Pace
from bulk_referrals.sender.sharing import SharedBeats

_ROUNDING_S: Final = 0.001
_WORTH_SAYING_S: Final = 1.0


class Throttle:
    """Lets requests leave at the pace, and lets go of all who wait when the run stops.

    Args:
        pace: what decides; of a shared rate, how far apart our own beats lie.
        rate: where others send at the same time, what deals the beats out.
    """

    def __init__(self, pace: Pace, rate: RateSource | None = None) -> None:
        self.pace = pace
        self.waited_s = 0.0
        self._gate = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._shared = SharedBeats(rate, pace) if rate else None

    async def turn(self) -> bool:
        """Wait for the next beat; False when the run has stopped, and nothing may leave.

        Raises:
            LedgerError: the rate is shared, and no beat of it can be had.
        """
        if self._shared:
            return await self._shared_turn(self._shared)
        async with self._gate:  # each beat is taken when the last one has left
            now = asyncio.get_running_loop().time
            beat = now() + self.pace.take(now())
            while not self._stopped.is_set():
                if beat < self.pace.held_until - _ROUNDING_S:  # asked for quiet meanwhile
                    beat = now() + self.pace.take(now())
                if (wait_s := beat - now()) <= 0:
                    self.pace.left(now())
                    return True
                await self._wait(wait_s)
            return False

    async def _shared_turn(self, shared: SharedBeats) -> bool:
        """Wait for a beat that is ours, and let those go by that have passed meanwhile."""
        now = asyncio.get_running_loop().time
        while not self._stopped.is_set():
            if (beat := await shared.next()) is None:
                await self._wait(max(shared.opens_at - now(), 0.0))
                continue
            while not self._stopped.is_set() and (wait_s := beat - now()) > 0:
                await self._wait(wait_s)
            if shared.is_good(beat):
                return not self._stopped.is_set()
        return False

    async def charge(self) -> None:
        """Count a request that leaves at once, beside those that wait for their turn."""
        if self._shared:
            await self._shared.charge()
        else:
            self.pace.take(asyncio.get_running_loop().time())

    async def refused(self, now: float, *, left_at: float, wait_s: float | None) -> None:
        """Slow down (see `Pace.refused`), and with us all who share the rate."""
        self.slow_down(now, left_at=left_at, wait_s=wait_s)
        if self._shared and wait_s:
            await self._shared.hold(wait_s)

    def slow_down(self, now: float, *, left_at: float, wait_s: float | None) -> None:
        """Slow down (see `Pace.refused`); said once for a burst of refusals, not once for each."""
        slowness, held_until = self.pace.slowness, self.pace.held_until
        self.pace.refused(now, left_at=left_at, wait_s=wait_s)
        if self.pace.held_until > max(held_until, now) + _WORTH_SAYING_S:
            pause_s = round(self.pace.held_until - now, 1)
            happened(Event.PAUSED, level=logging.WARNING, pause_s=pause_s)
        elif self.pace.slowness > slowness:
            interval_s = round(self.pace.interval_s(), 3)
            happened(Event.SLOWED_DOWN, level=logging.WARNING, interval_s=interval_s)

    def stop(self) -> None:
        """Let nothing more leave."""
        self._stopped.set()

    async def _wait(self, longest_s: float) -> None:
        self.waited_s += longest_s
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._stopped.wait()
