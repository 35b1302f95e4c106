"""The last words on the terminal: what happened, what to do, where everything is. Words first."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TextIO

from bulk_referrals.model import Outcome, RunState

if TYPE_CHECKING:
    from bulk_referrals.pipeline.publishing import Finished

_NOTICES_SHOWN: Final = 5
_TASKS_SHOWN: Final = 3
_REASONS_SHOWN: Final = 3
_WIDEST: Final = 110  # longer lines are hard to read
_NUMBER: Final = 9
_LABEL: Final = 13
_BOLD: Final = "1"
_DIM: Final = "2"
# The colours of the report, as far as a terminal has them.
_COLOURS: Final = {
    Outcome.UNKNOWN: "35",
    Outcome.FAILED: "31",
    Outcome.REJECTED: "33",
    Outcome.NOT_SENT: "34",
    Outcome.ACCEPTED: "32",
}
_FILES: Final = {
    "report": {".xlsx": "the report, to be opened first", ".html": "the same as a page"},
    "to_fix": {".xlsx": "the rows to correct", ".csv": "the same as text"},
    "annotated": {"": "your workbook, faults marked"},
    "results": {".csv": "every row, for other programs"},
    "run": {".json": "the figures, for machines"},
    "payloads": {".jsonl": "the requests that a run would send"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How lines are shown.

    Attributes:
        width: characters that a line may have; 0 means that lines are not broken.
        colour: whether to use colours.
    """

    width: int
    colour: bool

    @classmethod
    def of(cls, stream: TextIO) -> "Style":
        """Return how to write to a stream: plain, and unbroken, unless it is a terminal.

        `NO_COLOR` (no-color.org) and a dumb terminal take the colours away.
        """
        if not stream.isatty():
            return cls(width=0, colour=False)
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
        return cls(width=width, colour=not plain)

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour or weight (an SGR code)."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text

    def wrapped(self, text: str, *, indent: str = "", code: str = "") -> Iterator[str]:
        """Yield the text in lines of the width, the later ones indented."""
        lines = [text]
        if self.width:
            lines = textwrap.wrap(
                text, self.width, subsequent_indent=indent, break_on_hyphens=False
            )
        yield from (self.paint(line, code) for line in lines)


def closing(finished: "Finished", *, verbose: bool, style: Style | None = None) -> Iterator[str]:
    """Yield the lines that end a command, without line ends and without a contact.

    Args:
        finished: what it has come to.
        verbose: tell every notice.
        style: how; by default as standard error can show it.
    """
    style = style or Style.of(sys.stderr)
    report, summary = finished.report, finished.summary
    if report.state is RunState.NOTHING_TO_DO:
        yield from style.wrapped(summary.headline)
        return
    shown = report.notices if verbose else report.notices[:_NOTICES_SHOWN]
    for notice in shown:
        yield from style.wrapped(f"Note: {notice}", indent="      ", code=_DIM)
    if more := len(report.notices) - len(shown):
        yield style.paint(f"({more} more notes: --verbose, or the report.)", _DIM)
    yield ""
    yield from style.wrapped(summary.headline, code=_BOLD)
    for run_id in summary.corrects:
        yield f"These are rows of run {run_id}, corrected."
    yield ""
    yield from _outcomes(finished, style)
    yield from _reasons(finished, style)
    yield from _tasks(finished, style)
    yield from _files(finished, style)


def in_brief(finished: "Finished") -> Iterator[str]:
    """Yield what must be said even where all is quiet: nothing, where all is well."""
    if not finished.report.exit_code:
        return
    yield finished.summary.headline
    if finished.report.state is RunState.NOTHING_TO_DO:
        return
    if command := finished.report.resume_command:
        yield f"To go on: {command}"
    if finished.outputs:
        yield f"The report: {PurePath(next(iter(finished.outputs.values()))).parent}"


def _outcomes(finished: "Finished", style: Style) -> Iterator[str]:
    from bulk_referrals.summary import READING_ORDER, words  # noqa: PLC0415 - start-up time

    for outcome in READING_ORDER:
        number = finished.summary.outcomes[outcome]
        if not number:
            continue
        told = words(outcome, sending=finished.report.sending)
        ready = outcome is Outcome.NOT_SENT and not finished.report.sending
        code = _COLOURS.get(Outcome.ACCEPTED if ready else outcome, "")
        # Broken before it is painted: colours have no width.
        line = f"{number:>{_NUMBER},}  {told.label:<{_LABEL}} {told.meaning}"
        indent = " " * (_NUMBER + _LABEL + 3)
        first, *rest = style.wrapped(line, indent=indent)
        yield first.replace(told.label, style.paint(told.label, code), 1)
        yield from rest
    if not finished.summary.books_balance:
        yield from style.wrapped(finished.summary.books, code=_COLOURS[Outcome.FAILED])


def _reasons(finished: "Finished", style: Style) -> Iterator[str]:
    reasons = finished.summary.reasons
    if not reasons:
        return
    yield ""
    yield style.paint("Why, above all", _BOLD)
    for reason in reasons[:_REASONS_SHOWN]:
        line = f"{reason.rows:>{_NUMBER},}  {reason.title}. {reason.advice}"
        yield from style.wrapped(line, indent=" " * (_NUMBER + 2))


def _tasks(finished: "Finished", style: Style) -> Iterator[str]:
    tasks = finished.summary.tasks
    if not tasks:
        return
    yield ""
    yield style.paint("What to do", _BOLD)
    for number, task in enumerate(tasks[:_TASKS_SHOWN], start=1):
        how, command = task.how, finished.report.resume_command
        told = how.removesuffix(command) if command else how
        yield from style.wrapped(f"  {number}. {task.what} {told}".rstrip(), indent="     ")
        if told != how:  # in a line of its own, unbroken, so that it can be copied
            yield f"     {style.paint(command, _BOLD)}"


def _files(finished: "Finished", style: Style) -> Iterator[str]:
    if not finished.outputs:
        return
    yield ""
    widest = max(map(len, finished.outputs.values()))
    for name, path in finished.outputs.items():
        told = _described(name)
        fits = not style.width or widest + len(told) + 4 <= style.width
        yield f"  {path:<{widest}}  {style.paint(told, _DIM)}" if fits else f"  {path}"


def _described(name: str) -> str:
    path = PurePath(name)
    kinds = next((it for stem, it in _FILES.items() if path.stem.startswith(stem)), {})
    return kinds.get(path.suffix) or kinds.get("", "")
