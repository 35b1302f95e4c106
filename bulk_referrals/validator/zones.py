"""Wall times from zone to zone, column by column, and the text in which the API takes them.

Offsets from UTC change only on whole quarters of an hour (IANA time zone database, every zone
since 2000), so one look-up in `zoneinfo` serves all the times of a quarter.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bulk_referrals.equality import counted
from bulk_referrals.validator.columns import type_mask
from bulk_referrals.validator.dateforms import type_seconds

_QUARTER_S: Final = 900
_DAY_S: Final = 86_400
_BLOCK_CELLS: Final = 32_768  # what is made of them on the way fits into the processor's caches
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time is naive by nature


def wall_now(now: datetime, zone: str) -> np.datetime64:
    """Return what a clock in the zone shows at an aware moment, to the second below."""
    return np.datetime64(now.astimezone(ZoneInfo(zone)).replace(tzinfo=None), "s")


def converted(
    wall: type_seconds,
    *,
    offset_min: npt.NDArray[np.integer],
    aware: type_mask,
    source: str,
    target: str,
) -> type_seconds:
    """Return the wall times in `target` of wall times written in `source` or with an offset.

    A time that the zone's clocks skip in spring is moved on by what they skip; one that they
    show twice in autumn is the first of the two (PEP 495, fold 0).

    Args:
        wall: datetime64[s]; NaT stays NaT.
        offset_min: minutes from UTC, where `aware`.
        aware: where the offset counts, and not `source`.
        source: IANA zone.
        target: IANA zone.
    """
    moved = ~np.isnat(wall)
    if source == target:
        moved &= aware
    if not moved.any():
        return wall
    seconds = wall[moved].astype(np.int64)
    there = offset_min[moved].astype(np.int64) * 60
    naive = ~aware[moved]
    if naive.any():
        there[naive] = _offsets_s(seconds[naive], source, utc=False)
    utc = seconds - there
    result = wall.copy()
    result[moved] = (utc + _offsets_s(utc, target, utc=True)).astype("datetime64[s]")
    return result


def _offsets_s(seconds: npt.NDArray[np.int64], zone: str, *, utc: bool) -> npt.NDArray[np.int64]:
    """Return the zone's offsets from UTC, seconds, at UTC times or at its own wall times."""
    which, quarters = counted(seconds // _QUARTER_S)
    tz = ZoneInfo(zone)
    offsets = [_offset_s(int(quarter) * _QUARTER_S, tz, utc=utc) for quarter in quarters]
    each: npt.NDArray[np.int64] = np.array(offsets, dtype=np.int64)[which]
    return each


def _offset_s(seconds: int, tz: ZoneInfo, *, utc: bool) -> int:
    try:
        wall = _EPOCH + timedelta(seconds=seconds)
        there = wall.replace(tzinfo=UTC).astimezone(tz) if utc else wall.replace(tzinfo=tz)
        offset = there.utcoffset()
    except OverflowError:  # years outside datetime's are refused as implausible anyway
        return 0
    return int(offset.total_seconds()) if offset is not None else 0


def stamps(wall: type_seconds) -> pa.ChunkedArray:
    """Return the wall times as `YYYYMMDDTHH:MM:SS`, null for NaT (the API's `invited_on`)."""
    missing = np.isnat(wall)
    told = wall[~missing] if missing.any() else wall
    text = np.empty(len(told), dtype=[("day", "S8"), ("t", "S1"), ("clock", "S8")])
    text["t"] = b"T"
    for start in range(0, len(told), _BLOCK_CELLS):
        block = slice(start, start + _BLOCK_CELLS)
        day, clock = np.divmod(told[block].astype(np.int64), _DAY_S)
        which, days = counted(day)
        text["day"][block] = _written_days(days)[which]
        text["clock"][block] = _clock_faces()[clock]
    ends = np.zeros(len(wall) + 1, dtype=np.int32)
    np.cumsum(~missing, out=ends[1:])
    offsets, octets = pa.py_buffer(ends * np.int32(text.itemsize)), pa.py_buffer(text)
    present = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.chunked_array([pa.StringArray.from_buffers(len(wall), offsets, octets, present)])


def _written_days(days: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    """Return days since 1970 as `YYYYMMDD`."""
    written = np.datetime_as_string(days.astype("datetime64[D]"))
    return np.array([day.replace("-", "") for day in written.tolist()], dtype="S8")


@cache
def _clock_faces() -> npt.NDArray[np.bytes_]:
    """Return the `HH:MM:SS` of every second of a day."""
    faces = pa.array(np.arange(_DAY_S, dtype=np.int32), pa.time32("s")).cast(pa.string())
    return np.frombuffer(faces.buffers()[2], "S8", _DAY_S)
