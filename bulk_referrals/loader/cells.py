"""What the cells mean: blank, text, or something that can no longer be what its author meant.

Text is kept exactly (`NA`, `TRUE`, `1E5`, `00123`), only freed of the whitespace around it. What a
spreadsheet has already spoilt is refused here, in the columns that are used: errors such as #N/A
(also as text: so they stand in a CSV saved from a workbook), and dates where none belongs.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.loader.grid import Flaw, Grid
from bulk_referrals.model import FIELDS
from bulk_referrals.wayback import own_columns
from bulk_referrals.weaving import may_be_padded

# ECMA-376 part 1, 18.17.3, and what Excel has added since.
_ERRORS: Final = (
    r"^#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA|FIELD!|BLOCKED!"
    r"|CONNECT!|UNKNOWN!|BUSY!|PYTHON!)$"
)
# A date cell, as the workbook reader writes it.
_DATE: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$"
# A time of day without a date: Excel counts days from there.
_NO_DATE: Final = r"^1899-12-3[01] "
# What 9.19E+11 leaves of a number, once it is shown in full again.
_ZEROS: Final = "000000"
_ROUNDED: Final = r"^[1-9]\d{1,8}000000(\.0+)?$"
_LEAST_ROUNDED: Final = 2  # different ones: one may be somebody's number
_MOST_BY_CHANCE: Final = 1e-4  # of the rows; of all numbers one in a million ends so
_MOBILES: Final = ("referrer_mobile", "identifier", "invitee_mobile")
NEVER_A_DATE: Final = (
    "referrer_mobile",
    "referrer_email",
    "campaign_token",
    "type",
    "identifier",
    "invitee_mobile",
    "invitee_email",
    "referral_code",
    "id",
)


def tidy(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the cells without whitespace around them, and null where nothing is left.

    The result shares its text with the column where there is no whitespace to remove.
    """
    if may_be_padded(column):
        column = pc.utf8_trim_whitespace(column)
    return pa.chunked_array([_blank_to_null(chunk) for chunk in column.chunks], pa.string())


def _blank_to_null(chunk: pa.StringArray) -> pa.StringArray:
    filled = pc.not_equal(chunk, "").fill_null(False)  # noqa: FBT003 - the fill value
    blank = len(chunk) - filled.true_count
    if blank == chunk.null_count:
        return chunk
    if chunk.offset:
        return pc.if_else(filled, chunk, pa.scalar(None, pa.string()))
    # The same text under another validity bitmap: no copy.
    _, offsets, text = chunk.buffers()
    return pa.StringArray.from_buffers(len(chunk), offsets, text, filled.buffers()[1], blank)


def rows(
    grid: Grid, table: int, *, rounded: Collection[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """Return a grid's rows as Arrow columns of the rows frame, and the cells they came from.

    Blank rows are left out of both; the row numbers still count them.

    Args:
        grid: as a reader gave it.
        table: its index into `Loaded.tables`.
        rounded: the fields whose numbers were rounded, where the grid is only a part of what
            tells; None: the grid tells.
    """
    columns = [grid.cells.column(index) for index in grid.match.columns.values()]
    with ThreadPoolExecutor() as pool:  # Arrow lets go of the interpreter
        fields = dict(zip(grid.match.columns, pool.map(tidy, columns), strict=True))
        spoilt = pool.map(partial(_spoilt, grid, rounded), fields, fields.values())
        flaws = [*grid.flaws, *chain.from_iterable(spoilt)]
    fault, detail = _faults(flaws, grid.cells.num_rows)
    nothing = pa.nulls(grid.cells.num_rows, pa.string())
    whole = pa.table(
        {
            "table": pa.repeat(pa.scalar(table, pa.int32()), grid.cells.num_rows),
            "row": pa.array(np.arange(grid.cells.num_rows, dtype=np.int64) + grid.header_row + 1),
            **{name: fields.get(name, nothing) for name in FIELDS},
            "fault": fault,
            "fault_detail": detail,
        }
    )
    kept = _filled(grid, fields, fault)
    if kept is None:
        return whole, grid.cells
    if isinstance(kept, int):
        return whole.slice(0, kept), grid.cells.slice(0, kept)
    return whole.filter(kept), grid.cells.filter(kept)


def _filled(
    grid: Grid, fields: Mapping[str, pa.ChunkedArray], fault: pa.Array
) -> pa.Array | int | None:
    """Return which rows are not blank: None where all, a number where blanks only trail."""
    filled = fault.is_valid().to_numpy(zero_copy_only=False)
    for column in fields.values():
        filled |= column.is_valid().to_numpy()
    if filled.all():
        return None
    # What we said of a row does not fill it, once its author has emptied it.
    seen = {*grid.match.columns.values(), *own_columns(grid.header).values()}
    for index, column in enumerate(grid.cells.columns):
        if index not in seen:
            filled |= tidy(column).is_valid().to_numpy()
    if filled.all():
        return None
    last = int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0
    return last if filled[:last].all() else pa.array(filled)


def _spoilt(
    grid: Grid, rounded: Collection[str] | None, name: str, column: pa.ChunkedArray
) -> list[Flaw]:
    title = grid.header[grid.match.columns[name]]
    marked = pc.starts_with(column, "#")
    flaws = [*_matching(column, marked, _ERRORS, "error-cell", f"'{title}' holds the error ")]
    if name in _MOBILES and (_is_rounded(column) if rounded is None else name in rounded):
        flaws += _rounded(column, title)
    if grid.sheet and name == "invited_on":
        timed = pc.starts_with(column, "1899-12-3")
        words = f"'{title}' holds a time of day without a date, read as "
        flaws += _matching(column, timed, _NO_DATE, "bad-invited-on", words)
    if grid.sheet and name in NEVER_A_DATE:
        timed = pc.match_substring(column, ":")
        flaws += _matching(column, timed, _DATE, "date-in-cell", f"'{title}' holds the date ")
    return flaws


def _matching(
    column: pa.ChunkedArray, perhaps: pa.ChunkedArray, pattern: str, code: str, words: str
) -> Iterator[Flaw]:
    """Yield the rows whose cell matches; the cheap test `perhaps` spares the pattern's cost."""
    if not pc.any(perhaps).as_py():
        return
    found = pc.match_substring_regex(column, pattern).fill_null(False)  # noqa: FBT003 - the fill value
    positions = np.flatnonzero(found.to_numpy())
    if positions.size:
        details = [words + each for each in column.filter(found).to_pylist()]
        yield Flaw(code=code, positions=positions, details=details)


def _rounded(column: pa.ChunkedArray, title: str) -> Iterator[Flaw]:
    """Yield the rows of numbers that end in zeros."""
    marked = pc.match_substring(column, _ZEROS)
    words = f"'{title}' ends in zeros, like others in its column: "
    yield from _matching(column, marked, _ROUNDED, "rounded-number", words)


def _is_rounded(column: pa.ChunkedArray) -> bool:
    perhaps = column.filter(pc.match_substring(column, _ZEROS))
    if not is_rounded(len(perhaps), len(column)):
        return False
    return is_rounded(pc.count_distinct(_rounded_in(perhaps)).as_py(), len(column))


def _rounded_in(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return cells.filter(pc.match_substring_regex(cells, _ROUNDED))


def is_rounded(different: int, length: int) -> bool:
    """Tell whether chance cannot have made so many numbers of a column end in zeros.

    Args:
        different: how many different ones do.
        length: cells of the column, blank ones counted.
    """
    return different >= max(_LEAST_ROUNDED, _MOST_BY_CHANCE * length)


def endings(part: pa.Table) -> dict[str, pa.Array]:
    """Return field -> the different numbers that end in zeros, in some rows of a file."""
    found = {}
    for name in _MOBILES:
        perhaps = part[name].filter(pc.match_substring(part[name], _ZEROS))
        found[name] = pc.unique(_rounded_in(perhaps))
    return found


def _faults(flaws: Sequence[Flaw], total: int) -> tuple[pa.Array, pa.Array]:
    """Return the columns `fault` and `fault_detail`; the first flaw of a row is the one told."""
    if not flaws:
        nothing = pa.nulls(total, pa.string())
        return nothing, nothing
    code = np.full(total, None, dtype=object)
    detail = np.full(total, None, dtype=object)
    for flaw in reversed(flaws):
        code[flaw.positions] = flaw.code
        detail[flaw.positions] = np.array(flaw.details, dtype=object)
    return pa.array(code, pa.string()), pa.array(detail, pa.string())
