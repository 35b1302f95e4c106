"""Thousands of cases, bounded in count and in time: `make chaos`, or `python -m chaos`."""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from postgres_server import programs

from chaos import families
from chaos.cases import Case, Played, Tables
from chaos.families import CONTROLS
from chaos.sitting import can_trace

_BATCH: Final = 40
_SHOWN: Final = 5

Family = Callable[[int], Iterator[Case]]


@dataclass(slots=True, kw_only=True)
class Score:
    """What has been played of one family."""

    cases: int = 0
    sittings: int = 0
    kills: int = 0
    unknown: int = 0
    violating: list[Played] = field(default_factory=list)

    def add(self, played: Played) -> None:
        self.cases += 1
        self.sittings += len(played.endings)
        self.kills += played.kills
        self.unknown += played.verdict.unknown
        if played.verdict.violations:
            self.violating.append(played)

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.cases:6,} cases {self.sittings:7,} sittings {self.kills:6,} kills "
            f"{self.unknown:4,} unknown {len(self.violating):3,} violating"
        )


def main() -> int:
    """Play until so many kills have fallen or the time is over; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=5_000, help="end after so many")
    parser.add_argument("--minutes", type=float, default=60.0, help="or after so long")
    parser.add_argument("--seed", type=int, default=1_000_000, help="number of the first case")
    parser.add_argument("--tables", type=int, default=8, help="cases played side by side")
    asked = parser.parse_args()
    deadline = time.monotonic() + asked.minutes * 60
    with Tables(asked.tables) as tables:
        caught = _controls(tables, asked.seed)
        scores = _play(tables, asked.seed, asked.kills, deadline)
    for name, score in scores.items():
        _say(f"{name:18} {score}")
        for played in score.violating[:_SHOWN]:
            _say(f"VIOLATED {played}")
    kills = sum(score.kills for score in scores.values())
    violating = sum(len(score.violating) for score in scores.values())
    _say(f"{kills:,} kills; {violating} cases violated; controls caught: {caught}")
    return int(bool(violating) or not caught)


def _controls(tables: Tables, seed: int) -> bool:
    """Tell whether the judge catches every negative control."""
    caught = True
    for variant in CONTROLS:
        cases = itertools.islice(families.controls(variant, seed), 24)
        found = sum(bool(p.verdict.violations) for p in tables.play(cases))
        _say(f"control {variant:24} caught in {found} cases")
        caught = caught and found > 0
    return caught


def _play(tables: Tables, seed: int, kills: int, deadline: float) -> dict[str, Score]:
    endless: dict[str, Family] = {
        "kills": families.kills,
        "killed amid faults": families.killed_amid_faults,
        "mixtures": families.mixtures,
        "stops": families.stops,
        "cramped": families.cramped,
        "hasty": families.hasty,
    }
    if can_trace():
        endless["syscalls"] = families.syscalls
    if programs():
        endless["on postgres"] = families.on_postgres
        endless["database killed"] = families.database_killed
        endless["side by side"] = families.side_by_side
    shares = {"kills": 4, "killed amid faults": 2}
    streams = {
        name: family(seed + 100_000 * place)
        for place, (name, family) in enumerate(endless.items(), start=1)
    }
    scores = {"single faults": Score(), **{name: Score() for name in streams}}
    for played in tables.play(families.single_faults(seed)):
        scores["single faults"].add(played)
    while time.monotonic() < deadline and sum(s.kills for s in scores.values()) < kills:
        for name, stream in streams.items():
            for played in tables.play(itertools.islice(stream, _BATCH * shares.get(name, 1) // 4)):
                scores[name].add(played)
        total = [sum(getattr(s, of) for s in scores.values()) for of in ("cases", "kills")]
        violating = sum(len(s.violating) for s in scores.values())
        _say(f"{total[0]:,} cases, {total[1]:,} kills, {violating} violating")
    return scores


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
