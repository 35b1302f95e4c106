"""The verdict: the stand-in's own list of invites, as a multiset, against our results.

Nothing of the importer is asked: only the files that it leaves for people, and the platform.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.inputs import Book, Key, Want

_STANDS = frozenset({"accepted", "already_sent"})
_STANDS_NOT = frozenset({"failed", "not_sent", "rejected"})
_REPEATS = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge found.

    Attributes:
        violations: sentences; none is the whole point.
        unknown: rows that the importer said it cannot tell of.
        standing: invites that stand on the platform.
    """

    violations: tuple[str, ...]
    unknown: int
    standing: int


def committed(invites: Iterable[Mapping[str, Any]], token: str) -> Counter[Key]:
    """Count the platform's invites in one campaign."""
    return Counter(
        (one["campaign_token"], one["referrer"], one["type"], one["identifier"])
        for one in invites
        if one["campaign_token"] == token
    )


def judge(
    book: Book, platform: Counter[Key], results: Path | None, *, may_not_know: bool
) -> Verdict:
    """Judge a run that has ended.

    Args:
        book: what was asked for.
        platform: what stands there, repeats counted.
        results: the run's `results.csv`; None where it left none.
        may_not_know: the platform left no way to know, so unknown is an honest answer.
    """
    told = _told(results, book.token) if results else {}
    # A referrer whom the platform refuses is refused by its GET too: that leaves no way to know.
    unknown = sum(
        outcome == "unknown" and book.want.get(key) is not Want.REFUSED
        for key, outcome in told.items()
    )
    found = [*_twice(book, platform), *_contradicted(book, platform, told)]
    if unknown and not may_not_know:
        found.append(f"unknown: {unknown} rows, although the platform can tell")
    return Verdict(violations=tuple(found), unknown=unknown, standing=platform.total())


def _told(results: Path, token: str) -> dict[Key, str]:
    with results.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.DictReader(stream) if row["outcome"] != _REPEATS]
    return {
        (token, row["referrer"], row["type"], row["identifier"]): row["outcome"] for row in rows
    }


def _twice(book: Book, platform: Counter[Key]) -> Iterator[str]:
    for key, times in platform.items():
        if key not in book.want:
            yield f"stranger: {key} was never asked for"
        elif times > 1:
            yield f"twice: {key} stands {times} times"


def _contradicted(book: Book, platform: Counter[Key], told: Mapping[Key, str]) -> Iterator[str]:
    for key, want in book.want.items():
        outcome = told.get(key)
        stands = platform[key] > 0
        if outcome is None:
            yield f"lost: nothing is told of {key}"
        elif outcome in _STANDS and not stands:
            yield f"lost: {key} is {outcome}, and does not stand on the platform"
        elif outcome in _STANDS_NOT and stands:
            yield f"contradiction: {key} is {outcome}, and stands on the platform"
        elif outcome == "not_sent":
            yield f"lost: {key} is not_sent in a run that has finished ({want.name})"
