"""Parquet files: columns whose kinds are known, so that nothing needs to be guessed.

They are parsed in a process of limited memory and time (`workbooks.parquet` says what a cell reads
as), since what they say of their own size may be a lie. What comes back is checked.

A Parquet file has no row numbers that its author sees: row n is its n-th record, from 1. Its
names are no row.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa

from bulk_referrals.errors import InputError
from bulk_referrals.loader import cells, files, headers, tables
from bulk_referrals.loader.grid import Flaw, Grid
from bulk_referrals.loader.pieces import LongFile, Take, Told, long_file, most_rows
from bulk_referrals.model import LoadOptions
from bulk_referrals.wayback import ROW_KEY, own_columns
from bulk_referrals.workbooks.sheets import Column

_WRITE_AGAIN: Final = "Write it again, or export it as .csv or .xlsx."
_NOT_READ: Final = {
    "encrypted": ("it is encrypted", "Write it without encryption, or export it as .csv."),
    "codec": ("it is compressed in a way that is not known here", "Write it with zstd or snappy."),
    "columns": ("it has more than 16,384 columns", "Leave out those that are not needed."),
}
_DAMAGED: Final = {"row": pa.int64(), "column": pa.int32()}
_TIMED: Final = (Column.DATE, Column.MOMENT)
_ROUNDED: Final = "holds a number too large for a column of fractions, which rounds it"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A Parquet file, outlined.

    Attributes:
        path: as the user named it.
        opened: its bytes.
        options: what reading it may take.
        names: of its columns that can be text.
        kinds: of these columns.
        unread: the names of its other columns.
        groups: rows and bytes of each row group, as it declares them.
    """

    path: str
    opened: IO[bytes]
    options: LoadOptions
    names: tuple[str, ...]
    kinds: tuple[Column, ...]
    unread: tuple[str, ...]
    groups: tuple[tuple[int, int], ...]

    def header(self, columns: Mapping[str, str]) -> Grid:
        """Return its names, as a grid without rows.

        Raises:
            InputError: they cannot be used as they stand.
        """
        grid = Grid(
            header=self.names,
            header_row=0,
            match=headers.match(self.names, columns),
            cells=pa.table({}),
            delimiter=",",
            notices=tuple(
                f"'{name}' holds {Column.OTHER}; it was not used." for name in self.unread
            ),
        )
        both = headers.match((*self.names, *self.unread), columns)
        for canonical, index in both.columns.items():
            meant = (index, *both.clashes.get(canonical, ()))
            wrong = [(*self.names, *self.unread)[at] for at in meant if at >= len(self.names)]
            if wrong:
                raise self.unusable(wrong[0])
        tables.require(self.path, grid, columns)
        return grid

    def unusable(self, name: str) -> InputError:
        """Return what is raised of a column that cannot be text."""
        return InputError(
            self.path,
            f"the column '{name}' holds {Column.OTHER}, which no contact can be read from",
            advice="Write it as text.",
        )

    def pieces(self, piece_bytes: int) -> Iterator[tuple[int, int]]:
        """Yield the row groups that are read together: the first, and the one after the last."""
        first, rows, size = 0, 0, 0
        for index, (group_rows, group_bytes) in enumerate(self.groups):
            rows, size = rows + group_rows, size + group_bytes
            if index > first and (size > piece_bytes or rows > most_rows(piece_bytes)):
                yield first, index
                first, rows, size = index, group_rows, group_bytes
        if self.groups:
            yield first, len(self.groups)

    def read(self, begun: Grid, groups: tuple[int, int], row: int) -> Grid:
        """Return the rows of some row groups.

        Args:
            begun: the header.
            groups: the first, and the one after the last.
            row: rows before them.

        Raises:
            InputError: they cannot be read.
        """
        task = {
            "task": "parquet-cells",
            "names": list(self.names),
            "groups": groups,
            "most_bytes": self.options.max_memory_bytes // 2,
        }
        told, rows = _answered(self.path, self.opened, task, self.options)
        try:
            found, damaged = _believed(told, rows, width=len(self.names))
        except (pa.ArrowException, KeyError, OSError, TypeError, ValueError) as error:
            raise _damaged(self.path) from error
        if found.num_rows != sum(count for count, _ in self.groups[slice(*groups)]):
            raise _damaged(self.path)
        grid = replace(begun, cells=found, header_row=row)
        return replace(grid, flaws=tuple(_flaws(grid, self.kinds, damaged)))


def read(content: files.Content, options: LoadOptions, columns: Mapping[str, str]) -> Grid:
    """Return a Parquet file as a grid.

    Args:
        content: the file.
        options: what reading it may take.
        columns: the author's column name -> canonical field.

    Raises:
        InputError: it cannot be used as it stands.
    """
    with _lent(content) as opened:
        file = _outlined(content.path, opened, options)
        begun = file.header(columns)
        grid = file.read(begun, (0, len(file.groups)), 0)
    return tables.only(content.path, grid, columns)


def read_cells(content: files.Content, options: LoadOptions) -> list[pa.Array]:
    """Return all cells of a Parquet file as text, whatever their columns are called.

    Raises:
        InputError: it cannot be read, or a column of it cannot.
    """
    begun = Grid(header=(), header_row=0, match=headers.Match(columns={}), cells=pa.table({}))
    with _lent(content) as opened:
        file = _outlined(content.path, opened, options)
        if file.unread:
            raise file.unusable(file.unread[0])
        grid = file.read(begun, (0, len(file.groups)), 0)
    return [chunk for column in grid.cells.columns for chunk in column.chunks]


def read_long(
    path: str, options: LoadOptions, *, place: Path, piece_bytes: int, take: Take
) -> LongFile | None:
    """Read a Parquet file in pieces; as `pieces.read_long` reads text.

    Several row groups make a piece, and a large one makes several.

    Raises:
        InputError: it cannot be read as it stands.
    """
    columns = headers.checked_map(options.columns)
    with place.open("rb") as opened:
        file = _outlined(path, opened, options)
        begun = file.header(columns)
        if ROW_KEY in own_columns(begun.header):
            return None
        told = _in_pieces(file, begun, piece_bytes, frozenset(), take)
        if told.rounded:
            told = _in_pieces(file, begun, piece_bytes, told.rounded, take)
    if not told.filled:
        raise tables.no_rows(path, begun)
    notices = (
        *files.misnamed(path, path, files.Kind.PARQUET),
        *(f"{path}: {each}" for each in begun.notices),
    )
    return long_file(path, place, begun, told, notices)


def _in_pieces(
    file: _File, begun: Grid, piece_bytes: int, rounded: Collection[str], take: Take
) -> Told:
    told = Told()
    for groups in file.pieces(piece_bytes):
        for grid in _cut(file.read(begun, groups, told.length), piece_bytes):
            part, original = cells.rows(grid, 0, rounded=rounded)
            take(len(told.rows), part, original)
            told.take_in(grid, part)
    return told


def _cut(grid: Grid, piece_bytes: int) -> Iterator[Grid]:
    """Yield a grid in pieces of about so many bytes."""
    total = grid.cells.num_rows
    by_size = min(-(-grid.cells.nbytes // piece_bytes), total)
    count = max(1, by_size, -(-total // most_rows(piece_bytes)))
    for start, stop in pairwise(total * each // count for each in range(count + 1)):
        flaws = []
        for flaw in grid.flaws:
            within = (flaw.positions >= start) & (flaw.positions < stop)
            details = [flaw.details[at] for at in np.flatnonzero(within).tolist()]
            flaws.append(replace(flaw, positions=flaw.positions[within] - start, details=details))
        yield replace(
            grid,
            cells=grid.cells.slice(start, stop - start),
            header_row=grid.header_row + start,
            flaws=tuple(flaws),
        )


def _lent(content: files.Content) -> AbstractContextManager[IO[bytes]]:
    from bulk_referrals.workbooks.isolated import lent  # noqa: PLC0415 - start-up time

    return lent(content.content)


def _answered(
    path: str, opened: IO[bytes], task: Mapping[str, Any], options: LoadOptions
) -> tuple[dict[str, Any], pa.Buffer]:
    from bulk_referrals.workbooks.isolated import answered  # noqa: PLC0415 - start-up time

    limits = tables.limits(options)
    told, rows = answered(path, opened, task, limits)
    amiss = told.get("amiss", told.get("refused"))
    if amiss is None:
        return told, rows
    if amiss == "memory":
        problem = f"reading it takes more memory than {limits.memory_bytes / (1 << 30):.3g} GiB"
        advice = "Write it with smaller row groups, split it, or allow more with --max-memory."
    elif amiss == "time":
        problem = f"reading it takes longer than {limits.time_s:g} s"
        advice = "Write it with smaller row groups, or allow more with --read-timeout."
    elif amiss in _NOT_READ:
        problem, advice = _NOT_READ[amiss]
    else:
        raise _damaged(path)
    raise InputError(path, problem, advice=advice)


def _damaged(path: str) -> InputError:
    problem = "the Parquet file is damaged and cannot be read"
    return InputError(path, problem, advice=_WRITE_AGAIN)


def _outlined(path: str, opened: IO[bytes], options: LoadOptions) -> _File:
    told, _ = _answered(path, opened, {"task": "parquet-outline"}, options)
    try:
        names, kinds = [str(name) for name in told["names"]], list(map(Column, told["kinds"]))
        groups = tuple((int(count), int(size)) for count, size in told["groups"])
        columns = list(zip(names, kinds, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if any(number < 0 for group in groups for number in group):
        raise _damaged(path)
    if twice := next((name for name in names if names.count(name) > 1), None):
        problem = f"two of its columns are called '{twice}'"
        raise InputError(path, problem, advice="Rename or remove one.")
    readable = [(name, kind) for name, kind in columns if kind is not Column.OTHER]
    return _File(
        path=path,
        opened=opened,
        options=options,
        names=tuple(name for name, _ in readable),
        kinds=tuple(kind for _, kind in readable),
        unread=tuple(name for name, kind in columns if kind is Column.OTHER),
        groups=groups,
    )


def _believed(
    told: Mapping[str, Any], rows: pa.Buffer, *, width: int
) -> tuple[pa.Table, pa.Table]:
    """Return the cells and what is damaged, once they are what they should be."""
    from bulk_referrals.workbooks.isolated import tables_in  # noqa: PLC0415 - start-up time

    found, damaged = tables_in(rows, told["lengths"])
    if found.schema != pa.schema([(str(index), pa.string()) for index in range(width)]):
        raise TypeError(found.schema)
    if damaged.schema != pa.schema(_DAMAGED):
        raise TypeError(damaged.schema)
    at = damaged["row"].to_numpy()
    if at.size and not 0 <= at.min() <= at.max() < found.num_rows:
        raise ValueError(damaged.num_rows)
    return found, damaged


def _flaws(grid: Grid, kinds: Sequence[Column], damaged: pa.Table) -> Iterator[Flaw]:
    """Yield what the text alone does not tell, in the columns that are used."""
    row, column = damaged["row"].to_numpy(), damaged["column"].to_numpy()
    for name, index in grid.match.columns.items():
        title, kind = grid.header[index], kinds[index]
        if (column == index).any():
            fact = f"'{title}' {_ROUNDED}"
            yield Flaw.alike("damaged-number", row[column == index], fact)
        no_date = name in cells.NEVER_A_DATE
        if kind is Column.TIME or (kind in _TIMED and no_date):
            code = "bad-invited-on" if name == "invited_on" else "date-in-cell"
            what = "a time of day" if kind is Column.TIME else "a date"
            filled = grid.cells.column(index).is_valid().to_numpy(zero_copy_only=False)
            yield Flaw.alike(code, np.flatnonzero(filled), f"'{title}' holds {what}")
