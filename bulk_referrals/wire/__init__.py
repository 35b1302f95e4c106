"""The API's JSON, in and out. Nowhere else in the house knows its shape.

Out, exactly as the API's reference shows it (`bodies`); in, liberally (`answers`).
"""

from bulk_referrals.wire.answers import lists, read_answer, read_back, same_mobile, times_listed
from bulk_referrals.wire.bodies import BODY_COLUMNS, bodies, payload

__all__ = [
    "BODY_COLUMNS",
    "bodies",
    "lists",
    "payload",
    "read_answer",
    "read_back",
    "same_mobile",
    "times_listed",
]
