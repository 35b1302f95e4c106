"""Rows of a text file whose number of cells is not that of the others.

Where many rows have one width, they are parsed as columns. The rest are taken one by one, so that
neither a thousand widths nor a row of ten million cells costs more than its bytes.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.loader.grid import Flaw, Positions

# From here on a column costs less than its cells, one by one (measured).
_MANY_ROWS: Final = 200
_MANY_COLUMNS: Final = 1_000
_LARGEST_CELL_BYTES: Final = (1 << 31) - 1

Parse = Callable[[pa.Buffer, int], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How wide the rows of a file are to be.

    Attributes:
        header: columns of the header.
        usual: cells of the file's usual rows, at least those of the header.
        last: position of the last row where that has no line end; -1 where it has one.
    """

    header: int
    usual: int
    last: int

    def is_shifted(self, cells: int) -> bool:
        """Whether so many cells are more than the file's other rows have.

        A separator within a cell has shifted the rest then, and what is empty beyond the header
        may be the shifted end of a row whose last cells were empty.
        """
        return cells > self.usual

    def too_wide(self, cells: int, positions: Positions) -> Flaw:
        """Return the flaw of rows that hold something beyond the header."""
        fact = f"{cells} cells under {self.header} column names"
        return Flaw.alike("ragged-row", positions, fact)

    def cut(self, cells: int, positions: Positions) -> Iterator[Flaw]:
        """Yield the flaw of a last row that lacks cells and a line end, if it is one of these."""
        if cells < self.header and self.last in positions[-1:]:
            fact = f"the file ends after {cells} of {self.header} cells, with no line end"
            yield Flaw.alike("cut-row", positions[-1:], fact)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Rows of a file, each as wide as the header, where they stand in it, and their flaws."""

    rows: pa.Table
    positions: Positions
    flaws: tuple[Flaw, ...] = ()


@dataclass(slots=True, eq=False)
class Ragged:
    """Collects the rows whose number of cells is not the expected one, as pyarrow finds them."""

    positions: dict[int, list[int]] = field(default_factory=dict)  # number of cells -> rows
    texts: dict[int, list[str]] = field(default_factory=dict)  # number of cells -> their text

    def __call__(self, row: Any) -> str:  # noqa: ANN401 - pyarrow's InvalidRow has no stub
        """Keep a row, and have it left out."""
        self.positions.setdefault(row.actual_columns, []).append(row.number - 1)
        self.texts.setdefault(row.actual_columns, []).append(row.text)
        return "skip"

    def clear(self) -> None:
        """Forget all rows: the file is read again."""
        self.positions.clear()
        self.texts.clear()

    def places(self) -> Positions:
        """Return where they stand in the file, from 0."""
        return np.array([at for each in self.positions.values() for at in each], dtype=np.int64)

    def groups(self, shape: Shape, *, delimiter: str, parse: Parse) -> Iterator[Group]:
        """Yield the rows.

        Args:
            shape: how wide they are to be.
            delimiter: between cells.
            parse: gives the rows of a text with so many columns.
        """
        few: list[tuple[int, int, str]] = []
        for cells, texts in self.texts.items():
            at = self.positions[cells]
            if len(texts) < _MANY_ROWS or cells > _MANY_COLUMNS:
                few += [(each, cells, text) for each, text in zip(at, texts, strict=True)]
            else:
                rows = parse(pa.py_buffer("\n".join(texts).encode()), cells)
                yield as_columns(rows, np.array(at, dtype=np.int64), shape)
        if few:
            yield _one_by_one(few, shape, delimiter)


def as_columns(rows: pa.Table, positions: Positions, shape: Shape) -> Group:
    """Return rows of one width as a group."""
    cells = rows.num_columns
    beyond = np.full(rows.num_rows, shape.is_shifted(cells))
    for extra in rows.columns[shape.header :]:
        filled = pc.not_equal(pc.utf8_trim_whitespace(extra), "")
        beyond |= filled.to_numpy(zero_copy_only=False)
    flaws = [shape.too_wide(cells, positions[beyond])] if beyond.any() else []
    flaws += shape.cut(cells, positions)
    return Group(rows=fitted(rows, shape.header), positions=positions, flaws=tuple(flaws))


def _one_by_one(few: Iterable[tuple[int, int, str]], shape: Shape, delimiter: str) -> Group:
    columns: list[list[str]] = [[] for _ in range(shape.header)]
    positions: list[int] = []
    flaws: list[Flaw] = []
    for at, cells, text in few:
        record, place = _record(text, delimiter), np.array([at], dtype=np.int64)
        is_other = len(record) != cells  # the two parsers do not agree what it is
        if is_other or shape.is_shifted(cells) or any(map(str.strip, record[shape.header :])):
            flaws.append(shape.too_wide(cells, place))
        flaws += shape.cut(cells, place)
        positions.append(at)
        for column, cell in zip(columns, [*record, *[""] * shape.header], strict=False):
            column.append(cell)
    arrays = [pa.chunked_array([pa.array(each, pa.string())]) for each in columns]
    rows = pa.table(arrays, names=[str(index) for index in range(shape.header)])
    return Group(rows=rows, positions=np.array(positions, dtype=np.int64), flaws=tuple(flaws))


def _record(text: str, delimiter: str) -> list[str]:
    """Return the cells of one row; none where they are not one row."""
    csv.field_size_limit(_LARGEST_CELL_BYTES)
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return records[0] if len(records) == 1 else []


def fitted(rows: pa.Table, width: int) -> pa.Table:
    """Return the rows as wide as the header: cells beyond it dropped, cells lacking null."""
    columns = rows.columns[:width]
    columns += [pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])] * (width - len(columns))
    return pa.table(columns, names=[str(index) for index in range(width)])


def merged(groups: Sequence[Group]) -> tuple[pa.Table, tuple[Flaw, ...]]:
    """Return the rows of all groups in their order in the file, and their flaws."""
    flaws = tuple(flaw for group in groups for flaw in group.flaws)
    if len(groups) == 1:
        return groups[0].rows, flaws
    order = np.argsort(np.concatenate([group.positions for group in groups]), kind="stable")
    return pa.concat_tables([group.rows for group in groups]).take(pa.array(order)), flaws
