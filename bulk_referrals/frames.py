"""The one way between pandas and Arrow: text is Arrow text, an empty cell is null."""

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:  # it is imported while the sources are read
    import pandas as pd


def to_frame(table: pa.Table) -> "pd.DataFrame":
    """Return the table as a DataFrame whose every column is Arrow-backed, without a copy."""
    import pandas as pd  # noqa: PLC0415 - as above

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def to_table(frame: "pd.DataFrame | pa.Table") -> pa.Table:
    """Return the frame as an Arrow table, its index dropped, without a copy of Arrow columns."""
    if isinstance(frame, pa.Table):
        return frame
    return pa.Table.from_pandas(frame, preserve_index=False)


def column(frame: "pd.DataFrame", name: str) -> pa.ChunkedArray:
    """Return one column as Arrow, without a copy."""
    values = pa.array(frame[name].array)
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
