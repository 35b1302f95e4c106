"""From one file to the grids that hold rows: which sheets are meant, and whether they will do."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from difflib import get_close_matches
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import wayback
from bulk_referrals.errors import InputError, NothingToDoError
from bulk_referrals.loader import headers, text
from bulk_referrals.loader.files import Content, Kind
from bulk_referrals.loader.grid import HEADER_SEARCH_ROWS, Flaw, Grid, Positions, find_header
from bulk_referrals.model import LoadOptions
from bulk_referrals.workbooks.sheets import Layout, Limits, Mark, Raw, SheetCells

# What a person could be reached by; a line of cells mistaken for a header may hold it.
_PRIVATE: Final = re.compile(r"@|\d{5}")
# Excel keeps 15 digits of a number (Microsoft, "Excel specifications and limits").
_MAX_DIGITS: Final = 15


class _Doubt(NamedTuple):
    """Text that is at fault where the cell is of a certain kind."""

    pattern: str
    kind: Raw
    code: str
    what: str


_DOUBTFUL: Final = (
    _Doubt(
        rf"^-?\d{{{_MAX_DIGITS + 1},}}",
        Raw.NUMBER,
        "damaged-number",
        "a number of over 15 digits",
    ),
    _Doubt(
        r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?)?$",
        Raw.DATE,
        "date-in-cell",
        "a date",
    ),
)


def grids(
    content: Content, options: LoadOptions, columns: Mapping[str, str]
) -> tuple[list[Grid], list[str]]:
    """Return the grids of a text file or workbook that hold rows, and notices about the rest.

    Args:
        content: the file.
        options: what the user says about the sources.
        columns: the author's column name -> canonical field.

    Raises:
        InputError: nothing in it can be used as it stands.
    """
    if content.kind is Kind.TEXT:
        grid = text.read(content.path, content.content, options, columns)
        return [only(content.path, grid, columns)], []
    return _workbook(content, options, columns)


def only(path: str, grid: Grid, columns: Mapping[str, str]) -> Grid:
    """Return the one table of a file, ready to be used.

    Raises:
        NothingToDoError: it has no rows.
        InputError: it cannot be used as it stands.
    """
    grid = _restored(grid)
    require(path, grid, columns)
    _require_rows(path, [grid])
    return _with_notices(grid)


def _workbook(
    content: Content, options: LoadOptions, columns: Mapping[str, str]
) -> tuple[list[Grid], list[str]]:
    from bulk_referrals.workbooks.isolated import read_workbook  # noqa: PLC0415 - start-up time

    sheets = read_workbook(content.path, content.content, options.sheets, limits(options))
    shown = [sheet for sheet in sheets if sheet.visible or options.sheets]
    hidden = [sheet.name for sheet in sheets if not sheet.visible and not options.sheets]
    tried = [_sheet_grid(sheet, columns) for sheet in shown if sheet.cells.num_rows]
    meant = [grid for grid in tried if options.sheets or _is_meant(grid)]
    if not meant:
        raise _nothing_meant(content.path, tried, columns, hidden)
    for grid in meant:
        require(content.path, grid, columns)
    filled = _require_rows(content.path, meant)
    passed_over = [grid.sheet for grid in tried if grid not in filled]
    notices = [
        *(
            f"The sheet '{name}' is hidden and was not read; name it to read it."
            for name in hidden
        ),
        *(f"The sheet '{name}' has no invites and was passed over." for name in passed_over),
    ]
    judged = [_judged(content, limits(options), grid) for grid in filled]
    return [_with_notices(grid) for grid in judged], notices


def _restored(grid: Grid) -> Grid:
    """Take our apostrophes away from a text file that is one of ours, come back corrected."""
    key = wayback.own_columns(grid.header).get(wayback.ROW_KEY)
    if key is None or not wayback.runs_of(grid.cells.column(key)):
        return grid
    cells = [wayback.restored(column) for column in grid.cells.columns]
    header = wayback.restored(pa.chunked_array([grid.header], pa.string()))
    return replace(
        grid,
        header=tuple(header.to_pylist()),
        cells=pa.table(cells, names=grid.cells.column_names),
    )


def limits(options: LoadOptions) -> Limits:
    """Return what reading one workbook may take."""
    return Limits(memory_bytes=options.max_memory_bytes, time_s=options.read_timeout_s)


def _sheet_grid(sheet: SheetCells, columns: Mapping[str, str]) -> Grid:
    top = sheet.cells.slice(0, HEADER_SEARCH_ROWS).to_pylist()
    lines = [[cell or "" for cell in line.values()] for line in top]
    position, found = find_header(lines, columns)
    body = sheet.cells.slice(position + 1)
    header = list(lines[position])
    while header and not header[-1].strip() and is_blank(body.column(len(header) - 1)):
        header.pop()
    names = [str(index) for index in range(len(header))]
    return Grid(
        sheet=sheet.name,
        header=tuple(header),
        header_row=position + 1,
        match=found,
        cells=body.select(names),
        flaws=tuple(_unreadable(sheet, position + 1, header, found)),
        notices=tuple(_laid_out(sheet.layout, header)),
    )


def _laid_out(layout: Layout, header: Sequence[str]) -> Iterator[str]:
    """Say what a person who looks at the sheet does not see as it was read."""
    # The column of our own keys is hidden in the files that we give back to be corrected.
    columns = layout.hidden_columns - (wayback.ROW_KEY in wayback.own_columns(header))
    counted = [(layout.hidden_rows, "hidden row"), (columns, "hidden column")]
    hidden = [_number(count, what) for count, what in counted if count > 0]
    if hidden:
        yield f"It has {' and '.join(hidden)}, perhaps by a filter; what is hidden was read too."
    if layout.merged:
        yield (
            f"It has {_number(layout.merged, 'block')} of merged cells; only the first cell of "
            "such a block holds its value, the others were read as blank."
        )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def is_blank(column: pa.ChunkedArray) -> bool:
    """Tell whether nothing stands in a column; its first chunk that holds something tells."""
    return all(
        chunk.null_count == len(chunk)
        or not pc.any(pc.not_equal(pc.utf8_trim_whitespace(chunk), "")).as_py()
        for chunk in column.chunks
    )


def _unreadable(
    sheet: SheetCells, start: int, header: Sequence[str], found: headers.Match
) -> Iterator[Flaw]:
    row, column, what = (sheet.unreadable[name].to_numpy() for name in ("row", "column", "what"))
    for name, index in found.columns.items():
        no_date = "bad-invited-on" if name == "invited_on" else "date-in-cell"
        codes = {Mark.ERROR: "error-cell", Mark.UNCALCULATED: "no-value", Mark.TIME: no_date}
        for mark, code in codes.items():
            rows = row[(row >= start) & (column == index) & (what == mark)].astype(np.int64)
            if rows.size:
                yield Flaw.alike(code, rows - start, f"'{header[index]}' holds {mark}")


def _judged(content: Content, limits: Limits, grid: Grid) -> Grid:
    """Refuse what the text alone cannot tell: numbers that were rounded, dates among codes."""
    from bulk_referrals.workbooks.isolated import number_kinds  # noqa: PLC0415 - start-up time

    flaws = list(grid.flaws)
    asked = [
        (index, doubt)
        for name, index in grid.match.columns.items()
        for doubt in _DOUBTFUL
        if not (doubt.kind is Raw.DATE and name in {"invited_on", "name"})
    ]
    with ThreadPoolExecutor() as pool:  # Arrow lets go of the interpreter
        matching = pool.map(lambda it: _matching(grid.cells.column(it[0]), it[1].pattern), asked)
        for (index, doubt), positions in zip(asked, matching, strict=True):
            if not positions.size:
                continue
            places = [(int(each) + grid.header_row, index) for each in positions]
            kinds = number_kinds(content.path, content.content, grid.sheet, places, limits)
            found = positions[np.array([each is doubt.kind for each in kinds])]
            if found.size:
                fact = f"'{grid.header[index]}' holds {doubt.what}"
                flaws.append(Flaw.alike(doubt.code, found, fact))
    return replace(grid, flaws=tuple(flaws))


def _matching(column: pa.ChunkedArray, pattern: str) -> Positions:
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest < len("2024-09-10"):
        return np.empty(0, dtype=np.int64)
    found = pc.match_substring_regex(column, pattern).fill_null(False)  # noqa: FBT003 - the fill value
    return np.flatnonzero(found.to_numpy())


def _is_meant(grid: Grid) -> bool:
    """Whether a sheet is one of invites, if perhaps a faulty one, and not notes or a cover."""
    if any(name in grid.match.columns for name in headers.CONTACTS):
        return True
    return any(True for _ in headers.near_misses(grid.header, headers.CONTACTS))


def require(path: str, grid: Grid, columns: Mapping[str, str]) -> None:
    """Raise `InputError` unless the columns of this table can be used as they stand."""
    for canonical, indices in grid.match.clashes.items():
        listed = " and ".join(f"'{grid.header[index]}'" for index in indices)
        raise InputError(
            path,
            f"several columns mean {canonical}",
            sheet=grid.sheet,
            found=listed,
            advice=f'Rename or remove one, or say which with --map "NAME={canonical}".',
        )
    present = {headers.key(name) for name in grid.header}
    for name, canonical in columns.items():
        if headers.key(name) not in present and canonical not in grid.match.columns:
            raise _unmapped(path, grid, name)
    if not grid.match.complete:
        raise _incomplete(path, grid)


def _unmapped(path: str, grid: Grid, name: str) -> InputError:
    keys = {headers.key(each): each for each in grid.header if headers.key(each)}
    near = get_close_matches(headers.key(name), keys, n=1, cutoff=0.6)
    hint = f"Did you mean '{keys[near[0]]}'?" if near else "Check the name's spelling."
    return InputError(
        path,
        f"--map names the column '{name}', which is not there",
        sheet=grid.sheet,
        found=_listed(grid),
        advice=hint,
    )


def _incomplete(path: str, grid: Grid) -> InputError:
    match = grid.match
    lacks_referrer = not any(name in match.columns for name in headers.REFERRER)
    lacks_invitee = not any(name in match.columns for name in headers.INVITEE)
    missing = (headers.REFERRER if lacks_referrer else ()) + (
        headers.INVITEE if lacks_invitee else ()
    )
    lacking = [
        *(["the referrer (referrer_mobile or referrer_email)"] if lacks_referrer else []),
        *(["the invitee (identifier, invitee_mobile or invitee_email)"] if lacks_invitee else []),
    ]
    return InputError(
        path,
        f"no column names {' nor '.join(lacking)}",
        sheet=grid.sheet,
        found=_listed(grid),
        advice=_suggestion(grid, missing),
    )


def _suggestion(grid: Grid, missing: Sequence[str]) -> str:
    for name, canonical in headers.near_misses(grid.header, missing):
        return (
            f"'{name}' looks like '{canonical}': rename it, or add --map \"{name}={canonical}\"."
        )
    for index, channel in grid.match.bare.items():
        if channel == "name":
            continue
        name = grid.header[index]
        whose = [each for each in missing if each.endswith(channel)]
        choices = " or ".join(f'--map "{name}={each}"' for each in whose)
        return f"'{name}' does not say whose it is: add {choices}."
    return f'Rename the column, or add --map "YOUR COLUMN={missing[0]}".'


def _listed(grid: Grid) -> str:
    """Return the header for a message; without names, a line of cells is never shown."""
    names = [name.strip() for name in grid.header if name.strip()]
    if grid.header_row and not grid.match.weight:
        return "no row of column names in the first 30"
    shown = ", ".join(f"'{name}'" for name in names if not _PRIVATE.search(name))
    return f"the columns {shown}"


def _nothing_meant(
    path: str, tried: Sequence[Grid], columns: Mapping[str, str], hidden: Sequence[str]
) -> InputError:
    if not tried:
        found = f"only the hidden sheets {', '.join(hidden)}" if hidden else "no cell filled"
        advice = "Show the sheet, or name it with --sheet." if hidden else "Export it again."
        kind = InputError if hidden else NothingToDoError
        return kind(path, "the workbook holds no rows", found=found, advice=advice)
    best = max(tried, key=lambda grid: grid.match.weight)
    try:
        require(path, best, columns)
    except InputError as error:
        return error
    return _incomplete(path, best)


def _require_rows(path: str, meant: Sequence[Grid]) -> list[Grid]:
    filled = [grid for grid in meant if any(not is_blank(column) for column in grid.cells.columns)]
    if not filled:
        raise no_rows(path, meant[0])
    return filled


def no_rows(path: str, grid: Grid) -> NothingToDoError:
    """Return what is raised of a table without rows."""
    return NothingToDoError(
        path,
        "there are column names, but no rows under them",
        sheet=grid.sheet,
        advice="Fill in some rows or export it again, or leave the file out.",
    )


def _with_notices(grid: Grid) -> Grid:
    unnamed = (index for index, name in enumerate(grid.header) if not name.strip())
    filled = {index for index in unnamed if not is_blank(grid.cells.column(index))}
    return replace(grid, notices=(*grid.notices, *header_notices(grid, filled)))


def header_notices(grid: Grid, filled: Collection[int]) -> list[str]:
    """Say which columns were not used.

    Args:
        grid: its header counts here.
        filled: the columns in which anything stands; the unnamed ones count.
    """
    notices = [
        f"'{grid.header[index]}' does not say whose {what} it is; it was not used. Use --map if it"
        " should be."
        for index, what in grid.match.bare.items()
    ]
    notices += [
        f"Column {index + 1} has no name; it was not used."
        for index, name in enumerate(grid.header)
        if not name.strip() and index in filled
    ]
    return notices
