"""Write `docs/codes.md` from the words of the reports: every outcome and every code.

Run it after a code was added or changed; a test fails while the page is stale.

    python docs/make_codes.py
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bulk_referrals import codes
from bulk_referrals.codes import CODES
from bulk_referrals.summary.sentences import NEEDS_A_PERSON, READING_ORDER, words

PAGE: Final = Path(__file__).parent / "codes.md"

# The headings that stand in `CODES` as comments -> those of the page, and what to know of each.
_SECTIONS: Final = {
    "the API's, at the level of an invite or a customer": (
        "What the platform says of an invite",
        (
            "The platform's own numbers. 1012, 1202, 1206 and 1701 are used before sending "
            "too, where the fault can be seen in the row: then nothing was sent."
        ),
    ),
    "the API's, at the level of a request": (
        "What the platform says of a request",
        (
            "These tell of all invites that travelled together. Those that pass by "
            "themselves (429, 461, 500 to 504, 517, 521) stand in a report only where waiting and "
            "sending again did not help."
        ),
    ),
    "ours": (
        "What is found before sending, and after",
        (
            "Words where the platform has no number. The row's own reason is more precise than "
            "the line here: it names the cell, and what stands in it."
        ),
    ),
}


def sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the headings that stand in `CODES` as comments, with the codes below each."""
    heading, listed = "", list[str]()
    for line in inspect.getsource(codes).splitlines():
        if found := re.fullmatch(r"    # --- (.+)", line):
            if listed:
                yield heading, listed
            heading, listed = found[1], []
        elif heading and (named := re.match(r'    "([\w-]+)": Code\(', line)):
            listed.append(named[1])
    yield heading, listed


def outcomes() -> Iterator[str]:
    """Yield the lines of the table of outcomes, in the order of the report."""
    yield "| in the report | in files and figures | what it means | needs a person |"
    yield "|---|---|---|---|"
    for outcome in READING_ORDER:
        said = words(outcome, sending=True)
        needs = "yes" if outcome in NEEDS_A_PERSON else "no"
        yield f"| {said.label} | `{outcome}` | {said.meaning} | {needs} |"


def page() -> str:
    """Return the text of the page."""
    lines = [_INTRODUCTION, *outcomes(), ""]
    for section, listed in sections():
        heading, known = _SECTIONS[section]
        lines += [f"## {heading}", "", known, "", "| code | what it means | what to do |"]
        lines += ["|---|---|---|"]
        lines += [f"| `{code}` | {CODES[code].title} | {CODES[code].advice} |" for code in listed]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


_INTRODUCTION: Final = """# Codes in plain words

Written by `docs/make_codes.py` from the words of the reports themselves.

Each row of a report has an outcome, a code, a reason and what to do. The outcome says what became
of the row, the code why. The sheet *Codes* of the workbook has those that occurred. A code that is
not listed here comes from the platform, which does not list it either: ask its support, with the
request id from `results.csv`.

## Outcomes
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
