"""Whole columns of contacts, by the exact way over the distinct cells."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.contacts.contact import (
    Contacts,
    joined,
    nothing,
    over_distinct,
    overlay,
    text_slices,
)
from bulk_referrals.contacts.one_email import email
from bulk_referrals.contacts.one_mobile import mobile
from bulk_referrals.model import MobileFormat, MobileRule

_AT: Final = "[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]"


def mobiles(
    cells: pa.ChunkedArray,
    *,
    region: str | pa.ChunkedArray,
    rule: MobileRule,
    mobile_format: MobileFormat,
) -> Contacts:
    """Return what each cell says, if it says a mobile; exactly as `mobile` would.

    Args:
        cells: text; null where empty.
        region: ISO 3166 alpha-2 of mobiles without country code, for all cells ("" for none)
            or one per cell (null for none).
        rule: the brand's own rule.
        mobile_format: how `value` is written.

    Returns:
        Text columns, one line per cell, in order.
    """

    @cache
    def reader(home: str) -> Callable[[pa.Array], pa.RecordBatch]:
        exact = cache(partial(mobile, region=home, rule=rule, mobile_format=mobile_format))
        return partial(over_distinct, exact=exact)

    if isinstance(region, str):
        return joined([reader(region)(part) for part in text_slices(cells)])
    pairs = zip(text_slices(cells), text_slices(region), strict=True)
    return joined([_by_region(part, homes, reader) for part, homes in pairs])


def _by_region(
    part: pa.Array, homes: pa.Array, reader: Callable[[str], Callable[[pa.Array], pa.RecordBatch]]
) -> pa.RecordBatch:
    """Read each region's cells by its own reader."""
    homes = homes.fill_null("")
    found = nothing(len(part))
    for home in homes.unique().to_pylist():
        mask = pc.equal(homes, home)
        found = overlay(found, mask, reader(home)(part.filter(mask)))
    return found


def emails(cells: pa.ChunkedArray) -> Contacts:
    """Return what each cell says, if it says an e-mail address; exactly as `email` would."""
    exact = cache(email)
    return joined([over_distinct(part, exact) for part in text_slices(cells)])


def looks_like_email(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whether each cell holds an @ or one of its wide twins; null for null."""
    return pc.match_substring_regex(cells, _AT)
