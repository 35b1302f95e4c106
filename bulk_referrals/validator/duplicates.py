"""The same invite twice, and the same invitee asked by several: whole columns at a time."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.equality import counted, groups, numbers
from bulk_referrals.validator.columns import mask_of, pick, type_positions

type_codes = npt.NDArray[np.int64]

_PAIRS: Final = np.int64(2**31)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeats:
    """What stands more than once among the invites that are otherwise ready.

    Attributes:
        at: positions of the invites that repeat an earlier one, ascending.
        first: for each, the position of the first such invite.
        shared: positions of the invites, repeats left out, whose invitee is asked in the same
            campaign by several referrers.
        referrers: for each, by how many.
    """

    at: type_positions
    first: type_positions
    shared: type_positions
    referrers: npt.NDArray[np.int64]


def repeats(
    ready: type_positions,
    *,
    campaign_token: pa.ChunkedArray,
    referrer_key: pa.ChunkedArray,
    identifier_key: pa.ChunkedArray,
) -> Repeats:
    """Find what stands more than once; the first of each stays.

    Two invites are the same when campaign token, referrer, type and identifier are. The types
    follow from the keys: digits for a mobile, an address for an e-mail.

    Args:
        ready: positions of the invites to compare, ascending; their keys are not null.
        campaign_token: text, of all invites.
        referrer_key: text, of all invites.
        identifier_key: text, of all invites.
    """
    # Whoever is named once is neither a repeat nor shared, and nearly everybody is named once.
    invitee = numbers(identifier_key)[ready]
    often = _again(invitee)
    ready, invitee = ready[often], invitee[often]
    asked = _paired(_numbered_at(campaign_token, ready), _numbered(invitee))
    invite = _paired(asked, _numbered_at(referrer_key, ready))
    repeated = ~_new(invite)
    kept = np.flatnonzero(~repeated)  # the first of each invite, in the order of their numbers
    times = np.bincount(asked[kept], minlength=1)
    shared = kept[times[asked[kept]] > 1]
    return Repeats(
        at=ready[repeated],
        first=ready[kept[invite[repeated]]],
        shared=ready[shared],
        referrers=times[asked[shared]],
    )


def _again(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return where the value stands elsewhere too."""
    ascending = np.sort(values)
    several = np.unique(ascending[1:][ascending[1:] == ascending[:-1]])
    return mask_of(pc.is_in(pa.array(values), value_set=pa.array(several)))


def _numbered_at(cells: pa.ChunkedArray, at: type_positions) -> type_codes:
    return groups(pick(cells, at))[0]


def _numbered(values: npt.NDArray[np.int64]) -> type_codes:
    """Return the values as numbers counted from 0 in the order of first appearance."""
    return counted(values)[0]


def _paired(one: type_codes, other: type_codes) -> type_codes:
    """Return one number per pair, counted from 0 in the order of first appearance.

    Both are below 2**31, since a frame of more lines would not fit in memory.
    """
    if not one.any():
        return other
    return _numbered(one * _PAIRS + other)


def _new(codes: type_codes) -> npt.NDArray[np.bool_]:
    """Return where a number that is counted in the order of first appearance appears first."""
    highest = np.maximum.accumulate(codes)
    mask = np.ones(len(codes), dtype=np.bool_)
    mask[1:] = codes[1:] > highest[:-1]
    return mask
