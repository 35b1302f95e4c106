"""Frames are Arrow tables: columns that take each other's place by name, as Arrow has no word for.

Text is Arrow text, and an empty cell is null. A DataFrame is made for whoever asks for one in
Python (`api`): on the way from file to report it would only hold the same columns, and pandas
takes as long to import as a fifth of a small check.
"""

import pyarrow as pa
import pyarrow.compute as pc


def replaced(frame: pa.Table, **columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return the frame with other cells in columns that it has, in their order.

    Args:
        frame: any.
        columns: name -> as many cells as the frame has lines.

    Raises:
        KeyError: the frame has no such column, or two.
    """
    for name, cells in columns.items():
        place = frame.schema.get_field_index(name)
        if place < 0:
            raise KeyError(name)
        frame = frame.set_column(place, name, cells)
    return frame


def shifted(frame: pa.Table, **by: int) -> pa.Table:
    """Return the frame with something added to the numbers of some columns; dtypes stay.

    Args:
        frame: any.
        by: name of a column of integers -> what to add to each.

    Raises:
        KeyError: the frame has no such column, or two.
    """
    return replaced(
        frame,
        **{name: pc.add(frame[name], pa.scalar(n, frame[name].type)) for name, n in by.items()},
    )
