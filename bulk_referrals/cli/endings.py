"""How a command that cannot go on ends: one sentence on stderr, and its exit code."""

import sys

from bulk_referrals import telling


def exit_code_of(error: BaseException) -> int:
    """Say what happened, as `telling.sentence_of` puts it, and return the exit code."""
    sys.stderr.write(f"{telling.sentence_of(error)}\n")
    return telling.exit_code_of(error)
