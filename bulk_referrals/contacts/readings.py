"""The ways to read a number, by the column: what `one_mobile._readings` does with one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.contacts.numbering import split_code
from bulk_referrals.contacts.plans import code_plan, region_plan

# A calling code with fewer numbers in a slice is not worth compiling its patterns.
_WORTHWHILE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Numbers of one calling code, read.

    Attributes:
        code: the calling code, digits; "" where they begin with none that is known.
        rows: int64 places of the numbers in their slice.
        national: their digits after the code; null where undecided.
    """

    code: str
    rows: np.ndarray
    national: pa.Array


def bools(mask: pa.Array) -> np.ndarray:
    """Return a mask without nulls as numpy."""
    found: np.ndarray = mask.to_numpy(zero_copy_only=False)
    return found


def with_code(digits: pa.Array, rows: np.ndarray) -> Iterator[Readings]:
    """Read digits that begin with a calling code, as those behind a plus."""
    heads = pc.utf8_slice_codeunits(digits, 0, 3).dictionary_encode()
    codes = np.array([split_code(head)[0] for head in heads.dictionary.to_pylist()], object)
    code_of = codes[heads.indices.to_numpy()] if len(codes) else codes
    for code in dict.fromkeys(codes):
        own = code_of == code
        part = digits.filter(pa.array(own, pa.bool_()))
        if not code:
            yield Readings(code="", rows=rows[own], national=part)
        elif len(part) >= _WORTHWHILE:
            national = code_plan(code).national(pc.utf8_slice_codeunits(part, len(code)))
            yield Readings(code=code, rows=rows[own], national=_possible(national))
        else:
            yield _undecided(rows[own])


def without_plus(digits: pa.Array, rows: np.ndarray, *, code: str) -> Iterator[Readings]:
    """Read those of the numbers that begin with the calling code, as if behind a plus."""
    own = pc.starts_with(digits, code)
    yield from with_code(digits.filter(own), rows[bools(own)])


def at_home(digits: pa.Array, rows: np.ndarray, *, region: str) -> Iterator[Readings]:
    """Read numbers as dialled in a known region."""
    plan = region_plan(region)
    abroad = plan.begins_abroad(digits)
    if pc.any(abroad).as_py():
        outside, digits = plan.from_abroad(digits.filter(abroad)), digits.filter(pc.invert(abroad))
        outside_rows, rows = rows[bools(abroad)], rows[~bools(abroad)]
        sure = bools(outside.is_valid())
        yield _undecided(outside_rows[~sure])
        for readings in with_code(outside.drop_null(), outside_rows[sure]):
            # With an unknown code behind the prefix, the prefix was none.
            yield readings if readings.code else _undecided(readings.rows)
    yield Readings(code=plan.code, rows=rows, national=_possible(_national(digits, region)))


def _national(digits: pa.Array, region: str) -> pa.Array:
    """Return the national numbers of digits dialled in a region, with its code or without."""
    plan = region_plan(region)
    own = pc.starts_with(digits, plan.code)
    if not pc.any(own).as_py():
        return plan.national(digits)
    rows = digits.filter(own)
    taken, rest = plan.holds_own_code(rows)
    bare = plan.national(digits.filter(pc.invert(own)))
    kept = pc.if_else(taken, code_plan(plan.code).national(rest), plan.national(rows))
    return pc.replace_with_mask(pc.replace_with_mask(digits, pc.invert(own), bare), own, kept)


def _possible(national: pa.Array) -> pa.Array:
    """Leave the lengths undecided at which `parse` raises, with much to spare."""
    length = pc.binary_length(national)
    possible = pc.and_(pc.greater(length, 3), pc.less(length, 16))
    return pc.if_else(possible, national, None)


def _undecided(rows: np.ndarray) -> Readings:
    return Readings(code="", rows=rows, national=pa.nulls(len(rows), pa.string()))
