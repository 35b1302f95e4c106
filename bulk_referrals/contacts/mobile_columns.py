"""Mobiles by the column: exactly what `one_mobile` says, in a small part of the time.

The common cells are decided on columns: the policy step by RE2 and Arrow's own functions,
libphonenumber's reading by `readings` and `plans`. What is left (texts that are no numbers,
readings that a column cannot follow) is decided by `one_mobile`, once for each distinct cell;
numbers that fail alike, such as all of nine digits, share the words of one of them.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.contacts import numbering
from bulk_referrals.contacts.contact import (
    COLUMNS,
    Contacts,
    assembled,
    in_turn,
    over_distinct,
    text_slices,
)
from bulk_referrals.contacts.dialled_columns import dialled_numbers
from bulk_referrals.contacts.one_mobile import home_regions, mobile, reading_codes
from bulk_referrals.contacts.plans import judge
from bulk_referrals.contacts.readings import Readings, at_home, bools, with_code, without_plus
from bulk_referrals.model import MobileFormat, MobileRule

# Of what the library takes for a mobile and only the brand's rule does not.
_ONLY_RULED_OUT: Final = 1 << 40


def mobiles(
    cells: pa.ChunkedArray,
    *,
    region: str | pa.ChunkedArray,
    rule: MobileRule,
    mobile_format: MobileFormat,
) -> Contacts:
    """Return what each cell says, if it says a mobile; exactly as `mobile` would.

    Args:
        cells: text; null where empty.
        region: ISO 3166 alpha-2 of mobiles without country code, for all cells ("" for none)
            or one per cell (null for none).
        rule: the brand's own rule.
        mobile_format: how `value` is written.

    Returns:
        Text columns, one line per cell, in order.

    Raises:
        ValueError: there are not as many regions as cells.
    """
    reader = cache(partial(_Reader, rule=rule, mobile_format=mobile_format))
    if isinstance(region, str):
        return in_turn(reader(region), text_slices(cells))
    if len(region) != len(cells):
        raise ValueError(f"{len(region)} regions for {len(cells)} cells")  # noqa: EM102, TRY003 - a programmer's mistake
    by_region = partial(_by_region, reader=reader)
    return in_turn(by_region, text_slices(cells), text_slices(region))


def _by_region(
    part: pa.Array, homes: pa.Array, reader: Callable[[str], "_Reader"]
) -> pa.RecordBatch:
    """Read each region's cells by its own reader."""
    found = []
    encoded = homes.fill_null("").dictionary_encode()
    for number, home in enumerate(encoded.dictionary.to_pylist()):
        own = np.flatnonzero(encoded.indices.to_numpy() == number)
        found.append((own, reader(home)(part.take(pa.array(own)))))
    return assembled(len(part), found)


class _Reader:
    """Reads slices of cells of one region."""

    def __init__(self, region: str, *, rule: MobileRule, mobile_format: MobileFormat) -> None:
        """Take the settings of a whole column."""
        home = region.strip().upper()
        self._rule = rule
        self._format = mobile_format
        self._known = not home or numbering.is_region(home)
        self._homes = home_regions(home, rule)
        self._codes = reading_codes(self._homes, rule)
        self._exact = cache(partial(mobile, region=region, rule=rule, mobile_format=mobile_format))

    def __call__(self, cells: pa.Array) -> pa.RecordBatch:
        """Return the columns of `Contact` for a slice of cells."""
        verdicts = _Verdicts(len(cells), self._rule)
        numbers = dialled_numbers(cells)
        there = bools(numbers.is_valid())
        plus = bools(pc.fill_null(pc.starts_with(numbers, "+"), False))  # noqa: FBT003 - a value
        rows = np.flatnonzero(plus)
        digits = pc.utf8_slice_codeunits(numbers.take(pa.array(rows)), 1)
        for readings in with_code(digits, rows):
            verdicts.settle(readings, plus=True)
        if self._known:
            self._read_home(numbers, np.flatnonzero(there & ~plus), verdicts)
        return self._columns(cells, verdicts)

    def _read_home(self, numbers: pa.Array, rows: np.ndarray, verdicts: "_Verdicts") -> None:
        """Read the numbers without plus in one way after the other, while they are refused."""
        for readings_of in self._ways():
            for readings in readings_of(numbers.take(pa.array(rows)), rows):
                verdicts.settle(readings)
            rows = rows[verdicts.refused[rows]]

    def _ways(self) -> list[Callable[[pa.Array, np.ndarray], Iterator[Readings]]]:
        if not self._codes:
            return [with_code]
        return [
            *(partial(at_home, region=home) for home in self._homes),
            *(partial(without_plus, code=code) for code in self._codes),
        ]

    def _columns(self, cells: pa.Array, verdicts: "_Verdicts") -> pa.RecordBatch:
        """Put the columns together; the exact way explains the refused and does the rest."""
        refused, examples, which = verdicts.alike()
        words = over_distinct(cells.take(pa.array(examples)), self._exact)
        left = np.flatnonzero(bools(cells.is_valid()) & ~refused & ~verdicts.is_accepted)
        return assembled(
            len(cells),
            [
                *verdicts.accepted(self._format),
                (np.flatnonzero(refused), words.take(pa.array(which))),
                (left, over_distinct(cells.take(pa.array(left)), self._exact)),
            ],
        )


class _Verdicts:
    """What was found of each cell of a slice; a cell of which nothing was is undecided.

    Attributes:
        is_accepted: whether some reading of the cell's number was accepted.
        refused: whether every reading so far was refused.
    """

    def __init__(self, length: int, rule: MobileRule) -> None:
        """Begin with every cell undecided."""
        self.is_accepted = np.zeros(length, bool)
        self.refused = np.zeros(length, bool)
        self._likeness = np.full(length, -1, np.int64)
        self._parts: list[Readings] = []
        self._rule = rule

    def settle(self, readings: Readings, *, plus: bool = False) -> None:
        """Accept or refuse what a reading decides; the rest is undecided again."""
        first = ~self.refused[readings.rows]
        self.refused[readings.rows] = False
        sure = bools(readings.national.is_valid())
        rows, national, first = readings.rows[sure], readings.national.drop_null(), first[sure]
        accepted, signature = self._judged(readings.code, national)
        yes, no = (bools(pc.fill_null(one, False)) for one in (accepted, pc.invert(accepted)))  # noqa: FBT003 - a value
        self._parts.append(
            Readings(code=readings.code, rows=rows[yes], national=national.filter(pa.array(yes)))
        )
        self.is_accepted[rows[yes]] = True
        self.refused[rows[no]] = True
        likeness = _likeness(readings.code, national, signature, plus=plus)
        self._likeness[rows[no & first]] = likeness[no & first]

    def _judged(self, code: str, national: pa.Array) -> tuple[pa.Array, np.ndarray]:
        """Return whether each is accepted (null: unsure), and why it is refused (-1: unsure)."""
        rule, count = self._rule, len(national)
        constant = np.full(count, _ONLY_RULED_OUT, np.int64)
        if not code and rule.pattern:
            return pa.nulls(count, pa.bool_()), constant
        if not code or (rule.country_codes and code not in rule.country_codes):
            return pa.array(np.zeros(count, bool)), constant
        digits = pc.binary_join_element_wise(code, national, "")
        lengths = pa.array(rule.lengths or range(32), pa.int32())
        fits = pc.is_in(pc.binary_length(digits), lengths)
        if rule.pattern:
            matches = re.compile(rule.pattern).fullmatch
            found = [matches(one) is not None for one in digits.to_pylist()]
            return pc.and_(fits, pa.array(found, pa.bool_())), constant
        judgement = judge(code, national)
        signature = pc.if_else(judgement.mobile, _ONLY_RULED_OUT, judgement.signature)
        return pc.and_(fits, judgement.mobile), pc.fill_null(signature, -1).to_numpy()

    def accepted(self, mobile_format: MobileFormat) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """Yield where accepted cells stand and their columns of `Contact`."""
        for part in self._parts:
            none = pa.nulls(len(part.rows), pa.string())
            key = _written(part, MobileFormat.DIGITS)
            value = key if mobile_format is MobileFormat.DIGITS else _written(part, mobile_format)
            columns = {"value": value, "key": key}
            yield part.rows, pa.record_batch({name: columns.get(name, none) for name in COLUMNS})

    def alike(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sort the refused by likeness.

        Returns:
            Which cells are refused in words that another one shares; the place of one example of
            each kind; and for each refused cell, in order, which example is its.
        """
        refused = self.refused & (self._likeness >= 0)
        _, first, which = np.unique(
            self._likeness[refused], return_index=True, return_inverse=True
        )
        return refused, np.flatnonzero(refused)[first], which


def _written(readings: Readings, mobile_format: MobileFormat) -> pa.Array:
    """Do `written` for a column."""
    match mobile_format:
        case MobileFormat.DIGITS:
            return pc.binary_join_element_wise(readings.code, readings.national, "")
        case MobileFormat.E164:
            return pc.binary_join_element_wise("+", readings.code, readings.national, "")
        case MobileFormat.NATIONAL:
            return readings.national


def _likeness(code: str, national: pa.Array, signature: np.ndarray, *, plus: bool) -> np.ndarray:
    """Return numbers that are equal only where the exact way refuses in the same words.

    These depend on the calling code, whether a plus stood in front, the number of digits,
    whether they begin with the code, and the signature; -1 where that is unsure.
    """
    length = pc.binary_length(national).to_numpy().astype(np.int64)
    begins = bools(pc.starts_with(national, code)).astype(np.int64)
    kind = ((int(code or 0) * 32 + length) * 2 + begins) * 2 + plus
    likeness: np.ndarray = np.where(signature < 0, -1, kind * (_ONLY_RULED_OUT * 2) + signature)
    return likeness
