"""Ready rows -> requests, one referrer each, in the order of the sources.

The plan is four levels of contiguous slices, held as offsets, so that a million rows cost a few
arrays and no objects:

    lane      all that goes to one referrer (or to a fixed few, `customers_per_request`):
              sent one request after the other, never two at once (the API answers 521)
    request   what one POST carries: one part per referrer of the lane
    part      one (referrer, campaign, type), at most `batch_size` invites: one customer entry
    line      one invite
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bulk_referrals.equality import counted, firsts, groups
from bulk_referrals.exchange import Invite, Lane, Part
from bulk_referrals.weaving import flat

Positions = npt.NDArray[np.int64]

# Lines turned into objects at a time: enough to amortise Arrow's take, little enough to hold.
_BLOCK_LINES: Final = 20_000
_MOST_COMBINATIONS: Final = 1 << 16

_SENT_COLUMNS: Final = (
    "referrer",
    "referrer_key",
    "referrer_type",
    "campaign_token",
    "type",
    "identifier",
    "identifier_key",
    "name",
    "invited_on",
    "id",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is to be sent, in sending order.

    Attributes:
        lines: positions in the checked frame of the ready lines, int64.
        parts: offsets into `lines`, int64, one more than there are parts.
        requests: offsets into `parts`, likewise.
        lanes: offsets into `requests`, likewise.
    """

    lines: Positions
    parts: Positions
    requests: Positions
    lanes: Positions

    @property
    def lane_count(self) -> int:
        """How many lanes there are: referrers, where each request carries one."""
        return len(self.lanes) - 1


def group(
    checked: pa.Table,
    *,
    batch_size: int,
    customers_per_request: int = 1,
    only: npt.NDArray[np.bool_] | None = None,
) -> Plan:
    """Plan the requests for the ready lines of a checked frame.

    Reads `outcome` (null = ready), `referrer_key`, `campaign_token` and `type`. Referrers keep
    the order of their first line, and within a referrer its campaigns and types keep theirs.

    Args:
        checked: the checked frame (see `model`).
        batch_size: most invites of one (referrer, campaign, type) in a request, from 1.
        customers_per_request: most referrers in a request, from 1.
        only: bool (lines,); plan for none but these of the ready lines. None: for all.

    Returns:
        The plan; every such line stands in it exactly once.

    Raises:
        ValueError: a size is below 1.
    """
    if batch_size < 1 or customers_per_request < 1:
        message = "batch_size and customers_per_request start at 1"
        raise ValueError(message)
    ready = checked["outcome"].is_null().to_numpy()
    lines = np.flatnonzero(ready if only is None else ready & only)
    referrer, grouped = _groups(checked, lines)
    by_group = _order(grouped, referrer)
    lines, referrer, grouped = lines[by_group], referrer[by_group], grouped[by_group]

    within = _rank_in_run(grouped)
    part_starts = np.flatnonzero(within % batch_size == 0)
    part_referrer = np.cumsum(np.diff(referrer[part_starts], prepend=-1) != 0) - 1
    part_round = _rank_in_run(part_referrer)
    part_lane = part_referrer // customers_per_request
    part_sizes = np.diff(np.append(part_starts, len(lines)))

    order = _order(part_round, part_lane)  # they stand by referrer as it is
    lines = lines[_expand(part_starts[order], part_sizes[order])]
    lane, turn = part_lane[order], part_round[order]
    request_starts = _run_starts(lane, turn)
    lane_starts = _run_starts(lane[request_starts])
    return Plan(
        lines=lines,
        parts=np.append(0, np.cumsum(part_sizes[order])).astype(np.int64),
        requests=np.append(request_starts, len(order)).astype(np.int64),
        lanes=np.append(lane_starts, len(request_starts)).astype(np.int64),
    )


def lanes(checked: pa.Table, plan: Plan) -> Iterator[Lane]:
    """Yield the lanes of a plan as objects, a block of lines at a time.

    Args:
        checked: the frame that the plan was made from.
        plan: from `group`.

    Yields:
        Each lane: its requests in sending order.
    """
    table = checked.select(_SENT_COLUMNS)
    line_of_lane = plan.parts[plan.requests[plan.lanes]]
    first = 0
    while first < plan.lane_count:
        reach = int(np.searchsorted(line_of_lane, line_of_lane[first] + _BLOCK_LINES, "right")) - 1
        last = min(max(reach, first + 1), plan.lane_count)
        yield from _block(table, plan, first, last)
        first = last


def _block(table: pa.Table, plan: Plan, first: int, last: int) -> Iterator[Lane]:
    """Yield lanes first..last-1; `table` holds the columns that are sent."""
    requests = plan.requests[plan.lanes[first] : plan.lanes[last] + 1]
    parts = plan.parts[requests[0] : requests[-1] + 1]
    lines = plan.lines[parts[0] : parts[-1]]
    cells = table.take(pa.array(lines)).to_pydict()
    invites = [
        Invite(line=line, identifier=to, identifier_key=key, name=name or "", invited_on=on,
               id=user or "")
        for line, to, key, name, on, user in zip(
            lines.tolist(), cells["identifier"], cells["identifier_key"], cells["name"],
            cells["invited_on"], cells["id"], strict=True,
        )
    ]  # fmt: skip
    offsets = (parts - parts[0]).tolist()
    built = [
        Part(
            referrer=cells["referrer"][start],
            referrer_key=cells["referrer_key"][start],
            referrer_type=cells["referrer_type"][start],
            campaign_token=cells["campaign_token"][start],
            type=cells["type"][start],
            invites=tuple(invites[start:end]),
        )
        for start, end in itertools.pairwise(offsets)
    ]
    bounds = (requests - requests[0]).tolist()
    of_lane = (plan.lanes[first : last + 1] - plan.lanes[first]).tolist()
    for lane_start, lane_end in itertools.pairwise(of_lane):
        yield tuple(
            tuple(built[bounds[turn] : bounds[turn + 1]]) for turn in range(lane_start, lane_end)
        )


def _groups(checked: pa.Table, lines: Positions) -> tuple[Positions, Positions]:
    """Return for each of the lines the first of its referrer, and of its part, as positions."""
    referrer, first = groups(checked["referrer_key"], lines)
    grouped, combinations = referrer, len(first)
    for name in ("campaign_token", "type"):
        code, distinct = _codes(checked, name, lines)
        grouped, combinations = grouped * distinct + code, combinations * distinct
        if combinations > _MOST_COMBINATIONS + 8 * len(lines):  # too many for a table of them
            grouped, known_ones = counted(grouped)
            combinations = len(known_ones)
    return first[referrer], firsts(grouped, combinations)[grouped]


def _codes(checked: pa.Table, name: str, lines: Positions) -> tuple[Positions, int]:
    """Number the distinct texts of a column, and say how many there are."""
    texts = flat(checked[name]).dictionary_encode()
    distinct = len(texts.dictionary) + 1  # none is one too
    codes = np.asarray(texts.indices.fill_null(distinct - 1)).astype(np.int64)
    return codes[lines], distinct


def _order(*keys: Positions) -> Positions:
    """Return the stable order by some keys, whole numbers from 0, the least of them first.

    Numbers of 16 bits are sorted in linear time, so the keys go by so many bits at a time.
    """
    order = np.arange(len(keys[0]), dtype=np.int64)
    for key in keys:
        for shift in range(0, int(key.max(initial=0)).bit_length(), 16):
            digit = (key >> shift).astype(np.uint16)
            order = order[np.argsort(digit[order], kind="stable")]
    return order


def _run_starts(*keys: Positions) -> Positions:
    """Return where a new run of equal keys begins."""
    if not len(keys[0]):
        return np.empty(0, dtype=np.int64)
    changes = np.zeros(len(keys[0]), dtype=bool)
    changes[0] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changes).astype(np.int64)


def _rank_in_run(key: Positions) -> Positions:
    """Number the members of each run of equal keys, from 0."""
    starts = _run_starts(key)
    sizes = np.diff(np.append(starts, len(key)))
    return np.arange(len(key), dtype=np.int64) - np.repeat(starts, sizes)


def _expand(starts: Positions, sizes: Positions) -> Positions:
    """Return the positions of all slices start..start+size-1, one slice after another."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    shifts: Positions = np.repeat(starts - (ends - sizes), sizes)
    return np.arange(total, dtype=np.int64) + shifts
