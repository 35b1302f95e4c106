"""Negative controls: wrong programs, each of which the judge must catch.

Each is the right program with one of its rules taken out, in the forked process only.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from chaos.patches import put


def _right() -> None:
    """The program as it is."""


def _blind_retry() -> None:
    """A lost answer is answered by sending again."""
    from bulk_referrals.sender import sending, turns  # noqa: PLC0415 - in the forked child only

    def after_loss(turn: Any, **_: Any) -> turns.Step:
        return turns.Step(lines=(), turns=(replace(turn, due=0.0),))

    put(sending, after_loss=after_loss)


def _sent_before_journaled() -> None:
    """An intent is journaled together with the answer, not before the request leaves."""
    from bulk_referrals.ledger import Intent  # noqa: PLC0415 - in the forked child only
    from bulk_referrals.sender import Journal  # noqa: PLC0415 - as above

    original = Journal.write
    held: dict[int, Intent] = {}

    async def write(self: Journal, entry: Any) -> Any:
        if isinstance(entry, Intent):
            held[entry.request] = entry
            return {}
        if entry.request in held:
            await original(self, held.pop(entry.request))
        return await original(self, entry)

    put(Journal, write=write)


def _no_read_back_on_resume() -> None:
    """What a crash left in flight is taken for never sent."""
    from bulk_referrals.pipeline.planning import Known  # noqa: PLC0415 - in the forked child only

    put(Known, doubtful=lambda _: {})


def _no_settling() -> None:
    """An invite that does not stand there at once is taken for never landing."""
    os.environ["BULK_REFERRALS_SETTLE_S"] = "0"


async def _yes(*_: Any) -> bool:
    return True


def _one_look() -> None:
    """A single look that shows an invite absent is believed."""
    from bulk_referrals.sender import Sender, turns  # noqa: PLC0415 - in the forked child only

    put(turns, _ABSENCES_NEEDED=1)
    put(Sender, _still_absent=_yes)


def _no_lag() -> None:
    """What the platform has answered needs no time to settle."""
    from bulk_referrals.sender import turns  # noqa: PLC0415 - in the forked child only

    original = turns.in_doubt

    def in_doubt(turn: Any, part: Any, *, now: float, finding: Any) -> turns.Turn:
        doubtful = original(turn, part, now=now, finding=finding)
        answered = finding.code == "1222"
        return replace(doubtful, lost_at=float("-inf")) if answered else doubtful

    put(turns, in_doubt=in_doubt)


def _deaf_to_521() -> None:
    """A 521 after a lost answer is taken for nothing but "try again"."""
    from bulk_referrals.sender import turns  # noqa: PLC0415 - in the forked child only

    original = turns.after_answer

    def after_answer(turn: Any, *args: Any, **kwargs: Any) -> turns.Step:
        return original(replace(turn, doubted=False), *args, **kwargs)

    from bulk_referrals.sender import sending  # noqa: PLC0415 - as above

    put(sending, after_answer=after_answer)


def _no_lock() -> None:
    """Two runs may use one ledger at once."""
    from bulk_referrals.ledger.sqlite import SqliteLedger  # noqa: PLC0415 - in the child only

    @contextmanager
    def lock(self: SqliteLedger, *_: object, **__: object) -> Iterator[None]:
        del self
        yield

    put(SqliteLedger, lock=lock)


def _no_claims() -> None:
    """A run sends what another run has under way, or has had accepted meanwhile."""
    from bulk_referrals.ledger.postgres import writing  # noqa: PLC0415 - in the child only

    put(writing, withheld=lambda *_, **__: {})


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "": _right,
    "blind-retry": _blind_retry,
    "sent-before-journaled": _sent_before_journaled,
    "no-read-back-on-resume": _no_read_back_on_resume,
    "no-settling": _no_settling,
    "one-look": _one_look,
    "no-lag": _no_lag,
    "deaf-to-521": _deaf_to_521,
    "no-lock": _no_lock,
    "no-claims": _no_claims,
}
