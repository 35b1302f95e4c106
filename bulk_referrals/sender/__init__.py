"""Sends what the plan holds: throttled, concurrent, retried, journaled before and after."""

from bulk_referrals.sender.journal import Journal
from bulk_referrals.sender.reading_back import Reading, may_be_cut, read_each
from bulk_referrals.sender.sending import Sender, SendLimits, Stop, Tally
from bulk_referrals.sender.turns import Limits

__all__ = [
    "Journal",
    "Limits",
    "Reading",
    "SendLimits",
    "Sender",
    "Stop",
    "Tally",
    "may_be_cut",
    "read_each",
]
