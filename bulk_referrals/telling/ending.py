"""How a command ended, whichever way, as it is told to people and to machines."""

import traceback
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bulk_referrals.errors import BulkReferralsError, LedgerBusyError, StoppedError
from bulk_referrals.model import RequestFigures

_CANNOT_BEGIN: Final = 2
_STOPPED: Final = 3
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ended.

    Attributes:
        name: whose run it was, for people: the profile or the organisation.
        run_id: the run; "" where none was begun.
        state: a `RunState`; "busy", "failed", "stopped" or "interrupted" where an error ended it.
        exit_code: of the command.
        headline: what happened, in a sentence.
        stop_reason: why it ended early, a sentence; "" where it did not.
        tasks: what to do, as sentences.
        started_at: aware.
        finished_at: aware.
        source_rows: rows read.
        outcomes: outcome -> invites; all zero where there is no report.
        requests: what went over the wire.
        outputs: name -> path of the files of the report.
        labels: organisation and profile, where they are known.
    """

    name: str
    run_id: str
    state: str
    exit_code: int
    headline: str
    stop_reason: str = ""
    tasks: tuple[str, ...] = ()
    started_at: datetime
    finished_at: datetime
    source_rows: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: RequestFigures = field(default_factory=RequestFigures)
    outputs: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds from its start to its end."""
        return max((self.finished_at - self.started_at).total_seconds(), 0.0)


def exit_code_of(error: BaseException) -> int:
    """Return what the command exits with when an error ends it."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, BulkReferralsError) and not isinstance(error, StoppedError):
        return _CANNOT_BEGIN
    return _STOPPED


def state_of(error: BaseException) -> str:
    """Return a word for an error that ended a command."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, StoppedError):
        return "stopped"
    return "busy" if isinstance(error, LedgerBusyError) else "failed"


def sentence_of(error: BaseException) -> str:
    """Return what happened and what to do.

    A fault of our own shows where it happened and never its message or a traceback: they may
    hold what was in a cell.
    """
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, BulkReferralsError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}. Check the path and its rights."
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return (
        f"This is a fault of bulk-referrals ({type(error).__name__}{place}); please report it. "
        "Nothing is lost: bulk-referrals runs shows where the run stands, resume goes on."
    )
