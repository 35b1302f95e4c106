"""The policy step: from a cell to what one would dial, or the reason why it is not sure.

libphonenumber looks for a number in a text and is glad to find one: ``98765O43210``,
``9.19876543210`` and ``Ravi 9876543210 ext 5`` are all valid mobiles to it. Inviting a stranger
costs more than asking, so whatever a person could have meant otherwise is refused here,
before that library sees it. What passes is an optional plus and ASCII digits.

`MARK`, `WHOLE` and `FORMATTED` keep to what `re` and RE2 understand alike: the fast way uses
them too.
"""

import re
from typing import Final

from bulk_referrals.contacts.contact import Contact, refused
from bulk_referrals.contacts.folding import fold

LONGEST_TEXT: Final = 60  # characters; no formatting of 15 digits needs more
LONGEST_NUMBER: Final = 15  # digits with country code: ITU-T E.164, section 6.1
_SHORTENED: Final = 12  # a spreadsheet shows numbers of so many digits as powers of ten,
_KEPT: Final = 6  # of which so many digits are left
_WHOLE_NUMBER: Final = 7  # so many digits behind a slash may be a second number,
_ENDING: Final = 4  # so few may be another ending of the first

_SEPARATOR: Final = "(?: +| *[-./] *)?"
_GROUP: Final = r"(?:[0-9]|\([0-9]+\))"
MARK: Final = r"(?:(?i:tel:)|') *"  # a link's scheme, or a spreadsheet's mark for text
WHOLE: Final = r"(\+?[0-9]+)\.0+"  # the text of a numeric cell
FORMATTED: Final = rf"(?:\+ *|\(\+ *[0-9]+\){_SEPARATOR})?{_GROUP}(?:{_SEPARATOR}{_GROUP})*"

_MARK: Final = re.compile(MARK)
_WHOLE: Final = re.compile(WHOLE)
_FORMATTED: Final = re.compile(FORMATTED)
_FORMATTING: Final = re.compile("[^0-9+]+")

_ASK: Final = "Ask for the full number and enter it as text."
_RETYPE: Final = "Correct the number and save again."
_ONE: Final = "Keep one number in the cell, and put the other into a row of its own."
_NUMBER: Final = r"(?:[0-9][ ().-]*){7,}"

# Why a text is no number, the likeliest cause first: (what it looks like, problem, advice).
_CAUSES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), problem, advice)
    for pattern, problem, advice in (
        ("^#", "a spreadsheet's error, not a number", "Mend the formula and save again."),
        ("@", "an e-mail address, not a mobile", "Set the type to EMAIL, or enter a mobile."),
        ("^[^0-9]*$", "no digit in it", "Enter the mobile, or leave the cell empty."),
        (
            r"^[-+]?[0-9]+(?:[.,][0-9]*)? *e *[-+]?[0-9]+$",
            "shortened by a spreadsheet, its last digits are lost",
            _ASK,
        ),
        (
            rf"{_NUMBER}(?:[,;/|&\n\r\t]|\b(?:or|and)\b)[^0-9]*{_NUMBER}",
            "two numbers in one cell",
            _ONE,
        ),
        (r"^[-+]?[0-9]{1,3}(?:,[0-9]{3}){2,}$", "commas between its thousands", _RETYPE),
        (r"^[-+]?[0-9]*[.,][0-9]*$", "a decimal number, so digits may be lost", _ASK),
        (
            r"[0-9) ](?:ext\w*|xtn?|x|int)[ .:]*[0-9]{1,6}$",
            "an extension, which no mobile has",
            "Ask for the mobile itself.",
        ),
        (r"[*?_\N{BULLET}\N{HORIZONTAL ELLIPSIS}]|x{2,}|\.{3}", "some digits are hidden", _ASK),
        (r"^[\d\W_o]*o[\d\W_o]*$", "the letter O among the digits", _RETYPE),
        (r"[^\W\d_]", "letters among the digits", "Keep only the number in the cell."),
        (r"^(?!\(\+[^+]*$).+\+", "a + that is not in front", _RETYPE),
        (r"\([^)]*$|^[^(]*\)", "a bracket without its partner", _RETYPE),
        ("/", "a slash, so perhaps two numbers", _ONE),
        ("", "punctuation that no number has", _RETYPE),
    )
)


def dialled(text: str) -> str | Contact:
    """Return what one would dial: an optional plus and ASCII digits; or the refusal.

    A cell without any visible character gives "". Beyond `fold`, a leading apostrophe (the
    spreadsheet's mark for text) and a ``tel:`` are dropped, ``917999836466.0`` is mended, and
    spaces and ``( ) . - /`` are formatting as long as they stand between groups of digits, one
    at a time, the brackets closed. One full stop could be a decimal point, so formatting has
    two or more. A slash with a whole number, or hardly any digit, behind it tells of a second
    number. Twelve digits or more with only zeros after the sixth are what a spreadsheet leaves
    of a number once shown as 9.19877E+11; with a plus in front they are meant.
    """
    folded = fold(text).strip()
    mark = _MARK.match(folded)
    if mark:
        folded = folded[mark.end() :].strip()
    if not folded:
        return ""
    if len(folded) > LONGEST_TEXT:
        return refused("too long a text for a number", "Keep only the number in the cell.")
    whole = _WHOLE.fullmatch(folded)
    if whole:
        return _undamaged(whole[1], _ASK)
    if not _is_formatted(folded):
        return _refusal(folded)
    number = _FORMATTING.sub("", folded)
    return _undamaged(number, _ASK if number == folded else _ONE)


def _is_formatted(folded: str) -> bool:
    if not _FORMATTED.fullmatch(folded) or folded.count(".") == 1:
        return False
    before, slash, after = folded.rpartition("/")
    digits = sum(map(str.isdecimal, after))
    second = sum(map(str.isdecimal, before)) >= _WHOLE_NUMBER and digits >= _WHOLE_NUMBER
    return not slash or ("/" not in before and digits > _ENDING and not second)


def _undamaged(number: str, advice: str) -> str | Contact:
    """Return the number, unless its digits tell of damage."""
    digits = number.lstrip("+0")
    if len(digits) > LONGEST_NUMBER:
        longest = f"no number has more than {LONGEST_NUMBER}"
        return refused(f"{len(digits)} digits, {longest}", advice)
    if number == digits and len(digits) >= _SHORTENED and not digits[_KEPT:].strip("0"):
        return refused(
            f"only zeros after its first {_KEPT} digits, as a spreadsheet leaves them",
            "Ask for the full number; if it really is this one, write it with a + in front.",
        )
    return number


def _refusal(folded: str) -> Contact:
    """Say why a text that is no formatted number was refused."""
    problem, advice = next(
        (problem, advice) for cause, problem, advice in _CAUSES if cause.search(folded)
    )
    return refused(problem, advice)
