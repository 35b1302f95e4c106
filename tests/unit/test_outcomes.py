"""The outcomes frame tells of each line what a look at that line alone would tell."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.codes import describe
from bulk_referrals.ledger import InviteState
from bulk_referrals.model import CHECKED_TEXT, Outcome
from bulk_referrals.pipeline.outcomes import completed, without_sending

RESULT = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(["accepted", "failed", "unknown", "not_sent"]),
        "code": st.sampled_from(["1000", "1701", "1204", "", None]),
        "message": st.sampled_from(["", None, "Nope", "found by reading back"]),
        "attempts": st.integers(0, 3),
        "sent_at": st.sampled_from([None, "2026-11-23T12:00:00+00:00"]),
        "request_id": st.sampled_from(["", None, "abc"]),
    }
)
LINE = st.tuples(st.booleans(), st.sampled_from([0, *InviteState]), st.none() | RESULT)
STANDS = {
    int(InviteState.IN_FLIGHT): ("unknown", "no-answer"),
    int(InviteState.UNKNOWN): ("unknown", "no-answer"),
    int(InviteState.ACCEPTED): ("already_sent", "already-sent"),
}
NEVER: dict[str, Any] = {"attempts": 0, "sent_at": None, "request_id": None}


def checked(ready: list[bool]) -> pa.Table:
    text: dict[str, list[str | None]] = {name: [None] * len(ready) for name in CHECKED_TEXT}
    own = {"outcome": "rejected", "code": "1701", "reason": "Own reason.", "advice": "Own advice."}
    text |= {name: [None if it else word for it in ready] for name, word in own.items()}
    columns = {name: pa.array(cells, pa.string()) for name, cells in text.items()}
    return pa.table({"line": pa.array(range(len(ready)), pa.int64()), **columns})


def plainly(ready: bool, state: int, result: dict[str, Any] | None) -> dict[str, Any]:  # noqa: FBT001 - drawn
    said = {**NEVER, **(result or {})}
    sent = {name: said[name] or NEVER[name] for name in NEVER}
    if not ready:
        words = ("rejected", "1701", "Own reason.", "Own advice.")
        return {**dict(zip(("outcome", "code", "reason", "advice"), words, strict=True)), **sent}
    outcome, code = STANDS.get(state, ("not_sent", "stopped"))
    message = ""
    if result:
        outcome, message = result["outcome"], result["message"] or ""
        code = code if result["code"] is None else result["code"]
    return {"outcome": outcome, "code": code, **words_of(outcome, code, message), **sent}


def words_of(outcome: str, code: str, message: str) -> dict[str, Any]:
    if outcome == Outcome.ACCEPTED:
        return {"reason": f"F{message[1:]}." if message[:1] == "f" else None, "advice": None}
    if not code:
        return {"reason": None, "advice": None}
    quoted = message and outcome not in {Outcome.NOT_SENT, Outcome.ALREADY_SENT}
    said = f" The platform's words: {message}." if quoted else ""
    return {"reason": f"{describe(code).title}.{said}", "advice": describe(code).advice}


@settings(deadline=None)
@given(lines=st.lists(LINE, max_size=12))
def test_each_line_ends_as_the_ledger_says_or_as_its_invite_stands(
    lines: list[tuple[bool, int, dict[str, Any] | None]],
) -> None:
    told = [(line, result) for line, (*_, result) in enumerate(lines) if result]
    names = ("outcome", "code", "message", "sent_at", "request_id")
    results = pa.table(
        {
            "line": pa.array([line for line, _ in told], pa.int64()),
            "attempts": pa.array([result["attempts"] for _, result in told], pa.int64()),
            **{name: pa.array([it[name] for _, it in told], pa.string()) for name in names},
        }
    )
    states = np.array([state for _, state, _ in lines], dtype=np.int8)
    frame = completed(checked([ready for ready, *_ in lines]), results, states=states)
    wanted = [plainly(*line) for line in lines]
    assert frame.select(["outcome", "code", "reason", "advice", *NEVER]).to_pylist() == wanted


def test_what_is_ready_in_a_check_says_so_in_the_order_of_the_rows() -> None:
    frame = without_sending(checked([True, False, True]))
    assert frame["outcome"].to_pylist() == ["not_sent", "rejected", "not_sent"]
    assert frame["code"].to_pylist() == ["ready", "1701", "ready"]
    assert frame["reason"].to_pylist()[1] == "Own reason."
