"""The referral codes that rows do not have: asked of the platform, before anything is sent.

One GET for each referrer and campaign, in the rate and with retries. What the platform tells is
kept in the ledger, under a keyed hash, so that neither a run that is resumed nor the next night
asks again. What it does not tell is not kept: a referrer may become a customer meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.client import Client
from bulk_referrals.codes import CODES, describe
from bulk_referrals.config import Settings
from bulk_referrals.equality import combinations
from bulk_referrals.errors import LedgerError
from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.frames import replaced
from bulk_referrals.ledger import Ledger
from bulk_referrals.model import Outcome, RequestFigures
from bulk_referrals.pipeline.planning import without_code
from bulk_referrals.pipeline.sitting import Endpoint, ends_on_signal, shared_rate
from bulk_referrals.pipeline.watch import Watch
from bulk_referrals.policy import Pace
from bulk_referrals.sender import Limits, Reading, Stop, read_each
from bulk_referrals.validator import is_referral_code

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

_ASKED: Final = ("referrer", "referrer_key", "referrer_type", "campaign_token")
_DONE: Final = "1000"
_CODES_A_WRITE: Final = 100  # what a crash may make us ask again
_TOLD_EVERY_S: Final = 30.0
_FAULT: Final = ("code", "reason", "advice")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What looking up has come to.

    Attributes:
        checked: the checked frame, with the codes found; where there is none, the line is
            rejected.
        heirs: line -> line: what repeated an invite that is now refused, and takes its place.
        figures: what went over the wire.
        stop: why it ended early; None when every code was asked for.
        trouble: the ledger's error that ended it.
    """

    checked: pa.Table
    heirs: dict[int, int] = field(default_factory=dict)
    figures: RequestFigures = field(default_factory=RequestFigures)
    stop: Stop | None = None
    trouble: LedgerError | None = None


def look_up_codes(
    checked: pa.Table,
    lines: Mask,
    *,
    in_doubt: Mask,
    place: Endpoint,
    settings: Settings,
    pace: Pace,
    ledger: Ledger,
    watch: Watch,
) -> Looked:
    """Fill in the referral codes of some lines.

    Args:
        checked: the checked frame.
        lines: those among which codes are looked up.
        in_doubt: those that may stand on the platform already: whatever it says of their codes,
            they are not said to be rejected.
        place: whom to ask.
        settings: how to ask.
        pace: how fast requests may leave.
        ledger: keeps the codes.
        watch: who watches.

    Returns:
        The frame, its lines in their order; lines whose code could not be asked for are as they
        were.
    """
    wanted = np.flatnonzero(lines & without_code(checked)).astype(np.int64)
    if not len(wanted):
        return Looked(checked=checked)
    asking = _Asking(checked, wanted, place.organisation, ledger, watch.notice)
    reading = Reading(asked=0, throttled_s=0.0, stop_reason="")
    stop: Stop | None = None
    if asking.open:
        try:
            reading = asyncio.run(_ask(asking, place, settings, pace, ledger, watch))
        except asyncio.CancelledError:
            stop = Stop(reason="The run was interrupted.", interrupted=True)
    with suppress(LedgerError):  # the first such error is the one that is told
        asking.save()
    if reading.stop_reason and not asking.trouble:
        stop = Stop(reason=f"{reading.stop_reason} Not all referral codes are known.")
    filled, heirs = _filled(checked, asking, in_doubt)
    return Looked(
        checked=filled,
        heirs=heirs,
        figures=RequestFigures(looked_up=asking.asked, throttled_s=reading.throttled_s),
        stop=Stop(reason=str(asking.trouble)) if asking.trouble else stop,
        trouble=asking.trouble,
    )


async def _ask(
    asking: "_Asking",
    place: Endpoint,
    settings: Settings,
    pace: Pace,
    ledger: Ledger,
    watch: Watch,
) -> Reading:
    me = asyncio.current_task()
    assert me is not None  # noqa: S101 - for mypy: this is one
    asking.end = me.cancel
    async with (
        Client(
            base_url=place.base_url,
            auth=place.auth,
            timeout_s=settings.timeout,
            concurrency=settings.concurrency,
            proxy=settings.proxy,
        ) as client,
        shared_rate(ledger, place, settings) as rate,
    ):
        with ends_on_signal(me.cancel, watch):
            return await read_each(
                client,
                asking.parts(),
                asking.seen,
                pace=pace,
                rate=rate,
                concurrency=settings.concurrency,
                limits=Limits(),
                outage_s=settings.outage_s,
                only_code=True,
            )


class _Asking:
    """Whom to ask, and what they have told.

    Args:
        checked: the checked frame.
        lines: the lines without a code.
        organisation: part of every key.
        ledger: keeps the codes.
        notice: tells people how far it is.
    """

    def __init__(
        self,
        checked: pa.Table,
        lines: Positions,
        organisation: str,
        ledger: Ledger,
        notice: Callable[[str], None],
    ) -> None:
        cells = checked.select(_ASKED).take(pa.array(lines))
        self.lines = lines
        self.of_line = combinations(cells["campaign_token"], cells["referrer_key"])
        _, first = np.unique(self.of_line, return_index=True)
        self._cells = cells.take(pa.array(first))
        self._ledger, self._notice = ledger, notice
        maker = ledger.keys()
        self._keys = [
            maker.code_key(organisation, token, referrer)
            for token, referrer in zip(
                self._cells["campaign_token"].to_pylist(),
                self._cells["referrer_key"].to_pylist(),
                strict=True,
            )
        ]
        known = ledger.codes(self._keys)
        self.codes: list[str | None] = [known.get(key) for key in self._keys]
        self.faults: list[tuple[str, str, str] | None] = [None] * len(self._keys)
        self.open = [at for at, code in enumerate(self.codes) if code is None]
        self.trouble: LedgerError | None = None
        self.end: Callable[[], object] = lambda: None
        self.asked = 0
        self._unsaved: dict[bytes, str] = {}
        self._told_at = time.monotonic()
        if self.open:
            notice(f"Asking the platform for {_codes(len(self.open))}.")

    def parts(self) -> Iterator[Part]:
        """Yield what names each referrer and campaign to be asked for."""
        for at in self.open:
            (one,) = self._cells.slice(at, 1).to_pylist()
            self.asked += 1
            yield Part(**one, type="", invites=())

    def seen(self, place: int, answer: ReadBack | None) -> None:
        """Note an answer (see `read_each`)."""
        at = self.open[place]
        if answer is not None:
            code = answer.referral_code.strip()
            told = answer.item.code if answer.item else ""
            if told == _DONE and is_referral_code(code):
                self.codes[at] = self._unsaved[self._keys[at]] = code
            else:
                self.faults[at] = _fault(told, code, answer)
        if len(self._unsaved) >= _CODES_A_WRITE:
            self.save_or_end()
        if time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self._told_at = time.monotonic()
            self._notice(f"{place + 1:,} of {_codes(len(self.open))} asked for.")

    def save_or_end(self) -> None:
        """Keep what was found; without a ledger nothing can be sent, so nothing more is asked."""
        try:
            self.save()
        except LedgerError:
            self.end()

    def save(self) -> None:
        """Make durable what was found.

        Raises:
            LedgerError: it is not; the error is kept.
        """
        found, self._unsaved = self._unsaved, {}
        try:
            if found:
                self._ledger.save_codes(found)
        except LedgerError as error:
            self.trouble = self.trouble or error
            raise


def _codes(number: int) -> str:
    return f"{number:,} referral code{'' if number == 1 else 's'}"


def _fault(told: str, code: str, answer: ReadBack) -> tuple[str, str, str]:
    """Return the code, the reason and the advice of a referrer without a referral code."""
    if told == _DONE and code:
        fault, why = "bad-referral-code", "the platform tells one that cannot be sent"
    elif told == _DONE:
        fault, why = "no-referral-code", "the platform knows none for this referrer and campaign"
    else:
        words = answer.item.message if answer.item else ""
        fault = told if told in CODES else "no-referral-code"
        why = f"the platform refuses to tell it: {words or describe(fault).title}"
    reason = f"The row has no referral code, and {why.rstrip('.')}."
    return fault, reason, describe(fault).advice


def _filled(table: pa.Table, asking: _Asking, in_doubt: Mask) -> tuple[pa.Table, dict[int, int]]:
    """Return the frame with the codes and the refusals, and who takes the place of whom."""
    whom: Positions = np.full(table.num_rows, -1, dtype=np.int64)
    whom[asking.lines] = asking.of_line
    refused = [at for at, fault in enumerate(asking.faults) if fault]
    unfound = asking.lines[np.isin(asking.of_line, refused)]
    lost = unfound[~in_doubt[unfound]]
    whom[unfound[in_doubt[unfound]]] = -1
    repeats = _repeats(table, lost)
    heirs = _heirs(table, repeats)
    for first, others in repeats.items():
        if first not in heirs.values():
            whom[others] = whom[first]  # they lack the code as well
    index = pa.array(whom, mask=whom < 0)
    codes = pa.array(asking.codes, pa.string()).take(index)
    invited_on = pc.binary_join_element_wise(table["invited_on"], pc.fill_null(codes, ""), "")
    faults = {
        name: pa.array([fault[n] if fault else None for fault in asking.faults], pa.string())
        for n, name in enumerate(_FAULT)
    }
    new = {name: fault.take(index) for name, fault in faults.items()}
    at_fault = pc.is_valid(new["code"])
    new["outcome"] = pc.if_else(at_fault, Outcome.REJECTED.value, None)
    new["field"] = pc.if_else(at_fault, "referral_code", None)
    columns = {name: pc.coalesce(cells, table[name]) for name, cells in new.items()}
    columns["invited_on"] = pc.if_else(pc.ends_with(table["invited_on"], "."), invited_on,
                                       table["invited_on"])  # fmt: skip
    return _with_heirs(replaced(table, **columns), repeats, heirs), heirs


def _repeats(table: pa.Table, lost: Positions) -> dict[int, list[int]]:
    """Return line -> the lines that repeat it, of the lines that are refused now."""
    if not len(lost):
        return {}
    first = table["duplicate_of"]
    at = np.flatnonzero(pc.is_in(first, value_set=pa.array(lost)).to_numpy())
    found: dict[int, list[int]] = {}
    for line, of in zip(at.tolist(), first.take(pa.array(at)).to_pylist(), strict=True):
        found.setdefault(of, []).append(line)
    return found


def _heirs(table: pa.Table, repeats: dict[int, list[int]]) -> dict[int, int]:
    """Return line -> line it takes the place of: the first repeat that has a code of its own."""
    invited_on = table["invited_on"]
    heirs = {}
    for first, others in repeats.items():
        able = (line for line in others if not invited_on[line].as_py().endswith("."))
        if (heir := next(able, None)) is not None:
            heirs[heir] = first
    return heirs


def _with_heirs(table: pa.Table, repeats: dict[int, list[int]], heirs: dict[int, int]) -> pa.Table:
    """Return the frame in which the heirs are ready, and the others repeat them."""
    if not repeats:
        return table
    heir_of = {first: heir for heir, first in heirs.items()}
    repeated = pc.fill_null(table["duplicate_of"], -1).to_numpy().copy()
    for first, others in repeats.items():
        repeated[others] = heir_of.get(first, -1)  # without an heir they are refused themselves
    is_heir = np.zeros(len(table), dtype=bool)
    is_heir[list(heirs)] = True
    repeated[is_heir] = -1
    heir = pa.array(repeated, mask=~np.isin(repeated, list(heirs)))
    rows = table["row"].take(heir).cast(pa.string())
    earlier = pc.binary_join_element_wise("The same invite stands earlier, in row ", rows, ".", "")
    columns = {"reason": pc.coalesce(earlier, table["reason"])}
    for name in ("outcome", "field", *_FAULT):
        cells = columns.get(name, table[name])
        columns[name] = pc.if_else(pa.array(is_heir), None, cells)
    columns["duplicate_of"] = pa.chunked_array([pa.array(repeated, mask=repeated < 0)])
    return replaced(table, **columns)
