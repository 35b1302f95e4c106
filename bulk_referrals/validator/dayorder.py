"""Whether the numeric dates of a column begin with the day or with the month."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bulk_referrals.model import Rules
from bulk_referrals.validator.columns import positions, type_mask, words
from bulk_referrals.validator.dateforms import Readings

# Where CLDR's short numeric date begins with the month: the USA, what goes by its customs, and
# the Philippines.
_MONTH_FIRST_REGIONS: Final = frozenset(
    {"AS", "FM", "GU", "MH", "MP", "PH", "PR", "PW", "UM", "US", "VI"}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """What was decided.

    Attributes:
        month_first: per cell, that the month comes first.
        open: per cell, that the order cannot be told and the cell must be refused.
        notices: a sentence per column in which there was something to decide.
    """

    month_first: type_mask
    open: type_mask
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Evidence:
    """Which cells of a column speak for which order."""

    open: type_mask  # two real days, and not the same one
    calendar: tuple[type_mask, type_mask]  # day first, month first: the calendar has no other
    future: tuple[type_mask, type_mask]  # the other way round it would lie in the future


def decide(
    readings: Readings,
    plausible: tuple[type_mask, type_mask],
    tables: npt.NDArray[np.integer],
    cells: pa.ChunkedArray,
    rules: Rules,
    *,
    places: tuple[str, ...],
) -> Order:
    """Decide for each table's column, from all its cells together.

    Args:
        readings: both readings of each cell.
        plausible: where the day-first, and where the month-first reading is plausible.
        tables: the table of each cell.
        cells: as typed, for the notices.
        rules: `day_first` and `region`.
        places: the human name of each table.
    """
    evidence = _evidence(readings, plausible)
    only_month = np.isnat(readings.day_first) & ~np.isnat(readings.month_first)
    month_first, refused = only_month.copy(), np.zeros(len(tables), dtype=np.bool_)
    notices = []
    for table in np.unique(tables[evidence.open]):
        here = tables == table
        first, why = _decide_column(evidence, here, cells, rules)
        undecided = evidence.open & here
        if first is None:
            refused |= undecided
        else:
            month_first |= undecided & (first == "month")
        notices.append(_notice(places[table], first, why, cells, positions(undecided)))
    return Order(month_first=month_first, open=refused, notices=tuple(notices))


def _evidence(readings: Readings, plausible: tuple[type_mask, type_mask]) -> _Evidence:
    day, month = ~np.isnat(readings.day_first), ~np.isnat(readings.month_first)
    both = readings.numeric & day & month & (readings.day_first != readings.month_first)
    day_fits, month_fits = plausible
    return _Evidence(
        open=both,
        calendar=(readings.numeric & day_fits & ~month, readings.numeric & month_fits & ~day),
        future=(both & day_fits & ~month_fits, both & month_fits & ~day_fits),
    )


def _decide_column(
    evidence: _Evidence, here: type_mask, cells: pa.ChunkedArray, rules: Rules
) -> tuple[str | None, str]:
    """Return "day", "month" or None for what cannot be told, and why."""
    calendar = [_example(mask & here, cells) for mask in evidence.calendar]
    future = [_example(mask & here, cells) for mask in evidence.future]
    if any(calendar) and not all(calendar):
        return _spoken_for(calendar, "can be read in no other way")
    if rules.day_first is not None:
        return "day" if rules.day_first else "month", "as the settings say"
    if all(calendar) or all(future):
        day, month = calendar if all(calendar) else future
        return None, f"{day} seems to begin with the day and {month} with the month"
    if any(future):
        return _spoken_for(future, "would lie in the future the other way round")
    first, other = ("month", "day") if rules.region in _MONTH_FIRST_REGIONS else ("day", "month")
    flag = f"--{other}-first"
    return first, f"since nothing in the column says otherwise; if that is wrong, say {flag}"


def _example(mask: type_mask, cells: pa.ChunkedArray) -> str:
    """Return the first of these cells, "" where there is none."""
    return next(iter(words(cells, positions(mask)[:1])), "")


def _spoken_for(examples: list[str], how: str) -> tuple[str, str]:
    """Return the only order that an example speaks for, and why."""
    day, month = examples
    return "day" if day else "month", f"because {day or month} in the same column {how}"


def _notice(
    place: str,
    first: str | None,
    why: str,
    cells: pa.ChunkedArray,
    undecided: npt.NDArray[np.int64],
) -> str:
    example, count = words(cells, undecided[:1])[0], len(undecided)
    if first is None:
        dates = "1 date" if count == 1 else f"{count:,} dates"
        return (
            f"{place}: in one column {why}. What could be either was refused ({dates}, such as "
            f"{example}); say --day-first or --month-first to read it."
        )
    why = why.replace(f"{example} in the same column", "that one")
    return f"{place}: dates such as {example} were read with the {first} first, {why}."
