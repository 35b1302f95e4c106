"""The one gate that every request passes: the pace, as time that really goes by."""

import asyncio
from contextlib import suppress

from bulk_referrals.policy import Pace


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
        if self._stopped.is_set():
            return False
        wait_s = self.pace.take(asyncio.get_running_loop().time())
        if wait_s > 0:
            self.waited_s += wait_s
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
        return not self._stopped.is_set()

    def stop(self) -> None:
        """Let nothing more leave."""
        self._stopped.set()
