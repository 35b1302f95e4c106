"""All that is asked of a Parquet file, in the process that `child` bounds.

As text, a cell reads: text as it is; an integer as its digits; a fraction as `0.5`, one without a
fraction as its digits; a decimal exactly, without zeros after its point; a boolean as `TRUE`; a
date as `2024-09-10`; a moment as `2024-09-10 16:35:52`, and with `Z` behind it where the file says
when it was in the world. Not-a-number is what some writers put for nothing, and reads as nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from bulk_referrals.workbooks.sheets import Column

_MOST_COLUMNS: Final = 16_384  # Excel's own limit
_BATCH_ROWS: Final = 1 << 16
# From here on a float stands for several integers (IEEE 754: bits of the significand).
_EXACT_BELOW: Final = {"float": 2.0**24, "double": 2.0**53}
_DAMAGED: Final = pa.schema([("row", pa.int64()), ("column", pa.int32())])
_KINDS: Final[tuple[tuple[Callable[[Any], bool], Column], ...]] = (
    (types.is_null, Column.NOTHING),
    (types.is_string, Column.TEXT),
    (types.is_large_string, Column.TEXT),
    (types.is_string_view, Column.TEXT),
    (types.is_integer, Column.INTEGER),
    (types.is_float32, Column.REAL),
    (types.is_float64, Column.REAL),
    (types.is_boolean, Column.BOOLEAN),
    (types.is_decimal, Column.DECIMAL),
    (types.is_date, Column.DATE),
    (types.is_timestamp, Column.MOMENT),
    (types.is_time, Column.TIME),
)


def outline(content: IO[bytes], asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Tell what a file says of itself.

    Args:
        content: the file.
        asked: nothing more.
        rows: not used.

    Returns:
        Under `names` and `kinds` its columns, a kind being one of `Column`; under `groups` the
        rows and the bytes of each row group, as declared; or why it is not read, under `amiss`.
    """
    del asked, rows
    try:
        file = _opened(content)
        told = file.metadata
        if len(file.schema_arrow) > _MOST_COLUMNS:
            return {"amiss": "columns"}
        groups = [told.row_group(index) for index in range(told.num_row_groups)]
        return {
            "names": list(file.schema_arrow.names),
            "kinds": [_kind(each) for each in file.schema_arrow.types],
            "groups": [[group.num_rows, group.total_byte_size] for group in groups],
        }
    except (pa.ArrowException, OSError) as error:
        return {"amiss": _amiss(error)}


def cells(content: IO[bytes], asked: Mapping[str, Any], rows: IO[bytes]) -> dict[str, Any]:
    """Write the cells of some row groups, and then which of them are damaged, as Arrow streams.

    Args:
        content: the file.
        asked: `names` of columns; `groups`, the first row group and the one after the last;
            `most_bytes` of text.
        rows: where the streams go: text columns "0", "1", …; then `row` (int64) and `column`
            (int32), from 0, of numbers that a float can no longer tell from their neighbours.

    Returns:
        Under `lengths` those of the two streams, bytes; or why it is not read, under `amiss`.

    Raises:
        MemoryError: there is more text than that.
    """
    names = asked["names"]
    schema = pa.schema([(str(index), pa.string()) for index in range(len(names))])
    damaged: list[pa.Table] = []
    first = 0
    try:
        with pa.ipc.new_stream(rows, schema) as stream:
            for batch in _batches(_opened(content), names, range(*asked["groups"])):
                columns = [batch.column(name) for name in names]
                stream.write_batch(pa.record_batch([_text(each) for each in columns], schema))
                damaged += _damaged(columns, first)
                first += batch.num_rows
                if rows.tell() > asked["most_bytes"]:
                    raise MemoryError
    except (pa.ArrowException, OSError) as error:
        return {"amiss": _amiss(error)}
    cut = rows.tell()
    with pa.ipc.new_stream(rows, _DAMAGED) as stream:
        stream.write_table(pa.concat_tables([_DAMAGED.empty_table(), *damaged]))
    return {"lengths": [cut, rows.tell() - cut]}


def _opened(content: IO[bytes]) -> pq.ParquetFile:
    content.seek(0)
    return pq.ParquetFile(content, pre_buffer=False)


def _batches(file: pq.ParquetFile, names: list[str], groups: range) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(
        _BATCH_ROWS, row_groups=list(groups), columns=names, use_threads=False
    )


def _amiss(error: Exception) -> str:
    """Return why a file is not read; what the error says may hold what stands in a cell."""
    said = str(error).lower()
    if isinstance(error, (MemoryError, pa.ArrowCapacityError)) or "overflow" in said:
        return "memory"
    if "crypt" in said:
        return "encrypted"
    return "codec" if "codec" in said or "compression" in said else "damaged"


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return what a type is when its packing is taken away."""
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    return kind


def _kind(kind: pa.DataType) -> str:
    plain = _plain(kind)
    return next((found for is_such, found in _KINDS if is_such(plain)), Column.OTHER).value


def _unpacked(column: pa.Array) -> pa.Array:
    while True:
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        elif isinstance(column.type, pa.BaseExtensionType):
            column = column.storage
        else:
            return column


def _text(column: pa.Array) -> pa.Array:
    column = _unpacked(column)
    kind = column.type
    if types.is_boolean(kind):
        return pc.if_else(column, "TRUE", "FALSE")
    if types.is_floating(kind):
        return _number(column)
    if types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.string())
    if types.is_timestamp(kind):
        if kind.tz is not None:  # the zone's name says only how to show it
            column = column.cast(pa.timestamp(kind.unit, "UTC"))
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+(Z?)$", r"\1")
    if types.is_decimal(kind):
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")
    return column.cast(pa.string())


def _number(column: pa.Array) -> pa.Array:
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    is_whole = pc.and_(_is_exact(column), pc.equal(column, pc.trunc(column)))
    whole = pc.if_else(is_whole, column, pa.scalar(None, column.type))
    return pc.if_else(is_whole, whole.cast(pa.int64()).cast(pa.string()), column.cast(pa.string()))


def _is_exact(column: pa.Array) -> pa.Array:
    return pc.less(pc.abs(column), pa.scalar(_EXACT_BELOW[str(column.type)], column.type))


def _damaged(columns: list[pa.Array], first: int) -> Iterator[pa.Table]:
    for index, packed in enumerate(columns):
        if not types.is_floating(_plain(packed.type)):
            continue
        column = _unpacked(packed)
        at = pc.indices_nonzero(
            pc.and_(pc.invert(_is_exact(column)), pc.invert(pc.is_nan(column))).fill_null(False)  # noqa: FBT003 - the fill value
        )
        if len(at):
            places = pc.add(at.cast(pa.int64()), first)
            yield pa.table([places, pa.repeat(pa.scalar(index, pa.int32()), len(at))], _DAMAGED)


TASKS: Final[Mapping[str, Callable[[IO[bytes], Mapping[str, Any], IO[bytes]], dict[str, Any]]]] = {
    "parquet-outline": outline,
    "parquet-cells": cells,
}
