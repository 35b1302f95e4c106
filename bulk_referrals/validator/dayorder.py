"""Whether the numeric dates of a column begin with the day or with the month."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bulk_referrals.model import Rules
from bulk_referrals.validator.columns import positions, type_mask, words
from bulk_referrals.validator.dateforms import Readings
from bulk_referrals.validator.evidence import DateColumn

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
        evidence: what the cells say, column by column: a column is one table's.
        notices: a sentence per column in which there was something to decide.
    """

    month_first: type_mask
    open: type_mask
    evidence: dict[int, DateColumn]
    notices: tuple[str, ...]


def nothing_open(length: int) -> Order:
    """Return the decision on so many cells of which none begins with a day or a month."""
    nowhere = np.zeros(length, dtype=np.bool_)
    return Order(month_first=nowhere, open=nowhere, evidence={}, notices=())


def decide(
    readings: Readings,
    plausible: tuple[type_mask, type_mask],
    tables: npt.NDArray[np.integer],
    cells: pa.ChunkedArray,
    rules: Rules,
    *,
    places: tuple[str, ...],
    told: Mapping[int, DateColumn] | None = None,
) -> Order:
    """Decide for each table's column, from all its cells together.

    Args:
        readings: both readings of each cell.
        plausible: where the day-first, and where the month-first reading is plausible.
        tables: the table of each cell.
        cells: as typed, for the notices.
        rules: `day_first` and `region`.
        places: the human name of each table.
        told: what the whole columns say, where these cells are only a part of them.
    """
    day, month = ~np.isnat(readings.day_first), ~np.isnat(readings.month_first)
    both = readings.numeric & day & month & (readings.day_first != readings.month_first)
    found = _evidence(readings, plausible, both, tables, cells)
    month_first, refused = ~day & month, np.zeros(len(tables), dtype=np.bool_)
    for table in np.unique(tables[both]):
        first = order_of((told or found)[int(table)], rules)
        undecided = both & (tables == table)
        if first is None:
            refused |= undecided
        else:
            month_first |= undecided & (first == "month")
    return Order(
        month_first=month_first,
        open=refused,
        evidence=found,
        notices=notices(found, rules, places=places),
    )


def _evidence(
    readings: Readings,
    plausible: tuple[type_mask, type_mask],
    both: type_mask,
    tables: npt.NDArray[np.integer],
    cells: pa.ChunkedArray,
) -> dict[int, DateColumn]:
    """Return what the cells of each table's column say; tables that say nothing are left out."""
    day, month = ~np.isnat(readings.day_first), ~np.isnat(readings.month_first)
    day_fits, month_fits = plausible
    speaking = {
        "example": both,
        "day": readings.numeric & day_fits & ~month,
        "month": readings.numeric & month_fits & ~day,
        "future_day": both & day_fits & ~month_fits,
        "future_month": both & month_fits & ~day_fits,
    }
    said: dict[int, dict[str, str]] = {}
    for name, mask in speaking.items():
        at = positions(mask)
        here, first = np.unique(tables[at], return_index=True)
        for table, cell in zip(here.tolist(), words(cells, at[first]), strict=True):
            said.setdefault(table, {})[name] = cell
    counts = dict(zip(*(each.tolist() for each in np.unique(tables[both], return_counts=True)),
                      strict=True))  # fmt: skip
    return {table: DateColumn(open=counts.get(table, 0), **said[table]) for table in sorted(said)}


def order_of(column: DateColumn, rules: Rules) -> str | None:
    """Return "day", "month", or None where the order of a column cannot be told."""
    return _order_and_why(column, rules)[0]


def _order_and_why(column: DateColumn, rules: Rules) -> tuple[str | None, str]:
    calendar = [column.day, column.month]
    future = [column.future_day, column.future_month]
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


def _spoken_for(examples: list[str], how: str) -> tuple[str, str]:
    """Return the only order that an example speaks for, and why."""
    day, month = examples
    return "day" if day else "month", f"because {day or month} in the same column {how}"


def notices(
    columns: Mapping[int, DateColumn], rules: Rules, *, places: tuple[str, ...]
) -> tuple[str, ...]:
    """Return what was decided: a sentence per column in which there was something to decide."""
    return tuple(
        _notice(places[table], column, rules) for table, column in columns.items() if column.open
    )


def _notice(place: str, column: DateColumn, rules: Rules) -> str:
    (first, why), example = _order_and_why(column, rules), column.example
    if first is None:
        dates = "1 date" if column.open == 1 else f"{column.open:,} dates"
        return (
            f"{place}: in one column {why}. What could be either was refused ({dates}, such as "
            f"{example}); say --day-first or --month-first to read it."
        )
    why = why.replace(f"{example} in the same column", "that one")
    return f"{place}: dates such as {example} were read with the {first} first, {why}."
