"""Write the names of columns into `docs/input.md`, from the table that the loader goes by.

Run it after a name was added or changed; a test fails while the page is stale.

    python docs/make_columns.py
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from bulk_referrals.loader.headers import _FURTHER, _PARTIES, _WORDS

PAGE: Final = Path(__file__).parent / "input.md"
BEGIN, END = "<!-- names: made by make_columns.py -->", "<!-- /names -->"

# The loader compares letters and digits alone; people write these words apart.
_TOLD_APART: Final = (
    "addr address advocate at by campaign cell channel code codes contact country customer "
    "date datetime email existing first friend friends full guest hand id identifier "
    "invitation invite invited invitee invitees inviter iso lead loyalty mail member mobile "
    "msisdn name new no num number of on or person phone prospect recipient ref referee "
    "referer referral referred referrer referrers referring scope sender tel telephone time "
    "timestamp token type user whatsapp"
)
_APART: Final = frozenset(_TOLD_APART.split())


@cache
def apart(name: str) -> str:
    """Return a name as people write it: `mobileno` is "mobile no".

    Raises:
        ValueError: it holds a word that is not known here.
    """
    ways = sorted(_ways(name), key=lambda words: (len(words), words))
    if not ways:
        message = f"'{name}' cannot be taken apart: add its words to _APART."
        raise ValueError(message)
    return " ".join(ways[0])


def _ways(name: str) -> Iterator[list[str]]:
    if not name:
        yield []
    for end in range(1, len(name) + 1):
        if name[:end] in _APART:
            yield from ([name[:end], *rest] for rest in _ways(name[end:]))


def listed(names: str) -> str:
    """Return names as a list in words."""
    return ", ".join(apart(name) for name in names.split())


def names() -> str:
    """Return the tables of names."""
    lines = ["| whose contact it is | words for them |", "|---|---|"]
    lines += [f"| {party} | {listed(words)} |" for party, words in _PARTIES.items()]
    lines += ["", "| what it is | words for it |", "|---|---|"]
    lines += [f"| {channel} | {listed(words)} |" for channel, words in _WORDS.items()]
    lines += ["", "| field | further names |", "|---|---|"]
    lines += [f"| `{field}` | {listed(further)} |" for field, further in _FURTHER.items()]
    return "\n".join(lines)


def written(page: str) -> str:
    """Return the page with the tables of today between its marks."""
    block = f"{BEGIN}\n\n{names()}\n\n{END}"
    pattern = rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}"
    return re.sub(pattern, lambda _: block, page, flags=re.DOTALL)


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
