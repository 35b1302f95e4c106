"""Columns take each other's place by name."""

import pyarrow as pa
import pytest

from bulk_referrals.frames import replaced, shifted

FRAME = pa.table({"a": [1, 2], "b": ["x", None], "c": [True, False]})


def test_other_cells_stand_where_the_column_stood() -> None:
    changed = replaced(FRAME, b=pa.array([None, "y"]), a=pa.array([3, 4], pa.int32()))
    assert changed.column_names == ["a", "b", "c"]
    assert changed.to_pydict() == {"a": [3, 4], "b": [None, "y"], "c": [True, False]}
    assert changed.schema.field("a").type == pa.int32()
    assert FRAME["b"].to_pylist() == ["x", None]


def test_a_column_that_the_frame_does_not_have_is_not_added() -> None:
    with pytest.raises(KeyError, match="outcome"):
        replaced(FRAME, outcome=pa.array([1, 2]))


def test_numbers_are_moved_and_stay_of_their_kind() -> None:
    frame = pa.table({"line": [0, 1], "table": pa.array([2, 3], pa.int32()), "name": ["x", "y"]})
    moved = shifted(frame, line=10, table=-2)
    assert moved.to_pydict() == {"line": [10, 11], "table": [0, 1], "name": ["x", "y"]}
    assert moved.schema.equals(frame.schema)
