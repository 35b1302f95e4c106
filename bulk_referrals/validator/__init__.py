"""rows → checked rows: normalised values, verdict, code, reason, what to do.

Pure: no file, no clock, no network; the clock and all settings come in with `Rules`. The checks
run over whole columns, and their findings take precedence in the order of `checks`. A row's
code is that of its first fault; its reason names them all, so that it needs mending once. Of
what is left, people on the suppression list are left out, and then what repeats an earlier
invite: a repeat of a row that is refused is not one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.frames import to_frame
from bulk_referrals.model import CHECKED_TEXT, Outcome, Rules
from bulk_referrals.validator import duplicates, invites
from bulk_referrals.validator.checks import Checks, check
from bulk_referrals.validator.columns import mask_of, positions, type_mask
from bulk_referrals.validator.duplicates import Repeats
from bulk_referrals.validator.findings import finding, joined, verdicts, warnings_column
from bulk_referrals.validator.suppression import suppression_keys
from bulk_referrals.validator.tokens import is_referral_code

__all__ = ["Checked", "is_referral_code", "suppression_keys", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """The rows, checked.

    Attributes:
        frame: the checked frame of `model`, every column Arrow-backed.
        notices: sentences that the user should see: what was decided for a whole column.
    """

    frame: pd.DataFrame
    notices: tuple[str, ...] = ()


def validate(loaded_rows: pd.DataFrame, rules: Rules, *, places: Sequence[str]) -> Checked:
    """Check every row.

    Args:
        loaded_rows: the rows frame of `model`.
        rules: what to go by.
        places: the human name of each table, such as "launch.xlsx [Wave 1]".

    Returns:
        One line per invite asked for, at least one per row, in the order of the rows. A ready
        line has a null `outcome` and all that is sent; every other one has an outcome, a code,
        a reason and advice.
    """
    lines = invites.expand(loaded_rows)
    checks = check(lines, rules, places=tuple(places))
    left = np.ones(len(lines), dtype=np.bool_)
    rejected = joined(checks.findings)
    left[rejected["at"]] = False
    sound = left.copy()
    suppressed = _suppressed(checks.invitees.key, rules, left)
    left[suppressed["at"]] = False
    repeats = duplicates.repeats(
        positions(left),
        campaign_token=checks.campaign_token,
        referrer_key=checks.referrers.key,
        identifier_key=checks.invitees.key,
    )
    repeated = _repeated(lines, repeats, places)
    parts = {
        Outcome.REJECTED: rejected,
        Outcome.SUPPRESSED: suppressed,
        Outcome.DUPLICATE: repeated,
    }
    columns = {
        **_sent_or_typed(lines, checks, sound),
        **verdicts(parts, length=len(lines)),
        "warning": warnings_column([*checks.warnings, _shared(repeats)], length=len(lines)),
    }
    return Checked(frame=_frame(lines, columns, repeats), notices=checks.notices)


def _suppressed(keys: pa.ChunkedArray, rules: Rules, left: type_mask) -> pd.DataFrame:
    listed = pc.is_in(keys, value_set=pa.array(list(rules.suppressed), pa.string()))
    at = positions(left & mask_of(listed))
    reason = "the invitee is on the suppression list"
    return joined([finding(at, code="suppressed", field="identifier", reason=reason)])


def _repeated(lines: pa.Table, repeats: Repeats, places: Sequence[str]) -> pd.DataFrame:
    where = zip(
        *(lines[c].take(pa.array(repeats.first)).to_pylist() for c in ("table", "row")),
        strict=True,
    )
    reasons = [f"the same invite stands in {places[table]}, row {row}" for table, row in where]
    return joined([finding(repeats.at, code="duplicate", field="identifier", reason=reasons)])


def _shared(repeats: Repeats) -> tuple[np.ndarray, list[str]]:
    counts = repeats.referrers.tolist()
    texts = [f"{count} referrers invite the same person to this campaign" for count in counts]
    return repeats.shared, texts


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


def _frame(lines: pa.Table, columns: dict[str, pa.ChunkedArray], repeats: Repeats) -> pd.DataFrame:
    first = np.full(len(lines), -1, dtype=np.int64)
    first[repeats.at] = repeats.first
    table = {name: lines[name] for name in ("line", "table", "row")}
    table |= {name: columns[name] for name in CHECKED_TEXT}
    table["duplicate_of"] = pa.chunked_array([pa.array(first, mask=first < 0)])
    return to_frame(pa.table(table))
