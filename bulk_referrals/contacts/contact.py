"""What a cell becomes: a contact as sent and as compared, or what is wrong with it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pyarrow as pa

# Rows looked at in one go: enough to drown the cost of a call, little enough to stay modest.
_SLICE_ROWS: Final = 131_072
# More would wait for the interpreter: what is not Arrow's work here is Python's.
_THREADS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One cell, understood.

    Attributes:
        value: the text as it is sent; None where the cell is empty or refused.
        key: the canonical text by which two contacts are the same; None likewise.
        problem: None, or what is wrong: a clause, lower-case, without a full stop. It never
            holds the contact itself.
        advice: None, or what to do: a sentence for a person in marketing.
        warning: None, or what deserves a look but stops nothing: a clause.
    """

    value: str | None = None
    key: str | None = None
    problem: str | None = None
    advice: str | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contacts:
    """Columns of `Contact`, text each: one line per input cell, in the same order."""

    value: pa.ChunkedArray
    key: pa.ChunkedArray
    problem: pa.ChunkedArray
    advice: pa.ChunkedArray
    warning: pa.ChunkedArray

    def take(self, at: pa.Array) -> "Contacts":
        """Return the lines at these positions."""
        return Contacts(**{f.name: _taken(getattr(self, f.name), at) for f in fields(self)})


def _taken(column: pa.ChunkedArray, at: pa.Array) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(at), pa.string())])
    return pa.chunked_array([column.combine_chunks().take(at)])


COLUMNS: Final = tuple(field.name for field in fields(Contact))

EMPTY: Final = Contact()


def refused(problem: str, advice: str) -> Contact:
    """Return a contact that is not to be sent, and why."""
    return Contact(problem=problem, advice=advice)


def text_slices(cells: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield the cells as text arrays of a handy size, in order."""
    text = cells if cells.type == pa.string() else cells.cast(pa.string())
    for start in range(0, len(text), _SLICE_ROWS):
        yield pa.concat_arrays(text.slice(start, _SLICE_ROWS).chunks)


def over_distinct(cells: pa.Array, exact: Callable[[str], Contact]) -> pa.RecordBatch:
    """Return the columns of `Contact`, each distinct cell decided once by the exact way."""
    encoded = cells.dictionary_encode()
    found = [exact(text) for text in encoded.dictionary.to_pylist()]
    columns = [
        pa.array([getattr(one, name) for one in found], pa.string()).take(encoded.indices)
        for name in COLUMNS
    ]
    return pa.record_batch(columns, names=list(COLUMNS))


def assembled(length: int, parts: Sequence[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """Return the columns of `Contact` for so many cells: each part's lines at its places.

    Args:
        length: how many cells.
        parts: one or more: int64 places, of which no two are the same, and what stands there.
            A cell that no part names is empty.
    """
    at = np.concatenate([places for places, _ in parts])
    source = np.full(length, -1, np.int64)
    source[at] = np.arange(len(at))
    order = pa.array(source, mask=source < 0)
    found = {name: _gathered([part.column(name) for _, part in parts], order) for name in COLUMNS}
    return pa.record_batch(list(found.values()), names=list(found))


def _gathered(parts: Sequence[pa.Array], order: pa.Array) -> pa.Array:
    if all(part.null_count == len(part) for part in parts):
        return pa.nulls(len(order), pa.string())
    return pa.concat_arrays(parts).take(order)


def in_turn(read: Callable[..., pa.RecordBatch], *slices: Iterator[pa.Array]) -> Contacts:
    """Read slice after slice, two at a time (Arrow lets go of the interpreter), in order.

    Args:
        read: one slice of each -> its columns of `Contact`.
        slices: one slice after another; of equal lengths, if several.
    """
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        batches = list(pool.map(read, *slices))
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    table = pa.Table.from_batches(batches, schema=schema)
    return Contacts(**{name: table.column(name) for name in COLUMNS})
