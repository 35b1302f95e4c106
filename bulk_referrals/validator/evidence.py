"""What whole columns say, so that it can be put together from their parts.

A few things are decided for a column and not for a row: whether its dates begin with the day,
whether its mobiles have lost their plus. Where the rows are checked part by part, each part gives
its evidence; merged, it is that of the whole, and so are the decisions that follow from it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

_Key = TypeVar("_Key")
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateColumn:
    """What the numeric dates of one column say of the order of day and month.

    Each text is the first cell of its kind, as typed; "" where there is none.

    Attributes:
        day: can only be read with the day first.
        month: can only be read with the month first.
        future_day: would lie in the future with the month first.
        future_month: would lie in the future with the day first.
        open: cells that are a real day either way, and not the same one.
        example: the first of these.
    """

    day: str = ""
    month: str = ""
    future_day: str = ""
    future_month: str = ""
    open: int = 0
    example: str = ""

    def with_later(self, later: "DateColumn") -> "DateColumn":
        """Return what this part of a column and a later one say together."""
        return DateColumn(
            day=self.day or later.day,
            month=self.month or later.month,
            future_day=self.future_day or later.future_day,
            future_month=self.future_month or later.future_month,
            open=self.open + later.open,
            example=self.example or later.example,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BareNumbers:
    """Bare numbers in a column of dates that were taken for dates: how many, and the first."""

    count: int
    example: str
    day: str

    def with_later(self, later: "BareNumbers") -> "BareNumbers":
        """Return what this part of a column and a later one say together."""
        count = self.count + later.count
        return BareNumbers(count=count, example=self.example, day=self.day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plus:
    """How the mobiles of the referrers, or of the invitees, were written.

    Attributes:
        with_code: plainly, with their country code.
        without: as plain numbers without it.
    """

    with_code: int = 0
    without: int = 0

    def with_later(self, later: "Plus") -> "Plus":
        """Return what this part and a later one say together."""
        return Plus(
            with_code=self.with_code + later.with_code, without=self.without + later.without
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What some rows say of their columns; JSON-like, a few hundred bytes for each table.

    Attributes:
        dates: table -> its column `invited_on`; the setting's own column comes last.
        numbers: (which kind, table) -> its bare numbers.
        plus: "referrer" and "invitee" -> their mobiles.
    """

    dates: Mapping[int, DateColumn] = field(default_factory=dict)
    numbers: Mapping[tuple[int, int], BareNumbers] = field(default_factory=dict)
    plus: Mapping[str, Plus] = field(default_factory=dict)


def merged(parts: Iterable[Evidence]) -> Evidence:
    """Return what all parts say together; they come in the order of their rows."""
    dates: dict[int, DateColumn] = {}
    numbers: dict[tuple[int, int], BareNumbers] = {}
    plus: dict[str, Plus] = {}
    for part in parts:
        _take_in(dates, part.dates, DateColumn.with_later)
        _take_in(numbers, part.numbers, BareNumbers.with_later)
        _take_in(plus, part.plus, Plus.with_later)
    return Evidence(dates=dict(sorted(dates.items())), numbers=dict(sorted(numbers.items())),
                    plus=plus)  # fmt: skip


def _take_in(
    known: dict[_Key, _Said], more: Mapping[_Key, _Said], both: Callable[[_Said, _Said], _Said]
) -> None:
    for key, said in more.items():
        known[key] = both(known[key], said) if key in known else said
