"""The cells of a long sheet as SpreadsheetML, woven from Arrow columns (see `weaving`).

A writer that makes an object per cell needs a minute for a million rows; weaving them needs a
second. A text is never a formula: it stands in ``<is><t>`` (ECMA-376 part 1, 18.3.1.53) or in the
shared strings (18.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.reporter.escaping import escaped, keeps_white
from bulk_referrals.reporter.grids import NUMBER, WRAPPED, Column, Grid
from bulk_referrals.weaving import Few, Many, Part, as_text, few, joined, where

HOLE: Final = "\0"  # where the row's number is to stand; XML cannot hold it otherwise
_LINE_POINTS: Final = 15
_MOST_LINES: Final = 12


@dataclass(slots=True)
class SharedTexts:
    """Texts that stand once in the workbook and that cells refer to by number.

    Attributes:
        first: the number of the first of ours; the shell has those before it.
        numbers: our texts -> their numbers, in order.
        uses: cells that refer to them.
    """

    first: int
    numbers: dict[str, int] = field(default_factory=dict)
    uses: int = 0

    def numbered(self, column: Few) -> Few:
        """Return a column with the numbers of its texts in their place, new ones where new."""
        texts = column.texts.to_pylist()
        empty = [place for place, text in enumerate(texts) if text is None]
        used = np.bincount(column.codes, minlength=len(texts))
        self.uses += len(column.codes) - int(used[empty].sum())
        numbers = [None if text is None else str(self._number(text)) for text in texts]
        return Few(codes=column.codes, texts=pa.array(numbers, pa.string()))

    def _number(self, text: str) -> int:
        return self.numbers.setdefault(text, self.first + len(self.numbers))

    def xml(self) -> str:
        """Return our ``<si>`` elements, in order."""
        texts = escaped(pa.array(list(self.numbers), pa.string())).to_pylist()
        return "".join(f'<si><t xml:space="preserve">{text}</t></si>' for text in texts)


def row_parts(grid: Grid, styles: dict[str, int], shared: SharedTexts) -> Iterator[Part]:
    """Yield the parts of the ``<row>`` elements of a grid, `HOLE` for the rows' numbers.

    Args:
        grid: what to write.
        styles: look -> index of its format in the workbook.
        shared: grows by what repeats itself.
    """
    yield f'<row r="{HOLE}'
    yield _heights(grid)
    for place, column in enumerate(grid.columns):
        yield from _cells(column, column_letters(place), styles, shared)
    yield "</row>"


def _heights(grid: Grid) -> Part:
    """Return how each ``<row`` ends: with a height where a wrapped text needs lines.

    Spreadsheets other than Excel do not find the height themselves.
    """
    lines = np.ones(grid.rows, dtype=np.int64)
    for column in grid.columns:
        if isinstance(column.look, str) and column.look == WRAPPED:
            characters = pc.fill_null(pc.utf8_length(as_text(column.values)), 0)
            lines = np.maximum(lines, -(-np.asarray(characters) // max(int(column.width), 1)))
    if lines.max(initial=1) == 1:
        return '">'
    ends = [f'" ht="{_LINE_POINTS * line}" customHeight="1">' for line in range(_MOST_LINES + 1)]
    ends[1] = '">'
    return Few(codes=np.minimum(lines, _MOST_LINES).astype(np.int32), texts=pa.array(ends))


def _cells(
    column: Column, letters: str, styles: dict[str, int], shared: SharedTexts
) -> Iterator[Part]:
    """Yield the parts of one column's cells; no cell where there is no value.

    A cell with a look of its own is there all the same, since it shows it even when it is empty.
    """
    head = f'<c r="{letters}{HOLE}" s="'
    if isinstance(column.look, str):
        lead, empty = f"{head}{styles[column.look]}", ""
    else:
        lead, empty = "", '"/>'
        yield _styles_of(column.look, styles).written(lambda style: joined(head, style))
    before, after = f'{lead}"><v>', "</v></c>"
    repeated = few(column.values)
    if repeated is not None:
        if column.look != NUMBER:
            before, repeated = f'{lead}" t="s"><v>', shared.numbered(repeated)
        yield repeated.written(lambda value: joined(before, value, after), empty)
        return
    shaped: Any = as_text
    if column.look != NUMBER:
        keep = ' xml:space="preserve"' if keeps_white(column.values) else ""
        before, after = f'{lead}" t="inlineStr"><is><t{keep}>', "</t></is></c>"
        shaped = escaped
    yield where(column.values, before, empty)
    yield Many(values=column.values, shaped=shaped)
    yield where(column.values, after)


def _styles_of(looks: Any, styles: dict[str, int]) -> Few:  # noqa: ANN401 - Arrow has no types
    """Return the index of each cell's format, as text."""
    found = Few.of(looks)
    indices = [str(styles.get(look, 0)) for look in found.texts.to_pylist()]
    return Few(codes=found.codes, texts=pa.array(indices, pa.string()))


def column_letters(place: int) -> str:
    """Return the name of a column from its place: 0 is A, 26 is AA."""
    name, rest = "", place + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
