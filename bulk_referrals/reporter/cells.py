"""The rows of a long sheet as SpreadsheetML, built column by column from Arrow.

A writer that makes an object per cell needs a minute for a million rows; joining columns of text
needs a second or two. The rules kept here, from ECMA-376 part 1:

* text is never a formula: it stands in ``<is><t>`` (18.3.1.53) or in the shared strings (18.4);
* a character that XML cannot hold is written ``_xHHHH_``, and a text that looks so by itself has
  its underscore written ``_x005F_`` (22.9.2.19, ST_Xstring); so is a carriage return, which an
  XML reader would turn into a line feed;
* white space at either end, and line feeds, ask for ``xml:space="preserve"``.

Excel's own limit of 32,767 UTF-16 units in a cell is kept by a visible cut.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.reporter.grids import NUMBER, WRAPPED, Column, Grid, Values

MOST_UNITS: Final = 32_767
CUT_MARK: Final = " … (cut)"

Octets = npt.NDArray[np.uint8]

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_FORBIDDEN_RE2: Final = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_ENTITIES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
# Octets that can begin something to escape; 0xEF leads U+FFFE and U+FFFF.
_SUSPECT: Final = np.isin(np.arange(256), [*range(0x20), *b"&<>_\xef"])
_WHITE: Final = np.isin(np.arange(256), [*b" \t\n\r"])
_BREAKS: Final = np.isin(np.arange(256), [*b"\t\n\r"])

# One octet of text becomes seven at most ("_x0001_"), and Arrow's text holds 2**31 together.
_MOST_OCTETS: Final = 2**31 // 16
_SAMPLE: Final = 4_096
_FEW: Final = 512
_MOST_SHARED: Final = 50_000
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

    def number(self, text: str) -> int:
        """Return the number of a text, a new one where it is new."""
        return self.numbers.setdefault(text, self.first + len(self.numbers))

    def xml(self) -> str:
        """Return our ``<si>`` elements, in order."""
        texts = escaped(pa.array(list(self.numbers), pa.string())).to_pylist()
        return "".join(f'<si><t xml:space="preserve">{text}</t></si>' for text in texts)


def escaped(texts: pa.Array) -> pa.Array:
    """Return texts as the content of ``<t>``, nulls kept, cut to what a cell can hold."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > MOST_UNITS:
        texts = pa.array([text and _cut(text) for text in texts.to_pylist()], pa.string())
    octets = octets_of(texts)
    suspects = octets[_SUSPECT[octets]]
    if not suspects.size:
        return texts
    found = set(np.unique(suspects).tolist())
    if found - set(b"&<>\t\n"):
        strange = pc.fill_null(pc.match_substring_regex(texts, _FORBIDDEN_RE2), fill_value=False)
        if pc.any(strange).as_py():
            mended = [_FORBIDDEN.sub(_hex, text) for text in texts.filter(strange).to_pylist()]
            texts = pc.replace_with_mask(texts, strange, pa.array(mended, pa.string()))
    for sign, entity in _ENTITIES:
        if ord(sign) in found:
            texts = pc.replace_substring(texts, sign, entity)
    return texts


def _hex(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _cut(text: str) -> str:
    """Return the text, or its beginning and a mark where a cell cannot hold it."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST_UNITS:
        return text
    kept = units[: 2 * (MOST_UNITS - len(CUT_MARK))]
    return kept.decode("utf-16-le", "ignore") + CUT_MARK


def octets_of(texts: pa.Array) -> Octets:
    """Return the UTF-8 of all the texts together, without a copy."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    if texts.buffers()[2] is None:
        return np.empty(0, np.uint8)
    size = int(offsets[-1] - offsets[0])
    return np.frombuffer(texts.buffers()[2], np.uint8, size, int(offsets[0]))


def _keeps_white(texts: pa.Array) -> bool:
    """Say whether some text has white space that an XML reader might not keep."""
    octets = octets_of(texts)
    if not _WHITE[octets].any():
        return False
    if _BREAKS[octets].any():
        return True
    bounds = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    bounds = bounds - bounds[0]
    filled = bounds[:-1] < bounds[1:]
    firsts, lasts = octets[bounds[:-1][filled]], octets[bounds[1:][filled] - 1]
    return bool(_WHITE[firsts].any() or _WHITE[lasts].any())


class RowsXml:
    """The rows of a grid, ready to be written in any order and by several threads at once."""

    def __init__(self, grid: Grid, styles: dict[str, int], shared: SharedTexts) -> None:
        """Prepare the columns; texts that repeat themselves go to the shared ones now.

        Args:
            grid: what to write.
            styles: look -> index of its format in the workbook.
            shared: grows by what repeats itself.
        """
        self._cells = [
            _Cells.of(column, column_letters(place), styles, shared)
            for place, column in enumerate(grid.columns)
        ]
        self._wrapped = [column for column in grid.columns if column.look == WRAPPED]

    def most_octets(self, start: int, stop: int) -> int:
        """Return a bound that the rows from `start` to `stop` cannot exceed."""
        text = sum(cells.values.slice(start, stop - start).nbytes for cells in self._cells)
        return 7 * int(text) + 128 * (stop - start) * (len(self._cells) + 1)

    def blocks(self, start: int, stop: int, first_row: int) -> Iterator[Octets]:
        """Yield the ``<row>`` elements of some rows, in a piece or a few.

        Args:
            start: the first row's position in the grid.
            stop: the position after the last.
            first_row: the row number of `start` on its sheet, from 1.
        """
        middle = (start + stop) // 2
        if self.most_octets(start, stop) > 7 * _MOST_OCTETS and middle > start:
            yield from self.blocks(start, middle, first_row)
            yield from self.blocks(middle, stop, first_row + middle - start)
            return
        size = stop - start
        numbers = pa.array(np.arange(first_row, first_row + size)).cast(pa.string())
        pieces = ['<row r="', numbers, self._heights(start, size)]
        for cells in self._cells:
            pieces += cells.pieces(start, size, numbers)
        rows = _joined(*pieces, "</row>", null_handling="replace")
        yield octets_of(rows)

    def _heights(self, start: int, size: int) -> Values:
        """Return how each ``<row`` ends: with a height where a wrapped text needs lines.

        Spreadsheets other than Excel do not find the height themselves.
        """
        lines = np.ones(size, dtype=np.int64)
        for column in self._wrapped:
            characters = pc.utf8_length(_block(column.values, start, size))
            counted = np.asarray(pc.fill_null(characters, 0))
            lines = np.maximum(lines, -(-counted // max(int(column.width), 1)))
        if lines.max(initial=1) == 1:
            return '">'
        ends = [
            f'" ht="{_LINE_POINTS * line}" customHeight="1">' for line in range(_MOST_LINES + 1)
        ]
        ends[1] = '">'
        return pa.array(ends).take(pa.array(np.minimum(lines, _MOST_LINES)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """One column, prepared: what stands before, in and after the value of each cell.

    Attributes:
        letters: the column's name, "A" for the first.
        values: text, numbers, or shared texts as a dictionary of their numbers.
        style: the index of the format; or one per cell, as text.
        kind: "n" for numbers, "s" for shared texts, "inlineStr" for texts.
    """

    letters: str
    values: Values
    style: Any
    kind: str

    @classmethod
    def of(
        cls, column: Column, letters: str, styles: dict[str, int], shared: SharedTexts
    ) -> "_Cells":
        kind, values = "n" if column.look == NUMBER else "inlineStr", column.values
        if kind != "n":
            numbered = _numbered(values, shared)
            kind, values = ("s", numbered) if numbered is not None else (kind, values)
        if isinstance(column.look, str):
            style: Any = str(styles[column.look])
        else:
            known = pa.array(list(styles))
            indices = pa.array([str(style) for style in styles.values()])
            style = indices.take(_flat(pc.index_in(column.look, value_set=known)))
        return cls(letters=letters, values=values, style=style, kind=kind)

    def pieces(self, start: int, size: int, numbers: pa.Array) -> list[Values]:
        """Return what the cells of some rows are joined from; no cell where there is no value."""
        before, middle, after = self._value(_block(self.values, start, size))
        if isinstance(self.style, str):
            if middle.null_count == size:
                return []
            whole = [f'<c r="{self.letters}', numbers, f'" s="{self.style}{before}', middle, after]
            return [_joined(*whole)] if middle.null_count else whole
        style = self.style.slice(start, size)
        # A cell with a look of its own shows it even when it is empty.
        rest = pc.coalesce(_joined(before, middle, after), '"/>')
        return [f'<c r="{self.letters}', numbers, '" s="', style, rest]

    def _value(self, values: pa.Array) -> tuple[str, pa.Array, str]:
        if self.kind == "n":
            return '"><v>', values.cast(pa.string()), "</v></c>"
        if self.kind == "s":
            return '" t="s"><v>', values.dictionary.take(values.indices), "</v></c>"
        texts = values.cast(pa.string())
        keep = ' xml:space="preserve"' if _keeps_white(texts) else ""
        return f'" t="inlineStr"><is><t{keep}>', escaped(texts), "</t></is></c>"


def _numbered(values: Values, shared: SharedTexts) -> Values | None:
    """Return texts that repeat themselves as a dictionary of shared numbers, others as None."""
    flat = _flat(values)
    if not pa.types.is_dictionary(flat.type):
        step = max(len(flat) // _SAMPLE, 1)
        sample = flat.take(pa.array(np.arange(0, len(flat), step)))
        if pc.count_distinct(sample).as_py() > _FEW:
            return None
        flat = flat.dictionary_encode()
        if len(flat.dictionary) > _MOST_SHARED:
            return None
    texts = flat.dictionary.to_pylist()
    # The dictionary of a column may hold a null too, as that of the sheets of text files does.
    empty = [place for place, text in enumerate(texts) if text is None]
    blank = pc.is_in(flat.indices, value_set=pa.array(empty, flat.indices.type)).true_count
    shared.uses += len(flat) - flat.indices.null_count - blank
    numbers = [None if text is None else str(shared.number(text)) for text in texts]
    return pa.DictionaryArray.from_arrays(flat.indices, pa.array(numbers, pa.string()))


def _flat(values: Values) -> Values:
    if not isinstance(values, pa.ChunkedArray):
        return values
    values = values.unify_dictionaries() if pa.types.is_dictionary(values.type) else values
    return values.combine_chunks()


def _block(values: Values, start: int, size: int) -> pa.Array:
    return _flat(values.slice(start, size))


def _joined(*pieces: Values, null_handling: str = "emit_null") -> pa.Array:
    return pc.binary_join_element_wise(*pieces, "", null_handling=null_handling)


def column_letters(place: int) -> str:
    """Return the name of a column from its place: 0 is A, 26 is AA."""
    name, rest = "", place + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
