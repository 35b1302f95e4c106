"""Sends what the plan holds: throttled, concurrent, retried, journaled before and after."""

from bulk_referrals.sender.journal import Journal
from bulk_referrals.sender.sending import Sender, SendLimits, Stop, Tally
from bulk_referrals.sender.turns import Limits

__all__ = ["Journal", "Limits", "SendLimits", "Sender", "Stop", "Tally"]
