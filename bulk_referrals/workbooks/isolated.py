"""A workbook's reader in a process of its own, whose death is a sentence.

The child gets the workbook's bytes in a file without a name (so that what was hashed is what is
read), the question in another, and two more to answer in: nothing has to be drained, so nothing
can block, and all of it is gone with the last of both. It gets none of our environment, where
passwords may stand. When the child ends in any way but a sensible answer, its parent says what
happened, in one sentence.
"""

import itertools
import json
import math
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.errors import InputError
from bulk_referrals.workbooks import prescan
from bulk_referrals.workbooks.sheets import Layout, Limits, Raw, SheetCells

_CHILD: Final = "bulk_referrals.workbooks.child"
_ENVIRONMENT: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "TMPDIR")
_SAVE_AGAIN: Final = "Open it in Excel or LibreOffice, save it again as .xlsx, and use that file."
_MOST_ANSWER_BYTES: Final = 64 << 20
_GRID_ROWS: Final = 1_048_576
_GRID_COLUMNS: Final = 16_384
_LOOK_S: Final = 10.0  # for the second look at a workbook that killed its reader
_UNREADABLE: Final = {"row": pa.int32(), "column": pa.int32(), "what": pa.string()}


def read_workbook(
    path: str, content: bytes, wanted: Sequence[str], limits: Limits
) -> list[SheetCells]:
    """Return the sheets of a workbook as text (see `reading` for what a cell reads as).

    Hidden rows and columns, and rows that a filter hides, are read like all others.

    Args:
        path: as the user named it, for messages.
        content: the workbook.
        wanted: names of the sheets to read; empty means every sheet.
        limits: what reading it may take.

    Raises:
        InputError: the workbook cannot be read within them, or lacks a wanted sheet.
    """
    prescan.check(path, content)
    told, rows = _ask(path, content, {"task": "cells", "wanted": list(wanted)}, limits)
    try:
        if missing := told.get("missing"):
            raise _no_such_sheet(path, missing[0], told["names"])
        return _sheets(told["sheets"], rows)
    except (pa.ArrowException, KeyError, OSError, TypeError, ValueError) as error:
        raise _damaged(path) from error


def number_kinds(
    path: str, content: bytes, sheet: str, places: Sequence[tuple[int, int]], limits: Limits
) -> list[Raw]:
    """Return what the cells at these places (row from 0, column of `SheetCells.cells`) are.

    It reads the sheet a second time, so it is asked only about cells whose text is in doubt.

    Raises:
        InputError: the workbook cannot be read within the limits.
    """
    task = {"task": "kinds", "sheet": sheet, "places": places}
    told, _ = _ask(path, content, task, limits)
    try:
        kinds = [Raw(each) for each in told["kinds"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if len(kinds) != len(places):
        raise _damaged(path)
    return kinds


def annotate_workbook(
    path: str, content: bytes, notes: Mapping[str, Any], limits: Limits
) -> bytes:
    """Return a workbook, XLSX or XLSM, with cells coloured and commented.

    Args:
        path: as the user named it, for messages.
        content: the workbook.
        notes: as `annotating.annotate` is asked.
        limits: what it may take.

    Raises:
        InputError: the workbook cannot be read and written within them.
    """
    prescan.check(path, content)
    _, rows = _ask(path, content, {**notes, "task": "annotated"}, limits)
    return bytes(rows)


def _ask(
    path: str, content: bytes, task: Mapping[str, Any], limits: Limits
) -> tuple[dict[str, Any], pa.Buffer]:
    """Return what a child answers of a workbook, and the bytes that it wrote."""
    with lent(content) as given:
        told, rows = answered(path, given, task, limits)
    if "refused" not in told:
        return told, rows
    if told["refused"] == "memory":
        raise _too_large(path, content, task, limits)
    if told["refused"] == "time":
        raise _too_slow(path, limits)
    raise _damaged(path)


def answered(
    path: str, given: IO[bytes], task: Mapping[str, Any], limits: Limits
) -> tuple[dict[str, Any], pa.Buffer]:
    """Return what a child answers, and the bytes that it wrote.

    Args:
        path: as the user named the file, for messages.
        given: the file, opened; the child reads it.
        task: what it is asked.
        limits: what it may take.

    Returns:
        As the task says; where it came to no end, why not, under `refused`: "memory", "time", or
        anything else for a file that is damaged.

    Raises:
        InputError: no child could be started.
    """
    with ExitStack() as stack:
        rows, answer = (stack.enter_context(_nameless()) for _ in range(2))
        status = _run(path, (given, rows, answer), task, limits)
        answer.seek(0)
        told = _parsed(answer.read(_MOST_ANSWER_BYTES)) if status == 0 else {}
        if told and "refused" not in told:
            return told, _mapped(rows)
    if told.get("refused") == "memory" or status in {-signal.SIGABRT, -signal.SIGKILL}:
        return {"refused": "memory"}, pa.py_buffer(b"")
    slow = status in {-signal.SIGXCPU, -signal.SIGALRM}
    return {"refused": "time" if slow else "damaged"}, pa.py_buffer(b"")


@contextmanager
def lent(content: bytes) -> Iterator[IO[bytes]]:
    """Yield a file that holds these bytes, for a child to read."""
    with _nameless() as given:
        given.write(content)
        given.seek(0)
        yield given


def _nameless() -> IO[bytes]:
    """Return a file in memory where there are such, else one on disk that has no name."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("workbook"), "w+b")
    return tempfile.TemporaryFile()


def _run(path: str, files: Sequence[IO[bytes]], task: Mapping[str, Any], limits: Limits) -> int:
    """Let a child work, and return its exit status; it is gone when this returns."""
    given, rows, answer = files
    asked = {
        **task,
        "content": given.fileno(),
        "rows": rows.fileno(),
        "memory_bytes": limits.memory_bytes,
        "time_s": math.ceil(limits.time_s),
    }
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
    with _nameless() as question:
        question.write(json.dumps(asked).encode())
        question.seek(0)
        try:
            child = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-P", "-m", _CHILD],
                stdin=question,
                stdout=answer,
                stderr=subprocess.DEVNULL,  # a panic's text may hold what is in a cell
                pass_fds=(given.fileno(), rows.fileno()),
                env=environment,
            )
        except OSError as error:
            problem = f"no process could be started to read it ({error.strerror})"
            raise InputError(path, problem, advice="Free some memory and try again.") from error
    with child:
        try:
            _wait(child, limits.time_s)
        except subprocess.TimeoutExpired:
            return -signal.SIGALRM
        finally:
            child.kill()
    return child.returncode


def _wait(child: subprocess.Popen[bytes], time_s: float) -> None:
    """Wait for its end; where the system tells of it, not by looking again and again."""
    until_s = time.monotonic() + time_s
    with suppress(AttributeError, OSError):  # an old kernel, or no Linux
        ended = os.pidfd_open(child.pid)
        try:
            waiting = select.poll()
            waiting.register(ended, select.POLLIN)
            waiting.poll(time_s * 1000)
        finally:
            os.close(ended)
    child.wait(max(until_s - time.monotonic(), 0))


def _parsed(answer: bytes) -> dict[str, Any]:
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _mapped(rows: IO[bytes]) -> pa.Buffer:
    """Return the file's bytes without a copy; they outlive the file."""
    size_bytes = os.fstat(rows.fileno()).st_size
    if not size_bytes:
        return pa.py_buffer(b"")
    return pa.py_buffer(mmap.mmap(rows.fileno(), size_bytes, access=mmap.ACCESS_READ))


def _sheets(told: Sequence[Mapping[str, Any]], rows: pa.Buffer) -> list[SheetCells]:
    sheets = []
    start = 0
    for each in told:
        parts = tables_in(rows.slice(start), each["lengths"])
        start += sum(each["lengths"])
        cells, unreadable = parts or [pa.table({}), _nothing()]
        sheets.append(_sheet(each, cells, unreadable))
    return sheets


def tables_in(rows: pa.Buffer, lengths: Sequence[int]) -> list[pa.Table]:
    """Return the tables that a child wrote one after another, once they are seen to be sound.

    Raises:
        pa.ArrowException, OSError, TypeError, ValueError: they are not.
    """
    ends = itertools.accumulate(lengths, initial=0)
    return [_table(rows.slice(start, stop - start)) for start, stop in itertools.pairwise(ends)]


def _table(stream: pa.Buffer) -> pa.Table:
    table = pa.ipc.open_stream(stream).read_all()
    table.validate(full=True)  # offsets and letters: nothing of the child's is believed
    return table


def _nothing() -> pa.Table:
    return pa.schema(list(_UNREADABLE.items())).empty_table()


def _sheet(told: Mapping[str, Any], cells: pa.Table, unreadable: pa.Table) -> SheetCells:
    if any(kind != pa.string() for kind in cells.schema.types):
        raise TypeError(cells.schema)
    if cells.num_rows > _GRID_ROWS or cells.num_columns > _GRID_COLUMNS:
        raise ValueError(cells.shape)
    if dict(zip(unreadable.column_names, unreadable.schema.types, strict=True)) != _UNREADABLE:
        raise TypeError(unreadable.schema)
    cells = _extended(cells, (pc.max(unreadable["row"]).as_py() or 0) + 1)
    within = pc.less(unreadable["column"], cells.num_columns)
    return SheetCells(
        name=str(told["name"]),
        visible=bool(told["visible"]),
        cells=pa.table(
            [_booleans(column) for column in cells.columns],
            names=[str(index) for index in range(cells.num_columns)],
        ),
        unreadable=unreadable.filter(within),
        layout=Layout(**{name: int(number) for name, number in told["layout"].items()}),
    )


def _extended(cells: pa.Table, height: int) -> pa.Table:
    """Add blank rows: the reader leaves out last rows that hold nothing but formulas."""
    missing = min(height, _GRID_ROWS) - cells.num_rows
    if missing <= 0 or not cells.num_columns:
        return cells
    schema = pa.schema([pa.field(name, pa.string()) for name in cells.column_names])
    blank = pa.table([pa.nulls(missing, pa.string())] * cells.num_columns, schema=schema)
    return pa.concat_tables([cells.cast(schema), blank])


def _booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write booleans as every spreadsheet shows them; the reader gives them in small letters.

    Text typed as `true` becomes a boolean in every spreadsheet, so no text is lost here.
    """
    lengths = pc.binary_length(column)
    if not pc.any(pc.is_in(lengths, pa.array([4, 5], pa.int32()))).as_py():
        return column
    is_boolean = pc.is_in(column, pa.array(["true", "false"]))
    if not pc.any(is_boolean).as_py():
        return column
    return pc.if_else(is_boolean, pc.utf8_upper(column), column)


def _damaged(path: str) -> InputError:
    return InputError(path, "the workbook is damaged and cannot be read", advice=_SAVE_AGAIN)


def _too_slow(path: str, limits: Limits) -> InputError:
    return InputError(
        path,
        f"reading the workbook takes longer than {limits.time_s:g} s",
        advice="Save it again as .xlsx or .csv, or allow more with --read-timeout.",
    )


def _too_large(path: str, content: bytes, task: Mapping[str, Any], limits: Limits) -> InputError:
    """Say what killed the reader, after a second look by one that holds no cells."""
    found = ""
    if task["task"] != "extent":
        patient = Limits(memory_bytes=limits.memory_bytes, time_s=min(limits.time_s, _LOOK_S))
        try:
            told, _ = _ask(path, content, {"task": "extent"}, patient)
            found = str(told.get("extent", ""))
        except InputError:
            found = ""
    return InputError(
        path,
        f"reading the workbook takes more memory than {limits.memory_bytes / (1 << 30):.3g} GiB",
        found=found,
        advice="Delete stray cells far from the rows and save it again, save it as .csv, or allow"
        " more with --max-memory.",
    )


def _no_such_sheet(path: str, wanted: str, names: Sequence[str]) -> InputError:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    folded = {name.casefold().strip(): name for name in names}
    near = get_close_matches(wanted.casefold().strip(), folded, n=1, cutoff=0.6)
    hint = f"Did you mean '{folded[near[0]]}'?" if near else "Give one of these with --sheet."
    listed = ", ".join(f"'{name}'" for name in names)
    return InputError(path, f"it has no sheet '{wanted}'", found=listed, advice=hint)
