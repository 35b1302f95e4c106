"""What the checks find: a few columns, one line per invite at fault, joined at the end.

A finding has `at` (the invite's position), `code`, `field`, `reason` and `advice`. Reasons are
clauses without a full stop, so that all the faults of a row can stand in one sentence; advice
is whole sentences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import codes
from bulk_referrals.model import Outcome
from bulk_referrals.validator.columns import nulls, scattered, type_mask, type_positions

_TEXT: Final = ("code", "field", "reason", "advice")
VERDICT_TEXT: Final = ("outcome", *_TEXT)

type_texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What was found: one line per invite at fault; every array has one element for each.

    Attributes:
        at: positions of the invites.
        code: of `codes.CODES`, str each.
        field: the field at fault, or "".
        reason: what is wrong.
        advice: what to do.
    """

    at: type_positions
    code: type_texts
    field: type_texts
    reason: type_texts
    advice: type_texts

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.at)

    def take(self, which: type_positions | type_mask) -> "Findings":
        """Return some of the lines."""
        return Findings(at=self.at[which], **{k: getattr(self, k)[which] for k in _TEXT})


def finding(
    at: type_positions,
    *,
    code: str,
    field: str | Sequence[str],
    reason: str | Sequence[str],
    advice: str | Sequence[str] = "",
) -> Findings:
    """Return one check's findings.

    Args:
        at: positions of the invites at fault.
        code: of `codes.CODES`.
        field: the field at fault, one for all or one each; "" for none.
        reason: what is wrong, one for all or one each.
        advice: what to do, one for all or one each; "" takes the code's own.
    """
    texts = {"code": code, "field": field, "reason": reason}
    texts["advice"] = advice or codes.describe(code).advice
    return Findings(at=at, **{name: _repeated(text, len(at)) for name, text in texts.items()})


def _repeated(text: str | Sequence[str], count: int) -> type_texts:
    texts = np.empty(count, dtype=object)
    texts[:] = text
    return texts


def together(findings: Sequence[Findings]) -> Findings:
    """Return the lines of all findings, one after another."""
    at = np.concatenate([np.empty(0, dtype=np.int64), *(each.at for each in findings)])
    nothing = np.empty(0, dtype=object)
    texts = {k: np.concatenate([nothing, *(getattr(it, k) for it in findings)]) for k in _TEXT}
    return Findings(at=at, **texts)


def joined(findings: Sequence[Findings]) -> Findings:
    """Return one line per invite at fault: the first finding's code, all the reasons.

    Args:
        findings: in the order of precedence.

    Returns:
        Sorted by `at`: `code` and `field` of the first finding, `reason` a sentence that names
        every fault, `advice` what to do about each, said once.
    """
    every = together(findings)
    first, more = _in_turns(every.at)
    whole = every.take(first)
    for places, later in more:
        whole.reason[places] += "; also: " + every.reason[later]
        pairs = zip(whole.advice[places], every.advice[later], strict=True)
        advice = [said if added in said else f"{said} {added}" for said, added in pairs]
        whole.advice[places] = advice
    whole.reason[:] = [f"{clause[:1].upper()}{clause[1:]}." for clause in whole.reason]
    return whole


def _in_turns(
    at: type_positions,
) -> tuple[type_positions, list[tuple[type_positions, type_positions]]]:
    """Return which lines are the first of each invite, sorted by it, then the second, and so on.

    Each later turn comes with the places among the first to which its lines belong: few turns of
    many lines are fast where many groups of few are slow.
    """
    order = np.argsort(at, kind="stable")
    begins = np.ones(len(at), dtype=np.bool_)
    begins[1:] = at[order[1:]] != at[order[:-1]]
    invite = np.cumsum(begins) - 1
    turn = np.arange(len(at)) - np.flatnonzero(begins)[invite]
    turns = range(1, int(turn.max(initial=0)) + 1)
    return order[begins], [(invite[turn == n], order[turn == n]) for n in turns]


def verdicts(parts: Mapping[Outcome, Findings], *, length: int) -> dict[str, pa.ChunkedArray]:
    """Return the verdict columns of the checked frame, null where nothing was found.

    Args:
        parts: outcome -> its findings, of `joined`; no invite stands in two.
        length: invites.

    Returns:
        `outcome`, `code`, `field`, `reason` and `advice`, text columns of `length` lines.
    """
    every = together(list(parts.values()))
    order = np.argsort(every.at, kind="stable")
    outcomes = [_repeated(outcome.value, len(part)) for outcome, part in parts.items()]
    columns = {"outcome": np.concatenate(outcomes), **{k: getattr(every, k) for k in _TEXT}}
    return {
        name: scattered(every.at[order], _column(columns[name][order]), length=length)
        for name in VERDICT_TEXT
    }


def _column(texts: type_texts) -> pa.Array:
    cells = pa.array(texts, pa.string())
    return pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)


def warnings_column(
    parts: Sequence[tuple[type_positions, Sequence[str]]], *, length: int
) -> pa.ChunkedArray:
    """Return the warning column: each invite's warnings joined, null where there are none."""
    if not any(len(at) for at, _ in parts):
        return nulls(length)
    at = np.concatenate([at for at, _ in parts])
    texts = np.concatenate([_repeated(told, len(at)) for at, told in parts])
    first, more = _in_turns(at)
    said = texts[first]
    for places, later in more:
        said[places] += "; " + texts[later]
    return scattered(at[first], pa.array(said, pa.string()), length=length)
