"""The command line: parse, call one use case, print, exit code. Nothing else prints."""

import gc
import sys
from typing import Final

from bulk_referrals.cli.commands import app

__all__ = ["app", "main"]

# What imports make is not garbage: looking for it so rarely saves a fifth of the start-up.
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000


def main() -> None:
    """Run the command line, and turn what stops it into a sentence and an exit code."""
    from bulk_referrals.cli.endings import exit_code_of  # noqa: PLC0415 - start-up time

    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        app()
    except Exception as error:  # noqa: BLE001 - whatever it is, no contact may be shown
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt as error:
        sys.exit(exit_code_of(error))
