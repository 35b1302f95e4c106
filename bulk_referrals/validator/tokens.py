"""Campaign tokens, referral codes and regions: short cells with a shape of their own."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import contacts
from bulk_referrals.model import Rules
from bulk_referrals.validator.columns import (
    by_distinct,
    filled,
    mask_of,
    positions,
    quoted,
    type_mask,
    where_distinct,
    words,
)
from bulk_referrals.validator.findings import Findings, finding

# Tokens travel in addresses too: the characters that need no escape there (RFC 3986, 2.3).
_TOKEN: Final = re.compile(r"[0-9A-Za-z._~-]{1,100}")
# The same for codes, save the dot, at which the API splits `invited_on`.
_REFERRAL_CODE: Final = r"^[0-9A-Za-z_~-]{1,50}$"


def campaign_tokens(
    cells: pa.ChunkedArray, rules: Rules
) -> tuple[pa.ChunkedArray, list[Findings]]:
    """Return each invite's campaign token, the row's own first, and what is wrong with them.

    A row without a token is refused, since the API would take its default campaign.
    """
    tokens = cells
    if rules.campaign_token and cells.null_count:
        tokens = pc.fill_null(cells, rules.campaign_token)
    odd = where_distinct(tokens, lambda cell: not _TOKEN.fullmatch(cell))
    missing = finding(
        positions(~filled(tokens)),
        code="missing-campaign-token",
        field="campaign_token",
        reason="the row has no campaign token",
    )
    damaged = finding(
        odd,
        code="1202",
        field="campaign_token",
        reason=[
            f"{quoted(cell)} cannot be a campaign token: {_oddity(cell, limit=100)}"
            for cell in words(tokens, odd)
        ],
    )
    return tokens, [missing, damaged]


def referral_codes(
    cells: pa.ChunkedArray, carried: pa.ChunkedArray, *, looked_up: bool = False
) -> tuple[pa.ChunkedArray, list[Findings]]:
    """Return each invite's referral code and what is wrong with them.

    Args:
        cells: the column `referral_code`.
        carried: the code that `invited_on` carries itself; null where it has none.
        looked_up: missing codes will be asked for: they are "" and no fault.
    """
    codes = pc.coalesce(carried, cells) if filled(carried).any() else cells
    missing = finding(
        positions(np.zeros(len(codes), np.bool_) if looked_up else ~filled(codes)),
        code="missing-referral-code",
        field="referral_code",
        reason="the row has no referral code",
    )
    odd = positions(~mask_of(pc.match_substring_regex(codes, _REFERRAL_CODE)) & filled(codes))
    damaged = finding(
        odd,
        code="bad-referral-code",
        field="referral_code",
        reason=[
            f"{quoted(cell)} cannot be a referral code: {_oddity(cell, limit=50)}"
            for cell in words(codes, odd)
        ],
    )
    found = pc.fill_null(codes, "") if looked_up else codes
    return found, [missing, damaged, _contradicted(cells, carried)]


def is_referral_code(text: str) -> bool:
    """Tell whether a referral code can be sent."""
    return re.fullmatch(_REFERRAL_CODE, text) is not None


def _contradicted(cells: pa.ChunkedArray, carried: pa.ChunkedArray) -> Findings:
    both = filled(cells) & filled(carried)
    at = positions(mask_of(pc.not_equal(cells, carried)) if both.any() else both)
    pairs = zip(words(carried, at), words(cells, at), strict=True)
    return finding(
        at,
        code="bad-referral-code",
        field="referral_code",
        reason=[
            f"the date of the invitation carries the code {quoted(one)}, but the row's own code "
            f"is {quoted(other)}"
            for one, other in pairs
        ],
        advice="Find out which code is the referrer's, and clear the other.",
    )


def _oddity(cell: str, *, limit: int) -> str:
    if len(cell) > limit:
        return f"it has {len(cell)} characters"
    odd = next(c for c in cell if not (c.isascii() and c.isalnum()) and c not in "_~-")
    return "it holds a space" if odd.isspace() else f"it holds the character {odd!r}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regions:
    """Where the mobiles without a country code are from.

    Attributes:
        region: ISO 3166 alpha-2, or "" for none: one for all, or text, one each.
        bad: where the row's own region cannot be read.
        findings: these (code bad-region).
    """

    region: str | pa.ChunkedArray
    bad: type_mask
    findings: Findings


def regions(cells: pa.ChunkedArray, rules: Rules) -> Regions:
    """Return the region of each invite's mobiles: the row's own, else the settings'."""
    given = filled(cells)
    read = by_distinct(cells, _region)
    bad = given & ~filled(read)
    at = positions(bad)
    findings = finding(
        at,
        code="bad-region",
        field="region",
        reason=[
            f"{quoted(cell)} is not the two-letter code of a country" for cell in words(cells, at)
        ],
        advice="Write the two letters of the country, such as IN, AE or GB (not IND, UK or +91).",
    )
    region = (
        pc.coalesce(read, pa.scalar(rules.region, pa.string())) if given.any() else rules.region
    )
    return Regions(region=region, bad=bad, findings=findings)


def _region(cell: str) -> str | None:
    code = cell.upper()
    return code if contacts.is_region(code) else None
