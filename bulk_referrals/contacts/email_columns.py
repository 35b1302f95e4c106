"""E-mail addresses by the column: exactly what `one_email` says, in a small part of the time.

A plain address (ASCII, nothing but what every mail system takes) is right where its domain is,
and each distinct domain is checked once. Every other cell goes the exact way, once for each
distinct text.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.contacts.contact import (
    COLUMNS,
    Contact,
    Contacts,
    assembled,
    in_turn,
    over_distinct,
    text_slices,
)
from bulk_referrals.contacts.one_email import (
    LONGEST_CHARS,
    checked_domain,
    domain_warning,
    email,
)

_WIDE_AT: Final = "[\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]"
# RFC 5322, 3.2.3: dot-atom; RFC 5321, 4.5.3.1.1: 64 characters before the @.
_ATOM: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN: Final = rf"^{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9_.-]*[A-Za-z0-9_-]$"
_LONG_LOCAL: Final = "^[^@]{65}"
_UNSURE_START: Final = "^['#]"  # a spreadsheet's mark for text, or its error


def emails(cells: pa.ChunkedArray) -> Contacts:
    """Return what each cell says, if it says an e-mail address; exactly as `email` would."""
    read = partial(_slice, exact=cache(email), domain_of=cache(_domain))
    return in_turn(read, text_slices(cells))


def looks_like_email(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whether each cell holds an @ or one of its wide twins; null for null."""
    typed = pc.match_substring(cells, "@")
    if pc.all(pc.string_is_ascii(cells)).as_py() is not False:
        return typed
    return pc.or_(typed, pc.match_substring_regex(cells, _WIDE_AT))


def _domain(domain: str) -> Contact:
    """Return a lower-case domain's verdict, with its own name as the value if it is right."""
    checked = checked_domain("a", domain)
    if isinstance(checked, Contact):
        return checked
    return Contact(value=checked, warning=domain_warning(checked))


def _slice(
    cells: pa.Array, exact: Callable[[str], Contact], domain_of: Callable[[str], Contact]
) -> pa.RecordBatch:
    text = pc.ascii_trim_whitespace(cells)
    plain = pc.and_(
        pc.match_substring_regex(text, _PLAIN),
        pc.less_equal(pc.binary_length(text), LONGEST_CHARS),
    )
    for unsure in (_LONG_LOCAL, _UNSURE_START):
        plain = pc.and_not(plain, pc.match_substring_regex(text, unsure))
    plain = pc.fill_null(plain, False)  # noqa: FBT003 - a value
    left = pc.and_not(cells.is_valid(), plain)
    parts = (
        (plain, _plain(text.filter(plain), domain_of)),
        (left, over_distinct(cells.filter(left), exact)),
    )
    places = (np.flatnonzero(mask.to_numpy(zero_copy_only=False)) for mask, _ in parts)
    return assembled(len(cells), list(zip(places, (part for _, part in parts), strict=True)))


def _plain(text: pa.Array, domain_of: Callable[[str], Contact]) -> pa.RecordBatch:
    """Return the columns of `Contact` for plain addresses: right where their domain is."""
    typed = pc.replace_substring_regex(text, "^[^@]*@", "")
    domain = pc.ascii_lower(typed)
    verdict = over_distinct(domain, domain_of)
    value = pc.if_else(verdict.column("value").is_valid(), text, None)
    if not typed.equals(verdict.column("value")):
        local = pc.replace_substring_regex(text, "@.*$", "")
        value = pc.binary_join_element_wise(local, verdict.column("value"), "@")
    columns = {
        "value": value,
        "key": pc.ascii_lower(value),
        "problem": verdict.column("problem"),
        "advice": verdict.column("advice"),
        "warning": verdict.column("warning"),
    }
    return pa.record_batch([columns[name] for name in COLUMNS], names=list(COLUMNS))
