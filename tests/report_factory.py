"""A run to report on: a workbook of two sheets and a text file, with every outcome in it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from bulk_referrals.codes import describe
from bulk_referrals.model import (
    CHECKED_TEXT,
    Outcome,
    RequestFigures,
    RunReport,
    RunState,
    Source,
    SourceTable,
)

HEADER = ("Customer mobile", "Friend's phone", "Friend", "Campaign", "Notes")
COLUMNS = {"referrer_mobile": 0, "identifier": 1, "name": 2, "campaign_token": 3}
STARTED = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)

# outcome, code, field at fault, reason
ENDINGS: tuple[tuple[Outcome, str | None, str | None, str | None], ...] = (
    (Outcome.ACCEPTED, "1000", None, None),
    (
        Outcome.REJECTED,
        "1701",
        "identifier",
        "identifier '98-76': 4 digits, an Indian mobile has 10.",
    ),
    (Outcome.REJECTED, "missing-campaign-token", "campaign_token", "The campaign is empty."),
    (Outcome.DUPLICATE, "duplicate", None, "The same invite stands in row 3 of Delhi."),
    (Outcome.ALREADY_SENT, "already-sent", None, "Accepted in the run of 20 November."),
    (Outcome.SUPPRESSED, "suppressed", None, "On the suppression list."),
    (Outcome.FAILED, "1204", None, "Customer is not eligible"),
    (Outcome.FAILED, "1011", None, "Customer not found"),
    (Outcome.UNKNOWN, "no-answer", None, "The answer never came; a look afterwards failed too."),
    (Outcome.NOT_SENT, "stopped", None, "The run ended before this row's turn."),
)
NEEDING = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.REJECTED)  # a person, most pressing first
SENT = {Outcome.ACCEPTED, Outcome.FAILED, Outcome.UNKNOWN}
NAMES = (
    "Shikhar",
    "Ana María",
    "Łukasz",
    "李雷",
    "عائشة",
    "Zoë & Sons",
    "=HYPERLINK(1)",
    "😀 Joy",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the outcomes frame, before it is a column."""

    line: int
    table: int
    row: int
    outcome: str | None
    texts: dict[str, str | None]


def make_report(
    rows: int = 300,
    *,
    seed: int = 7,
    sending: bool = True,
    endings: tuple[tuple[Outcome, str | None, str | None, str | None], ...] = ENDINGS,
    weights: tuple[int, ...] | None = (70, 6, 2, 4, 3, 2, 4, 2, 3, 4),
    state: RunState = RunState.FINISHED,
    **changes: Any,
) -> RunReport:
    """Return a run over `rows` rows, the same for the same arguments.

    The first half of the rows stands in two sheets of a workbook, the rest in a text file.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    tables = _tables()
    sizes = (rows // 4, rows // 2 - rows // 4, rows - rows // 2)
    lines: list[Line] = []
    original: list[pa.Table] = []
    for table, size in enumerate(sizes):
        cells = [_cells(chance) for _ in range(size)]
        original.append(_original(cells))
        for place, (referrer, friend, name, token, _) in enumerate(cells):
            ending = chance.choices(endings, weights if len(endings) == 10 else None)[0]
            texts = _texts(ending, referrer, friend, name, token, chance)
            position = len(lines)
            lines.append(Line(position, table, place + 2, ending[0], texts))
    report: dict[str, Any] = {
        "run_id": "20261123T123000-7f3a",
        "version": "0.1.0",
        "started_at": STARTED,
        "finished_at": STARTED + timedelta(minutes=14, seconds=20),
        "state": state if sending else RunState.CHECKED,
        "exit_code": 1,
        "stop_reason": "",
        "resume_command": "",
        "sending": sending,
        "target": "sandbox" if sending else "",
        "timezone": "Asia/Kolkata",
        "settings": {"Region": "IN", "Rate": "300/min", "Batch size": "50"},
        "sources": (
            Source(path="launch.xlsx", sha256="ab" * 32, size_bytes=48_213, rows=rows // 2),
            Source(path="extra.csv", sha256="cd" * 32, size_bytes=9_120, rows=rows - rows // 2),
        ),
        "tables": tables,
        "outcomes": make_frame(lines, chance),
        "original": tuple(original),
        "requests": RequestFigures(sent=120, retried=7, read_back=3, throttled_s=18.25),
        "notices": ("The sheet Old is hidden and was left out.",),
    }
    return RunReport(**{**report, **changes})


def _tables() -> tuple[SourceTable, ...]:
    book = [
        SourceTable(source=0, sheet=name, header=HEADER, header_row=1, columns=COLUMNS)
        for name in ("Delhi", "Mumbai")
    ]
    text = SourceTable(
        source=1,
        sheet="",
        header=HEADER,
        header_row=1,
        columns=COLUMNS,
        delimiter=";",
        encoding="utf-8",
    )
    return (*book, text)


def _cells(chance: random.Random) -> tuple[str, ...]:
    referrer = f"9199{chance.randrange(40):08d}"
    friend = f"+91 98{chance.randrange(10**8):08d}"
    return (referrer, friend, chance.choice(NAMES), "J0H7Q", chance.choice(("", "VIP; call")))


def _original(cells: list[tuple[str, ...]]) -> pa.Table:
    columns = {
        str(place): pa.array([row[place] or None for row in cells], pa.string())
        for place in range(len(HEADER))
    }
    return pa.table(columns)


def _texts(
    ending: tuple[Outcome, str | None, str | None, str | None],
    referrer: str,
    friend: str,
    name: str,
    token: str,
    chance: random.Random,
) -> dict[str, str | None]:
    outcome, code, field, reason = ending
    refused = outcome is Outcome.REJECTED
    digits = friend.removeprefix("+").replace(" ", "")
    return {
        "referrer": referrer,
        "referrer_key": referrer,
        "referrer_type": "MOBILE",
        "campaign_token": token,
        "type": "MOBILE",
        "identifier": friend if refused else digits,
        "identifier_key": None if refused else digits,
        "name": name,
        "id": None,
        "invited_on": "20261123T18:00:00.pV7BF",
        "code": code,
        "field": field,
        "reason": reason,
        "advice": describe(code).advice if code else None,
        "warning": "The name has 27 characters, 20 are kept." if chance.random() < 0.04 else None,
    }


def make_frame(lines: list[Line], chance: random.Random) -> pa.Table:
    """Return the lines as an outcomes frame."""
    sent = [it.outcome in SENT for it in lines]
    after = sorted(chance.randrange(860_000) for _ in lines)
    times = [
        (STARTED + timedelta(milliseconds=ms)).isoformat() if was else None
        for was, ms in zip(sent, after, strict=True)
    ]
    text = {name: [it.texts.get(name) for it in lines] for name in CHECKED_TEXT}
    text["outcome"] = [it.outcome for it in lines]
    text["request_id"] = [
        f"req-{it.line:05d}" if was else None for it, was in zip(lines, sent, strict=True)
    ]
    text["sent_at"] = times
    columns = {
        "line": pa.array([it.line for it in lines], pa.int64()),
        "table": pa.array([it.table for it in lines], pa.int32()),
        "row": pa.array([it.row for it in lines], pa.int64()),
        **{name: pa.array(values, pa.string()) for name, values in text.items()},
        "duplicate_of": pa.nulls(len(lines), pa.int64()),
        "attempts": pa.array([int(was) for was in sent], pa.int64()),
    }
    return pa.table(columns)
