"""Waiting until files have stopped growing: taken is what has looked the same for a while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bulk_referrals.errors import InputError
from bulk_referrals.landing.stores import Sign

_PATIENCE: Final = 30  # a file that still grows after so many times the wait is no quick upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time, and a way to let it pass.

    Attributes:
        now_s: seconds since the epoch, as the files of this machine are dated.
        elapsed_s: seconds since any moment, never set back.
        sleep: waits so many seconds.
    """

    now_s: Callable[[], float] = time.time
    elapsed_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def settle(
    looks: Mapping[str, Callable[[], Sign]],
    unchanged_for_s: float,
    clock: Clock,
    waiting: Callable[[int], None],
) -> dict[str, Sign]:
    """Wait until every file has looked the same for a while.

    Args:
        looks: file -> what looks at it.
        unchanged_for_s: how long it must look the same, seconds; with 0 one look will do.
        clock: the time.
        waiting: called once with the number of files that are waited for.

    Returns:
        file -> how it looks, in the order given.

    Raises:
        InputError: a file still changes after thirty times as long, or is gone.
    """
    signs = {name: look() for name, look in looks.items()}
    begun = clock.elapsed_s()
    since = dict.fromkeys(signs, begun) if unchanged_for_s > 0 else {}
    if since:
        waiting(len(since))
    while since:
        clock.sleep(max(0.0, min(since.values()) + unchanged_for_s - clock.elapsed_s()))
        for name, seen in list(since.items()):
            sign, now = looks[name](), clock.elapsed_s()
            if sign != signs[name]:
                signs[name], since[name] = sign, now
            elif now - seen >= unchanged_for_s:
                del since[name]
        if since and clock.elapsed_s() - begun >= unchanged_for_s * _PATIENCE:
            raise InputError(
                next(iter(since)),
                f"it still changes after {unchanged_for_s * _PATIENCE:,.0f} seconds of waiting",
                advice="Run it again when it is complete.",
            )
    return signs
