"""What an answer says about each invite, and what to do next. Pure: no clock, chance or I/O."""

from bulk_referrals.policy.pacing import Beat, Pace, RetryBudget, backoff_s, retry_after_s
from bulk_referrals.policy.verdicts import (
    CAMPAIGN_CODES,
    Effect,
    Finding,
    Judgement,
    Verdict,
    judge,
    judge_code,
    judge_read_back,
)

__all__ = [
    "CAMPAIGN_CODES",
    "Beat",
    "Effect",
    "Finding",
    "Judgement",
    "Pace",
    "RetryBudget",
    "Verdict",
    "backoff_s",
    "judge",
    "judge_code",
    "judge_read_back",
    "retry_after_s",
]
