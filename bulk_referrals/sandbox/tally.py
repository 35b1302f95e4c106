"""What the sandbox saw: the figures by which a client is judged."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bulk_referrals.sandbox.faults import Fault
from bulk_referrals.sandbox.limits import PeakRate


class Tally:
    """Counts since the start or the last reset.

    A request is in flight from its arrival until its answer (or its fault) is decided, so a
    request that was left hanging is no longer in flight.
    """

    def __init__(self, window_s: float) -> None:
        """Start at nothing; `window_s` is the window of the highest rate, seconds."""
        self._peak = PeakRate(window_s)
        self._calls: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._item_codes: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._most: Counter[str] = Counter()

    def arrived(self, kind: str, now: float) -> None:
        """Count a call of the API ("posts" or "gets") at `now`, seconds."""
        self._calls[kind] += 1
        self._peak.see(now)

    def seen(self, kind: str) -> None:
        """Count something that is outside the rate."""
        self._calls[kind] += 1

    def answered(self, code: int, fault: Fault | None) -> None:
        """Count the request-level code that the client was shown (0: none) and the fault."""
        if code:
            self._codes[str(code)] += 1
        if fault is not None:
            self._faults[fault.name] += 1

    def judged(self, codes: Iterable[int]) -> None:
        """Count the verdicts on referrals that were processed."""
        self._item_codes.update(map(str, codes))

    @contextmanager
    def in_flight(self, kind: str, referrers: Iterable[str] = ("",)) -> Iterator[None]:
        """Count calls that are in flight at once: of all ("all") or of one referrer."""
        keys = tuple(f"{kind}:{referrer}" for referrer in set(referrers))
        for key in keys:
            self._in_flight[key] += 1
            self._most[kind] = max(self._most[kind], self._in_flight[key])
        try:
            yield
        finally:
            for key in keys:
                self._in_flight[key] -= 1
                if not self._in_flight[key]:
                    del self._in_flight[key]

    def as_json(self) -> dict[str, Any]:
        """Return the figures.

        `posts`, `gets`, `tokens`, `elsewhere` (redirects followed, and `elsewhere_signed` those
        that brought credentials): calls; `limited`: refused for the rate; `faults`: by name;
        `codes`: request-level, as shown; `item_codes`: of the referrals processed;
        `in_flight_max`, `in_flight_per_referrer_max`: at once; `rate_peak`: POSTs and GETs in
        the fullest sliding window, refused ones included.
        """
        kinds = ("posts", "gets", "tokens", "limited", "elsewhere", "elsewhere_signed")
        return {kind: self._calls[kind] for kind in kinds} | {
            "faults": dict(self._faults),
            "codes": dict(self._codes),
            "item_codes": dict(self._item_codes),
            "in_flight_max": self._most["all"],
            "in_flight_per_referrer_max": self._most["referrer"],
            "rate_peak": self._peak.peak,
        }
