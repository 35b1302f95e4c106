"""What a reader hands over: one sheet or text file, its header found and its cells as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from bulk_referrals.loader import headers

Positions: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
HEADER_SEARCH_ROWS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flaw:
    """Rows of one grid that cannot be read safely, for one reason.

    Attributes:
        code: a key of `codes.CODES`.
        positions: of the rows in the grid, from 0, int64.
        details: the fact that shows the fault, one for each position.
    """

    code: str
    positions: Positions
    details: Sequence[str]

    @classmethod
    def alike(cls, code: str, positions: Positions, detail: str) -> "Flaw":
        """Return a flaw whose fact is the same in every row."""
        return cls(code=code, positions=positions, details=[detail] * len(positions))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """One sheet or text file.

    Attributes:
        sheet: the sheet's name; "" for a text file.
        header: the author's column names, as typed.
        header_row: the row number of the header, from 1.
        match: which column is which.
        cells: what stands under the header, blank rows included: one text column per header,
            named "0", "1", …; an empty cell is null or "". Row 0 is row `header_row` + 1.
        flaws: rows that the reader could not read safely.
        delimiter: of a text file.
        encoding: of a text file.
        notices: what the user should know.
    """

    sheet: str = ""
    header: tuple[str, ...]
    header_row: int
    match: headers.Match
    cells: pa.Table
    flaws: tuple[Flaw, ...] = ()
    delimiter: str = ""
    encoding: str = ""
    notices: tuple[str, ...] = field(default=())


def find_header(
    lines: Sequence[Sequence[str]], columns: Mapping[str, str]
) -> tuple[int, headers.Match]:
    """Return the header's position among the first lines of a sheet, and what it says.

    It is the first line that names a referrer and an invitee; where none does, the line that
    explains most columns, so that the user can be told what is missing from it.

    Args:
        lines: the first lines, as text; those past `HEADER_SEARCH_ROWS` are not looked at.
        columns: the author's column name -> canonical field.
    """
    best, best_match = 0, headers.Match(columns={})
    for position, line in enumerate(lines[:HEADER_SEARCH_ROWS]):
        found = headers.match(line, columns)
        if found.complete:
            return position, found
        if found.weight > best_match.weight:
            best, best_match = position, found
    return best, best_match
