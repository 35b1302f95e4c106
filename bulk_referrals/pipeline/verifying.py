"""Whether the platform shows what it has accepted: a run's invites, read back by GET."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.client import Client
from bulk_referrals.config import SANDBOX_TARGET, Settings, load_settings
from bulk_referrals.equality import combinations
from bulk_referrals.errors import UsageError
from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.ledger import Ledger, RunRecord, open_ledger
from bulk_referrals.model import Outcome
from bulk_referrals.pipeline.credentials import with_credentials
from bulk_referrals.pipeline.outcomes import completed
from bulk_referrals.pipeline.publishing import (
    EXIT_DONE,
    EXIT_ROWS_AMISS,
    EXIT_STOPPED,
    Run,
    kept,
    no_run,
)
from bulk_referrals.pipeline.sitting import (
    Endpoint,
    endpoint,
    require_connection,
    shared_rate,
)
from bulk_referrals.policy import Pace
from bulk_referrals.reporter.verified import write_verified
from bulk_referrals.sender import Limits, Reading, may_be_cut, read_each
from bulk_referrals.wire import times_listed

_REFERRER: Final = ["referrer_key", "referrer_type", "campaign_token"]
_ASKED: Final = ("referrer", "referrer_key", "referrer_type", "campaign_token")
_UNREAD: Final = -1

Counts = npt.NDArray[np.int64]
Observe = Callable[[int, int], None]


class Shown(StrEnum):
    """What the platform says about an invite that it accepted."""

    SHOWN = "shown"
    MISSING = "missing"
    UNREAD = "unread"  # it gave no answer to rely on, or a list that may have been cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What reading back has come to.

    Attributes:
        run_id: the run.
        target: where it was sent.
        accepted: invites of the run that the platform has accepted.
        seed: of the sample; None when all were looked for.
        counts: invites looked for, by what the platform says.
        repeated: of those shown, the ones that stand there more than once.
        referrers: whom there was to ask for: one for each referrer and campaign.
        reading: how reading back ended.
        outputs: name -> path of the files written.
    """

    run_id: str
    target: str
    accepted: int
    seed: int | None
    counts: Mapping[Shown, int]
    repeated: int
    referrers: int
    reading: Reading
    outputs: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        """0 all shown, 1 some missing, 3 it could not be finished."""
        if self.counts[Shown.UNREAD]:
            return EXIT_STOPPED
        return EXIT_ROWS_AMISS if self.counts[Shown.MISSING] else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "run_id": self.run_id,
            "target": self.target,
            "exit_code": self.exit_code,
            "accepted": self.accepted,
            "looked_for": sum(self.counts.values()),
            "seed": self.seed,
            **{str(each): number for each, number in self.counts.items()},
            "shown_more_than_once": self.repeated,
            "referrers": self.referrers,
            "requests": {
                "read_back": self.reading.asked,
                "throttled_s": round(self.reading.throttled_s, 3),
            },
            "stop_reason": self.reading.stop_reason,
            "outputs": dict(self.outputs),
        }


def verify(
    run_id: str,
    flags: Mapping[str, Any],
    *,
    config: Path | None = None,
    sample: int | None = None,
    seed: int | None = None,
    observe: Observe = lambda _done, _all: None,
) -> Verified:
    """Look for the accepted invites of a run on the platform, and write `verify.csv`.

    One GET is made for each referrer and campaign, within the rate. Nothing is sent, and nothing
    changes in the ledger.

    Args:
        run_id: the run.
        flags: settings that were given again and win over the run's own.
        config: a configuration file, or None.
        sample: look for so many invites only, drawn by chance; None for all.
        seed: of that chance; None draws one, which is told.
        observe: called with (referrers read, referrers in all) as it goes on.

    Raises:
        UsageError: there is no such run, its rows were pruned, or a setting cannot be used.
        LedgerError: the ledger cannot be used, or a run is using it.
        OSError: the file cannot be written.
    """
    outer = load_settings(config, flags)
    with closing(open_ledger(outer.ledger)) as ledger, ledger.lock(run_id, wait_s=outer.wait_s):
        record = ledger.run(run_id)
        if record is None:
            raise UsageError(no_run(run_id))
        settings = load_settings(config, {**record.settings, "ledger": outer.ledger, **flags})
        in_sandbox = record.target == SANDBOX_TARGET
        settings = with_credentials(settings, sandbox=in_sandbox)
        require_connection(settings, sandbox=in_sandbox)
        rows = _accepted(ledger, kept(ledger, record))
        looked_for, seed = _sample(rows, sample, seed)
        lookup = _Lookup(looked_for, observe)
        reading = _read(lookup, record, settings, ledger)
    return _verified(record, rows, looked_for, lookup, reading, seed, settings)


def _accepted(ledger: Ledger, run: Run) -> pa.Table:
    """Return the outcomes frame of the lines that this run has had accepted."""
    results = ledger.results(run.record.run_id)
    nothing_known = np.zeros(len(run.checked), dtype=np.int8)
    outcomes = completed(run.checked, results, states=nothing_known)
    return outcomes.filter(pc.equal(outcomes["outcome"], Outcome.ACCEPTED.value))


def _sample(rows: pa.Table, size: int | None, seed: int | None) -> tuple[pa.Table, int | None]:
    """Return some of the rows, in their order, and the seed that drew them; None where all."""
    if size is None or size >= len(rows):
        return rows, None
    seed = secrets.randbits(32) if seed is None else seed
    drawn = np.random.default_rng(seed).choice(len(rows), size, replace=False)
    return rows.take(pa.array(np.sort(drawn))), seed


class _Lookup:
    """Whom to ask for, and what the answers say about each row.

    Args:
        rows: the accepted lines to look for.
        observe: see `verify`.
    """

    def __init__(self, rows: pa.Table, observe: Observe) -> None:
        self._observe = observe
        self._read = 0
        of_row = combinations(*(rows[name] for name in _REFERRER))
        self._rows = np.argsort(of_row, kind="stable")
        self.referrers = int(of_row.max(initial=-1)) + 1
        self._starts = np.searchsorted(of_row[self._rows], np.arange(self.referrers + 1))
        self._referrers = rows.select(_ASKED).combine_chunks()
        self._invitees = rows.select(["type", "identifier_key"]).combine_chunks()
        self.times: Counts = np.full(len(rows), _UNREAD, dtype=np.int64)

    def parts(self) -> Iterator[Part]:
        """Yield what names each referrer and campaign."""
        for first in self._starts[:-1]:
            (one,) = self._referrers.slice(self._rows[first], 1).to_pylist()
            yield Part(**one, type="", invites=())

    def seen(self, place: int, answer: ReadBack | None) -> None:
        """Note an answer (see `read_each`)."""
        self._read += 1
        self._observe(self._read, self.referrers)
        if answer is None:
            return
        rows = self._rows[self._starts[place] : self._starts[place + 1]]
        cells = self._invitees.take(pa.array(rows)).to_pydict()
        for row, kind, key in zip(rows, cells["type"], cells["identifier_key"], strict=True):
            times = times_listed(answer, kind, key)
            self.times[row] = times if times or not may_be_cut(answer) else _UNREAD


def _read(lookup: _Lookup, record: RunRecord, settings: Settings, ledger: Ledger) -> Reading:
    if not lookup.referrers:
        return Reading(asked=0, throttled_s=0.0, stop_reason="")
    with endpoint(settings, sandbox=record.target == SANDBOX_TARGET) as place:
        return asyncio.run(_read_from(place, lookup, settings, ledger))


async def _read_from(
    place: Endpoint, lookup: _Lookup, settings: Settings, ledger: Ledger
) -> Reading:
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
        return await read_each(
            client,
            lookup.parts(),
            lookup.seen,
            pace=Pace(rate_per_min=settings.rate),
            rate=rate,
            concurrency=settings.concurrency,
            limits=Limits(),
            outage_s=settings.outage_s,
        )


def _verified(
    record: RunRecord,
    accepted: pa.Table,
    looked_for: pa.Table,
    lookup: _Lookup,
    reading: Reading,
    seed: int | None,
    settings: Settings,
) -> Verified:
    times = lookup.times
    path = write_verified(
        settings.reports / record.run_id,
        looked_for,
        [source.path for source in record.sources],
        record.tables,
        platform=pa.array([str(each) for each in Shown]).take(pa.array(_verdicts(times))),
        times=pa.array(times, mask=times == _UNREAD),
    )
    return Verified(
        run_id=record.run_id,
        target=record.target,
        accepted=len(accepted),
        seed=seed,
        counts=dict(zip(Shown, np.bincount(_verdicts(times), minlength=3).tolist(), strict=True)),
        repeated=int((times > 1).sum()),
        referrers=lookup.referrers,
        reading=reading,
        outputs={path.name: str(path)},
    )


def _verdicts(times: Counts) -> Counts:
    """Return, per line, the position of its verdict in `Shown`."""
    return np.where(times == _UNREAD, 2, np.where(times == 0, 1, 0))
