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

_LEAST: Final = 10  # numbers with their country code, before they are the custom of a column
_NEARLY_ALL: Final = 0.9


def lost_plus(
    typed: pa.ChunkedArray, key: pa.ChunkedArray, *, rules: Rules
) -> tuple[type_positions, list[str]]:
    """Return where a plus has probably been lost, and a warning for each such place.

    Args:
        typed: text, mobiles as typed.
        key: text, the same with country code; null where refused.
        rules: the brand's rule counts here.
    """
    with_code = mask_of(pc.equal(typed, key))
    number = int(np.count_nonzero(with_code))
    changed = positions(mask_of(pc.is_valid(key)) & ~with_code)
    if number < _LEAST or not len(changed):
        return changed[:0], []
    others = pick(typed, changed)
    plain = pc.and_not(pc.utf8_is_decimal(others), pc.starts_with(others, "0"))
    at = changed[mask_of(plain)]
    if not len(at) or number < _NEARLY_ALL * (number + len(at)):
        return at[:0], []
    abroad = contacts.mobiles(
        pc.binary_join_element_wise("+", pick(typed, at), ""),
        region="",
        rule=rules.mobile,
        mobile_format=rules.mobile_format,
    )
    doubtful = mask_of(pc.is_valid(abroad.key))
    at = at[doubtful]
    told = zip(words(key, at), words(typed, at), strict=True)
    return at, [
        f"it was read as +{read}, but nearly all others here have a country code, and with one it "
        f"would be +{cell}: if its plus was lost, write it again as text"
        for read, cell in told
    ]
