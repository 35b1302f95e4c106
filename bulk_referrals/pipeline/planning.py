"""Which lines are to be sent, as the ledger knows them, and in which requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.config import Settings
from bulk_referrals.grouper import Plan, group
from bulk_referrals.ledger import InviteKeys, InviteState, Ledger
from bulk_referrals.pipeline.outcomes import Lines, States

_KEY_COLUMNS: Final = ("campaign_token", "referrer_key", "type", "identifier_key")
_BLOCK_LINES: Final = 100_000
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What the ledger knows of the lines that are ready to be sent.

    Attributes:
        keys: uint8 (lines, 16); the key of each ready line's invite, zeros elsewhere.
        states: int8 (lines,); its `InviteState`, 0 where it was never sent.
        attempts: int64 (lines,); times that this run has sent it.
    """

    keys: npt.NDArray[np.uint8]
    states: States
    attempts: Lines

    def key_of(self, line: int) -> bytes:
        """Return the key of a line's invite."""
        key: bytes = self.keys[line].tobytes()
        return key

    def inherit(self, heirs: Mapping[int, int]) -> None:
        """Take lines for the same invites as others: heir -> the line whose invite it is."""
        for heir, first in heirs.items():
            for each in (self.keys, self.states, self.attempts):
                each[heir] = each[first]

    @property
    def in_doubt(self) -> npt.NDArray[np.bool_]:
        """Tell of each line whether an earlier sitting left it in doubt."""
        return np.isin(self.states, (InviteState.IN_FLIGHT, InviteState.UNKNOWN))

    def doubtful(self) -> dict[int, int]:
        """Return line -> attempts of what an earlier sitting left in doubt."""
        lines = np.flatnonzero(self.in_doubt)
        return {int(line): int(self.attempts[line]) for line in lines}


def look_up(checked: pa.Table, *, ledger: Ledger, organisation: str, run_id: str) -> Known:
    """Return what the ledger knows of the ready lines, block by block."""
    ready = np.flatnonzero(checked["outcome"].is_null().to_numpy())
    known = Known(
        keys=np.zeros((len(checked), _KEY_BYTES), dtype=np.uint8),
        states=np.zeros(len(checked), dtype=np.int8),
        attempts=np.zeros(len(checked), dtype=np.int64),
    )
    table = checked.select(_KEY_COLUMNS)
    maker = ledger.keys()
    for start in range(0, len(ready), _BLOCK_LINES):
        lines = ready[start : start + _BLOCK_LINES]
        keys = _keys(table.take(lines).to_pydict(), organisation, maker)
        known.keys[lines] = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _KEY_BYTES)
        records = ledger.invites(keys)
        if not records:
            continue
        for line, key in zip(lines, keys, strict=True):
            if (record := records.get(key)) is not None:
                known.states[line] = record.state
                known.attempts[line] = record.attempts if record.run_id == run_id else 0
    return known


def _keys(cells: dict[str, list[str]], organisation: str, maker: InviteKeys) -> list[bytes]:
    columns = (cells[name] for name in _KEY_COLUMNS)
    return [
        maker.key(organisation, token, referrer, kind, invitee)
        for token, referrer, kind, invitee in zip(*columns, strict=True)
    ]


def without_code(checked: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which ready lines wait for a referral code: their `invited_on` ends in its dot."""
    ends = pc.ends_with(checked["invited_on"], ".")
    ready = pc.is_null(checked["outcome"])
    mask: npt.NDArray[np.bool_] = pc.fill_null(pc.and_(ends, ready), fill_value=False).to_numpy()
    return mask


def plan(checked: pa.Table, to_send: npt.NDArray[np.bool_], settings: Settings) -> Plan:
    """Plan the requests for some of the ready lines.

    Args:
        checked: the checked frame.
        to_send: bool (lines,); which of them are to be sent now.
        settings: sizes.
    """
    return group(
        checked,
        batch_size=settings.batch_size,
        customers_per_request=settings.customers_per_request,
        only=to_send,
    )
