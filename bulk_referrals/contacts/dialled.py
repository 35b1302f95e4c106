"""The policy step: from a cell to what one would dial, or the reason why it is not sure.

libphonenumber looks for a number in a text and is glad to find one: ``98765O43210``,
``9.19876543210`` and ``Ravi 9876543210 ext 5`` are all valid mobiles to it. Inviting a stranger
costs more than asking, so whatever a person could have meant otherwise is refused here,
before that library sees it. What passes is an optional plus and ASCII digits.
"""

import re
from typing import Final

from bulk_referrals.contacts.contact import Contact, refused
from bulk_referrals.contacts.folding import fold

# ITU-T E.164, section 6.1: a number has at most 15 digits with its country code.
LONGEST_DIGITS: Final = 15
# A spreadsheet shows a number of 12 digits or more as powers of ten with six digits.
_KEPT_DIGITS: Final = 6
_SHORTENED_DIGITS: Final = 12
_LEAST_DIGITS_OF_A_NUMBER: Final = 7

_ASK: Final = "Ask for the full number and enter it as text."
_RETYPE: Final = "Correct the number and save again."
_ONE: Final = "Keep one number in the cell, and put the other into a row of its own."

_PLAIN: Final = re.compile(r"\+?[0-9]+")
_WHOLE: Final = re.compile(r"(\+?[0-9]+)\.0+")  # a numeric cell's text
_GROUP: Final = r"(?:[0-9]+|\([0-9]+\))"
_FORMATTED: Final = re.compile(
    rf"(?:\+ *|\(\+ *[0-9]+\)(?: *[-./])? *)?{_GROUP}(?: *[-./]? *{_GROUP})*"
)
_SEPARATORS: Final = re.compile(r"[^0-9+]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_PREFIX: Final = re.compile(r"(?i:tel:) *|['\N{RIGHT SINGLE QUOTATION MARK}]")
_POWERS_OF_TEN: Final = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]*)?[eE][-+]?[0-9]+")
_EXTENSION: Final = re.compile(
    r"[0-9) ](?:ext\w*|xtn?|extn|x|int)[ .:]*[0-9]{1,6}$", re.IGNORECASE
)
_SPLIT: Final = re.compile(r"[,;/|&\n\r\t]|\b(?:or|and|und|et|o|y)\b", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"[*?\N{BULLET}\N{HORIZONTAL ELLIPSIS}_]|x{2,}|\.{3}", re.IGNORECASE)


def dialled(text: str) -> str | Contact:
    """Return what one would dial: an optional plus and ASCII digits; or the refusal.

    A cell without any visible character gives "". Beyond `fold`, a leading apostrophe (the
    spreadsheet's mark for text) and a ``tel:`` are dropped, ``917999836466.0`` is mended, and
    spaces, ``( ) . - /`` are formatting as long as they stand between groups of digits, one at
    a time, the brackets closed. One full stop could be a decimal point, so formatting has two
    or more. A slash with a whole number, or hardly any digit, behind it tells of a second
    number. Twelve digits or more that end in zeros after the sixth are what a spreadsheet
    leaves of a number once shown as 9.19877E+11; with a plus in front they are meant.
    """
    folded = fold(text).strip()
    mark = _PREFIX.match(folded)
    if mark:
        folded = folded[mark.end() :].strip()
    if not folded or _PLAIN.fullmatch(folded):
        return _checked(folded, folded)
    whole = _WHOLE.fullmatch(folded)
    if whole:
        return _checked(whole[1], folded)
    if not _is_formatted(folded):
        return _refusal(folded)
    return _checked(_SEPARATORS.sub("", folded), folded)


def _is_formatted(folded: str) -> bool:
    if not _FORMATTED.fullmatch(folded) or folded.count(".") == 1:
        return False
    before, slash, after = folded.rpartition("/")
    if not slash:
        return True
    lengths = [sum(map(str.isdecimal, side)) for side in (before, after)]
    return "/" not in before and lengths[1] >= 5 and min(lengths) < _LEAST_DIGITS_OF_A_NUMBER  # noqa: PLR2004 - fewer are an alternative ending


def _checked(number: str, folded: str) -> str | Contact:
    """Return the number unless its digits tell of damage."""
    digits = number.lstrip("+").lstrip("0")
    if len(digits) > LONGEST_DIGITS:
        if number != folded and not _WHOLE.fullmatch(folded):
            return refused("more digits than one number has", _ONE)
        return refused(f"{len(digits)} digits, no number has more than {LONGEST_DIGITS}", _ASK)
    rounded = len(digits) >= _SHORTENED_DIGITS and not digits[_KEPT_DIGITS:].strip("0")
    if rounded and number == digits:
        return refused(
            f"only zeros after its first {_KEPT_DIGITS} digits, as a spreadsheet rounds",
            "Ask for the full number; if it really is this one, write it with a + in front.",
        )
    return number


def _refusal(folded: str) -> Contact:
    """Say why a text that is no formatted number was refused, the likeliest cause first."""
    if folded.startswith("#"):
        return refused("a spreadsheet's error, not a number", "Mend the formula and save again.")
    if "@" in folded:
        return refused(
            "an e-mail address, not a mobile", "Set the type to EMAIL, or enter a mobile."
        )
    if not _DIGITS.search(folded):
        return refused("no digit in it", "Enter the mobile, or leave the cell empty.")
    if _POWERS_OF_TEN.fullmatch(folded):
        return refused("shortened by a spreadsheet, its last digits are lost", _ASK)
    if re.fullmatch(r"[-+]?[0-9]*[.,][0-9]*", folded):
        return refused("a decimal number, so digits may be lost", _ASK)
    if _is_several(folded):
        return refused("two numbers in one cell", _ONE)
    return _character_refusal(folded)


def _is_several(folded: str) -> bool:
    parts = [
        len(_DIGITS.findall(part) and re.sub(r"[^0-9]", "", part)) for part in _SPLIT.split(folded)
    ]
    return sum(count >= _LEAST_DIGITS_OF_A_NUMBER for count in parts) > 1


def _character_refusal(folded: str) -> Contact:
    if _EXTENSION.search(folded):
        return refused("an extension, which no mobile has", "Ask for the mobile itself.")
    if _HIDDEN.search(folded):
        return refused("some digits are hidden", _ASK)
    letters = "".join(sorted({char for char in folded if char.isalpha()}))
    if letters and letters.strip("Oo") == "":
        return refused("the letter O among the digits", _RETYPE)
    if letters:
        return refused("letters among the digits", "Keep only the number in the cell.")
    if "+" in folded[1:] and not re.fullmatch(r"\(\+[^+]*", folded):
        return refused("a + that is not in front", _RETYPE)
    if folded.count("(") != folded.count(")"):
        return refused("a bracket without its partner", _RETYPE)
    if "/" in folded:
        return refused("a slash, so perhaps two numbers", _ONE)
    return refused("punctuation that no number has", _RETYPE)
