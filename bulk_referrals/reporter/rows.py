"""The rows of a long sheet, block by block, each cell with its reference.

What tells the cells of a row from those of the next is the row's number in each reference: `C7`
and `D7` are few texts, but for their sevens. So they are woven with holes as wide as the number,
and all the holes of a block are filled afterwards, which costs a tenth of joining the numbers in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.reporter.cells import HOLE, SharedTexts, row_parts
from bulk_referrals.reporter.grids import Grid
from bulk_referrals.weaving import (
    MOST_OCTETS,
    Codes,
    Few,
    Many,
    Octets,
    Part,
    Weave,
    as_text,
    bounds_of,
    joined,
    octets_of,
)

_MOST_DIGITS: Final = 7  # of a row's number
_NO_HOLE: Final = -(1 << 40)

Places = npt.NDArray[np.int64]


class RowsXml:
    """The rows of a grid, ready to be written in any order and by several threads at once."""

    def __init__(self, grid: Grid, styles: dict[str, int], shared: SharedTexts) -> None:
        """Prepare the columns; texts that repeat themselves go to the shared ones now.

        Args:
            grid: what to write.
            styles: look -> index of its format in the workbook.
            shared: grows by what repeats itself.
        """
        self._weave = Weave(row_parts(grid, styles, shared), grid.rows)
        self._numbers = _MOST_DIGITS * (len(grid.columns) + 1)
        self._frames: dict[tuple[int, int], _Frame] = {}

    def most_octets(self, start: int, stop: int) -> int:
        """Return a bound that the rows from `start` to `stop` cannot exceed."""
        return self._weave.most_octets(start, stop) + self._numbers * (stop - start)

    def blocks(self, start: int, stop: int, first_row: int) -> Iterator[Octets]:
        """Yield the ``<row>`` elements of some rows, in a piece or a few.

        Args:
            start: the first row's position in the grid.
            stop: the position after the last.
            first_row: the row number of `start` on its sheet, from 1.
        """
        size = stop - start
        longer = 10 ** len(str(first_row)) - first_row  # where the number gets a digit more
        cut = start + longer
        if longer >= size:
            if size == 1 or self.most_octets(start, stop) <= MOST_OCTETS:
                yield self._block(start, stop, first_row)
                return
            cut = (start + stop) // 2
        yield from self.blocks(start, cut, first_row)
        yield from self.blocks(cut, stop, first_row + cut - start)

    def _block(self, start: int, stop: int, first_row: int) -> Octets:
        """Return rows whose numbers are all of one width."""
        width = len(str(first_row))
        frames = [self._frame(place, part, width) for place, part in enumerate(self._weave.parts)]
        pieces: list[pa.Array | str] = []
        holes = np.empty((stop - start, sum(frame.most for frame in frames)), np.int64)
        reached = np.zeros(stop - start, np.int64)  # in its row, where the next part begins
        done = 0
        for part, frame in zip(self._weave.parts, frames, strict=True):
            if isinstance(part, Many):
                pieces.append(part.block(start, stop))
                reached += pc.fill_null(pc.binary_length(pieces[-1]), 0).to_numpy()
                continue
            codes = 0 if isinstance(part, str) else part.codes[start:stop]
            pieces.append(frame.piece(codes))
            if frame.most:
                np.add(
                    reached[:, None],
                    frame.holes.take(codes, axis=0),
                    holes[:, done : done + frame.most],
                )
                done += frame.most
            reached += frame.lengths.take(codes)
        return _filled(joined(*pieces), holes, first_row)

    def _frame(self, place: int, part: Part, width: int) -> "_Frame":
        """Return a part with its holes; two threads may make it at once, and it is the same."""
        if isinstance(part, Many):
            return _NONE
        if (place, width) not in self._frames:
            self._frames[place, width] = _Frame.of(part, width)
        return self._frames[place, width]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frame:
    """A part of which there are few, with holes for row numbers of one width.

    Attributes:
        texts: Arrow text.
        lengths: int64 (texts,), octets.
        holes: int64 (texts, most holes of a text); where each begins, `_NO_HOLE` where a text
            has not so many.
    """

    texts: pa.Array
    lengths: Places
    holes: Places

    @property
    def most(self) -> int:
        """How many holes a text has at most."""
        return int(self.holes.shape[1])

    @classmethod
    def of(cls, part: str | Few, width: int) -> "_Frame":
        texts = pa.array([part]) if isinstance(part, str) else part.texts
        bounds = bounds_of(texts).astype(np.int64) - bounds_of(texts)[0]
        marks = np.flatnonzero(octets_of(texts) == ord(HOLE))
        text = np.searchsorted(bounds, marks, side="right") - 1
        rank = np.arange(len(marks)) - np.searchsorted(text, text)
        holes = np.full((len(texts), int(rank.max(initial=-1)) + 1), _NO_HOLE)
        holes[text, rank] = marks - bounds[text] + rank * (width - 1)
        texts = pc.replace_substring(texts, HOLE, "0" * width)
        return cls(texts=texts, lengths=np.diff(bounds_of(texts)).astype(np.int64), holes=holes)

    def piece(self, codes: Codes | int) -> pa.Array | str:
        """Return the texts of some rows, or the one that they share."""
        if isinstance(codes, int):
            return str(self.texts[codes].as_py())
        return self.texts.take(pa.array(codes))


_NONE: Final = _Frame.of("", 1)


def _filled(rows: pa.Array, holes: Places, first_row: int) -> Octets:
    """Return the rows one after another, their numbers put into the holes.

    Arrow has just made the rows, and nobody else sees them before they are done.
    """
    octets, begins = octets_of(rows), bounds_of(rows)[:-1]
    numbers = octets_of(as_text(pa.array(np.arange(first_row, first_row + len(rows)))))
    width = len(numbers) // len(rows)
    kind = np.dtype(f"V{width}")  # copied as it is
    # Row by row, so that the octets pass through the processor's cache but once.
    places = (holes + begins[:, None]).ravel()
    repeated = np.repeat(numbers.view(kind), holes.shape[1])
    present = places >= 0
    if not present.all():
        places, repeated = places[present], repeated[present]
    overlapping = np.ndarray(octets.size - width + 1, kind, octets, strides=(1,))
    overlapping[places] = repeated
    return octets
