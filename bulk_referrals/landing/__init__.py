"""Where exports land: from the files that a command names to files that it can read, and back.

An `address` names a file in a store elsewhere, which `stores` reaches through fsspec; `settling`
waits until files have stopped growing; `fetching` brings them here; `arriving` puts this together
and leaves out what earlier runs have taken; `leaving` moves away what was taken.
"""

from bulk_referrals.landing.address import is_address
from bulk_referrals.landing.arriving import Taken, Wanted, arrive
from bulk_referrals.landing.fetching import own_folder
from bulk_referrals.landing.leaving import PutAway, put_away, require_beside
from bulk_referrals.landing.settling import Clock
from bulk_referrals.landing.stores import Access, Stores

__all__ = [
    "Access",
    "Clock",
    "PutAway",
    "Stores",
    "Taken",
    "Wanted",
    "arrive",
    "is_address",
    "own_folder",
    "put_away",
    "require_beside",
]
