"""How fast, and how long to wait: backoff, Retry-After, and the pace under a rate limit."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# A server may ask for any wait; beyond this we would rather ask again than sleep.
_LONGEST_RETRY_AFTER_S: Final = 900.0
# Keeps a count over any window under the limit although requests do not arrive evenly: of a
# window of one second, 20 ms.
_HEADROOM: Final = 0.98
# How far behind its even beat the pace may catch up: a late wake-up, and well within that.
_CATCH_UP_S: Final = 0.005
# The rest of those 20 ms: so much later than its followers may a request arrive.
_BORNE_S: Final = 0.015
# Share of the time that may go for requests that seem to have arrived later than that (with the
# headroom, 97.2 % of the rate are used, but for our own lateness), and how much can be saved up.
_FOR_LATENESS: Final = 0.008
_MOST_SAVED_S: Final = 0.25
# So many answers tell how long one usually takes; a median, which a few late ones do not move.
_USUAL_OF: Final = 15
_SLOWEST: Final = 64.0
_NOMINAL_INTERVAL_S: Final = 0.02


def backoff_s(attempt: int, *, base_s: float, cap_s: float, jitter: float) -> float:
    """Return the wait before the next attempt, with full jitter.

    wait = min(cap_s, base_s * 2**(attempt - 1)) * jitter

    Args:
        attempt: attempts already made, from 1.
        base_s: first wait, seconds.
        cap_s: longest wait, seconds.
        jitter: a draw in [0, 1]; the caller owns the chance.

    Returns:
        Seconds in [0, cap_s]; a huge attempt gives the cap, never an overflow.

    Raises:
        ValueError: attempt is below 1.
    """
    if attempt < 1:
        message = "attempt starts at 1"
        raise ValueError(message)
    doublings = min(attempt - 1, 60)
    return min(cap_s, base_s * 2.0**doublings) * jitter


def retry_after_s(header: str, *, now: datetime) -> float | None:
    """Read a `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date.

    Args:
        header: as it came.
        now: aware.

    Returns:
        Seconds in [0, 900], or None where the header is absent or makes no sense.
    """
    text = header.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_RETRY_AFTER_S)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The turn of one request.

    Attributes:
        number: how many of the same pace went before.
        left_at: monotonic seconds when it was let go.
    """

    number: int
    left_at: float


@dataclass(slots=True, kw_only=True)
class Pace:
    """An even beat under a rate limit, slower after a refusal and back up gently.

    Requests leave `60 / rate_per_min` seconds apart, one at a time, so that in no window of any
    kind (fixed, sliding, token bucket) more leave than the limit. What a server counts is what
    arrives: where an answer took longer than usual, its request may have been held up on its
    way, and those that follow keep their distance to that as well, as far as the time set aside
    for it goes. A refusal halves the speed; each success wins back a little, until the set
    rate is reached again.

    Attributes:
        rate_per_min: the limit, requests per minute; None for no limit.
        slowness: 1 at full speed, up to 64; the interval's factor.
        next_at: monotonic seconds of the next even beat.
        number: the next beat's.
        echo_at: monotonic seconds before which the next beat's answer is not to come, were it
            answered as late as the latest one.
        saved_s: time set aside for requests that arrived late.
        slowed_at: monotonic seconds when it last slowed down.
        held_until: monotonic seconds until which the platform asked for quiet; no beat is
            before then.
    """

    rate_per_min: float | None
    slowness: float = 1.0
    next_at: float = 0.0
    number: int = 0
    echo_at: float = float("-inf")
    saved_s: float = _MOST_SAVED_S
    slowed_at: float = float("-inf")
    held_until: float = float("-inf")
    _took_s: deque[float] = field(default_factory=lambda: deque(maxlen=_USUAL_OF), repr=False)

    def interval_s(self) -> float:
        """Return the seconds between two beats as things stand."""
        base = 60.0 / (self.rate_per_min * _HEADROOM) if self.rate_per_min else 0.0
        if self.slowness <= 1.0:
            return base
        return max(base, _NOMINAL_INTERVAL_S) * self.slowness

    def beat_at(self) -> float:
        """Return the monotonic seconds of the next beat; what happens meanwhile may move it."""
        return max(self.next_at, min(self._clear_at(), self.next_at + self.saved_s))

    def left(self, now: float) -> Beat:
        """Note that a request leaves, on the next beat or later: the one after keeps its distance.

        Were that to the beat, a request that left late would stand too near those that follow,
        and one window of the server's could hold more than the limit.

        Args:
            now: monotonic seconds.
        """
        interval = self.interval_s()
        beat = self.beat_at()
        saved_s = self.saved_s - (beat - self.next_at) + interval * _FOR_LATENESS
        self.saved_s = min(saved_s, _MOST_SAVED_S)
        beat = max(beat, now - min(_CATCH_UP_S, interval))
        # What no time was left for is let go: it lies behind soon, and the rate is to be used.
        self.echo_at += min(beat - self._clear_at(), 0.0) + interval
        self.next_at = beat + interval
        self.number += 1
        return Beat(number=self.number - 1, left_at=now)

    def answered(self, beat: Beat, now: float) -> None:
        """Note that the request of a beat was answered: it has arrived by then.

        Of one whose answer is lost, nobody knows when it arrived, and it moves nobody.

        Args:
            beat: from `left`.
            now: monotonic seconds.
        """
        if not self.rate_per_min or beat.left_at < self.slowed_at:
            return
        self._took_s.append(now - beat.left_at)
        self.echo_at = max(self.echo_at, now + (self.number - beat.number) * self.interval_s())

    def _clear_at(self) -> float:
        """When the next may leave if all that an answer took longer than usual was the way out."""
        if not self._took_s:
            return self.echo_at
        return self.echo_at - sorted(self._took_s)[len(self._took_s) // 2] - _BORNE_S

    def refused(self, now: float, *, left_at: float, wait_s: float | None) -> None:
        """Slow down: the limit was met, or the platform is not well.

        Args:
            now: monotonic seconds.
            left_at: when the refused request left; one that left before we last slowed down
                tells nothing new, or a burst of refusals would slow us down once for each.
            wait_s: how long it asked us to wait, if it did.
        """
        if left_at >= self.slowed_at:
            self.slowness = min(self.slowness * 2.0, _SLOWEST)
            self.slowed_at = now
            self.echo_at = float("-inf")  # it was reckoned in shorter intervals
        if wait_s:
            self.held_until = max(self.held_until, now + wait_s)
        self.next_at = max(self.next_at, now, self.held_until)

    def succeeded(self) -> None:
        """Win back a little speed."""
        self.slowness = max(self.slowness * 0.95, 1.0)


@dataclass(slots=True, kw_only=True)
class RetryBudget:
    """Keeps an outage from being answered by a storm: a retry must have been earned.

    Every request answered earns a fifth of a retry, up to the most that can be saved; so does
    every fifth of a second, or retries alone, none of them answered, would wait for ever.

    Attributes:
        saved: retries that may be made now.
        refilled_at: monotonic seconds up to which time has earned its share; None before.
    """

    saved: float = 20.0
    refilled_at: float | None = None

    def earn(self) -> None:
        """Note a request that was answered."""
        self.saved = min(self.saved + 0.2, 100.0)

    def refill(self, now: float) -> None:
        """Note the time, monotonic seconds."""
        if self.refilled_at is not None:
            self.saved = min(self.saved + now - self.refilled_at, 100.0)
        self.refilled_at = now

    def spend(self) -> bool:
        """Take one retry; False when there is none left, and it should wait."""
        if self.saved < 1.0:
            return False
        self.saved -= 1.0
        return True
