"""The cases, by what befalls them; each family is endless or complete, and repeatable."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from bulk_referrals.sandbox.faults import FAULTS, Route, Symptom
from chaos.cases import Case, Strike

# A sitting takes about so many steps; a strike beyond its last one does not fall.
_STEPS: Final = 190
_STOPPING: Final = (Symptom.REDIRECT,)
# strace's names; each is a step of the journal or of an exchange.
# With each, how often a thread makes it in a sitting, or less.
_CALLS: Final = {"pwrite64": 30, "fdatasync": 8, "sendto": 8, "recvfrom": 8}
_TO_LEDGER: Final = ("pwrite64", "fdatasync")

POST_FAULTS: Final = tuple(
    name for name, f in FAULTS.items() if f.route is Route.POST and f.symptom not in _STOPPING
)
GET_FAULTS: Final = tuple(
    name for name, f in FAULTS.items() if f.route is Route.GET and f.symptom not in _STOPPING
)


def _chance(number: int) -> random.Random:
    return random.Random(number)  # noqa: S311 - repeatable on purpose


def kills(first: int) -> Iterator[Case]:
    """Killed at every step in turn, and again while it resumes or runs again."""
    for number in itertools.count(first):
        chance = _chance(number)
        at = 5 + (number - first) * 7 % _STEPS  # 7 and the steps have no factor in common
        later = [Strike(when=chance.randrange(1, 60)) for _ in range(2)]
        yield Case(
            number=number,
            strikes=(Strike(when=at), *later),
            again=chance.random() < 0.25,
            platform="busy" if chance.random() < 0.5 else "calm",
            settings=_settings(chance),
        )


def killed_amid_faults(first: int) -> Iterator[Case]:
    """Killed at a step while the platform misbehaves."""
    for case in kills(first):
        chance = _chance(case.number)
        yield Case(
            number=case.number,
            strikes=tuple(Strike(when=chance.randrange(40, 260)) for _ in case.strikes),
            again=case.again,
            platform=case.platform,
            settings=case.settings,
            faults=_mixture(chance),
            may_not_know=True,
            heal=True,
        )


def single_faults(first: int) -> Iterator[Case]:
    """Each fault of a POST alone; each of a GET after a lost POST, at the first or second look."""
    numbers = itertools.count(first)
    for name in POST_FAULTS:
        yield Case(number=next(numbers), faults={"plan_each": [name]})
    for name in GET_FAULTS:
        for lost, looks in (
            ("reset-before", [name, name]),
            ("reset-after", [name]),
            ("reset-late", [None, name]),
        ):
            yield Case(number=next(numbers), faults={"plan_each": [lost], "get_plan_each": looks})
    for again in ("521", "429", "461"):
        yield Case(
            number=next(numbers), faults={"plan_each": ["reset-before", again, "500-late", again]}
        )
    for family in (late, lagging, stale, still_under_way):
        for case in family(first):
            yield replace(case, number=next(numbers))


def still_under_way(first: int) -> Iterator[Case]:
    """A 521 says that what was given up for lost is under way, and may land yet."""
    for number in range(first, first + 4):
        yield Case(
            number=number,
            platform="tardy",
            faults={"plan_each": ["reset-late", "521"]},
            settings={"settle_s": "0.2"},
        )


def late(first: int) -> Iterator[Case]:
    """The answer is lost, and the invites land after that."""
    losses = ("reset-late", "500-late", "502-late", "close-late", "cut-late", "504-late")
    for number, lost in enumerate(losses, start=first):
        yield Case(
            number=number,
            platform="tardy",
            faults={"plan_each": [lost]},
            settings={"settle_s": "0.8"},
        )


def lagging(first: int) -> Iterator[Case]:
    """What is committed does not show at once, although the platform has answered."""
    for number, lost in enumerate(("1222-after", "reset-after", "1222-after"), start=first):
        yield Case(
            number=number,
            platform="tardy",
            faults={"plan_each": [lost], "get_plan_each": ["get-lag"] * 5},
            settings={"settle_s": "0.8"},
        )


def stale(first: int) -> Iterator[Case]:
    """One look shows what the platform knew before the invites landed."""
    waits = (0, 1, 2, 0)
    for number, fresh in enumerate(waits, start=first):
        looks = [*[None] * fresh, "get-stale"]
        yield Case(
            number=number,
            faults={"plan_each": ["reset-late"], "get_plan_each": [None, *looks]},
        )


def mixtures(first: int) -> Iterator[Case]:
    """Faults of every kind by chance; when they cease, one more run mends what is left."""
    for number in itertools.count(first):
        chance = _chance(number)
        yield Case(
            number=number,
            faults=_mixture(chance),
            platform="busy" if chance.random() < 0.3 else "calm",
            settings=_settings(chance),
            may_not_know=True,
            heal=True,
        )


def hasty(first: int) -> Iterator[Case]:
    """The client gives up before the platform commits."""
    for number in itertools.count(first):
        yield Case(
            number=number,
            faults={"plan_each": [_chance(number).choice(("hang-late", "hang-after"))]},
            settings={"timeout": "0.06"},
            may_not_know=True,
            heal=True,
        )


def stops(first: int) -> Iterator[Case]:
    """Asked to end, or the ledger locked, full or failing, at every step in turn."""
    for number in itertools.count(first):
        chance = _chance(number)
        kind = ("term", "lock", "full", "blink")[number % 4]
        at = 5 + (number - first) * 5 % _STEPS
        yield Case(
            number=number,
            strikes=(Strike(kind=kind, when=at),),
            platform="busy" if chance.random() < 0.5 else "calm",
            settings=_settings(chance),
        )


def on_postgres(first: int) -> Iterator[Case]:
    """The same kills with the ledger in PostgreSQL."""
    for case in kills(first):
        yield replace(case, on_postgres=True)


def database_killed(first: int) -> Iterator[Case]:
    """The database is killed at every step in turn, a process of it or all, and comes again."""
    for number in itertools.count(first):
        chance = _chance(number)
        at = 5 + (number - first) * 11 % _STEPS
        yield Case(
            number=number,
            strikes=(Strike(kind="backend" if number % 2 else "server", when=at),),
            platform="busy" if chance.random() < 0.5 else "calm",
            settings=_settings(chance),
            on_postgres=True,
        )


def side_by_side(first: int) -> Iterator[Case]:
    """Two runs of one file at once on one database, of which one may be killed."""
    for number in itertools.count(first):
        chance = _chance(number)
        when = chance.randrange(20, _STEPS) if number % 3 else 0
        yield Case(
            number=number,
            strikes=(Strike(when=when),),
            platform="busy",
            settings=_settings(chance),
            on_postgres=True,
            runs=2,
        )


def cramped(first: int) -> Iterator[Case]:
    """No file may grow beyond so many bytes: a disk that fills while the ledger is written."""
    for number in itertools.count(first):
        size = 40_000 + (number - first) * 9_000 % 200_000
        yield Case(number=number, strikes=(Strike(largest_file_bytes=size),))


def syscalls(first: int) -> Iterator[Case]:
    """Killed at, or failed by, a system call."""
    blows = itertools.cycle(("signal=KILL", "signal=KILL", "error=ENOSPC", "error=EIO"))
    for number, what in zip(itertools.count(first), blows, strict=False):
        chance = _chance(number)
        to_ledger = what != "signal=KILL"
        call = chance.choice(_TO_LEDGER if to_ledger else tuple(_CALLS))
        forever = "+" if to_ledger else ""
        inject = f"{call}:{what}:when={chance.randint(1, _CALLS[call])}{forever}"
        strike = Strike(inject=inject, when_sending=chance.random() < 0.75)
        yield Case(number=number, strikes=(strike,), settings=_settings(chance))


def _settings(chance: random.Random) -> dict[str, str]:
    return {
        "concurrency": chance.choice(("1", "2", "16")),
        "customers_per_request": chance.choice(("1", "1", "3")),
    }


def _mixture(chance: random.Random) -> dict[str, Any]:
    posts = chance.sample(POST_FAULTS, 5)
    gets = chance.sample([one for one in GET_FAULTS if one != "get-stale"], 3)
    # A GET that hides what stands there, twice running, leaves no client a way to know; so
    # those are rare here, and their time is bounded by the settle time.
    rates = [f"{one}={chance.uniform(0.05, 0.12):.3f}" for one in posts]
    rates += [f"{one}={chance.uniform(0.03, 0.15):.3f}" for one in gets]
    return {"faults": ",".join(rates)}


# Negative control -> the cases over which it must be caught, and the right program must not.
CONTROLS: Final[dict[str, Callable[[int], Iterator[Case]]]] = {
    "blind-retry": single_faults,
    "sent-before-journaled": kills,
    "no-read-back-on-resume": kills,
    "no-settling": late,
    "no-lag": lagging,
    "one-look": stale,
    "deaf-to-521": still_under_way,
}


def controls(variant: str, first: int) -> Iterator[Case]:
    """The cases of a negative control."""
    for case in CONTROLS[variant](first):
        yield replace(case, variant=variant)
