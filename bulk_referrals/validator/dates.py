"""When each invite was made: any known form of date, in the cluster's own time.

The order of day and month is decided once for a whole column (one table's `invited_on`), never
per row: by the dates that can be read in one way only, else by the setting, else by the dates
that would lie in the future the other way round, else by the custom of the region. What was
decided, and why, is said in a notice. Where dates of both orders stand in one column and no
setting speaks, those that can be read in both ways are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.model import Rules
from bulk_referrals.validator import dateforms, dayorder, zones
from bulk_referrals.validator.columns import (
    filled,
    mask_of,
    nulls,
    pick,
    positions,
    quoted,
    spread,
    type_mask,
    type_positions,
    words,
)
from bulk_referrals.validator.dateforms import Readings, type_seconds
from bulk_referrals.validator.evidence import BareNumbers, DateColumn, Evidence
from bulk_referrals.validator.findings import Findings, finding

_CODE: Final = "bad-invited-on"
_FIELD: Final = "invited_on"
# The API's own form, `YYYYMMDDTHH:MM:SS.CODE`; an offset in it is ours to convert.
_STAMPED: Final = r"^\d{8}[Tt]\d\d:\d\d:\d\d\.."
_STAMP_CHARS: Final = len("20240910T16:35:52")
_STAMPED_ZONED: Final = (
    r"^(?P<moment>\d{8}[Tt]\d\d:\d\d:\d\d\s?(?:[Zz]|[+-]\d\d:?\d\d))\.(?P<code>.+)$"
)
_SAMPLE_CELLS: Final = 20_000
_EARLIEST: Final = np.datetime64("2000-01-01", "s")
_AHEAD: Final = np.timedelta64(1, "D")  # clocks and zones differ; no more is plausible
_SHORT_YEARS_BACK: Final = 5  # a two-digit "year" farther back may well be a day


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """The column `invited_on`, read.

    Attributes:
        stamp: text `YYYYMMDDTHH:MM:SS` in the cluster's zone; null where refused.
        code: text, the referral code that the cell itself carries; null where it has none.
        findings: what is wrong (code bad-invited-on).
        notices: how what could be read in several ways was read.
        evidence: what the columns say.
    """

    stamp: pa.ChunkedArray
    code: pa.ChunkedArray
    findings: Findings
    notices: tuple[str, ...]
    evidence: Evidence


def moments(
    cells: pa.ChunkedArray,
    tables: npt.NDArray[np.integer],
    rules: Rules,
    *,
    places: tuple[str, ...],
    told: Evidence | None = None,
) -> Moments:
    """Return when each invite was made.

    Args:
        cells: text, trimmed; null takes `rules.invited_on`, or else `rules.now`.
        tables: the table of each cell, an index into `places`.
        rules: `now`, the zones, `day_first` and `region` count here.
        places: the human name of each table.
        told: what the whole columns say, where these cells are only a part of them.
    """
    columns = told.dates if told else None
    default = rules.invited_on
    if not default or cells.null_count == 0:
        now = zones.wall_now(rules.now, rules.cluster_timezone)
        return _moments(cells, tables, rules, places=places, default=now, told=columns)
    absent = positions(~filled(cells))
    setting = pa.scalar(default, pa.string())
    return _moments(
        pc.if_else(pc.is_null(cells), setting, cells),
        _with_setting(tables, absent, own=len(places)),
        rules,
        places=_with_setting_named(places),
        default=_NEVER,
        told=columns,
    )


_NEVER: Final = np.datetime64("NaT", "s")


def _with_setting_named(places: tuple[str, ...]) -> tuple[str, ...]:
    return (*places, "The setting invited_on")


def notices(evidence: Evidence, rules: Rules, *, places: tuple[str, ...]) -> tuple[str, ...]:
    """Return how what could be read in several ways was read, from what all the cells say.

    Args:
        evidence: of the whole columns.
        rules: as for `moments`.
        places: the human name of each table.
    """
    named = _with_setting_named(places)
    return (
        *dayorder.notices(evidence.dates, rules, places=named),
        *_number_notices(evidence.numbers, named),
    )


def _with_setting(
    tables: npt.NDArray[np.integer], absent: type_positions, *, own: int
) -> npt.NDArray[np.int64]:
    """Return the tables with the cells that the setting fills as a column of their own."""
    columns = tables.astype(np.int64)
    columns[absent] = own
    return columns


def _moments(
    cells: pa.ChunkedArray,
    tables: npt.NDArray[np.integer],
    rules: Rules,
    *,
    places: tuple[str, ...],
    default: np.datetime64,
    told: Mapping[int, DateColumn] | None,
) -> Moments:
    written, code = _split(cells)
    readings = _read(written)
    now = zones.wall_now(rules.now, rules.cluster_timezone)
    chosen, order = readings.day_first, dayorder.nothing_open(len(cells))
    if readings.numeric.any():
        window = (
            _plausible(readings.day_first, readings, now),
            _plausible(readings.month_first, readings, now),
        )
        order = dayorder.decide(readings, window, tables, cells, rules, places=places, told=told)
        chosen = np.where(order.month_first, readings.month_first, readings.day_first)
    wall = zones.converted(
        chosen,
        offset_min=readings.offset_min,
        aware=readings.aware,
        source=rules.timezone or rules.cluster_timezone,
        target=rules.cluster_timezone,
    )
    if wall is not chosen:
        keeps_its_day = readings.dated_only & ~readings.aware  # a date alone is no moment
        wall = np.where(keeps_its_day, chosen, wall)
    given = filled(cells)
    sound = given & ~order.open & _plausible(wall, readings, now)
    findings = _findings(cells, readings, order.open, wall, given & ~sound)
    wall = np.where(sound, wall, np.where(given, _NEVER, default))
    numbers = _bare_numbers(cells, readings, sound, tables)
    return Moments(
        stamp=zones.stamps(wall),
        code=code,
        findings=findings,
        notices=(*order.notices, *_number_notices(numbers, places)),
        evidence=Evidence(dates=order.evidence, numbers=numbers),
    )


def _split(cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the moments without, and the codes of, cells in the API's own form."""
    if not pc.any(pc.match_substring(cells, ".")).as_py():
        return cells, nulls(len(cells))
    plain = mask_of(pc.match_substring_regex(cells, _STAMPED))
    zoned = ~plain & mask_of(pc.match_substring_regex(cells, _STAMPED_ZONED))
    if not (plain.any() or zoned.any()):
        return cells, nulls(len(cells))
    cut, dotted = positions(plain), positions(zoned)
    whole = pick(cells, cut)
    found = pc.extract_regex(cells.take(pa.array(dotted)).combine_chunks(), _STAMPED_ZONED)
    moments_of = [
        (cut, pc.utf8_slice_codeunits(whole, 0, _STAMP_CHARS)),
        (dotted, pa.chunked_array([found.field("moment")])),
        (others := positions(~plain & ~zoned), pick(cells, others)),
    ]
    codes_of = [
        (cut, pc.utf8_slice_codeunits(whole, _STAMP_CHARS + 1)),
        (dotted, pa.chunked_array([found.field("code")])),
    ]
    return spread(moments_of, length=len(cells)), spread(codes_of, length=len(cells))


def _read(written: pa.ChunkedArray) -> Readings:
    """Read every cell, or every distinct one where a sample says that they are few."""
    cells = written.combine_chunks()
    sample = cells.slice(0, _SAMPLE_CELLS)
    if pc.count_distinct(sample).as_py() * 2 > len(sample):
        return dateforms.read(cells)
    encoded = cells.dictionary_encode(null_encoding="encode")
    return dateforms.read(encoded.dictionary).take(encoded.indices.to_numpy())


def _plausible(wall: type_seconds, readings: Readings, now: np.datetime64) -> type_mask:
    """Return where a time is real, not long past and not ahead; NaT is not."""
    mask: type_mask = (wall >= _EARLIEST) & (wall <= now + _AHEAD)
    if readings.short_year.any():
        mask &= ~readings.short_year | (wall >= _oldest_short_year(now))
    return mask


def _oldest_short_year(now: np.datetime64) -> np.datetime64:
    year = now.astype("datetime64[Y]") - _SHORT_YEARS_BACK
    return np.datetime64(year, "s")


def _findings(
    cells: pa.ChunkedArray,
    readings: Readings,
    mixed: type_mask,
    wall: type_seconds,
    refused: type_mask,
) -> Findings:
    """Say of each refused cell the first thing that is wrong with it."""
    at = positions(refused)
    typed = [quoted(cell) for cell in words(cells, at)]
    kinds = (
        (~readings.known, _unknown),
        (mixed, _open),
        (np.isnat(wall), _no_such),
        (readings.short_year, _short),
        (wall < _EARLIEST, _old),
        (np.ones(len(cells), dtype=np.bool_), _ahead),
    )
    which = np.select([mask[at] for mask, _ in kinds], range(len(kinds)))
    pairs = zip(which.tolist(), typed, at.tolist(), strict=True)
    said = [kinds[kind][1](cell, readings, i) for kind, cell, i in pairs]
    return finding(
        at,
        code=_CODE,
        field=_FIELD,
        reason=[reason for reason, _ in said],
        advice=[advice for _, advice in said],
    )


_WRITE_IT: Final = "Write the date as 2026-11-23 18:30."


def _unknown(cell: str, _readings: Readings, _at: int) -> tuple[str, str]:
    return f"{cell} is not a date that can be read", _WRITE_IT


def _open(cell: str, readings: Readings, at: int) -> tuple[str, str]:
    days = [_spoken(readings.day_first[at]), _spoken(readings.month_first[at])]
    reason = f"{cell} can be {' or '.join(days)}, and its column holds dates of both orders"
    return reason, f"{_WRITE_IT} Or say --day-first or --month-first for the whole file."


def _no_such(cell: str, _readings: Readings, _at: int) -> tuple[str, str]:
    return f"{cell} is no day of the calendar or no time of the day", _WRITE_IT


def _short(cell: str, readings: Readings, at: int) -> tuple[str, str]:
    year = _spoken(_either(readings, at)).rsplit(" ", 1)[-1]
    reason = f"{cell} would lie in {year}, since its year has two digits only"
    return reason, "Write the year with four digits, as in 2026-11-23 18:30."


def _old(cell: str, readings: Readings, at: int) -> tuple[str, str]:
    return f"{cell} lies before 2000 ({_spoken(_either(readings, at))})", _WRITE_IT


def _ahead(cell: str, readings: Readings, at: int) -> tuple[str, str]:
    day = _spoken(_either(readings, at))
    return f"{cell} lies in the future ({day})", "Write the day on which the invite was made."


def _either(readings: Readings, at: int) -> np.datetime64:
    first = readings.day_first[at]
    chosen: np.datetime64 = readings.month_first[at] if np.isnat(first) else first
    return chosen


def _spoken(moment: np.datetime64) -> str:
    """Return a day as people say it, such as 9 October 2024; any year, also beyond datetime's."""
    year, month, day = str(moment.astype("datetime64[D]")).rsplit("-", 2)
    return f"{int(day)} {dateforms.MONTHS[int(month) - 1].title()} {year}"


_BARE: Final = ("a spreadsheet's day numbers", "seconds or milliseconds since 1970")


def _bare_numbers(
    cells: pa.ChunkedArray,
    readings: Readings,
    sound: type_mask,
    tables: npt.NDArray[np.integer],
) -> dict[tuple[int, int], BareNumbers]:
    """Return where bare numbers were taken for dates: by their place in `_BARE` and the table."""
    found = {}
    for kind, mask in enumerate((readings.day_number, readings.unix)):
        at = positions(mask & sound)
        for table in np.unique(tables[at]):
            here = at[tables[at] == table]
            found[kind, int(table)] = BareNumbers(
                count=len(here),
                example=words(cells, here[:1])[0],
                day=_spoken(readings.day_first[here[0]]),
            )
    return found


def _number_notices(
    numbers: Mapping[tuple[int, int], BareNumbers], places: tuple[str, ...]
) -> list[str]:
    """Say where bare numbers were taken for dates."""
    return [
        f"{places[table]}: bare numbers in the column of dates were read as {_BARE[kind]} "
        f"({said.count:,} of them; {said.example} as {said.day})."
        for (kind, table), said in numbers.items()
    ]
