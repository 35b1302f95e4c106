"""A small file of invites, made from a seed, and what is to become of each of its rows."""

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

Key = tuple[str, str, str, str]  # campaign token, referrer, type, identifier


class Want(Enum):
    """What is to become of an invite on a platform that behaves."""

    STAND = auto()  # stands on the platform, once
    REFUSED = auto()  # the platform refuses it for good


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The invites of one file.

    Attributes:
        token: the campaign of all of them; of this case alone, so that cases cannot mix.
        rows: (referrer, type, identifier) as written, repeats and unreadable ones among them.
        want: what is to become of each invite.
    """

    token: str
    rows: tuple[tuple[str, str, str], ...]
    want: Mapping[Key, Want]

    def write(self, path: Path) -> None:
        """Write the file."""
        with path.open("w", newline="", encoding="utf-8") as stream:
            lines = csv.writer(stream)
            lines.writerow(
                ("referrer_mobile", "campaign_token", "type", "identifier", "name",
                 "invited_on", "referral_code")
            )  # fmt: skip
            for referrer, kind, identifier in self.rows:
                lines.writerow(
                    (referrer, self.token, kind, identifier, "Asha", "20251122T08:17:00", "QWCSKU")
                )


def make(seed: int) -> Book:
    """Return 6 to 12 invites of 4 to 6 referrers, one of whom the platform refuses."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    token = f"T{seed:X}"
    numbers = iter(chance.sample(range(11_111, 99_999), 60))
    referrers = [_mobile(next(numbers)) for _ in range(chance.randint(4, 6))]
    want: dict[Key, Want] = {}
    for index in range(chance.randint(6, 12)):
        referrer = referrers[index % len(referrers)] if index < 6 else chance.choice(referrers)
        number = next(numbers)
        kind, to = ("MOBILE", _mobile(number)) if chance.random() < 0.7 else (
            "EMAIL", f"friend{number}@example.com")  # fmt: skip
        want[token, referrer, kind, to] = Want.STAND
    stranger = "919000001204"  # the stand-in's magic: not eligible for the campaign
    want[token, stranger, "MOBILE", _mobile(next(numbers))] = Want.REFUSED
    rows = [key[1:] for key in want]
    chance.shuffle(rows)
    rows += [rows[0], (referrers[0], "MOBILE", "12")]  # a repeat, and one that is no mobile
    return Book(token=token, rows=tuple(rows), want=want)


def _mobile(number: int) -> str:
    return f"9190000{number:05d}"
