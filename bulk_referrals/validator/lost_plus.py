"""Mobiles that have probably lost their plus, and so their country.

A cell of numbers keeps no plus: `+65 8312 3456` typed into it becomes 6583123456, which reads as
an Indian mobile where the region is India. No cell tells, but its column does: where nearly all
plain numbers begin with their country code, one that does not, and would be a mobile abroad with
a plus in front, deserves a look.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import contacts
from bulk_referrals.model import Rules
from bulk_referrals.validator.columns import mask_of, pick, positions, type_positions, words
from bulk_referrals.validator.evidence import Plus

_LEAST: Final = 10  # numbers with their country code, before they are the custom of a column
_NEARLY_ALL: Final = 0.9


def lost_plus(
    typed: pa.ChunkedArray, key: pa.ChunkedArray, *, rules: Rules, told: Plus | None = None
) -> tuple[type_positions, list[str], Plus]:
    """Return where a plus has probably been lost, a warning for each such place, and evidence.

    Args:
        typed: text, mobiles as typed.
        key: text, the same with country code; null where refused.
        rules: the brand's rule counts here.
        told: how all are written, where these are only a part of them.
    """
    with_code = mask_of(pc.equal(typed, key))
    changed = positions(mask_of(pc.is_valid(key)) & ~with_code)
    others = pick(typed, changed)
    plain = pc.and_not(pc.utf8_is_decimal(others), pc.starts_with(others, "0"))
    at = changed[mask_of(plain)]
    found = Plus(with_code=int(np.count_nonzero(with_code)), without=len(at))
    if not len(at) or not is_odd_without(told or found):
        return at[:0], [], found
    abroad = contacts.mobiles(
        pc.binary_join_element_wise("+", pick(typed, at), ""),
        region="",
        rule=rules.mobile,
        mobile_format=rules.mobile_format,
    )
    doubtful = mask_of(pc.is_valid(abroad.key))
    at = at[doubtful]
    pairs = zip(words(key, at), words(typed, at), strict=True)
    return at, [_warning(read, cell) for read, cell in pairs], found


def _warning(read: str, cell: str) -> str:
    return (
        f"it was read as +{read}, but nearly all others here have a country code, and with one it "
        f"would be +{cell}: if its plus was lost, write it again as text"
    )


def is_odd_without(mobiles: Plus) -> bool:
    """Tell whether a plain number without its country code is odd, as nearly all have theirs."""
    every = mobiles.with_code + mobiles.without
    return mobiles.with_code >= _LEAST and mobiles.with_code >= _NEARLY_ALL * every
