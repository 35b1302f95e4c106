"""Source rows → one line per invite that they ask for, and each invite's type.

A row may name its invitee in `identifier` (with `type`, or without), in `invitee_mobile`, in
`invitee_email`, or in several of them: each filled cell is one invite, in that order, and an
invitee named twice in one row is invited once. A row that names nobody keeps one line, and so
does a row that the loader found damaged, since its cells cannot be trusted.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import contacts
from bulk_referrals.model import FIELDS, ReferralType
from bulk_referrals.validator.columns import (
    by_distinct,
    filled,
    mask_of,
    pick,
    positions,
    quoted,
    trimmed,
    type_mask,
    type_positions,
    words,
)
from bulk_referrals.validator.findings import Findings, finding

INVITEE_FIELDS: Final = ("identifier", "invitee_mobile", "invitee_email")
_MOBILE, _EMAIL = ReferralType.MOBILE.value, ReferralType.EMAIL.value
# What people write for the two types, letters only.
_TYPE_WORDS: Final = {
    **dict.fromkeys(("mobile", "mobilephone", "mobilenumber", "mobileno", "mob"), _MOBILE),
    **dict.fromkeys(("phone", "phoneno", "phonenumber", "cell", "cellphone", "cellular"), _MOBILE),
    **dict.fromkeys(("telephone", "tel", "handphone", "sms", "text"), _MOBILE),
    **dict.fromkeys(("email", "emails", "emailaddress", "emailid", "mail"), _EMAIL),
}
_NUMBER: Final = r"^[^\p{L}]*\p{Nd}[^\p{L}]*$"  # a digit and no letter, in any script
_TEXT_FIELDS: Final = tuple(name for name in FIELDS if name not in INVITEE_FIELDS)


def expand(rows: pa.Table) -> pa.Table:
    """Return one line per invite, in the order of the rows.

    Args:
        rows: the rows frame of `model`, any number of rows.

    Returns:
        `line`, `table`, `row`, the rows' fields (trimmed; null where blank) and their `fault`
        and `fault_detail`, with the three invitee columns replaced by `typed` (the invitee's
        cell; null where the row names nobody) and `asked` (int8, which of `INVITEE_FIELDS` it
        stands in).
    """
    with ThreadPoolExecutor() as pool:  # Arrow lets go of the interpreter
        bare = dict(zip(FIELDS, pool.map(trimmed, map(rows.column, FIELDS)), strict=True))
    typed = [bare[name] for name in INVITEE_FIELDS]
    line, asked = _asked(typed, damaged=filled(rows["fault"]))
    columns = {"line": pa.chunked_array([pa.array(line)])}
    columns |= {name: rows[name] for name in ("table", "row", "fault", "fault_detail")}
    columns |= {name: bare[name] for name in _TEXT_FIELDS}
    if len(line) == len(rows) and not asked.any():
        return pa.table({**columns, "typed": typed[0], "asked": pa.array(asked)})
    at = pa.array(line)
    columns = {name: cells.take(at) for name, cells in columns.items() if name != "line"}
    every = pa.chunked_array([chunk for cells in typed for chunk in cells.chunks], pa.string())
    named = every.combine_chunks().take(pa.array(line + asked.astype(np.int64) * len(rows)))
    return pa.table({"line": at, **columns, "typed": named, "asked": pa.array(asked)})


def _asked(
    typed: list[pa.ChunkedArray], *, damaged: type_mask
) -> tuple[type_positions, np.ndarray]:
    """Return, per invite, its row's position and which of `INVITEE_FIELDS` names it."""
    named = [filled(cells) for cells in typed]
    named[1] &= ~(damaged & named[0])
    named[2] &= ~(damaged & (named[0] | named[1]))
    named[1] &= ~_same(typed[0], typed[1])
    named[2] &= ~_same(typed[0], typed[2])
    named[0] |= ~(named[0] | named[1] | named[2])  # a row that names nobody keeps one line
    at = [positions(mask) for mask in named]
    line = np.concatenate(at)
    asked = np.repeat(np.arange(3, dtype=np.int8), [len(part) for part in at])
    order = np.argsort(line, kind="stable")
    return line[order], asked[order]


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> type_mask:
    """Return where two cells of a row name the same invitee, case and separators apart."""
    if one.null_count == len(one) or other.null_count == len(other):
        return np.zeros(len(one), dtype=np.bool_)
    plain = (pc.replace_substring_regex(cells, r"[ ()+-]", "") for cells in (one, other))
    return mask_of(pc.equal(*(pc.utf8_lower(cells) for cells in plain)))


def types(lines: pa.Table) -> tuple[pa.ChunkedArray, list[Findings]]:
    """Return each invite's type and what is wrong with the types.

    The column that names the invitee says its type; in `identifier` the cell itself does. A
    `type` that contradicts it is refused rather than guessed about.

    Args:
        lines: of `expand`.

    Returns:
        MOBILE or EMAIL per line, null where nothing tells or two things differ; and the
        findings (codes 1206, 1701).
    """
    typed, asked = lines["typed"], lines["asked"].to_numpy()
    declared = by_distinct(lines["type"], _type_named)
    shown = _shown(typed, asked, settled=mask_of(pc.equal(declared, _MOBILE)))
    unsupported = positions(filled(lines["type"]) & ~filled(declared))
    differ = mask_of(pc.not_equal(declared, shown))
    against = positions(differ)
    unknown = positions(filled(typed) & ~filled(lines["type"]) & ~filled(shown))
    plain = pc.if_else(
        pa.array(differ), pa.scalar(None, pa.string()), pc.coalesce(declared, shown)
    )
    return plain, [
        _unsupported(lines, unsupported),
        _contradictory(lines, against),
        _neither(lines, unknown),
    ]


def _type_named(cell: str) -> str | None:
    return _TYPE_WORDS.get(re.sub(r"[^a-z]", "", cell.lower()))


def _shown(typed: pa.ChunkedArray, asked: np.ndarray, *, settled: type_mask) -> pa.ChunkedArray:
    """Return the type that the cell or its column shows, null where it shows none.

    A number contradicts only EMAIL: where MOBILE is `settled`, none need be looked for.
    """
    email = mask_of(contacts.looks_like_email(typed))
    open_ = positions(~email & ~settled)
    number = np.zeros(len(typed), dtype=np.bool_)
    number[open_] = mask_of(pc.match_substring_regex(pick(typed, open_), _NUMBER))
    shown = pc.if_else(pa.array(number), _MOBILE, pa.scalar(None, pa.string()))
    shown = pa.chunked_array([pc.if_else(pa.array(email), _EMAIL, shown)])
    if not asked.any():
        return shown
    shown = pc.if_else(pa.array(asked == 1), _MOBILE, shown)
    return pc.if_else(pa.array(asked == INVITEE_FIELDS.index("invitee_email")), _EMAIL, shown)


def _unsupported(lines: pa.Table, at: type_positions) -> Findings:
    named = [quoted(cell) for cell in words(lines["type"], at)]
    return finding(
        at,
        code="1206",
        field="type",
        reason=[f"{cell} is not a type that the platform supports" for cell in named],
        advice="Write MOBILE or EMAIL, or leave the type empty: it follows from the invitee.",
    )


def _contradictory(lines: pa.Table, at: type_positions) -> Findings:
    told = zip(
        words(lines["type"], at),
        words(lines["typed"], at),
        lines["asked"].take(pa.array(at)).to_pylist(),
        strict=True,
    )
    reasons = []
    for type_cell, typed, asked in told:
        if asked:
            what = f"{quoted(typed)} stands in the column of the invitee's {_CHANNEL[asked]}"
        else:
            what = f"{quoted(typed)} is {'an e-mail address' if '@' in typed else 'a number'}"
        reasons.append(f"the type is {quoted(type_cell)}, but {what}")
    return finding(
        at,
        code="1701",
        field="type",
        reason=reasons,
        advice="Correct the type or the invitee; an empty type follows from the invitee.",
    )


_CHANNEL: Final = ("", "mobile", "e-mail")


def _neither(lines: pa.Table, at: type_positions) -> Findings:
    typed = [quoted(cell) for cell in words(lines["typed"], at)]
    return finding(
        at,
        code="1701",
        field="identifier",
        reason=[f"{cell} is neither a mobile nor an e-mail address" for cell in typed],
        advice="Ask for the invitee's full mobile or e-mail address and write that.",
    )
