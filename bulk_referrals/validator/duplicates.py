"""The same invite twice, and the same invitee asked by several: whole columns at a time."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bulk_referrals.validator.columns import pick, type_positions

type_codes = npt.NDArray[np.int64]


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
    type_: pa.ChunkedArray,
    identifier_key: pa.ChunkedArray,
) -> Repeats:
    """Find what stands more than once; the first of each stays.

    Two invites are the same when campaign token, referrer, type and identifier are. The
    referrer's own type follows from its key: digits or an address.

    Args:
        ready: positions of the invites to compare, ascending; their keys are not null.
        campaign_token: text, of all invites.
        referrer_key: text, of all invites.
        type_: text, of all invites.
        identifier_key: text, of all invites.
    """
    campaign, referrer, channel, invitee = (
        _codes(cells, ready) for cells in (campaign_token, referrer_key, type_, identifier_key)
    )
    asked = _paired(_paired(campaign, channel), invitee)
    invite = _paired(asked, referrer)
    repeated = pd.Series(invite).duplicated().to_numpy()
    kept = np.flatnonzero(~repeated)  # the first of each code, and codes count in that order
    times = np.bincount(asked[kept], minlength=1)
    shared = kept[times[asked[kept]] > 1]
    return Repeats(
        at=ready[repeated],
        first=ready[kept[invite[repeated]]],
        shared=ready[shared],
        referrers=times[asked[shared]],
    )


_CELLS_PER_CODE: Final = np.int64(2**31)


def _codes(cells: pa.ChunkedArray, at: type_positions) -> type_codes:
    """Return the cells as numbers counted from 0 in the order of their first appearance."""
    encoded = pick(cells, at).combine_chunks().dictionary_encode()
    codes: type_codes = encoded.indices.to_numpy().astype(np.int64)
    return codes


def _paired(one: type_codes, other: type_codes) -> type_codes:
    """Return one number per pair, counted from 0 in the order of first appearance."""
    codes, _ = pd.factorize(one * _CELLS_PER_CODE + other)
    return codes.astype(np.int64)
