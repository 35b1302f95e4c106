"""How a command that cannot go on ends: one sentence on stderr, and its exit code."""

import sys
import traceback

from bulk_referrals.errors import BulkReferralsError, StoppedError

_CANNOT_BEGIN = 2
_STOPPED = 3
_INTERRUPTED = 130


def exit_code_of(error: BaseException) -> int:
    """Say what happened and return the exit code.

    A fault of our own shows where it happened and never its message or a traceback: they may
    hold what was in a cell.
    """
    if isinstance(error, KeyboardInterrupt):
        _say("Interrupted.")
        return _INTERRUPTED
    if isinstance(error, BulkReferralsError):
        _say(str(error))
        return _STOPPED if isinstance(error, StoppedError) else _CANNOT_BEGIN
    if isinstance(error, OSError) and error.filename:
        _say(f"{error.filename}: {error.strerror}. Check the path and its rights.")
        return _STOPPED
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    _say(
        f"This is a fault of bulk-referrals ({type(error).__name__}{place}); please report it. "
        "Nothing is lost: bulk-referrals runs shows where the run stands, resume goes on."
    )
    return _STOPPED


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
