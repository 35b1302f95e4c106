"""The first step: files become parts, each of about so many bytes of text.

Small files stand together in one part, and a long text or Parquet file goes through in pieces. A
workbook, and a text that must be seen whole to be read, is read whole and cut.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from bulk_referrals.errors import NothingToDoError
from bulk_referrals.frames import shifted
from bulk_referrals.loader import load, read_long, text_bytes
from bulk_referrals.model import Loaded, LoadOptions, Source, SourceTable
from bulk_referrals.pipeline.parts.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTask:
    """Files that are read together.

    Attributes:
        index: of the task.
        paths: as the user named them.
        places: where their bytes lie.
        options: what the user says about the sources.
        part_bytes: text in a part.
        spool: where the parts go.
    """

    index: int
    paths: tuple[str, ...]
    places: Mapping[str, Path]
    options: LoadOptions
    part_bytes: int
    spool: Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """One file, read, or the reason why there was nothing to read."""

    path: str
    source: Source | None = None
    tables: tuple[SourceTable, ...] = ()
    notices: tuple[str, ...] = ()
    absent: NothingToDoError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDone:
    """What a task has come to.

    Attributes:
        files: in the order given; their tables name no source yet.
        rows: rows of each part, which the spool holds as `rows-TASK.PART` and `cells-TASK.PART`;
            their tables count from the task's first.
    """

    files: tuple[ReadFile, ...]
    rows: tuple[int, ...]


def read_tasks(
    paths: Sequence[str],
    places: Mapping[str, Path],
    options: LoadOptions,
    *,
    part_bytes: int,
    spool: Spool,
) -> list[ReadTask]:
    """Return tasks of about so many bytes each; a larger file is a task of its own."""
    lots: list[list[str]] = []
    room = 0
    for path in paths:
        size = text_bytes(places.get(path, Path(path)))
        if not lots or size > room:
            lots.append([])
            room = part_bytes
        lots[-1].append(path)
        room -= size
    return [
        ReadTask(
            index=index,
            paths=tuple(lot),
            places={path: places.get(path, Path(path)) for path in lot},
            options=options,
            part_bytes=part_bytes,
            spool=spool,
        )
        for index, lot in enumerate(lots)
    ]


def read_part(task: ReadTask) -> ReadDone:
    """Read the files of a task into parts.

    Raises:
        InputError: a file cannot be read as it stands.
    """
    if len(task.paths) == 1 and text_bytes(task.places[task.paths[0]]) > task.part_bytes:
        done = _read_long(task, task.paths[0])
        if done is not None:
            return done
    loaded: list[Loaded] = []
    files = []
    for path in task.paths:
        try:
            loaded.append(load([path], task.options, fetched=task.places))
            files.append(
                ReadFile(
                    path=path,
                    source=loaded[-1].sources[0],
                    tables=loaded[-1].tables,
                    notices=loaded[-1].notices,
                )
            )
        except NothingToDoError as nothing:
            files.append(ReadFile(path=path, absent=nothing))
    rows: list[int] = []
    for part, cells in _cut(loaded, task.part_bytes):
        _keep(task, len(rows), part, cells)
        rows.append(part.num_rows)
    return ReadDone(files=tuple(files), rows=tuple(rows))


def _read_long(task: ReadTask, path: str) -> ReadDone | None:
    def take(piece: int, rows: pa.Table, cells: pa.Table) -> None:
        _keep(task, piece, rows, cells)

    place = task.places[path]
    long = read_long(path, task.options, place=place, piece_bytes=task.part_bytes, take=take)
    if long is None:
        return None
    told = ReadFile(path=path, source=long.source, tables=(long.table,), notices=long.notices)
    return ReadDone(files=(told,), rows=long.pieces)


def _keep(task: ReadTask, piece: int, rows: pa.Table, cells: pa.Table) -> None:
    task.spool.write(f"rows-{task.index}.{piece}", [rows])
    task.spool.write(f"cells-{task.index}.{piece}", [cells])


def _cut(loaded: Sequence[Loaded], part_bytes: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the rows of all files and their cells, in parts; tables count over all files."""
    if not loaded:
        return
    first, rows = 0, []
    for each in loaded:
        rows.append(shifted(each.rows, table=first))
        first += len(each.tables)
    whole = pa.concat_tables(rows)
    originals = [table for each in loaded for table in each.original]
    cells = pa.concat_tables(originals, promote_options="default")
    count = max(1, -(-whole.nbytes // (2 * part_bytes)))  # in memory a cell is twice its text
    size = max(1, -(-whole.num_rows // count))
    for start in range(0, whole.num_rows, size):
        yield whole.slice(start, size), cells.slice(start, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows that are worked on together.

    Attributes:
        index: of the part, in the order of the sources.
        name: under which the spool holds its rows and cells.
        first_table: added to its tables, it gives the run's.
        first_line: position of its first row among all rows.
        rows: how many it has.
        first_at: position of its first line in the checked frame of all parts; -1 where that
            is not known yet.
    """

    index: int
    name: str
    first_table: int
    first_line: int
    rows: int
    first_at: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AllRead:
    """All files, read.

    Attributes:
        parts: where the rows are.
        sources: the files.
        tables: their sheets.
        notices: sentences that the user should see.
    """

    parts: tuple[Part, ...]
    sources: tuple[Source, ...]
    tables: tuple[SourceTable, ...]
    notices: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The human name of each table."""
        paths = [self.sources[table.source].path for table in self.tables]
        return tuple(
            f"{path} [{table.sheet}]" if table.sheet else path
            for path, table in zip(paths, self.tables, strict=True)
        )


@dataclass(slots=True, kw_only=True)
class _Sum:
    """Numbers the files and parts of all tasks."""

    parts: list[Part] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    tables: list[SourceTable] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    absent: list[NothingToDoError] = field(default_factory=list)

    def take_in(self, index: int, done: ReadDone) -> None:
        first_table = len(self.tables)
        for file in done.files:
            if file.source is None:
                self.absent += [file.absent] if file.absent else []
                continue
            number = len(self.sources)
            self.sources.append(file.source)
            self.tables += [replace(table, source=number) for table in file.tables]
            self.notices += file.notices
        for piece, rows in enumerate(done.rows):
            first_line = self.parts[-1].first_line + self.parts[-1].rows if self.parts else 0
            self.parts.append(
                Part(
                    index=len(self.parts),
                    name=f"{index}.{piece}",
                    first_table=first_table,
                    first_line=first_line,
                    rows=rows,
                )
            )


def together(
    done: Iterator[ReadDone], *, absent: Sequence[NothingToDoError], allow_empty: bool
) -> AllRead:
    """Put together what all tasks have read.

    Args:
        done: in the order of the tasks.
        absent: what could not even be found.
        allow_empty: a source that is missing or has no rows is passed over, where another has
            some.

    Raises:
        NothingToDoError: a source is missing or has no rows, and that is not allowed, or no other
            has any.
        InputError: a source cannot be read as it stands.
    """
    whole = _Sum(absent=list(absent))
    for index, each in enumerate(done):
        whole.take_in(index, each)
    if whole.absent and not (whole.sources and allow_empty):
        raise whole.absent[0]
    return AllRead(
        parts=tuple(whole.parts),
        sources=tuple(whole.sources),
        tables=tuple(whole.tables),
        notices=(*map(str, whole.absent), *whole.notices),
    )
