"""rows → checked rows: normalised values, verdict, code, reason, what to do.

Pure: no file, no clock, no network; the clock and all settings come in with `Rules`. The checks
run over whole columns, and their findings take precedence in the order of `checks`. A row's
code is that of its first fault; its reason names them all, so that it needs mending once. Of
what is left, people on the suppression list are left out, and then what repeats an earlier
invite: a repeat of a row that is refused is not one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.frames import replaced
from bulk_referrals.model import CHECKED_TEXT, Outcome, Rules
from bulk_referrals.validator import dates, dayorder, invites
from bulk_referrals.validator.checks import Checks, check
from bulk_referrals.validator.columns import mask_of, positions, type_mask
from bulk_referrals.validator.duplicates import Repeats, repeats
from bulk_referrals.validator.evidence import Evidence, merged
from bulk_referrals.validator.findings import (
    Findings,
    finding,
    joined,
    verdicts,
    warnings_column,
)
from bulk_referrals.validator.lost_plus import is_odd_without
from bulk_referrals.validator.suppression import suppression_keys
from bulk_referrals.validator.tokens import is_referral_code

__all__ = [
    "Checked",
    "Evidence",
    "Repeats",
    "decisions_notices",
    "is_referral_code",
    "marked",
    "merged",
    "repeats",
    "suppression_keys",
    "validate",
    "would_differ",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """The rows, checked.

    Attributes:
        frame: the checked frame of `model`.
        notices: sentences that the user should see: what was decided for a whole column.
        evidence: what the columns say, for what is decided of them together with other parts.
    """

    frame: pa.Table
    notices: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)


def validate(
    loaded_rows: pa.Table,
    rules: Rules,
    *,
    places: Sequence[str],
    told: Evidence | None = None,
    is_part: bool = False,
) -> Checked:
    """Check every row.

    Args:
        loaded_rows: the rows frame of `model`.
        rules: what to go by.
        places: the human name of each table, such as "launch.xlsx [Wave 1]".
        told: what the whole columns say, where these rows are only a part; None: what they say
            themselves.
        is_part: these rows are a part of more, so that what repeats an earlier invite is looked
            for among all of them later (`marked`).

    Returns:
        One line per invite asked for, at least one per row, in the order of the rows. A ready
        line has a null `outcome` and all that is sent; every other one has an outcome, a code,
        a reason and advice.
    """
    lines = invites.expand(loaded_rows)
    checks = check(lines, rules, places=tuple(places), told=told)
    left = np.ones(len(lines), dtype=np.bool_)
    rejected = joined(checks.findings)
    left[rejected.at] = False
    sound = left.copy()
    suppressed = _suppressed(checks.invitees.key, rules, left)
    left[suppressed.at] = False
    with ThreadPoolExecutor(max_workers=1) as aside:  # Arrow lets go of the interpreter
        told_columns = aside.submit(_sent_or_typed, lines, checks, sound)
        again = repeats(
            positions(left & (not is_part)),
            campaign_token=checks.campaign_token,
            referrer_key=checks.referrers.key,
            identifier_key=checks.invitees.key,
        )
    repeated = _repeated(lines, again, places)
    parts = {
        Outcome.REJECTED: rejected,
        Outcome.SUPPRESSED: suppressed,
        Outcome.DUPLICATE: repeated,
    }
    columns = {
        **told_columns.result(),
        **verdicts(parts, length=len(lines)),
        "warning": warnings_column([*checks.warnings, _shared(again)], length=len(lines)),
    }
    return Checked(
        frame=_frame(lines, columns, again), notices=checks.notices, evidence=checks.evidence
    )


def would_differ(own: Evidence, whole: Evidence, rules: Rules) -> bool:
    """Tell whether a part that was checked by its own evidence must be again by that of all.

    Args:
        own: what the part says.
        whole: what all parts say together.
        rules: what both go by.
    """
    dated = any(
        dayorder.order_of(column, rules) != dayorder.order_of(whole.dates[table], rules)
        for table, column in own.dates.items()
        if column.open
    )
    return dated or any(
        is_odd_without(plus) != is_odd_without(whole.plus[whose])
        for whose, plus in own.plus.items()
        if plus.without
    )


def decisions_notices(
    evidence: Evidence, rules: Rules, *, places: Sequence[str]
) -> tuple[str, ...]:
    """Return what was decided for whole columns, as `validate` says it of rows checked at once.

    Args:
        evidence: of all parts, merged.
        rules: what to go by.
        places: the human name of each table.
    """
    return dates.notices(evidence, rules, places=tuple(places))


def marked(checked: pa.Table, again: pa.Table, *, places: Sequence[str]) -> pa.Table:
    """Mark what repeats an invite of any part, and who is asked by several, in one part.

    Args:
        checked: the part's checked frame, from `validate` with `is_part`.
        again: one line for each such invite: `at` (int64, its position in the part, ascending),
            `first` (int64, position of the first such invite in the frame of all parts; null
            where it is the first itself), `first_table`, `first_row` (where that stands), and
            `referrers` (int64, how many ask the same person; null where only one does).
        places: the human name of each table.

    Returns:
        The checked frame as `validate` gives it of all rows at once, this part of it.
    """
    length = checked.num_rows
    repeated = again.filter(pc.is_valid(again["first"]))
    at = repeated["at"].to_numpy()
    reasons = _places_told(repeated["first_table"], repeated["first_row"], places)
    found = joined([finding(at, code="duplicate", field="identifier", reason=reasons)])
    told = verdicts({Outcome.DUPLICATE: found}, length=length)
    columns = {name: pc.coalesce(cells, checked[name]) for name, cells in told.items()}
    asked = again.filter(pc.is_valid(again["referrers"]))
    also = warnings_column(
        [(asked["at"].to_numpy(), _asked_by(asked["referrers"].to_pylist()))], length=length
    )
    both = pc.binary_join_element_wise(checked["warning"], also, "; ")
    columns["warning"] = pc.coalesce(both, checked["warning"], also)
    first = np.full(length, -1, dtype=np.int64)
    first[at] = repeated["first"].to_numpy()
    columns["duplicate_of"] = pa.array(first, mask=first < 0)
    return replaced(checked, **columns)


def _suppressed(keys: pa.ChunkedArray, rules: Rules, left: type_mask) -> Findings:
    if not rules.suppressed:
        return joined([])
    listed = pc.is_in(keys, value_set=pa.array(list(rules.suppressed), pa.string()))
    at = positions(left & mask_of(listed))
    reason = "the invitee is on the suppression list"
    return joined([finding(at, code="suppressed", field="identifier", reason=reason)])


def _repeated(lines: pa.Table, again: Repeats, places: Sequence[str]) -> Findings:
    table, row = (lines[name].take(pa.array(again.first)) for name in ("table", "row"))
    reasons = _places_told(table, row, places)
    return joined([finding(again.at, code="duplicate", field="identifier", reason=reasons)])


def _places_told(
    tables: pa.ChunkedArray, rows: pa.ChunkedArray, places: Sequence[str]
) -> list[str]:
    where = zip(tables.to_pylist(), rows.to_pylist(), strict=True)
    return [f"the same invite stands in {places[table]}, row {row}" for table, row in where]


def _shared(again: Repeats) -> tuple[np.ndarray, list[str]]:
    return again.shared, _asked_by(again.referrers.tolist())


def _asked_by(counts: Sequence[int]) -> list[str]:
    return [f"{count} referrers invite the same person to this campaign" for count in counts]


def _sent_or_typed(
    lines: pa.Table, checks: Checks, sound: type_mask
) -> dict[str, pa.ChunkedArray]:
    """Return the columns of who invites whom: as sent where sound, else as typed."""
    ok = pa.chunked_array([pa.array(sound)])
    nothing = pa.scalar(None, pa.string())
    referrers, invitees = checks.referrers, checks.invitees
    return {
        "referrer": pc.if_else(ok, referrers.value, referrers.typed),
        "referrer_key": pc.if_else(ok, referrers.key, nothing),
        "referrer_type": referrers.type,
        "campaign_token": checks.campaign_token,
        "type": pc.if_else(ok, invitees.type, pc.coalesce(lines["type"], invitees.type)),
        "identifier": pc.if_else(ok, invitees.value, invitees.typed),
        "identifier_key": pc.if_else(ok, invitees.key, nothing),
        "name": lines["name"],
        "id": lines["id"],
        "invited_on": pc.if_else(ok, checks.invited_on, lines["invited_on"]),
    }


def _frame(lines: pa.Table, columns: dict[str, pa.ChunkedArray], again: Repeats) -> pa.Table:
    first = np.full(len(lines), -1, dtype=np.int64)
    first[again.at] = again.first
    table = {name: lines[name] for name in ("line", "table", "row")}
    table |= {name: columns[name] for name in CHECKED_TEXT}
    table["duplicate_of"] = pa.chunked_array([pa.array(first, mask=first < 0)])
    return pa.table(table)
