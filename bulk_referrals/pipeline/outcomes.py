"""What has become of every line: the checked frame, completed from the ledger."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.codes import describe
from bulk_referrals.frames import to_frame, to_table
from bulk_referrals.ledger import InviteState
from bulk_referrals.model import Outcome

_NO_RESULTS: Final = pa.table(
    {
        "line": pa.array([], pa.int64()),
        "outcome": pa.array([], pa.string()),
        "code": pa.array([], pa.string()),
        "message": pa.array([], pa.string()),
        "attempts": pa.array([], pa.int64()),
        "sent_at": pa.array([], pa.string()),
        "request_id": pa.array([], pa.string()),
    }
)
_OWN_WORDS: Final = {Outcome.ACCEPTED.value, Outcome.NOT_SENT.value, Outcome.ALREADY_SENT.value}

Lines = npt.NDArray[np.int64]
States = npt.NDArray[np.int8]


def without_sending(checked: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes frame of a check: what is ready is `not_sent`, code `ready`."""
    nothing_known = np.zeros(len(checked), dtype=np.int8)
    return completed(checked, _NO_RESULTS, states=nothing_known, otherwise="ready")


def completed(
    checked: pd.DataFrame,
    results: pa.Table,
    *,
    states: States,
    otherwise: str = "stopped",
) -> pd.DataFrame:
    """Return the outcomes frame (see `model`): the same lines in the same order.

    Args:
        checked: the checked frame.
        results: what the ledger holds for the run (`Ledger.results`).
        states: per line the `InviteState` of its invite, 0 for none; it tells of ready lines
            without a result: in doubt is `unknown`, accepted (by another run) `already_sent`.
        otherwise: code of the ready lines that are in neither: they are `not_sent`.
    """
    table = to_table(checked)
    taken = results.take(_rows_by_line(results, table.num_rows))
    ready = pc.is_null(table["outcome"])
    outcome, code = _unsettled(states, otherwise)
    outcome = pc.if_else(ready, pc.coalesce(taken["outcome"], outcome), table["outcome"])
    code = pc.if_else(ready, pc.coalesce(taken["code"], code), table["code"])
    reason, advice = _words(code, taken["message"], outcome)
    new = {
        "outcome": outcome,
        "code": code,
        "reason": pc.if_else(ready, reason, table["reason"]),
        "advice": pc.if_else(ready, advice, table["advice"]),
    }
    for name, column in new.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    table = table.append_column("request_id", _null_if_empty(taken["request_id"]))
    table = table.append_column("attempts", pc.coalesce(taken["attempts"], pa.scalar(0)))
    return to_frame(table.append_column("sent_at", taken["sent_at"]))


def _rows_by_line(results: pa.Table, lines: int) -> pa.Array:
    """Return, for each line, its row in the results, or null."""
    row_of: Lines = np.full(lines, -1, dtype=np.int64)
    row_of[results["line"].to_numpy()] = np.arange(results.num_rows, dtype=np.int64)
    return pa.array(row_of, mask=row_of < 0)


def _unsettled(states: States, otherwise: str) -> tuple[pa.Array, pa.Array]:
    """Return outcome and code of ready lines without a result."""
    doubtful = pa.array(np.isin(states, (InviteState.IN_FLIGHT, InviteState.UNKNOWN)))
    accepted = pa.array(states == InviteState.ACCEPTED)
    choices = (
        (Outcome.UNKNOWN.value, Outcome.ALREADY_SENT.value, Outcome.NOT_SENT.value),
        ("no-answer", "already-sent", otherwise),
    )
    outcome, code = (
        pc.if_else(doubtful, unknown, pc.if_else(accepted, already, neither))
        for unknown, already, neither in choices
    )
    return outcome, code


def _words(
    code: pa.ChunkedArray, message: pa.ChunkedArray, outcome: pa.ChunkedArray
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return reason and advice, worked out once per distinct (code, message, outcome)."""
    parts = [
        pc.fill_null(part, "").combine_chunks().dictionary_encode()
        for part in (code, message, outcome)
    ]
    shape = [max(len(part.dictionary), 1) for part in parts]
    numbers = np.ravel_multi_index([part.indices.to_numpy() for part in parts], shape)
    which, distinct = pd.factorize(numbers)
    texts = [
        part.dictionary.take(pa.array(places)).to_pylist()
        for part, places in zip(parts, np.unravel_index(distinct, shape), strict=True)
    ]
    told = [_sentences(*each) for each in zip(*texts, strict=True)]
    reasons = pa.array([reason for reason, _ in told], pa.string())
    advice_texts = pa.array([advice for _, advice in told], pa.string())
    return (
        pa.chunked_array([reasons.take(pa.array(which))]),
        pa.chunked_array([advice_texts.take(pa.array(which))]),
    )


def _sentences(code: str, message: str, outcome: str) -> tuple[str | None, str | None]:
    if outcome == Outcome.ACCEPTED:
        return (
            message[0].upper() + message[1:] + "." if "reading back" in message else None
        ), None
    if not code:
        return None, None
    known = describe(code)
    theirs = f" The platform's words: {message}." if message and outcome not in _OWN_WORDS else ""
    return f"{known.title}.{theirs}", known.advice


def _null_if_empty(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
