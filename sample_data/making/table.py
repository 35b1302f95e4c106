"""A table of the sample: its lines, what is odd about some, and what must become of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

# The fields that name somebody to invite; each filled one is a referral.
INVITEE_FIELDS = ("identifier", "invitee_mobile", "invitee_email")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula and the value that the spreadsheet program last stored for it."""

    text: str
    cached: str


@dataclass(frozen=True, slots=True)
class Rich:
    """Text in which every second part is bold."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An address that the spreadsheet program turned into a link while it was typed."""

    text: str


Cell = str | int | float | bool | datetime | Formula | Rich | Link | None


def as_typed(cell: Cell) -> str:
    """Return the cell as its author sees it, near enough to find it again."""
    match cell:
        case Formula(cached=text) | Link(text=text):
            return text
        case Rich(parts=parts):
            return "".join(parts)
        case datetime():
            return cell.isoformat(" ")
        case bool():
            return str(cell).upper()
        case _:
            return "" if cell is None else str(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What must become of an invite.

    Attributes:
        outcome: one of the outcomes, when run against the stand-in with the suppression list.
        code: its code; "" where it is accepted.
        warning: whether the row must carry a warning besides.
    """

    outcome: str = "accepted"
    code: str = ""
    warning: bool = False


ACCEPTED = Verdict()
WARNED = Verdict(warning=True)
DUPLICATE = Verdict(outcome="duplicate", code="duplicate")
SUPPRESSED = Verdict(outcome="suppressed", code="suppressed")


def rejected(code: str) -> Verdict:
    """Return the verdict on what is refused before sending."""
    return Verdict(outcome="rejected", code=code)


def failed(code: str) -> Verdict:
    """Return the verdict on what the platform refuses."""
    return Verdict(outcome="failed", code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """One row that is not as it should be, or that only looks so.

    Attributes:
        row: the row number that the author sees.
        what: what is odd, a few words for the list of faults.
        verdict: what must become of its invites.
        only: the invitee's field that the verdict is about; the others are accepted. "" is all.
        like: the row whose cells this one repeats; 0 is none.
        cells: the cells that it replaces.
    """

    row: int
    what: str
    verdict: Verdict
    only: str = ""
    like: int = 0
    cells: Mapping[str, Cell] = field(default_factory=dict)


def odd(
    row: int, what: str, verdict: Verdict, *, only: str = "", like: int = 0, **cells: Cell
) -> Oddity:
    """Return the oddity; a shorthand that lets the lists of faults read like lists."""
    return Oddity(row=row, what=what, verdict=verdict, only=only, like=like, cells=cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table: its number, its cells by field, and what may be odd about it."""

    row: int
    cells: Mapping[str, Cell]
    oddity: Oddity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must become of one invite; a line of `expected.csv`."""

    source: str
    sheet: str
    row: int
    identifier: str
    outcome: str
    code: str
    warning: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A sheet of the workbook, or a whole text file.

    Attributes:
        source: the file's name.
        sheet: the sheet's name; "" for a text file.
        columns: the author's header -> the field beneath it, or the author's own column.
        lines: the rows that hold something, in order.
    """

    source: str
    sheet: str
    columns: Mapping[str, str]
    lines: tuple[Line, ...]

    def expected(self) -> list[Expected]:
        """Return what must become of every invite, in order."""
        return [verdict for line in self.lines for verdict in self._expected(line)]

    def _expected(self, line: Line) -> list[Expected]:
        filled = [name for name in INVITEE_FIELDS if line.cells.get(name) is not None]
        return [self._verdict(line, name) for name in filled or INVITEE_FIELDS[:1]]

    def _verdict(self, line: Line, name: str) -> Expected:
        oddity = line.oddity
        meant = oddity is not None and oddity.only in ("", name)
        verdict = oddity.verdict if oddity and meant else ACCEPTED
        return Expected(
            source=self.source,
            sheet=self.sheet,
            row=line.row,
            identifier=as_typed(line.cells.get(name)),
            outcome=verdict.outcome,
            code=verdict.code,
            warning="yes" if verdict.warning else "",
            what=oddity.what if oddity and meant else "",
        )


def lines_from(
    clean: Iterable[Mapping[str, Cell]],
    oddities: Iterable[Oddity],
    *,
    first_row: int,
    blank_rows: frozenset[int] = frozenset(),
) -> tuple[Line, ...]:
    """Number the clean rows and put the oddities in their places.

    Args:
        clean: the cells of each row, by field.
        oddities: what to change; an oddity may repeat only a row above it.
        first_row: the row number of the first line.
        blank_rows: row numbers that stay empty.

    Raises:
        ValueError: an oddity stands on a row that is empty or past the end.
    """
    odd_rows = {oddity.row: oddity for oddity in oddities}
    lines: dict[int, Line] = {}
    row = first_row
    for cells in clean:
        while row in blank_rows:
            row += 1
        oddity = odd_rows.pop(row, None)
        changed = dict(cells)
        if oddity:
            changed |= {**(lines[oddity.like].cells if oddity.like else {}), **oddity.cells}
        lines[row] = Line(row=row, cells=changed, oddity=oddity)
        row += 1
    if odd_rows:
        message = f"no line for the oddities on rows {sorted(odd_rows)}"
        raise ValueError(message)
    return tuple(lines.values())
