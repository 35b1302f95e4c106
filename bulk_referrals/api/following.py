"""Who watches a run that Python code began: a callback, and somebody who may end it."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from bulk_referrals.api.results import Progress
from bulk_referrals.model import Outcome


@dataclass(slots=True, kw_only=True)
class Following:
    """A watch that prints nothing; sentences go to the log `bulk_referrals` alone.

    Attributes:
        progress: called with each step; what it raises ends the run cleanly, and is raised then.
        trouble: what it has raised.
    """

    progress: Callable[[Progress], None] | None
    trouble: Exception | None = None
    _rows: int = 0
    _outcomes: Counter[Outcome] = field(default_factory=Counter)
    _stop: Callable[[], object] | None = None
    _stopped: bool = False

    def stop(self) -> None:
        """End the run cleanly, now or as soon as it sends; from any thread."""
        self._stopped = True
        if self._stop is not None:
            with suppress(RuntimeError):  # that part of the run has ended already
                self._stop()

    def notice(self, sentence: str) -> None:
        """Leave it to the log."""

    def warn(self, sentence: str) -> None:
        """Leave it to the log."""

    def confirm(self, question: str) -> bool:
        """Say yes: who calls `run` in a program has decided."""
        del question
        return True

    def sending(self, rows: int) -> None:
        """Begin to count."""
        self._rows = rows
        self._outcomes.clear()
        self._tell()

    def settled(self, tally: Counter[Outcome]) -> None:
        """Count newly settled rows."""
        self._outcomes.update(tally)
        self._tell()

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Take what ends the sending."""
        self._stop = stop
        if self._stopped:
            self.stop()

    def draining(self) -> None:
        """Nothing to show."""

    def sent(self) -> None:
        """Nothing to show."""

    def _tell(self) -> None:
        if self.progress is None or self.trouble is not None:
            return
        try:
            self.progress(
                Progress(
                    rows=self._rows,
                    settled=self._outcomes.total(),
                    outcomes=dict(self._outcomes),
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, what is in flight comes first
            self.trouble = error
            self.stop()
