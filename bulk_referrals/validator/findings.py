"""What the checks find: each a small frame, one line per invite at fault, joined at the end.

A finding has `at` (the invite's position), `code`, `field`, `reason` and `advice`. Reasons are
clauses without a full stop, so that all the faults of a row can stand in one sentence; advice
is whole sentences.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import codes
from bulk_referrals.model import Outcome
from bulk_referrals.validator.columns import nulls, scattered, type_positions
from bulk_referrals.weaving import flat

_TEXT: Final = ("code", "field", "reason", "advice")
VERDICT_TEXT: Final = ("outcome", *_TEXT)


def finding(
    at: type_positions,
    *,
    code: str,
    field: str | Sequence[str],
    reason: str | Sequence[str],
    advice: str | Sequence[str] = "",
) -> pd.DataFrame:
    """Return one check's findings.

    Args:
        at: positions of the invites at fault.
        code: of `codes.CODES`.
        field: the field at fault, one for all or one each; "" for none.
        reason: what is wrong, one for all or one each.
        advice: what to do, one for all or one each; "" takes the code's own.
    """
    if not len(at):  # so it is with most checks of most files, and a frame takes a millisecond
        return _nothing()
    texts = {"code": code, "field": field, "reason": reason}
    texts["advice"] = advice or codes.describe(code).advice
    return pd.DataFrame({"at": at, **{k: _repeated(v, len(at)) for k, v in texts.items()}})


@cache
def _nothing() -> pd.DataFrame:
    """Return the findings of a check that found nothing; nobody writes to them."""
    texts = {name: pd.Series([], dtype=object) for name in _TEXT}
    return pd.DataFrame({"at": np.empty(0, dtype=np.int64), **texts})


def _repeated(text: str | Sequence[str], count: int) -> pd.Series:
    values = [text] * count if isinstance(text, str) else list(text)
    return pd.Series(values, dtype=object)


def joined(findings: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return one line per invite at fault: the first finding's code, all the reasons.

    Args:
        findings: in the order of precedence.

    Returns:
        Sorted by `at`: `code` and `field` of the first finding, `reason` a sentence that names
        every fault, `advice` what to do about each, said once.
    """
    told = [found for found in findings if len(found)]
    if not told:
        return _nothing()
    whole, more = _in_turns(pd.concat(told, ignore_index=True))
    reason, advice = (whole[name].to_numpy(copy=True) for name in ("reason", "advice"))
    for at, later in more:
        reason[at] += "; also: " + later["reason"].to_numpy()
        pairs = zip(advice[at], later["advice"], strict=True)
        advice[at] = [said if added in said else f"{said} {added}" for said, added in pairs]
    whole["reason"] = [f"{clause[:1].upper()}{clause[1:]}." for clause in reason]
    whole["advice"] = advice
    return whole


def _in_turns(
    every: pd.DataFrame,
) -> tuple[pd.DataFrame, list[tuple[type_positions, pd.DataFrame]]]:
    """Return the first line of each invite, sorted, then the second ones, and so on.

    Each later turn comes with the positions in the first to which its lines belong: few turns of
    many lines are fast where many groups of few are slow.
    """
    every = every.sort_values("at", kind="stable", ignore_index=True)
    turn = every.groupby("at").cumcount().to_numpy()
    invite = np.cumsum(turn == 0) - 1
    turns = range(1, int(turn.max(initial=0)) + 1)
    first = every[turn == 0].reset_index(drop=True)
    return first, [(invite[turn == n], every[turn == n]) for n in turns]


def verdicts(parts: Mapping[Outcome, pd.DataFrame], *, length: int) -> dict[str, pa.ChunkedArray]:
    """Return the verdict columns of the checked frame, null where nothing was found.

    Args:
        parts: outcome -> its findings, of `joined`; no invite stands in two.
        length: invites.

    Returns:
        `outcome`, `code`, `field`, `reason` and `advice`, text columns of `length` lines.
    """
    frames = [part.assign(outcome=outcome.value) for outcome, part in parts.items()]
    every = pd.concat(frames, ignore_index=True).sort_values("at", ignore_index=True)
    at = every["at"].to_numpy(dtype=np.int64)
    return {name: scattered(at, _text(every[name]), length=length) for name in VERDICT_TEXT}


def _text(column: pd.Series) -> pa.Array:
    cells = flat(pa.array(column.array)).cast(pa.string())
    return pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)


def warnings_column(
    parts: Sequence[tuple[type_positions, Sequence[str]]], *, length: int
) -> pa.ChunkedArray:
    """Return the warning column: each invite's warnings joined, null where there are none."""
    if not any(len(at) for at, _ in parts):
        return nulls(length)
    every = pd.DataFrame(
        {
            "at": np.concatenate([at for at, _ in parts]),
            "warning": pd.Series([text for _, texts in parts for text in texts], dtype=object),
        }
    )
    first, more = _in_turns(every)
    said = first["warning"].to_numpy(copy=True)
    for at, later in more:
        said[at] += "; " + later["warning"].to_numpy()
    at = first["at"].to_numpy(dtype=np.int64)
    return scattered(at, pa.array(said, pa.string()), length=length)
