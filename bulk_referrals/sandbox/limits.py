"""The rate limit, and the highest rate that was ever seen."""

import math
from collections import deque
from email.utils import formatdate


class RateLimit:
    """At most so many calls in any window (sliding), or in each window of the clock (fixed).

    Refused calls do not count, as with the common gateways.
    """

    def __init__(self, *, rate_per_min: float, window_s: float, window: str) -> None:
        """Start with an empty window.

        Args:
            rate_per_min: calls per minute; 0 is no limit.
            window_s: length of the window, seconds; it holds rate_per_min * window_s / 60
                calls, at least 1.
            window: "sliding" or "fixed".
        """
        self._capacity = max(1, int(rate_per_min * window_s / 60)) if rate_per_min else 0
        self._window_s = window_s
        self._fixed = window == "fixed"
        self._taken: deque[float] = deque()

    def wait_s(self, now: float) -> float:
        """Count a call at `now` (seconds) and return 0, or the seconds until one is free."""
        if not self._capacity:
            return 0.0
        start = now - now % self._window_s if self._fixed else now - self._window_s
        # A fixed window begins with its first instant; a sliding one has just lost its first.
        while self._taken and (self._taken[0] < start if self._fixed else self._taken[0] <= start):
            self._taken.popleft()
        if len(self._taken) < self._capacity:
            self._taken.append(now)
            return 0.0
        free_at = (start if self._fixed else self._taken[0]) + self._window_s
        return max(free_at - now, 1e-6)


class PeakRate:
    """The highest number of calls in any sliding window."""

    def __init__(self, window_s: float) -> None:
        """Start with nothing seen; `window_s` in seconds."""
        self._window_s = window_s
        self._seen: deque[float] = deque()
        self.peak = 0

    def see(self, now: float) -> None:
        """Count a call at `now`, seconds."""
        while self._seen and self._seen[0] <= now - self._window_s:
            self._seen.popleft()
        self._seen.append(now)
        self.peak = max(self.peak, len(self._seen))


def retry_after(wait_s: float, *, now: float, form: str) -> str:
    """Return a Retry-After that does not come too early (RFC 9110, 10.2.3).

    Args:
        wait_s: seconds until the next call is free.
        now: seconds since the epoch.
        form: "seconds", "date", or "none" for no header.

    Returns:
        Whole seconds, at least 1; an HTTP date; or "".
    """
    if form == "none":
        return ""
    if form == "date":
        return formatdate(math.ceil(now + wait_s), usegmt=True)
    return str(max(1, math.ceil(wait_s)))
