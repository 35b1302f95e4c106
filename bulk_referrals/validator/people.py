"""Referrers and invitees: their mobiles and e-mails, by `contacts`, with reasons for the row.

Where a row names its referrer by mobile and by e-mail, the mobile counts, since the API asks
for it. If that mobile is not valid the row is refused even though the e-mail might serve: the
two may belong to different people, and an invite cannot be taken back.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import contacts
from bulk_referrals.model import ReferralType, Rules
from bulk_referrals.validator.columns import (
    filled,
    mask_of,
    pick,
    positions,
    quoted,
    spread,
    type_mask,
    type_positions,
    words,
)
from bulk_referrals.validator.evidence import Plus
from bulk_referrals.validator.findings import Findings, finding
from bulk_referrals.validator.invites import INVITEE_FIELDS
from bulk_referrals.validator.lost_plus import lost_plus
from bulk_referrals.validator.tokens import Regions

type_reading = Callable[[pa.ChunkedArray], contacts.Contacts]
type_warnings = list[tuple[type_positions, list[str]]]

_NOUN: Final = {ReferralType.MOBILE: "mobile", ReferralType.EMAIL: "e-mail address"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """The referrers, or the invitees, of all invites.

    Attributes:
        typed: text, as typed; null where the row names none.
        type: text, MOBILE or EMAIL; null where nothing tells.
        value: text, as sent; null where refused.
        key: text, canonical; null where refused.
        findings: what is wrong.
        warnings: what deserves a look, by position.
        plus: how the mobiles were written.
    """

    typed: pa.ChunkedArray
    type: pa.ChunkedArray
    value: pa.ChunkedArray
    key: pa.ChunkedArray
    findings: list[Findings]
    warnings: type_warnings
    plus: Plus


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """Contacts of one type, and where they stand among the invites."""

    type: ReferralType
    where: type_positions
    contacts: contacts.Contacts


def referrers(
    lines: pa.Table, *, regions: Regions, rules: Rules, told: Plus | None = None
) -> People:
    """Return who refers, as sent and as compared (codes 1012 for none and for invalid ones).

    Args:
        lines: of `invites.expand`.
        regions: of mobiles without a country code.
        rules: the brand's rule and the format of mobiles count here.
        told: how all mobiles are written, where these are only a part of them.
    """
    mobile, email = lines["referrer_mobile"], lines["referrer_email"]
    typed = pc.coalesce(mobile, email)
    by_mobile = filled(mobile)
    by_email = filled(email) & ~by_mobile
    type_ = _types(by_mobile, by_email)
    read = _read(typed, by_mobile, by_email, regions=regions, rules=rules, often=True)
    nobody = positions(~by_mobile & ~by_email)
    missing = finding(
        nobody,
        code="1012",
        field="referrer_mobile",
        reason="the row names no referrer, so the platform could match no customer",
        advice="Fill in the referrer's mobile or e-mail, as the platform knows it.",
    )
    findings = [missing, *(_bad_referrers(part, typed) for part in read)]
    return _people(typed, type_, read, findings, whose="the referrer's", rules=rules, told=told)


def invitees(
    lines: pa.Table,
    types: pa.ChunkedArray,
    *,
    regions: Regions,
    rules: Rules,
    told: Plus | None = None,
) -> People:
    """Return who is invited, as sent and as compared (codes missing-invitee and 1701).

    Args:
        lines: of `invites.expand`.
        types: the type by which each is checked; null is not checked.
        regions: of mobiles without a country code.
        rules: the brand's rule and the format of mobiles count here.
        told: how all mobiles are written, where these are only a part of them.
    """
    typed, asked = lines["typed"], lines["asked"].to_numpy()
    named = filled(typed)
    by_mobile = named & mask_of(pc.equal(types, ReferralType.MOBILE.value))
    by_email = named & mask_of(pc.equal(types, ReferralType.EMAIL.value))
    read = _read(typed, by_mobile, by_email, regions=regions, rules=rules)
    missing = finding(
        positions(~named),
        code="missing-invitee",
        field="identifier",
        reason="the row names nobody to invite",
    )
    findings = [missing, *(_bad_invitees(part, typed, asked) for part in read)]
    return _people(typed, types, read, findings, whose="the invitee's", rules=rules, told=told)


def _types(by_mobile: type_mask, by_email: type_mask) -> pa.ChunkedArray:
    email = pa.array(by_email)
    named = pc.if_else(email, ReferralType.EMAIL.value, pa.scalar(None, pa.string()))
    return pa.chunked_array([pc.if_else(pa.array(by_mobile), ReferralType.MOBILE.value, named)])


def _read(
    typed: pa.ChunkedArray,
    by_mobile: type_mask,
    by_email: type_mask,
    *,
    regions: Regions,
    rules: Rules,
    often: bool = False,
) -> list[_Read]:
    """Have the mobiles and the e-mails read, each among their like.

    A mobile whose region cannot be read is left alone: its row is refused for that. Where people
    stand `often` in the column, each is read once.
    """
    mobiles, emails = positions(by_mobile & ~regions.bad), positions(by_email)
    region = regions.region
    one_region = isinstance(region, str)
    as_mobiles = partial(
        contacts.mobiles,
        region=region if one_region else pick(region, mobiles),
        rule=rules.mobile,
        mobile_format=rules.mobile_format,
    )
    ways = (
        (ReferralType.MOBILE, mobiles, as_mobiles, often and one_region),
        (ReferralType.EMAIL, emails, contacts.emails, often),
    )
    with ThreadPoolExecutor(len(ways)) as pool:  # Arrow lets go of the interpreter
        begun = [
            (kind, at, pool.submit(_once if once else _each, pick(typed, at), reading))
            for kind, at, reading, once in ways
            if len(at)
        ]
    return [_Read(type=kind, where=at, contacts=found.result()) for kind, at, found in begun]


def _each(cells: pa.ChunkedArray, reading: type_reading) -> contacts.Contacts:
    return reading(cells)


def _once(cells: pa.ChunkedArray, reading: type_reading) -> contacts.Contacts:
    """Read each distinct cell once."""
    encoded = cells.combine_chunks().dictionary_encode()
    return reading(pa.chunked_array([encoded.dictionary])).take(encoded.indices)


def _people(
    typed: pa.ChunkedArray,
    type_: pa.ChunkedArray,
    read: list[_Read],
    findings: list[Findings],
    *,
    whose: str,
    rules: Rules,
    told: Plus | None,
) -> People:
    length, doubted, plus = len(typed), [], Plus()
    for part in read:
        if part.type is ReferralType.MOBILE:
            at, texts, plus = _doubted(part, typed, whose, rules, told)
            doubted.append((at, texts))
    return People(
        typed=typed,
        type=type_,
        value=spread([(part.where, part.contacts.value) for part in read], length=length),
        key=spread([(part.where, part.contacts.key) for part in read], length=length),
        findings=findings,
        warnings=[
            *(_warned(part, whose) for part in read),
            *doubted,
        ],
        plus=plus,
    )


def _bad_referrers(part: _Read, typed: pa.ChunkedArray) -> Findings:
    local = positions(filled(part.contacts.problem))
    at, noun = part.where[local], _NOUN[part.type]
    told = zip(words(typed, at), words(part.contacts.problem, local), strict=True)
    return finding(
        at,
        code="1012",
        field=f"referrer_{part.type.lower()}",
        reason=[
            f"the platform could match no customer: the referrer's {noun} {quoted(cell)} is not "
            f"valid ({problem})"
            for cell, problem in told
        ],
        advice=_advice(part, local),
    )


def _bad_invitees(part: _Read, typed: pa.ChunkedArray, asked: np.ndarray) -> Findings:
    local = positions(filled(part.contacts.problem))
    at, noun = part.where[local], _NOUN[part.type]
    told = zip(words(typed, at), words(part.contacts.problem, local), strict=True)
    return finding(
        at,
        code="1701",
        field=[INVITEE_FIELDS[which] for which in asked[at].tolist()],
        reason=[f"{quoted(cell)} is not a valid {noun}: {problem}" for cell, problem in told],
        advice=_advice(part, local),
    )


def _advice(part: _Read, local: type_positions) -> list[str]:
    return words(part.contacts.advice, local)


def _warned(part: _Read, whose: str) -> tuple[type_positions, list[str]]:
    local = positions(filled(part.contacts.warning))
    texts = words(part.contacts.warning, local)
    return part.where[local], [f"{whose} {_NOUN[part.type]}: {text}" for text in texts]


def _doubted(
    part: _Read, typed: pa.ChunkedArray, whose: str, rules: Rules, told: Plus | None
) -> tuple[type_positions, list[str], Plus]:
    cells = pick(typed, part.where)
    local, texts, plus = lost_plus(cells, part.contacts.key, rules=rules, told=told)
    return part.where[local], [f"{whose} mobile: {text}" for text in texts], plus
