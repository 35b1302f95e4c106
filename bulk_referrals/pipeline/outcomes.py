"""What has become of every line: the checked frame, completed from the ledger."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.codes import describe
from bulk_referrals.equality import counted
from bulk_referrals.frames import replaced
from bulk_referrals.ledger import InviteState
from bulk_referrals.model import Outcome
from bulk_referrals.weaving import Few

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
_TOLD: Final = ("outcome", "code", "reason", "advice")
_OWN_WORDS: Final = {Outcome.ACCEPTED.value, Outcome.NOT_SENT.value, Outcome.ALREADY_SENT.value}

Lines = npt.NDArray[np.int64]
States = npt.NDArray[np.int8]


def without_sending(checked: pa.Table) -> pa.Table:
    """Return the outcomes frame of a check: what is ready is `not_sent`, code `ready`."""
    return completed_unsent(checked, otherwise="ready")


def completed_unsent(checked: pa.Table, *, otherwise: str) -> pa.Table:
    """Return the outcomes frame where nothing is known: what is ready is `not_sent`, so coded."""
    nothing_known = np.zeros(len(checked), dtype=np.int8)
    return completed(checked, _NO_RESULTS, states=nothing_known, otherwise=otherwise)


def completed(
    table: pa.Table,
    results: pa.Table,
    *,
    states: States,
    otherwise: str = "stopped",
) -> pa.Table:
    """Return the outcomes frame (see `model`): the same lines in the same order.

    Args:
        table: the checked frame.
        results: what the ledger holds for the run (`Ledger.results`).
        states: per line the `InviteState` of its invite, 0 for none; it tells of ready lines
            without a result: in doubt is `unknown`, accepted (by another run) `already_sent`.
        otherwise: code of the ready lines that are in neither: they are `not_sent`.
    """
    ready = table["outcome"].is_null()
    endings = _Endings.of(results, states, otherwise)
    for name, texts in endings.texts.items():
        told = endings.by_line(texts, ready)
        if isinstance(told, pa.Scalar) and not told.is_valid:
            continue  # a ready line has no such text yet
        table = replaced(table, **{name: pc.if_else(ready, told, table[name])})
    rows = _rows_by_line(results, table.num_rows)
    attempts: Lines = np.zeros(table.num_rows, dtype=np.int64)
    attempts[results["line"].to_numpy()] = pc.fill_null(results["attempts"], 0).to_numpy()
    table = table.append_column("request_id", _null_if_empty(results["request_id"]).take(rows))
    table = table.append_column("attempts", pa.array(attempts))
    return table.append_column("sent_at", results["sent_at"].take(rows))


def _rows_by_line(results: pa.Table, lines: int) -> pa.Array:
    """Return, for each line, its row in the results, or null."""
    row_of: Lines = np.full(lines, -1, dtype=np.int64)
    row_of[results["line"].to_numpy()] = np.arange(results.num_rows, dtype=np.int64)
    return pa.array(row_of, mask=row_of < 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Endings:
    """The ways in which ready lines end, of which there are few: their words are found once each.

    Attributes:
        kinds: int64 (lines,); how each line ends, or would if it were ready.
        texts: outcome, code, reason and advice -> its text for each kind, Arrow text.
    """

    kinds: Lines
    texts: dict[str, pa.Array]

    @classmethod
    def of(cls, results: pa.Table, states: States, otherwise: str) -> "_Endings":
        doubtful = np.isin(states, (InviteState.IN_FLIGHT, InviteState.UNKNOWN))
        kinds = np.where(doubtful, 2, states == InviteState.ACCEPTED).astype(np.int64)
        without = (
            (Outcome.NOT_SENT.value, otherwise),
            (Outcome.ALREADY_SENT.value, "already-sent"),
            (Outcome.UNKNOWN.value, "no-answer"),
        )
        known = [(*ending, "") for ending in without]
        lines = results["line"].to_numpy()
        which, distinct = _combinations(results, kinds[lines])
        kinds[lines] = len(without) + which
        for kind, outcome, code, message in distinct:
            usual = without[kind]
            ending = (usual[0] if outcome is None else outcome, usual[1] if code is None else code)
            known.append((*ending, message or ""))
        told = [(outcome, code, *_sentences(code, said, outcome)) for outcome, code, said in known]
        columns = [pa.array(texts, pa.string()) for texts in zip(*told, strict=True)]
        return cls(kinds=kinds, texts=dict(zip(_TOLD, columns, strict=True)))

    def by_line(self, texts: pa.Array, ready: pa.ChunkedArray) -> pa.Array | pa.Scalar:
        """Return the text of each line, or the one that all the ready lines share."""
        used = np.flatnonzero(np.bincount(self.kinds[np.asarray(ready)]))
        return texts[used[0]] if len(used) == 1 else texts.take(pa.array(self.kinds))


def _combinations(results: pa.Table, kinds: Lines) -> tuple[Lines, list[tuple[Any, ...]]]:
    """Number the distinct (kind, outcome, code, message) of the results, and return them."""
    parts = [Few.of(results[name]) for name in ("outcome", "code", "message")]
    shape = (int(kinds.max(initial=0)) + 1, *(max(len(part.texts), 1) for part in parts))
    numbers = np.ravel_multi_index((kinds, *(part.codes for part in parts)), shape)
    which, distinct = counted(numbers)
    own, *places = np.unravel_index(distinct, shape)
    texts = [
        part.texts.take(pa.array(at)).to_pylist() for part, at in zip(parts, places, strict=True)
    ]
    return which, list(zip(own.tolist(), *texts, strict=True))


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
