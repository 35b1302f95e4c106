"""The one gate that every request passes: the pace, as time that really goes by."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from bulk_referrals.events import Event, happened
from bulk_referrals.ledger import RateSource
from bulk_referrals.policy import Beat, Pace
from bulk_referrals.sender.sharing import SharedBeats

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

    async def turn(self) -> Beat | None:
        """Wait for the next beat; None when the run has stopped, and nothing may leave.

        Raises:
            LedgerError: the rate is shared, and no beat of it can be had.
        """
        if self._shared:
            return await self._shared_turn(self._shared)
        async with self._gate:  # one waits for the beat, and all others for that one
            while not self._stopped.is_set():
                if (wait_s := self.pace.beat_at() - _now()) <= 0:
                    return self.pace.left(_now())
                await self._wait(wait_s)
            return None

    async def _shared_turn(self, shared: SharedBeats) -> Beat | None:
        """Wait for a beat that is ours, and let those go by that have passed meanwhile."""
        while not self._stopped.is_set():
            if (beat := await shared.next()) is None:
                await self._wait(max(shared.opens_at - _now(), 0.0))
                continue
            while not self._stopped.is_set() and (wait_s := beat - _now()) > 0:
                await self._wait(wait_s)
            if shared.is_good(beat):
                return None if self._stopped.is_set() else self.pace.left(_now())
        return None

    async def charge(self) -> Beat:
        """Count a request that waits for no turn: it is in the rate, and the next one waits."""
        if self._shared:
            await self._shared.charge()
        return self.pace.left(_now())

    def answered(self, beat: Beat) -> None:
        """Note that the request of a beat was answered just now (see `Pace.answered`)."""
        if not self._shared:  # how its beats lie is settled elsewhere
            self.pace.answered(beat, _now())

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


def _now() -> float:
    return asyncio.get_running_loop().time()
