"""The command line: parse, call one use case, print, exit code. Nothing else prints."""

import sys

from bulk_referrals.cli import configuring, keeping
from bulk_referrals.cli.commands import app

__all__ = ["app", "main"]

keeping.add_to(app)
configuring.add_to(app)


def main() -> None:
    """Run the command line, and turn what stops it into a sentence and an exit code."""
    from bulk_referrals.cli.endings import exit_code_of  # noqa: PLC0415 - start-up time

    try:
        app()
    except Exception as error:  # noqa: BLE001 - whatever it is, no contact may be shown
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt as error:
        sys.exit(exit_code_of(error))
