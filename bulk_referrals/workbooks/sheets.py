"""What a workbook is once it is read, and the bounds within which it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the child must start fast
    import pyarrow as pa


class Raw(StrEnum):
    """What a cell is in the file, before it was made text; the values go between processes."""

    TEXT = "T"
    NUMBER = "N"
    BOOLEAN = "B"
    DATE = "D"


class Column(StrEnum):
    """What the cells of a column of a Parquet file are; the values go between processes."""

    NOTHING = "nothing"
    TEXT = "text"
    INTEGER = "integers"
    REAL = "numbers"
    DECIMAL = "decimals"
    BOOLEAN = "booleans"
    DATE = "dates"
    MOMENT = "moments"
    TIME = "times of day"
    OTHER = "lists, records or bytes"


class Mark(StrEnum):
    """What stands in a cell that has no text, in words."""

    UNCALCULATED = "a formula that was never calculated"
    ERROR = "an error"
    TIME = "a time of day or a duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one workbook may take.

    Attributes:
        memory_bytes: address space of the process that reads it.
        time_s: seconds on the clock.
    """

    memory_bytes: int
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a sheet shows otherwise than its cells say; known of XLSX and XLSM files only.

    Attributes:
        hidden_rows: rows that its author or a filter hides.
        hidden_columns: columns that its author hides.
        merged: blocks of merged cells.
    """

    hidden_rows: int = 0
    hidden_columns: int = 0
    merged: int = 0


NO_LAYOUT: Final = Layout()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetCells:
    """One sheet as text.

    Attributes:
        name: of the sheet.
        visible: False where its author has hidden it.
        cells: text columns "0", "1", …, from the first column that holds anything; row 0 is row
            1 of the sheet; an empty cell is null.
        unreadable: of cells that have no text: `row` (int32, from 0), `column` (int32, of
            `cells`) and `what` (a `Mark`).
        layout: what it hides and merges.
    """

    name: str
    visible: bool
    cells: "pa.Table"
    unreadable: "pa.Table"
    layout: Layout
