"""The exact definition of a mobile, one cell at a time; the fast way must agree with it.

1. The policy step (`dialled`) leaves an optional plus and ASCII digits, or refuses.
2. The number is read, in this order, until a reading is accepted:
   - with a plus: by its own country code, whatever the region;
   - without: as dialled in the row's region, then in the main region of each of the brand's
     country codes, in their order; then as a number that begins with the calling code of one
     of these, its plus forgotten (the platform's own form of a mobile);
   - without a plus, a region and the brand's codes: as a number whose plus was forgotten.
3. A reading is accepted when its country code is among the brand's (where it names any), its
   number of digits among the brand's (where it names any), and the brand's pattern matches;
   where the brand has no pattern, libphonenumber must find it valid and of a type that can be
   a mobile (where a country does not tell mobiles from landlines, that is either).
4. Where no reading is accepted, the first one is explained.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from bulk_referrals.contacts import numbering
from bulk_referrals.contacts.contact import EMPTY, Contact, refused
from bulk_referrals.contacts.dialled import dialled
from bulk_referrals.model import MobileFormat, MobileRule

_MOBILE_TYPES: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_TYPE_NAMES: Final = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOIP: "an internet telephony number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number that forwards calls",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company's access number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}
_ASK: Final = "Ask for the full mobile number."
_ASK_MOBILE: Final = "Ask for a mobile number."
_ADD_CODE: Final = "Write it with + and the country code, or name its country with --region."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One way to read a number.

    Attributes:
        code: the calling code, digits; "" where there is none.
        national: the digits after it, trunk prefix removed, leading zeros of Italy kept.
        kind: libphonenumber's type, UNKNOWN where it is not valid.
    """

    code: str
    national: str
    kind: int = PhoneNumberType.UNKNOWN

    @property
    def digits(self) -> str:
        return self.code + self.national


def mobile(text: str, *, region: str, rule: MobileRule, mobile_format: MobileFormat) -> Contact:
    """Return what one cell says, if it says a mobile (the module's docstring tells how).

    Args:
        text: the cell.
        region: ISO 3166 alpha-2, any case, of a number without country code; "" for none.
        rule: the brand's own rule.
        mobile_format: how `value` is written; `key` is always digits with country code.

    Returns:
        The contact; `EMPTY` for a cell without a visible character.
    """
    number = dialled(text)
    if isinstance(number, Contact):
        return number
    if not number:
        return EMPTY
    return number_contact(number, region=region, rule=rule, mobile_format=mobile_format)


def number_contact(
    number: str, *, region: str, rule: MobileRule, mobile_format: MobileFormat
) -> Contact:
    """Return what a number says that has passed the policy step: steps 2 to 4."""
    home = region.strip().upper()
    if home and not numbering.is_region(home) and not number.startswith("+"):
        return refused(
            "no country code, and its region is not a country's code",
            "Write the two letters of the country, such as IN or AE, as the region.",
        )
    first: _Reading | None = None
    for reading in _readings(number, home, rule):
        if _accepts(reading, rule):
            return Contact(
                value=written(reading.code, reading.national, mobile_format), key=reading.digits
            )
        first = first or reading
    return _explained(number, first or _Reading(code="", national=number.lstrip("+")), rule, home)


def written(code: str, national: str, mobile_format: MobileFormat) -> str:
    """Return the mobile as it is sent."""
    match mobile_format:
        case MobileFormat.DIGITS:
            return code + national
        case MobileFormat.E164:
            return f"+{code}{national}"
        case MobileFormat.NATIONAL:
            return national


def home_regions(region: str, rule: MobileRule) -> tuple[str, ...]:
    """Return the regions in which a number without country code is read, in order."""
    named = (region, *map(numbering.main_region, rule.country_codes))
    return tuple(dict.fromkeys(one for one in named if one and numbering.is_region(one)))


def reading_codes(homes: tuple[str, ...], rule: MobileRule) -> tuple[str, ...]:
    """Return the calling codes with which a number without plus may begin, in order."""
    return tuple(dict.fromkeys((*map(numbering.calling_code, homes), *rule.country_codes)))


def _readings(number: str, region: str, rule: MobileRule) -> Iterator[_Reading]:
    if number.startswith("+"):
        yield _read(number, None)
        return
    homes = home_regions(region, rule)
    for home in homes:
        yield _read(number, home)
    codes = reading_codes(homes, rule)
    for code in codes:
        if number.startswith(code):
            yield _read(f"+{number}", None)
    if not codes:
        yield _read(f"+{number}", None)


def _read(number: str, region: str | None) -> _Reading:
    try:
        found = phonenumbers.parse(number, region)
    except NumberParseException:
        if region is not None:
            return _Reading(code=numbering.calling_code(region), national=number)
        code, national = numbering.split_code(number[1:])
        return _Reading(code=code, national=national)
    return _Reading(
        code=str(found.country_code),
        national=phonenumbers.national_significant_number(found),
        kind=phonenumbers.number_type(found),
    )


def _accepts(reading: _Reading, rule: MobileRule) -> bool:
    digits = reading.digits
    if rule.country_codes and reading.code not in rule.country_codes:
        return False
    if rule.lengths and len(digits) not in rule.lengths:
        return False
    if rule.pattern:
        return re.fullmatch(rule.pattern, digits) is not None
    return reading.kind in _MOBILE_TYPES


def _explained(number: str, reading: _Reading, rule: MobileRule, region: str) -> Contact:
    """Say why the first reading was not accepted."""
    code = reading.code
    if not (number.startswith("+") or region or rule.country_codes):
        return refused("no country code that makes it a mobile, and no region is set", _ADD_CODE)
    if not code:
        return refused("an unknown country code", "Check the digits after the +.")
    if rule.country_codes and code not in rule.country_codes:
        supported = ", ".join(f"+{one}" for one in rule.country_codes)
        return refused(
            f"a number of {_place(code)}, and only {supported} can be invited",
            "Ask for a mobile of a supported country, or leave the row out.",
        )
    if rule.pattern or reading.kind in _MOBILE_TYPES:
        return _ruled_out(reading, rule)
    if reading.kind in _TYPE_NAMES:
        return refused(f"{_TYPE_NAMES[reading.kind]} of {_place(code)}", _ASK_MOBILE)
    return _misnumbered(number, reading)


def _ruled_out(reading: _Reading, rule: MobileRule) -> Contact:
    """Say what the brand's own rule has against it."""
    count = len(reading.digits)
    if rule.lengths and count not in rule.lengths:
        wanted = _counts(tuple(sorted(rule.lengths)))
        return refused(
            f"{_digits(count)} with the country code, the brand's rule wants {wanted}", _ASK
        )
    return refused("not a mobile by the brand's own rule", _ASK)


def _misnumbered(number: str, reading: _Reading) -> Contact:
    """Say what the numbering plan has against it."""
    code, national = reading.code, reading.national
    lengths = numbering.mobile_lengths(code)
    if not lengths:
        return refused(f"a number of {_place(code)}, which has no mobiles", _ASK_MOBILE)
    count = len(national)
    if not number.startswith("+") and count > max(lengths) and national.startswith(code):
        count -= len(code)  # its country code stands in front
    if count in lengths:
        return refused(f"no mobile of {_place(code)} begins with these digits", _ASK)
    return refused(f"{_digits(count)}, a mobile of {_place(code)} has {_counts(lengths)}", _ASK)


def _place(code: str) -> str:
    name = numbering.country_name(numbering.main_region(code))
    return f"{name} (+{code})" if name else f"+{code}"


def _digits(count: int) -> str:
    return "1 digit" if count == 1 else f"{count} digits"


def _counts(lengths: tuple[int, ...]) -> str:
    if len(lengths) > 2 and lengths[-1] - lengths[0] == len(lengths) - 1:  # noqa: PLR2004 - a run
        return f"{lengths[0]} to {lengths[-1]}"
    *others, last = map(str, lengths)
    return f"{', '.join(others)} or {last}" if others else last
