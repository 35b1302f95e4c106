"""`python -m bulk_referrals.sandbox`: the stand-in as a server, its flags its options."""

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Final, get_args, get_type_hints

from bulk_referrals.sandbox import faults, referrals
from bulk_referrals.sandbox.options import SandboxOptions
from bulk_referrals.sandbox.server import LOOPBACK, serve

_DEFAULT_PORT: Final = 8080


def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip() for word in text.split(","))))


def _plan(text: str) -> tuple[str | None, ...]:
    return tuple(None if word.strip() in ("", "-") else word.strip() for word in text.split(","))


def _tills(text: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in _words(text))


_READERS: Final[dict[Any, Callable[[str], Any]]] = {
    int: int,
    float: float,
    str: str,
    frozenset[str]: _words,
    tuple[str | None, ...]: _plan,
    dict[str, str]: _tills,
}


def _add_flag(parser: argparse.ArgumentParser, option: Field[Any], hint: object) -> None:
    kind, told = get_args(hint)
    flag = "--" + option.name.replace("_", "-")
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=told)
        return
    default = option.default if option.default_factory is MISSING else option.default_factory()
    if default not in ("", (), frozenset()):
        told = f"{told} (default {default!r})"
    read = _READERS[kind]
    parser.add_argument(flag, type=read, default=default, help=told.replace("%", "%%"))


def parser() -> argparse.ArgumentParser:
    """Return the parser: `--host`, `--port`, and a flag for every option."""
    made = argparse.ArgumentParser(
        prog="bulk-referrals sandbox",
        description="A local stand-in for the Refer Customer API: no account, no network.",
        epilog=f"{referrals.__doc__}\n{faults.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default=LOOPBACK, help="address to listen on")
    made.add_argument("--port", type=int, default=_DEFAULT_PORT, help="0 for a free one")
    made.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    hints = get_type_hints(SandboxOptions, include_extras=True)
    for option in fields(SandboxOptions):
        _add_flag(made, option, hints[option.name])
    return made


def _serve_parent() -> None:
    """Take the options from the first line of standard input, and end when that closes."""
    asked = json.loads(sys.stdin.readline())
    options = SandboxOptions.from_json(asked["options"])

    def leave_with_parent() -> None:
        # Not through sys.stdin, whose lock would trouble an interpreter that is ending.
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    serve(options, host=asked["host"], port=asked["port"], announce=_say)


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped.

    Args:
        argv: arguments without the program's name; the process's own without.

    Returns:
        0 when stopped, 2 when an option or the port cannot be used.
    """
    asked = vars(parser().parse_args(argv))
    if asked.pop("child"):
        _serve_parent()
        return 0
    host, port = asked.pop("host"), asked.pop("port")
    try:
        options = SandboxOptions(**asked)
        serve(options, host=host, port=port, announce=_say)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
