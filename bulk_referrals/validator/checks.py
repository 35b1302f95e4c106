"""All the checks of a row on its own, in the order in which their findings take precedence."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import codes
from bulk_referrals.model import Rules
from bulk_referrals.validator import dates, invites, people, tokens
from bulk_referrals.validator.columns import filled, mask_of, positions, type_mask, words
from bulk_referrals.validator.evidence import Evidence
from bulk_referrals.validator.findings import Findings, finding, together
from bulk_referrals.validator.people import People, type_warnings

_AT_ONCE: Final = 2
_NAME_MAX_CHARS: Final = 20  # the platform's column, varchar(20)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checks:
    """What the checks made of the invites, one line each.

    Attributes:
        referrers: who refers.
        invitees: who is invited.
        campaign_token: text; null where there is none.
        invited_on: text `YYYYMMDDTHH:MM:SS.CODE`; null where a part of it is missing.
        findings: what is wrong, in the order of precedence.
        warnings: what deserves a look, by position.
        notices: what was decided for whole columns.
        evidence: what the columns say.
    """

    referrers: People
    invitees: People
    campaign_token: pa.ChunkedArray
    invited_on: pa.ChunkedArray
    findings: list[Findings]
    warnings: type_warnings
    notices: tuple[str, ...]
    evidence: Evidence


def check(
    lines: pa.Table, rules: Rules, *, places: tuple[str, ...], told: Evidence | None = None
) -> Checks:
    """Check every invite on its own.

    Args:
        lines: of `invites.expand`.
        rules: what to go by.
        places: the human name of each table.
        told: what the whole columns say, where these lines are only a part of them.
    """
    plus = told.plus if told else {}
    damaged = filled(lines["fault"])
    regions = tokens.regions(lines["region"], rules)
    read = partial(
        people.referrers, lines, regions=regions, rules=rules, told=plus.get("referrer")
    )

    def typed() -> tuple[People, list[Findings]]:
        types, findings = invites.types(lines)
        whose = plus.get("invitee")
        invited = people.invitees(lines, types, regions=regions, rules=rules, told=whose)
        return invited, findings

    # What takes time knows nothing of the rest; Arrow lets go of the interpreter.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        read_referrers, read_invitees = pool.submit(read), pool.submit(typed)
        moments = dates.moments(
            _readable(lines["invited_on"], damaged),
            lines["table"].to_numpy(),
            rules,
            places=places,
            told=told,
        )
        campaign_token, token_findings = tokens.campaign_tokens(lines["campaign_token"], rules)
        referral_code, code_findings = tokens.referral_codes(
            lines["referral_code"], moments.code, looked_up=rules.lookup_codes
        )
        invited_on = pc.binary_join_element_wise(moments.stamp, referral_code, ".")
        long_names = _long_names(lines["name"])
    referrers, (invitees, type_findings) = read_referrers.result(), read_invitees.result()
    findings = [
        *type_findings,
        *invitees.findings,
        *referrers.findings,
        *token_findings,
        regions.findings,
        moments.findings,
        *code_findings,
        _self_referrals(referrers, invitees),
    ]
    return Checks(
        referrers=referrers,
        invitees=invitees,
        campaign_token=campaign_token,
        invited_on=invited_on,
        findings=[_damaged(lines, damaged), *(_outside(part, damaged) for part in findings)],
        warnings=[long_names, *invitees.warnings, *referrers.warnings],
        notices=moments.notices,
        evidence=replace(
            moments.evidence, plus={"invitee": invitees.plus, "referrer": referrers.plus}
        ),
    )


def _readable(cells: pa.ChunkedArray, damaged: type_mask) -> pa.ChunkedArray:
    """Return the cells of the rows that can be trusted, null for the others."""
    if not damaged.any():
        return cells
    return pc.if_else(pa.array(damaged), pa.scalar(None, pa.string()), cells)


def _damaged(lines: pa.Table, damaged: type_mask) -> Findings:
    """Return what the loader found; the cells of such a row cannot be trusted for more."""
    every = positions(damaged)
    parts = []
    for code in pc.unique(lines["fault"].take(pa.array(every))).to_pylist():
        at = every[mask_of(pc.equal(lines["fault"].take(pa.array(every)), code))]
        title = codes.describe(code).title
        details = words(lines["fault_detail"], at)
        reasons = [f"{title}: {detail}" if detail else title for detail in details]
        parts.append(finding(at, code=code, field="", reason=reasons))
    return together(parts)


def _outside(found: Findings, damaged: type_mask) -> Findings:
    return found if not damaged.any() else found.take(~damaged[found.at])


def _self_referrals(referrers: People, invitees: People) -> Findings:
    """Return who invites themselves; keys of two types, digits and addresses, never agree."""
    at = positions(mask_of(pc.equal(referrers.key, invitees.key)))
    reason = "the referrer and the invitee are the same person"
    return finding(at, code="self-referral", field="identifier", reason=reason)


def _long_names(names: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    length = pc.utf8_length(names)
    at = positions(mask_of(pc.greater(length, _NAME_MAX_CHARS)))
    counts = length.take(pa.array(at)).to_pylist()
    return at, [
        f"the name has {count} characters, and the platform keeps {_NAME_MAX_CHARS}"
        for count in counts
    ]
