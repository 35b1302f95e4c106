r"""The forms in which people and systems write a date and a time, read column by column.

Every form is spelt out: nothing is filled in from today's date, and nothing is guessed. The one
thing that a cell alone cannot tell, whether `10/09/2024` begins with the day or the month, is
left open: such a cell gets both readings, and `dates` chooses for the whole column.

Known forms, with `/`, `-` or `.` alike and an optional time and offset behind each:
`2024-09-10`, `2024年9月10日`, `20240910`, `10/09/2024`, `10.09.24`, `10 Sept 2024`, `10-Sep-24`,
`Sep 10, 2024`, `2024-Sep-10`, `Tue Sep 10 16:35:52 2024`; Excel's day numbers (`45545.691`); and
seconds or milliseconds since 1970 (`1725966352`).
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.validator import layouts
from bulk_referrals.validator.columns import mask_of, positions, type_mask

type_seconds = npt.NDArray[np.datetime64]  # datetime64[s], NaT where there is no such date
type_at = npt.NDArray[np.integer] | slice  # positions

_TIME: Final = (
    r"(?:(?:\s*[t,]\s*|\s+(?:at\s+)?)(?P<h>\d{1,2})(?:[:.](?P<mi>\d{2})(?:[:.](?P<s>\d{2})"
    r"(?:[.,]\d{1,9})?)?)?\s*(?P<ap>[ap]\.?m\.?)?"
    r"\s*(?P<off>z|utc|gmt|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?)?)?$"
)
_COMPACT_TIME: Final = (
    r"(?:[t\s]?(?P<h>\d\d):?(?P<mi>\d\d)(?::?(?P<s>\d\d)(?:[.,]\d{1,9})?)?"
    r"\s*(?P<off>z|utc|gmt|[+-]\d\d(?::?\d\d)?)?)?$"
)
_DAY_NAME: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s*)?"
_DAY: Final = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_MONTH: Final = r"(?P<month>[a-z]{3,9})\.?"
_YEAR: Final = r"'?(?P<Y>\d{4}|\d{2})"
_FORMS: Final = (
    r"^(?P<Y>\d{4})(?P<p>[-/.年])(?P<m>\d{1,2})(?P<q>[-/.月])(?P<d>\d{1,2})日?" + _TIME,
    r"^(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})" + _COMPACT_TIME,
    r"^(?P<a>\d{1,2})(?P<p>[-/.])(?P<b>\d{1,2})(?P<q>[-/.])(?P<Y>\d{4}|\d{2})" + _TIME,
    rf"^{_DAY_NAME}{_DAY}[-\s/.]*(?:of\s+)?{_MONTH}[-\s/,.]*{_YEAR}{_TIME}",
    rf"^{_DAY_NAME}{_MONTH}[-\s/]*{_DAY}(?:\s*,\s*|[-\s/]+){_YEAR}{_TIME}",
    rf"^(?P<Y>\d{{4}})[-\s/.]*{_MONTH}[-\s/.]*{_DAY}{_TIME}",
    rf"^{_DAY_NAME}{_MONTH}\s+{_DAY}\s+(?P<h>\d\d?):(?P<mi>\d\d):(?P<s>\d\d)\s+(?P<Y>\d{{4}})$",
)
_DAY_NUMBER: Final = r"^\d{5}(?:\.\d+)?$"
_UNIX_S: Final = r"^\d{10}(?:\.\d+)?$"
_UNIX_MS: Final = r"^\d{13}$"
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAY_ONE: Final = np.datetime64("1899-12-30", "s")  # Excel's day 0, its 1900 leap day allowed for
_NOT_A_TIME: Final = np.datetime64("NaT", "s")
_DAY_S: Final = 86_400
# What is made of so many cells on the way fits into the processor's caches.
_BLOCK_CELLS: Final = 32_768
_NOON: Final = 12
_HOURS_OF_DAY: Final = 24
_NEVER_S: Final = -(10**6)  # no sum of hours, minutes and seconds makes up for it
_MINUTES_OF_HOUR: Final = 60
_MONTHS_OF_YEAR: Final = 12
_SHORT_YEAR: Final = 100
_FARTHEST_OFFSET_MIN: Final = 14 * 60  # no zone is farther from UTC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """What a column of cells says; every array has one element per cell.

    Attributes:
        day_first: datetime64[s], the wall time, a numeric date read as day, month, year.
        month_first: the same, read as month, day, year; equal in every other form.
        known: a form matched, even if its day is in no calendar.
        numeric: the order of day and month is open.
        dated_only: a date without a time.
        short_year: the year has two digits; it is read as 20xx.
        day_number: Excel's days since 1899-12-30.
        unix: seconds or milliseconds since 1970.
        aware: the cell names its offset from UTC.
        offset_min: int32, that offset in minutes; 0 where there is none.
    """

    day_first: type_seconds
    month_first: type_seconds
    known: type_mask
    numeric: type_mask
    dated_only: type_mask
    short_year: type_mask
    day_number: type_mask
    unix: type_mask
    aware: type_mask
    offset_min: npt.NDArray[np.int32]

    def take(self, at: type_at) -> "Readings":
        """Return the readings at these positions; those of a slice share its memory."""
        return Readings(**{f.name: getattr(self, f.name)[at] for f in fields(self)})


def read(cells: pa.Array) -> Readings:
    """Read every cell by the first layout or form that it matches whole.

    Args:
        cells: text; null reads as unknown.

    Returns:
        One reading per cell, in order.
    """
    readings = _blank(len(cells))
    for start in range(0, len(cells), _BLOCK_CELLS):
        part = slice(start, start + _BLOCK_CELLS)
        _read_block(cells[part], readings.take(part))
    return readings


def _read_block(cells: pa.Array, readings: Readings) -> None:
    folded = pc.fill_null(_folded(cells), "")
    octets = pc.binary_length(folded).to_numpy()
    left = octets > 0
    for layout in layouts.LAYOUTS:
        _read_layout(folded, octets, layout, readings, left)
    for form in _FORMS:
        _read_form(folded, form, readings, left)
    _read_day_numbers(folded, readings, left)
    _read_unix(folded, readings, left)


def _blank(length: int) -> Readings:
    return Readings(
        day_first=np.full(length, _NOT_A_TIME),
        month_first=np.full(length, _NOT_A_TIME),
        known=np.zeros(length, dtype=np.bool_),
        numeric=np.zeros(length, dtype=np.bool_),
        dated_only=np.zeros(length, dtype=np.bool_),
        short_year=np.zeros(length, dtype=np.bool_),
        day_number=np.zeros(length, dtype=np.bool_),
        unix=np.zeros(length, dtype=np.bool_),
        aware=np.zeros(length, dtype=np.bool_),
        offset_min=np.zeros(length, dtype=np.int32),
    )


def _folded(cells: pa.Array) -> pa.Array:
    """Return the cells lower-cased, fullwidth and narrow characters made plain."""
    if not pc.all(pc.string_is_ascii(cells)).as_py():
        cells = pc.utf8_normalize(cells, form="NFKC")
    return pc.ascii_lower(cells)


def _matching(folded: pa.Array, pattern: str, left: type_mask) -> npt.NDArray[np.int64]:
    """Return where a cell that is left matches; it is left no more."""
    if not left.any():
        return np.zeros(0, dtype=np.int64)
    waiting = positions(left)
    at = waiting[mask_of(pc.match_substring_regex(_taken(folded, waiting), pattern))]
    left[at] = False
    return at


def _read_layout(
    folded: pa.Array,
    octets: npt.NDArray[np.int32],
    layout: str,
    readings: Readings,
    left: type_mask,
) -> None:
    wide = positions(left & (octets == len(layout)))
    if not len(wide):
        return
    fits, part = layouts.numbers(_taken(folded, wide), layout)
    at: type_at = wide
    if not fits.all():
        at, part = wide[fits], {letter: number[fits] for letter, number in part.items()}
    elif len(wide) == len(folded):
        at = slice(None)
    left[at] = False
    clock = np.zeros(int(fits.sum()), dtype=np.int32)
    for letter, unit_s, limit in (("H", 3600, 24), ("M", 60, 60), ("S", 1, 60)):
        if letter in part:
            clock += part[letter] * np.int32(unit_s)
            clock[part[letter] >= limit] = _NEVER_S
    _store(readings, at, part, clock)
    readings.dated_only[at] = "H" not in part
    readings.aware[at] = layout.endswith("z")


def _read_form(folded: pa.Array, form: str, readings: Readings, left: type_mask) -> None:
    at = _matching(folded, form, left)
    if not len(at):
        return
    found = pc.extract_regex(_taken(folded, at), form)
    text = {field.name: found.field(field.name) for field in found.type}
    part: layouts.type_numbers = {
        letter: _number(text[letter]) for letter in "Ymdab" if letter in text
    }
    if "month" in text:
        part["m"] = _month(text["month"])
    short = part["Y"] < _SHORT_YEAR
    part["Y"] = np.where(short, part["Y"] + 2000, part["Y"])
    clock, timed = _clock(text)
    offset_min, aware = _offset(text.get("off"), len(at))
    possible = (np.abs(offset_min) <= _FARTHEST_OFFSET_MIN) & _same_marks(text, len(at))
    _store(readings, at, part, np.where(possible, clock, -1))
    readings.short_year[at], readings.dated_only[at] = short, ~timed
    readings.aware[at], readings.offset_min[at] = aware, offset_min


def _same_marks(text: dict[str, pa.Array], count: int) -> type_mask:
    """Return where both marks between year, month and day are the same, or of the same kind."""
    if "p" not in text:
        return np.ones(count, dtype=np.bool_)
    kanji = mask_of(pc.equal(text["p"], "年")) & mask_of(pc.equal(text["q"], "月"))
    return kanji | mask_of(pc.equal(text["p"], text["q"]))


def _store(
    readings: Readings,
    at: type_at,
    part: layouts.type_numbers,
    clock: npt.NDArray[np.integer],
) -> None:
    """Write down what a form says: Y with m and d, or with a and b where the order is open."""
    readings.known[at] = True
    if "a" not in part:
        readings.day_first[at] = _moment(part["Y"], part["m"], part["d"], clock)
        readings.month_first[at] = readings.day_first[at]
        return
    readings.numeric[at] = True
    readings.day_first[at] = _moment(part["Y"], part["b"], part["a"], clock)
    readings.month_first[at] = _moment(part["Y"], part["a"], part["b"], clock)


def _taken(cells: pa.Array, at: npt.NDArray[np.int64]) -> pa.Array:
    return cells if len(at) == len(cells) else cells.take(pa.array(at))


def _number(digits: pa.Array, *, absent: int = -1) -> npt.NDArray[np.int64]:
    """Return digits as numbers; `absent` where there are none."""
    empty = pc.equal(digits, "")
    numbers = pc.if_else(empty, str(absent), digits).cast(pa.int64())
    whole: npt.NDArray[np.int64] = numbers.to_numpy(zero_copy_only=False)
    return whole


def _month(names: pa.Array) -> npt.NDArray[np.int64]:
    """Return the months that these names, whole or shortened, stand for; 0 where none does."""
    encoded = names.dictionary_encode()
    numbers = [
        next((n for n, month in enumerate(MONTHS, 1) if month.startswith(name)), 0)
        for name in encoded.dictionary.to_pylist()
    ]
    months: npt.NDArray[np.int64] = np.array(numbers, dtype=np.int64)[encoded.indices.to_numpy()]
    return months


def _clock(text: dict[str, pa.Array]) -> tuple[npt.NDArray[np.int64], type_mask]:
    """Return seconds since midnight, -1 for an impossible time, and where there is a time."""
    hour, minute = _number(text["h"]), _number(text["mi"])
    second = _number(text["s"], absent=0)
    timed = hour >= 0
    half = text.get("ap", pa.nulls(len(hour), pa.string()))
    before, after = (mask_of(pc.starts_with(half, letter)) for letter in "ap")
    twelve = before | after
    possible = np.where(twelve, (hour >= 1) & (hour <= _NOON), hour < _HOURS_OF_DAY)
    possible &= (minute < _MINUTES_OF_HOUR) & (second < _MINUTES_OF_HOUR)
    possible &= twelve | (minute >= 0)
    hour = np.where(twelve, hour % _NOON + _NOON * after, hour)
    seconds = hour * 3600 + np.maximum(minute, 0) * 60 + second
    return np.where(timed, np.where(possible, seconds, -1), 0), timed


def _offset(written: pa.Array | None, count: int) -> tuple[npt.NDArray[np.int64], type_mask]:
    """Return offsets from UTC in minutes and where one is written."""
    if written is None:
        return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    encoded = written.dictionary_encode()
    minutes = np.array([_offset_min(o) for o in encoded.dictionary.to_pylist()], dtype=np.int64)
    indices = encoded.indices.to_numpy()
    return minutes[indices], mask_of(pc.not_equal(written, ""))


def _offset_min(written: str) -> int:
    digits = "".join(character for character in written if character.isdigit())
    if not digits:
        return 0
    sign = -1 if "-" in written else 1
    hours, minutes = (digits, "0") if len(digits) <= len("05") else (digits[:-2], digits[-2:])
    return sign * (int(hours) * 60 + int(minutes))


def _moment(
    year: npt.NDArray[np.integer],
    month: npt.NDArray[np.integer],
    day: npt.NDArray[np.integer],
    clock: npt.NDArray[np.integer],
) -> type_seconds:
    """Return the moments, NaT where the calendar or the clock has no such one."""
    first_days = _first_days()
    which = year * np.int32(_MONTHS_OF_YEAR) + (month - 1)
    possible = (month >= 1) & (month <= _MONTHS_OF_YEAR) & (day >= 1) & (clock >= 0)
    which[~possible] = 0
    first = first_days[which]
    possible &= day <= first_days[which + 1] - first
    seconds = (first + (day - 1)) * np.int64(_DAY_S) + clock
    return np.where(possible, seconds.astype("datetime64[s]"), _NOT_A_TIME)


@cache
def _first_days() -> npt.NDArray[np.int32]:
    """Return the first day of each month of the years 0 to 9999, in days since 1970, and one more.

    Numpy's own calendar divides anew for each date.
    """
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int32)


def _read_day_numbers(folded: pa.Array, readings: Readings, left: type_mask) -> None:
    """Read Excel's day numbers; a day has 86,400 s, and a part of one is rounded to seconds."""
    at = _matching(folded, _DAY_NUMBER, left)
    days = _taken(folded, at).cast(pa.float64()).to_numpy(zero_copy_only=False)
    seconds = np.rint(days * _DAY_S).astype(np.int64)
    readings.known[at] = readings.day_number[at] = True
    readings.dated_only[at] = seconds % _DAY_S == 0
    readings.day_first[at] = readings.month_first[at] = _DAY_ONE + seconds


def _read_unix(folded: pa.Array, readings: Readings, left: type_mask) -> None:
    for pattern, per_second in ((_UNIX_S, 1), (_UNIX_MS, 1000)):
        at = _matching(folded, pattern, left)
        count = _taken(folded, at).cast(pa.float64()).to_numpy(zero_copy_only=False)
        seconds = np.floor(count / per_second).astype(np.int64)
        readings.known[at] = readings.unix[at] = readings.aware[at] = True
        readings.day_first[at] = readings.month_first[at] = seconds.astype("datetime64[s]")
