"""A run that somebody hears of: its log, its messages and its figures, whichever way it ends.

Nothing in here changes how a run goes or what it exits with. What goes wrong in telling is itself
told, on standard error and in the log.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bulk_referrals.config import SANDBOX_TARGET, Settings
from bulk_referrals.events import RUN_ID, Event, happened
from bulk_referrals.model import Outcome
from bulk_referrals.pipeline.watch import Watch
from bulk_referrals.telling import Ending, exit_code_of, sentence_of, state_of
from bulk_referrals.telling.notifying import Notifier, notifier

if TYPE_CHECKING:  # it needs what a run imports while it reads
    from bulk_referrals.pipeline.publishing import Finished

PROGRESS_EVERY_S: Final = 60.0
_LEVELS: Final = {0: logging.INFO, 1: logging.WARNING}


def attended(
    act: "Callable[[Watch], Finished]", settings: Settings, watch: Watch, *, organisation: str
) -> "Finished":
    """Do what is to be done, and tell how it ended.

    Args:
        act: what is to be done, with who watches it; it names its run in `events.RUN_ID`.
        settings: who is told, and how.
        watch: who watches.
        organisation: whose run it is, where that is known.

    Raises:
        UsageError: the log cannot be written, or an address cannot be used; nothing was begun.
            Whatever `act` raises, after it was told.
    """
    started_at = datetime.now(UTC)
    labels = {"organisation": organisation, "profile": settings.profile}
    telling = notifier(settings.notify, settings.notify_on, settings.notify_attach)
    with _log(settings) as lost:
        try:
            finished = act(Logged(watch=watch))
        except BaseException as error:
            ending = _of_error(error, started_at, labels)
            _ended(ending, Event.RUN_FAILED)
            _tell(ending, telling, settings, watch)
            raise
        ending = _of_finished(finished, labels)
        _ended(ending, Event.RUN_ENDED)
        _tell(ending, telling, settings, watch)
    for sentence in lost:
        watch.warn(sentence)
    return finished


@contextmanager
def _log(settings: Settings) -> Iterator[list[str]]:
    token = RUN_ID.set("-")
    try:
        if settings.log_file is None:
            yield []
            return
        from bulk_referrals.telling.logs import log_to  # noqa: PLC0415 - seldom needed

        with log_to(settings.log_file, settings.log_format) as lost:
            yield lost
    finally:
        RUN_ID.reset(token)


def _name(labels: dict[str, str]) -> str:
    return labels.get("profile") or labels.get("organisation", "")


def _of_finished(finished: "Finished", labels: dict[str, str]) -> Ending:
    report, summary = finished.report, finished.summary
    if report.target == SANDBOX_TARGET:
        labels = {**labels, "organisation": SANDBOX_TARGET}
    return Ending(
        name=_name(labels),
        run_id=report.run_id,
        state=report.state.value,
        exit_code=report.exit_code,
        headline=summary.headline,
        stop_reason=report.stop_reason,
        tasks=tuple(f"{task.what} {task.how}" for task in summary.tasks),
        started_at=report.started_at,
        finished_at=report.finished_at,
        source_rows=summary.source_rows,
        outcomes=summary.outcomes,
        requests=report.requests,
        outputs=finished.outputs,
        labels=labels,
    )


def _of_error(error: BaseException, started_at: datetime, labels: dict[str, str]) -> Ending:
    run_id = RUN_ID.get()
    return Ending(
        name=_name(labels),
        run_id="" if run_id == "-" else run_id,
        state=state_of(error),
        exit_code=exit_code_of(error),
        headline=sentence_of(error),
        started_at=started_at,
        finished_at=datetime.now(UTC),
        labels=labels,
    )


def _ended(ending: Ending, event: Event) -> None:
    happened(
        event,
        level=_LEVELS.get(ending.exit_code, logging.ERROR),
        state=ending.state,
        exit_code=ending.exit_code,
        headline=ending.headline,
        stop_reason=ending.stop_reason,
        source_rows=ending.source_rows,
        outcomes={name: number for name, number in ending.outcomes.items() if number},
        requests={
            "sent": ending.requests.sent,
            "retried": ending.requests.retried,
            "read_back": ending.requests.read_back,
            "looked_up": ending.requests.looked_up,
        },
        throttled_s=round(ending.requests.throttled_s, 3),
        duration_s=round(ending.duration_s, 3),
        outputs=list(ending.outputs.values()),
    )


def _tell(ending: Ending, telling: Notifier, settings: Settings, watch: Watch) -> None:
    """Tell people and machines; what goes wrong is told as well, and is no reason to fail."""
    told, wrong = telling.tell(ending)
    if told:
        happened(Event.NOTIFIED, channels=told)
    if settings.metrics is not None:
        from bulk_referrals.telling.metrics import write_metrics  # noqa: PLC0415 - seldom needed

        try:
            write_metrics(settings.metrics, ending)
        except OSError as error:
            why = error.strerror or type(error).__name__
            wrong.append(f"{settings.metrics}: the figures cannot be written ({why}).")
    for sentence in wrong:
        happened(Event.TROUBLE, level=logging.WARNING, what=sentence)
        watch.warn(sentence)


@dataclass(slots=True, kw_only=True)
class Logged:
    """A watch that also lets the log know.

    Attributes:
        watch: who watches really.
        clock: monotonic seconds.
    """

    watch: Watch
    clock: Callable[[], float] = time.monotonic
    _rows: int = 0
    _began: float = 0.0
    _said_at: float = 0.0
    _tally: Counter[Outcome] = field(default_factory=Counter)

    def notice(self, sentence: str) -> None:
        """Take a sentence that the user should see now."""
        happened(Event.NOTICE, what=sentence)
        self.watch.notice(sentence)

    def warn(self, sentence: str) -> None:
        """Take a sentence that must be seen, however quiet it is."""
        happened(Event.TROUBLE, level=logging.WARNING, what=sentence)
        self.watch.warn(sentence)

    def confirm(self, question: str) -> bool:
        """Tell whether to send outside the sandbox."""
        return self.watch.confirm(question)

    def sending(self, rows: int) -> None:
        """Take note that so many rows are about to be sent."""
        self._rows, self._began = rows, self.clock()
        self._said_at = self._began
        happened(Event.SENDING, rows=rows)
        self.watch.sending(rows)

    def settled(self, tally: Counter[Outcome]) -> None:
        """Take note of newly settled rows, and once a minute log where sending stands."""
        self._tally.update(tally)
        self.watch.settled(tally)
        now = self.clock()
        if now - self._said_at < PROGRESS_EVERY_S:
            return
        self._said_at = now
        settled = self._tally.total()
        happened(
            Event.PROGRESS,
            **{outcome.value: self._tally[outcome] for outcome in sorted(self._tally)},
            left=max(self._rows - settled, 0),
            rows_per_min=round(settled / (now - self._began) * 60),
        )

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Take what ends the sending cleanly."""
        self.watch.stoppable(stop)

    def draining(self) -> None:
        """Take note that a signal asked to end, and what is in flight is awaited."""
        happened(Event.STOPPING, level=logging.WARNING, why="a signal")
        self.watch.draining()

    def sent(self) -> None:
        """Take note that sending has ended."""
        self.watch.sent()
