"""Whose turn is next: fresh lanes in order, and parked ones when they are due.

A lane is with one worker at a time, which is what keeps two requests for one referrer from
meeting. A lane that has to wait (a backoff, a settle time) is parked and keeps no worker busy.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from bulk_referrals.sender.turns import Turn

LaneTurns = deque[Turn]

# So many waiting lanes tell of an outage: no fresh ones are begun until some have ended.
_MOST_PARKED: Final = 2000


class Agenda:
    """The lanes still to be worked on, shared by all workers of one event loop.

    Args:
        fresh: the lanes not yet begun, in order.
    """

    def __init__(self, fresh: Iterator[LaneTurns]) -> None:
        self._fresh = fresh
        self._more = True
        self._parked: list[tuple[float, int, LaneTurns]] = []
        self._active = 0
        self._count = 0
        self._closed = False
        self._changed = asyncio.Event()

    async def next(self) -> LaneTurns | None:
        """Return a lane to work on, waiting for one; None when there is nothing more to do.

        The worker gives it back with `give_back`, whatever happens.
        """
        loop = asyncio.get_running_loop()
        while not self._closed:
            due = self._parked[0][0] if self._parked else None
            if due is not None and due <= loop.time():
                self._active += 1
                return heapq.heappop(self._parked)[2]
            if (lane := self._begin()) is not None:
                return lane
            if due is None and not self._active:
                self.close()
                return None
            await self._wait(None if due is None else due - loop.time())
        return None

    def give_back(self, lane: LaneTurns) -> None:
        """Take a lane back: park it when it has turns left, else forget it."""
        self._active -= 1
        if lane:
            self._count += 1
            heapq.heappush(self._parked, (lane[0].due, self._count, lane))
        self._wake()

    def close(self) -> None:
        """Hand out no more lanes, and wake whoever waits for one."""
        self._closed = True
        self._wake()

    def _begin(self) -> LaneTurns | None:
        if not self._more or len(self._parked) >= _MOST_PARKED:
            return None
        lane = next(self._fresh, None)
        if lane is None:
            self._more = False
        else:
            self._active += 1
        return lane

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, longest_s: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._changed.wait()
