"""Runs that send nothing: what came is not what was expected, or nothing came."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from bulk_referrals import __version__, reporter
from bulk_referrals.config import SANDBOX_TARGET, Settings, shown
from bulk_referrals.errors import NothingToDoError
from bulk_referrals.ledger import Ledger
from bulk_referrals.model import CHECKED_TEXT, RequestFigures, RunReport, RunState
from bulk_referrals.pipeline.expectations import surprise, usual_rows
from bulk_referrals.pipeline.outcomes import without_sending
from bulk_referrals.pipeline.publishing import (
    EXIT_DONE,
    EXIT_NOTHING_BEGUN,
    Finished,
    Run,
    publish,
)
from bulk_referrals.summary import summarise

_NO_LINES: Final = pa.table(
    {
        "line": pa.array([], pa.int64()),
        "table": pa.array([], pa.int32()),
        "row": pa.array([], pa.int64()),
        **{name: pa.array([], pa.string()) for name in CHECKED_TEXT},
        "duplicate_of": pa.array([], pa.int64()),
    }
)


def unexpected(run: Run, settings: Settings, ledger: Ledger) -> str:
    """Return why a run is not what the settings expect; "" where it is."""
    past: list[int] = []
    if settings.expect_growth is not None:
        past = usual_rows(ledger.runs(), run.record.organisation)
    return surprise(
        sum(source.rows for source in run.record.sources),
        expect_rows=settings.expect_rows,
        growth=settings.expect_growth,
        past=past,
    )


def refused(run: Run, reason: str, settings: Settings, ledger: Ledger) -> Finished:
    """Record and report a run that is not to send anything.

    Args:
        run: read and checked, not in the ledger yet.
        reason: the sentence that says why, and how to send all the same.
        settings: where the reports are.
        ledger: locked for this run.

    Raises:
        LedgerError: the ledger cannot be used.
        OSError: the report cannot be written.
    """
    record = replace(
        run.record,
        state=RunState.REFUSED,
        finished_at=datetime.now(UTC),
        stop_reason=reason,
        exit_code=EXIT_NOTHING_BEGUN,
    )
    original = {f"original-{index}": table for index, table in enumerate(run.original)}
    ledger.begin(record, {"checked": run.checked, **original})
    finished = publish(replace(run, record=record), ledger, settings)
    ledger.update(replace(record, outcomes=finished.summary.outcomes))
    return finished


def idle(
    error: NothingToDoError, settings: Settings, *, run_id: str, now: datetime, sandbox: bool
) -> Finished:
    """Return a run that had nothing to do; where that is not allowed, with its `run.json`.

    Where it is allowed it may come every few minutes, and is to leave nothing behind.

    Args:
        error: says what was missing.
        settings: where the reports are, and whether it is allowed.
        run_id: its folder's name.
        now: when it began, aware.
        sandbox: it was to send to the stand-in.

    Raises:
        OSError: the manifest cannot be written.
    """
    report = RunReport(
        run_id=run_id,
        version=__version__,
        started_at=now,
        finished_at=datetime.now(UTC),
        state=RunState.NOTHING_TO_DO,
        exit_code=EXIT_DONE if settings.allow_empty else EXIT_NOTHING_BEGUN,
        stop_reason=str(error),
        resume_command="",
        sending=True,
        target=SANDBOX_TARGET if sandbox else settings.base_url,
        timezone=settings.api_timezone,
        settings=shown(settings.public()),
        sources=(),
        tables=(),
        outcomes=without_sending(_NO_LINES),
        original=(),
        requests=RequestFigures(),
    )
    summary, folder = summarise(report), settings.reports / run_id
    outputs = {} if settings.allow_empty else reporter.write_manifest(report, folder, summary)
    return Finished(report=report, summary=summary, outputs=outputs)
