"""Faults: what goes wrong, whether the invites are committed all the same, and when it happens.

A fault's name says where, what the client sees, and what became of the invites:

    [get-|token-]SYMPTOM[-before|-after|-late]

`-before`: nothing is committed. `-after`: committed, and then the symptom. `-late`: the symptom
now, the commit `late_s` seconds later. A GET and a token request commit nothing, so theirs have
no such ending; neither have symptoms with one possible meaning (a 429 is never committed).

| symptom | what the client sees |
|---|---|
| `reset`, `close` | the connection is reset (RST), or closed in order (FIN), without an answer |
| `hang` | no answer, ever; the connection stays open |
| `500` | HTTP 500 and a body without items |
| `502`, `503`, `504` | a gateway's page with that status |
| `cut` | a true answer, of which half arrives before the connection closes |
| `garbage`, `empty`, `deep` | HTTP 200 with random bytes, with nothing, with 100,000 brackets |
| `html`, `html502` | a login page as HTTP 200, or as 502 |
| `1222` | an answer that says 1222 of every customer |
| `461`, `429`, `517`, `521`, `1060`, `redirect` | that refusal; never committed |
| `slow`, `huge` | the true answer, dripping for `slow_s`, or padded to `huge_bytes`; committed |
| `get-lag` | a true answer without the invites younger than `lag_s` |
| `get-stale` | what the referrer's first GET could see, and nothing newer |

Short names: `error-…` is `500-…`, `late` is `504-late`, and the bare `cut`, `garbage`, `empty`
and `deep` are committed, `html` and `html502` are not.

Chances are drawn from (seed, route, referrer, attempt), not from the order of arrival: the same
seed gives the same faults however many requests are in flight.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final


class Route(StrEnum):
    """Which call a fault belongs to."""

    POST = "post"
    GET = "get"
    TOKEN = "token"  # noqa: S105 - the name of a route


class Landing(StrEnum):
    """What becomes of the invites of a request that meets a fault."""

    BEFORE = "before"  # the fault comes before the commit: nothing is committed
    AFTER = "after"
    LATE = "late"


class Symptom(StrEnum):
    """What the client sees (module docstring)."""

    RESET = "reset"
    CLOSE = "close"
    HANG = "hang"
    E500 = "500"
    E502 = "502"
    E503 = "503"
    E504 = "504"
    CUT = "cut"
    GARBAGE = "garbage"
    EMPTY = "empty"
    DEEP = "deep"
    HTML = "html"
    HTML502 = "html502"
    E1222 = "1222"
    E461 = "461"
    E429 = "429"
    E517 = "517"
    E521 = "521"
    E1060 = "1060"
    REDIRECT = "redirect"
    SLOW = "slow"
    HUGE = "huge"
    LAG = "lag"
    STALE = "stale"


_REFUSALS: Final = (
    Symptom.E461,
    Symptom.E429,
    Symptom.E517,
    Symptom.E521,
    Symptom.E1060,
    Symptom.REDIRECT,
)
_POST_ONLY: Final = (Symptom.E1222, Symptom.E521, Symptom.E1060)
_GET_ONLY: Final = (Symptom.LAG, Symptom.STALE)
_ALIASES: Final = {
    "error-before": "500-before",
    "error-after": "500-after",
    "error-late": "500-late",
    "late": "504-late",
    "late-reset": "reset-late",
    "cut": "cut-after",
    "garbage": "garbage-after",
    "empty": "empty-after",
    "deep": "deep-after",
    "html": "html-before",
    "html502": "html502-before",
    "get-error": "get-500",
    "token-error": "token-500",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: as it is written, in full.
        route: the call that it belongs to.
        symptom: what the client sees.
        landing: what becomes of the invites; of no meaning unless the route is POST.
    """

    name: str
    route: Route
    symptom: Symptom
    landing: Landing


def _landings(symptom: Symptom) -> tuple[Landing, ...]:
    if symptom in _REFUSALS:
        return (Landing.BEFORE,)
    if symptom in (Symptom.SLOW, Symptom.HUGE):
        return (Landing.AFTER,)
    if symptom is Symptom.E1222:
        return (Landing.BEFORE, Landing.AFTER)
    return tuple(Landing)


def _catalogue() -> dict[str, Fault]:
    found: dict[str, Fault] = {}
    for symptom in Symptom:
        if symptom not in _GET_ONLY:
            landings = _landings(symptom)
            for landing in landings:
                name = symptom.value if len(landings) == 1 else f"{symptom}-{landing}"
                found[name] = Fault(name=name, route=Route.POST, symptom=symptom, landing=landing)
        if symptom not in _POST_ONLY:
            routes = (Route.GET,) if symptom in _GET_ONLY else (Route.GET, Route.TOKEN)
            for route in routes:
                name = f"{route}-{symptom}"
                found[name] = Fault(
                    name=name, route=route, symptom=symptom, landing=Landing.BEFORE
                )
    return found


FAULTS: Final = _catalogue()


def parse_fault(name: str) -> Fault:
    """Return the fault of that name.

    Raises:
        ValueError: there is none, or it must say before, after or late; a sentence.
    """
    name = name.strip()
    fault = FAULTS.get(_ALIASES.get(name, name))
    if fault is not None:
        return fault
    forms = [one for one in FAULTS if one.startswith(f"{name}-")]
    if name and forms:
        msg = f"fault {name!r}: it does not say whether it commits. Write {' or '.join(forms)}."
        raise ValueError(msg)
    msg = f"fault {name!r}: no such fault. Use one of: {', '.join([*FAULTS, *_ALIASES])}."
    raise ValueError(msg)


def parse_faults(text: str) -> tuple[tuple[Fault, float], ...]:
    """Return the faults of `name=probability,name=probability` with their probabilities.

    Args:
        text: such as `reset-after=0.05,late=0.02`; "" is none.

    Returns:
        Pairs in the order written; the probabilities of one route sum to at most 1.

    Raises:
        ValueError: a name or a probability is not one, or a route's sum passes 1; a sentence.
    """
    found = []
    total: dict[Route, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, chance_text = part.partition("=")
        fault = parse_fault(name)
        chance = _chance(part, chance_text)
        found.append((fault, chance))
        total[fault.route] = total.get(fault.route, 0.0) + chance
    for route, chance in total.items():
        if chance > 1 + 1e-9:
            msg = f"faults {text!r}: the chances of a {route} sum to {chance:g}. Keep it to 1."
            raise ValueError(msg)
    return tuple(found)


def _chance(part: str, text: str) -> float:
    try:
        chance = float(text)
    except ValueError:
        chance = -1.0
    if not 0 <= chance <= 1:
        msg = f"fault {part!r}: no probability from 0 to 1. Write it so: reset-after=0.05."
        raise ValueError(msg)
    return chance


def _parse_plan(names: Iterable[str | None], route: Route) -> tuple[Fault | None, ...]:
    plan = tuple(parse_fault(name) if name else None for name in names)
    for fault in plan:
        if fault is not None and fault.route is not route:
            msg = f"fault {fault.name!r}: it is not of a {route}. Put it into the other plan."
            raise ValueError(msg)
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScript:
    """Which faults are to happen: plans first, then chances.

    Attributes:
        seed: of the chances.
        rates: fault and probability.
        plans: per route, the fault (or none) of the 1st, 2nd, … call of that route.
        plans_each: the same, counted for each referrer by itself.
    """

    seed: int = 0
    rates: tuple[tuple[Fault, float], ...] = ()
    plans: dict[Route, tuple[Fault | None, ...]]
    plans_each: dict[Route, tuple[Fault | None, ...]]

    @classmethod
    def read(
        cls,
        *,
        faults: str = "",
        seed: int = 0,
        plan: Iterable[str | None] = (),
        plan_each: Iterable[str | None] = (),
        get_plan: Iterable[str | None] = (),
        get_plan_each: Iterable[str | None] = (),
    ) -> "FaultScript":
        """Read a script from text; an empty or absent name in a plan is a call without fault.

        Raises:
            ValueError: a fault is not known, or stands in the wrong plan; a sentence.
        """
        return cls(
            seed=seed,
            rates=parse_faults(faults),
            plans={
                Route.POST: _parse_plan(plan, Route.POST),
                Route.GET: _parse_plan(get_plan, Route.GET),
            },
            plans_each={
                Route.POST: _parse_plan(plan_each, Route.POST),
                Route.GET: _parse_plan(get_plan_each, Route.GET),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One call, as the choice of a fault sees it.

    Attributes:
        route: which call.
        referrer: canonical; "" for a token.
        ordinal: of this call among all of its route, from 1.
        attempt: of this call among those of its route and referrer, from 1.
    """

    route: Route
    referrer: str
    ordinal: int
    attempt: int


Chooser = Callable[[Turn], str | None]


class FaultSource:
    """Deals out the faults of a script, call by call."""

    def __init__(self, script: FaultScript, choose: Chooser | None = None) -> None:
        """Start at the first call.

        Args:
            script: what is to happen.
            choose: asked first, where given; a fault's name, or None to go by the script.
        """
        self._script = script
        self._choose = choose
        self._calls: Counter[tuple[Route, str]] = Counter()
        self._ordinals: Counter[Route] = Counter()

    def next_for(self, route: Route, referrer: str = "") -> Fault | None:
        """Return the fault that this call is to meet, or None."""
        self._ordinals[route] += 1
        self._calls[route, referrer] += 1
        turn = Turn(
            route=route,
            referrer=referrer,
            ordinal=self._ordinals[route],
            attempt=self._calls[route, referrer],
        )
        name = self._choose(turn) if self._choose is not None else None
        return parse_fault(name) if name else self._scripted(turn)

    def _scripted(self, turn: Turn) -> Fault | None:
        plan = self._script.plans.get(turn.route, ())
        if turn.ordinal <= len(plan):
            return plan[turn.ordinal - 1]
        each = self._script.plans_each.get(turn.route, ())
        if turn.attempt <= len(each):
            return each[turn.attempt - 1]
        return self._drawn(turn) if self._script.rates else None

    def _drawn(self, turn: Turn) -> Fault | None:
        place = draw(self._script.seed, turn)
        for fault, chance in self._script.rates:
            if fault.route is turn.route:
                if place < chance:
                    return fault
                place -= chance
        return None


def draw(seed: int, turn: Turn) -> float:
    """Return the chance of this turn in [0, 1): a hash of seed, route, referrer and attempt."""
    key = f"{seed}|{turn.route}|{turn.referrer}|{turn.attempt}".encode()
    return int.from_bytes(blake2b(key, digest_size=6).digest()) / 2**48
