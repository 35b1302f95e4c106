"""The last guard before a log or a message leaves: whatever looks like a contact is masked.

Nothing that is logged is meant to hold one, but a file may be named after somebody, and a
system's error message may quote an address.
"""

import re
from typing import Final

MASK: Final = "***"

_EMAIL: Final = re.compile(r"[^\s@<>\"'(),;:/\\]+@[^\s@<>\"'(),;:/\\]+\.[^\s@<>\"'(),;:/\\.]{2,}")
# Ten to fifteen digits, if perhaps apart, that stand by themselves: a mobile as people write it.
_DIGITS: Final = re.compile(r"(?<![0-9A-Za-z])\+?[0-9](?:[ ().-]{0,2}[0-9]){9,14}(?![0-9A-Za-z])")
# 20261123T0215 without its letter, as exports are named: no calling code begins like that.
_MOMENT: Final = re.compile(
    r"20[2-9]\d-?(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])[-. ]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?"
    r"|20[2-9]\d-(?:0[1-9]|1[0-2])-(?:[0-2]\d|3[01]) (?:[01]\d|2[0-3])"
)
# scheme://name:password@ and what follows a question mark: both may be secrets.
_USERINFO: Final = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY: Final = re.compile(r"(?<=://)([^\s?]+)\?\S+")


def masked(text: str) -> str:
    """Return the text with contacts, and with credentials in addresses, masked."""
    text = _USERINFO.sub(f"{MASK}@", text)
    text = _QUERY.sub(rf"\1?{MASK}", text)
    text = _EMAIL.sub(MASK, text)
    return _DIGITS.sub(lambda found: found[0] if _MOMENT.fullmatch(found[0]) else MASK, text)
