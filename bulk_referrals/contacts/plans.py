"""libphonenumber's reading of digits, for whole columns, from the metadata it came with.

Each function here does to an array what one of `phonenumbers`' own does to a string, with the
same patterns, run by RE2. A null says "undecided": that cell belongs to the exact way. The
names in brackets are those of `phonenumbers.phonenumberutil`, whose steps are followed.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

from bulk_referrals.contacts.numbering import plan as main_metadata

# _number_type_helper: the types that are looked for before mobile and landline, in order.
_EARLIER: Final = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_NEVER: Final = "[^\\x00-\\x{10FFFF}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desc:
    """The numbers of one type: a pattern for the whole, and lengths (none: any)."""

    pattern: str
    lengths: tuple[int, ...]

    def matches(self, digits: pa.Array) -> pa.Array:
        """Do `_is_number_matching_desc`."""
        fits = self.fits(digits)
        return pc.and_(fits, _length_in(digits, self.lengths)) if self.lengths else fits

    def fits(self, digits: pa.Array) -> pa.Array:
        """Do `_match_national_number`, which does not look at lengths."""
        return pc.match_substring_regex(digits, f"^(?:{self.pattern})$")


def _desc(found: PhoneNumberDesc | None) -> _Desc:
    if found is None or not found.national_number_pattern:
        return _Desc(pattern=_NEVER, lengths=())
    return _Desc(pattern=found.national_number_pattern, lengths=tuple(found.possible_length))


def _length_in(digits: pa.Array, lengths: tuple[int, ...]) -> pa.Array:
    return pc.is_in(pc.binary_length(digits), pa.array(lengths, pa.int32()))


class Plan:
    """One region's numbering plan."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        """Take the patterns of one region's metadata."""
        self.code = str(metadata.country_code)
        self.general = _desc(metadata.general_desc)
        self.earlier = [_desc(getattr(metadata, name)) for name in _EARLIER]
        self.fixed = _desc(metadata.fixed_line)
        self.mobile = _desc(metadata.mobile)
        self.leading_digits = metadata.leading_digits
        self._possible = self.general.lengths
        # `_test_number_length` says TOO_LONG for whatever is longer than this.
        local = metadata.general_desc.possible_length_local_only if metadata.general_desc else ()
        self._longest = max((*self._possible, *local), default=0)
        self._idd = metadata.international_prefix or _NEVER
        self._prefix = metadata.national_prefix_for_parsing or ""
        self._transforms = bool(metadata.national_prefix_transform_rule)
        if metadata.same_mobile_and_fixed_line_pattern:
            self.mobile = self.fixed

    @cached_property
    def _any_earlier(self) -> str:
        return "^(?:" + "|".join(desc.pattern for desc in self.earlier) + ")$"

    @cached_property
    def _any_type(self) -> str:
        every = (*self.earlier, self.fixed, self.mobile)
        return "^(?:" + "|".join(desc.pattern for desc in every) + ")$"

    def is_mobile(self, digits: pa.Array) -> pa.Array:
        """Tell where `_number_type_helper` says MOBILE or FIXED_LINE_OR_MOBILE."""
        found = pc.and_(self.mobile.matches(digits), self.general.matches(digits))
        earlier = pc.and_(found, pc.match_substring_regex(digits, self._any_earlier))
        if not pc.any(earlier).as_py():
            return found
        rows = digits.filter(earlier)
        other = [desc.matches(rows) for desc in self.earlier]
        keep = pc.invert(_any(other))
        return pc.replace_with_mask(found, earlier, keep)

    def may_have_type(self, digits: pa.Array) -> pa.Array:
        """Tell where `_number_type_helper` may say anything but UNKNOWN; False is certain."""
        return pc.match_substring_regex(digits, self._any_type)

    def signature(self, digits: pa.Array) -> np.ndarray:
        """Return numbers that are equal only where `_number_type_helper` says the same."""
        bits = [
            desc.matches(digits) for desc in (self.general, *self.earlier, self.fixed, self.mobile)
        ]
        columns = (bit.to_numpy(zero_copy_only=False).astype(np.int64) for bit in bits)
        return sum(
            (column << place for place, column in enumerate(columns)),
            start=np.zeros(len(digits), np.int64),
        )

    def without_prefix(self, digits: pa.Array) -> pa.Array:
        """Do `_maybe_strip_national_prefix_carrier_code`."""
        if not self._prefix:
            return digits
        begins = pc.match_substring_regex(digits, f"^(?:{self._prefix})")
        if not pc.any(begins).as_py():
            return digits
        rows = digits.filter(begins)
        rest = pc.replace_substring_regex(rows, f"^(?:{self._prefix})", "", max_replacements=1)
        keep = pc.and_(self.general.fits(rows), pc.invert(self.general.fits(rest)))
        rest = pc.if_else(keep, rows, rest)
        if self._transforms:
            rest = pc.if_else(self._is_transformed(rows), None, rest)
        return pc.replace_with_mask(digits, begins, rest)

    def _is_transformed(self, rows: pa.Array) -> pa.Array:
        """Tell where the prefix's last group took part, so that the number is rewritten."""
        if not _has_wide_last_group(self._prefix):
            return pa.repeat(True, len(rows))  # noqa: FBT003 - a value, not a flag
        number = re.compile(self._prefix).groups
        taken = pc.replace_substring_regex(rows, f"^(?:{self._prefix}).*$", rf"\{number}")
        return pc.not_equal(taken, "")

    def national(self, digits: pa.Array) -> pa.Array:
        """Do the last step of `parse`: the national number of digits without country code."""
        rest = self.without_prefix(digits)
        length = pc.binary_length(rest)
        fits = pc.or_(_length_in(rest, self._possible), pc.greater(length, self._longest))
        sure = pc.or_(fits, pc.equal(rest, digits))
        return pc.if_else(sure, rest, None)

    def begins_abroad(self, digits: pa.Array) -> pa.Array:
        """Tell where the digits begin with the region's prefix for calls abroad."""
        return pc.match_substring_regex(digits, f"^(?:{self._idd})")

    def from_abroad(self, digits: pa.Array) -> pa.Array:
        """Do `_parse_prefix_as_idd`: what follows; null where that begins with 0."""
        rest = pc.replace_substring_regex(digits, f"^(?:{self._idd})", "", max_replacements=1)
        return pc.if_else(pc.starts_with(rest, "0"), None, rest)

    def holds_own_code(self, digits: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Do the last part of `_maybe_extract_country_code`.

        Args:
            digits: that begin with the region's calling code.

        Returns:
            Whether the calling code was taken for one (null where undecided), and what follows.
        """
        rest = self.without_prefix(pc.utf8_slice_codeunits(digits, len(self.code)))
        better = pc.and_(pc.invert(self.general.fits(digits)), self.general.fits(rest))
        too_long = pc.greater(pc.binary_length(digits), self._longest)
        return pc.or_(better, too_long), rest


def _any(masks: list[pa.Array]) -> pa.Array:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found


@cache
def _has_wide_last_group(pattern: str) -> bool:
    """Tell whether the last capturing group, where it takes part, takes at least one digit."""
    starts = [hit.end() for hit in re.finditer(r"(?<!\\)\((?!\?)", pattern)]
    depth = 1
    for end in range(starts[-1], len(pattern)) if starts else ():
        depth += {"(": 1, ")": -1}.get(pattern[end], 0)
        if depth == 0:
            return re.fullmatch(pattern[starts[-1] : end], "") is None
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What libphonenumber says of national numbers of one calling code.

    Attributes:
        mobile: whether a number's type can be a mobile's; null where undecided.
        signature: int64, equal only where the type is the same; null where undecided. It is
            given for the numbers that are no mobiles.
    """

    mobile: pa.Array
    signature: pa.Array


def judge(code: str, digits: pa.Array) -> Judgement:
    """Do `number_type` for the national numbers of one known calling code.

    Where several regions share the code, `_region_code_for_number_from_list` asks them in
    turn: the first whose leading digits, or else any of whose types, match is the number's.
    """
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    if len(regions) == 1:
        plan = code_plan(code)
        mobile = plan.is_mobile(digits)
        return Judgement(mobile=mobile, signature=_signatures(plan, digits, mobile))
    mobile = np.full(len(digits), -1, np.int8)  # 1, 0, or -1: undecided
    signature = np.full(len(digits), -1, np.int64)
    left = np.arange(len(digits))
    for plan in map(region_plan, regions):
        left = _claim(plan, digits, left, mobile)
        if not len(left):
            break
    mobile[left] = 0
    signature[left] = 0  # nobody's number: of no type
    return Judgement(
        mobile=pa.array(mobile == 1, mask=mobile < 0),
        signature=pa.array(signature, mask=signature < 0),
    )


def _signatures(plan: Plan, digits: pa.Array, mobile: pa.Array) -> pa.Array:
    others = pc.invert(mobile)
    blank = pa.nulls(len(digits), pa.int64())
    return pc.replace_with_mask(blank, others, pa.array(plan.signature(digits.filter(others))))


def _claim(plan: Plan, digits: pa.Array, left: np.ndarray, mobile: np.ndarray) -> np.ndarray:
    """Decide the numbers that are this region's; return the places of the others."""
    rows = digits.take(pa.array(left))
    if plan.leading_digits is not None:
        own = _bools(pc.match_substring_regex(rows, f"^(?:{plan.leading_digits})"))
        mobile[left[own]] = _bools(plan.is_mobile(rows.filter(pa.array(own))))
        not_own: np.ndarray = left[~own]
        return not_own
    accepted = _bools(plan.is_mobile(rows))
    mobile[left[accepted]] = 1
    others = left[~accepted]
    nobodys: np.ndarray = others[~_bools(plan.may_have_type(rows.filter(pa.array(~accepted))))]
    return nobodys


def _bools(mask: pa.Array) -> np.ndarray:
    found: np.ndarray = mask.to_numpy(zero_copy_only=False)
    return found


@cache
def region_plan(region: str) -> Plan:
    """Return a known region's plan."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise KeyError(region)
    return Plan(metadata)


@cache
def code_plan(code: str) -> Plan:
    """Return the plan by which a known calling code's numbers are read."""
    metadata = main_metadata(code)
    if metadata is None:
        raise KeyError(code)
    return Plan(metadata)
