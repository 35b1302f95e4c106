"""The one gate that every request passes: the pace, as time that really goes by."""

import asyncio
from contextlib import suppress
from typing import Final

from bulk_referrals.policy import Pace

_ROUNDING_S: Final = 0.001


class Throttle:
    """Lets requests leave at the pace, and lets go of all who wait when the run stops.

    Args:
        pace: what decides.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.waited_s = 0.0
        self._stopped = asyncio.Event()

    async def turn(self) -> bool:
        """Wait for the next beat; False when the run has stopped, and nothing may leave."""
        now = asyncio.get_running_loop().time
        beat = now() + self.pace.take(now())
        while not self._stopped.is_set():
            if beat < self.pace.held_until - _ROUNDING_S:  # asked for quiet while this one waited
                beat = now() + self.pace.take(now())
            if (wait_s := beat - now()) <= 0:
                return True
            self.waited_s += wait_s
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
        return False

    def stop(self) -> None:
        """Let nothing more leave."""
        self._stopped.set()
