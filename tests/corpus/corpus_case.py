"""One file of the corpus, and what `check` must make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

COLUMNS: Final = (
    "referrer_mobile",
    "identifier",
    "campaign_token",
    "referral_code",
    "invited_on",
    "name",
)
GOOD: Final = ("917999836466", "917999836416", "J0H7Q", "pV7BF", "2024-09-10 16:35:52", "Asha")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A hostile or messy file.

    Attributes:
        file: its name.
        content: makes its bytes.
        exit_code: what `check` ends with.
        rows: the numbers of its rows that are rows of invites, each with a result.
        codes: row -> the code of its result, for those that have one.
        says: part of what is said on standard error.
        hostile: run in a process of its own, whose time and memory are measured.
    """

    file: str
    content: Callable[[], bytes]
    exit_code: int = 0
    rows: tuple[int, ...] = (2,)
    codes: Mapping[int, str] = field(default_factory=dict)
    says: str = ""
    hostile: bool = False


def refused(file: str, content: Callable[[], bytes], says: str, *, hostile: bool = False) -> Case:
    """Return a file that cannot be read, and is a sentence."""
    return Case(file=file, content=content, exit_code=2, rows=(), says=says, hostile=hostile)


def lines(*numbers: int) -> list[tuple[str, ...]]:
    """Return good rows with invitees of their own."""
    return [(GOOD[0], f"9179998364{number:02}", *GOOD[2:]) for number in numbers]
