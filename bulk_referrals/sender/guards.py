"""What stops a run, or holds a campaign, before it does more harm. Pure bookkeeping."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bulk_referrals.exchange import Part
from bulk_referrals.model import Outcome
from bulk_referrals.policy import CAMPAIGN_CODES, Finding, Verdict

# Refusals of a whole campaign, in a row, after which the rest of it is held.
_STRIKES: Final = 3
# A failure rate means nothing before so many rows are settled.
_ROWS_BEFORE_RATE: Final = 50
# Exchanges without an answer, in a row, before an outage is believed.
_FAILURES_OF_OUTAGE: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLimits:
    """When to stop.

    Attributes:
        max_failures: most failed rows; None: any number.
        max_failure_rate: largest share of settled rows that may have failed; None: any.
        outage_s: longest time without any progress while requests fail, seconds.
    """

    max_failures: int | None = None
    max_failure_rate: float | None = None
    outage_s: float = 300.0


@dataclass(slots=True, kw_only=True)
class Campaigns:
    """Which campaigns are held: the platform refused them several times in a row."""

    held: set[str] = field(default_factory=set)
    _strikes: Counter[str] = field(default_factory=Counter)

    def note(self, part: Part, findings: Iterable[Finding]) -> None:
        """Note how one customer entry fared."""
        seen = list(findings)
        if any(finding.verdict is Verdict.ACCEPTED for finding in seen):
            self._strikes[part.campaign_token] = 0
        elif any(finding.code in CAMPAIGN_CODES for finding in seen):
            self._strikes[part.campaign_token] += 1
            if self._strikes[part.campaign_token] >= _STRIKES:
                self.held.add(part.campaign_token)


@dataclass(slots=True, kw_only=True)
class Health:
    """Whether the platform answers at all.

    Attributes:
        outage_s: see `SendLimits`.
        progress_at: loop seconds of the last answer that was not a refusal to listen.
        failures: exchanges in a row that made no progress.
    """

    outage_s: float
    progress_at: float
    failures: int = 0

    def progressed(self, now: float) -> None:
        """Note an answer."""
        self.progress_at = now
        self.failures = 0

    def failed(self) -> None:
        """Note an exchange without one."""
        self.failures += 1

    def is_out(self, now: float) -> bool:
        """Tell whether this is an outage, and not worth waiting for any longer."""
        return self.failures >= _FAILURES_OF_OUTAGE and now - self.progress_at >= self.outage_s


def too_many_failures(settled: Counter[Outcome], limits: SendLimits) -> str:
    """Return the sentence that stops the run, or ""."""
    failed, total = settled[Outcome.FAILED], settled.total()
    if limits.max_failures is not None and failed > limits.max_failures:
        return f"More than {limits.max_failures} rows failed (--max-failures)."
    rate = limits.max_failure_rate
    if rate is not None and total >= _ROWS_BEFORE_RATE and failed > rate * total:
        return f"{failed} of {total} rows failed, more than {rate:.0%} (--max-failure-rate)."
    return ""
