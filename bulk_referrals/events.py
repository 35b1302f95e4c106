"""What a run does, as events for its log: a word and its figures, never a contact.

The rooms say what happens; who listens is not their business (`telling.logs`), and unless
somebody asks for a log nobody does.
"""

import logging
from contextvars import ContextVar
from enum import StrEnum
from typing import Final

LOGGER: Final = logging.getLogger("bulk_referrals")
LOGGER.addHandler(logging.NullHandler())

# The run that events are about, once it is known.
RUN_ID: Final[ContextVar[str]] = ContextVar("run_id", default="-")
# Whose log they belong to: runs may go side by side in one process.
LISTENER: Final[ContextVar[object]] = ContextVar("listener", default=None)

Figure = str | int | float | bool | dict[str, int] | dict[str, str] | list[str] | None


class Event(StrEnum):
    """The words of a log; those who search logs rely on them."""

    RUN_BEGUN = "run_begun"
    ROWS_CHECKED = "rows_checked"
    NOTICE = "notice"
    SENDING = "sending"
    PROGRESS = "progress"
    SLOWED_DOWN = "slowed_down"  # the platform refused for the rate, or does not answer
    PAUSED = "paused"  # the platform named a time to be left alone
    STOPPING = "stopping"  # nothing more begins; what is in flight is awaited
    RUN_ENDED = "run_ended"
    RUN_FAILED = "run_failed"  # it ended by an error, and has no report
    NOTIFIED = "notified"
    TROUBLE = "trouble"  # telling went wrong; the run's own ending stands


def happened(event: Event, *, level: int = logging.INFO, **figures: Figure) -> None:
    """Say that something happened.

    Args:
        event: the word.
        level: of `logging`.
        figures: name -> what is to be known of it; paths and our own sentences, but no contact.
    """
    about = {"figures": figures, "run_id": RUN_ID.get(), "listener": LISTENER.get()}
    LOGGER.log(level, event.value, extra=about)
