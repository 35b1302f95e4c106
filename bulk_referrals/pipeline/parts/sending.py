"""The step that sends: all invites of some referrers, as a run of its own in all but name.

What is dealt out by referrer can be sent anywhere, for no two requests of one referrer are ever
under way at once. Each lot is kept in the ledger as a run, so that all that holds of a run holds
of it: its intents are durable before they leave, a dead worker's are read back by whoever goes on
with the lot, and to take the step again sends nothing twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bulk_referrals.config import Settings, load_settings
from bulk_referrals.frames import replaced
from bulk_referrals.ledger import Ledger, RunRecord, open_ledger
from bulk_referrals.model import Outcome, RequestFigures, RunState
from bulk_referrals.pipeline.credentials import with_credentials
from bulk_referrals.pipeline.parts.spool import Spool
from bulk_referrals.pipeline.publishing import Run, kept, outcomes_of
from bulk_referrals.pipeline.running import settle
from bulk_referrals.pipeline.watch import Watch

_PLACE = "at"
_SENT = (Outcome.ACCEPTED, Outcome.FAILED, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTask:
    """A lot to be sent.

    Attributes:
        lot: its number.
        record: of the run whose lot it is.
        first_at: of each part, the position of its first line among those of all parts.
        settings: without secrets, which each worker has itself.
        spool: where the lot is, and where its outcomes go.
    """

    lot: int
    record: RunRecord
    first_at: tuple[int, ...]
    settings: Mapping[str, Any]
    spool: Spool

    @property
    def run_id(self) -> str:
        """The lot's own, under which the ledger keeps it."""
        return f"{self.record.run_id}.{self.lot:05d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDone:
    """What a lot has come to.

    Attributes:
        state: FINISHED where all of it is settled.
        stop_reason: a sentence where it is not.
        requests: what went over the wire for it, over all its sittings.
        told: what has become of its invites that were to be sent.
    """

    state: RunState
    stop_reason: str = ""
    requests: RequestFigures = field(default_factory=RequestFigures)
    told: Counter[Outcome] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """Invites that were sent."""
        return sum(self.told[each] for each in _SENT)


def send_elsewhere(task: SendTask) -> SendDone:
    """Send a lot from a worker, which opens the ledger and brings its own credentials.

    Raises:
        UsageError: the worker has no credentials.
        LedgerError: the ledger cannot be used.
    """
    settings = with_credentials(load_settings(None, task.settings), sandbox=False)
    ledger = open_ledger(settings.ledger)
    try:
        # Whoever held the lot before may have died just now: its lease must run out first.
        wait_s = max(settings.wait_s, 2 * settings.timeout + 120)
        with ledger.lock(task.run_id, wait_s=wait_s, grace_s=settings.timeout):
            return send_lot(task, settings, ledger, Unwatched())
    finally:
        ledger.close()


def send_lot(task: SendTask, settings: Settings, ledger: Ledger, watch: Watch) -> SendDone:
    """Send what is not settled yet of a lot, and leave its outcomes to its parts.

    Args:
        task: the lot.
        settings: how to send.
        ledger: held.
        watch: who watches.
    """
    lot = task.spool.gather("dealt", len(task.first_at), task.lot)
    if not lot.num_rows:
        return SendDone(state=RunState.FINISHED)
    at = np.asarray(lot[_PLACE])
    before = ledger.run(task.run_id)
    if before is None:
        own = replace(task.record, run_id=task.run_id, sources=(), tables=(), notices=(),
                      requests=RequestFigures())  # fmt: skip
        run = Run(record=own, checked=_on_its_own(lot, at), original=())
    else:
        run = kept(ledger, before)
    if before is None or before.state is not RunState.FINISHED:
        run, _ = settle(run, settings, ledger, watch, is_new=before is None)
    outcomes = outcomes_of(run, ledger)
    _hand_over(task, outcomes.append_column(_PLACE, pa.array(at)), at)
    meant = outcomes.filter(run.checked["outcome"].is_null())
    return SendDone(
        state=run.record.state,
        stop_reason=run.record.stop_reason,
        requests=run.record.requests,
        told=Counter(map(Outcome, meant["outcome"].to_pylist())),
    )


def _on_its_own(lot: pa.Table, at: np.ndarray) -> pa.Table:
    """Return a lot as a checked frame: what repeats an invite points to its place in the lot."""
    first = lot["duplicate_of"]
    known = np.asarray(first.is_valid())
    places = np.searchsorted(at, np.asarray(first.fill_null(0)))
    lot = replaced(lot, duplicate_of=pa.array(places, pa.int64(), mask=~known))
    return lot.drop_columns([_PLACE])


def _hand_over(task: SendTask, outcomes: pa.Table, at: np.ndarray) -> None:
    ends = np.append(np.searchsorted(at, task.first_at), len(at)).tolist()
    parts = [outcomes.slice(a, b - a) for a, b in pairwise(ends)]
    task.spool.write(f"sent-{task.lot}", parts)


class Unwatched:
    """Nobody watches a worker; what it has come to is told when it is done."""

    def notice(self, sentence: str) -> None:
        """Take no note."""

    def warn(self, sentence: str) -> None:
        """Take no note."""

    def confirm(self, question: str) -> bool:  # noqa: ARG002 - the one who asks knows
        """Say yes: it was asked for the whole run."""
        return True

    def sending(self, rows: int) -> None:
        """Take no note."""

    def settled(self, tally: Counter[Outcome]) -> None:
        """Take no note."""

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Never stop it."""

    def draining(self) -> None:
        """Take no note."""

    def sent(self) -> None:
        """Take no note."""


class OneOfMany(Unwatched):
    """Watches one lot after another for whoever watches the run, who was asked already.

    Args:
        watch: of the run.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def notice(self, sentence: str) -> None:
        """Pass it on."""
        self._watch.notice(sentence)

    def warn(self, sentence: str) -> None:
        """Pass it on."""
        self._watch.warn(sentence)

    def settled(self, tally: Counter[Outcome]) -> None:
        """Pass it on."""
        self._watch.settled(tally)

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Pass it on."""
        self._watch.stoppable(stop)

    def draining(self) -> None:
        """Pass it on."""
        self._watch.draining()
