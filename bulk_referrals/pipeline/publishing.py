"""From a run, as the ledger keeps it, to its report and its exit code."""

import shlex
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import __version__, reporter
from bulk_referrals.config import DEFAULT_LEDGER, Settings, shown
from bulk_referrals.errors import UsageError
from bulk_referrals.frames import replaced
from bulk_referrals.ledger import InviteState, Ledger, RunRecord
from bulk_referrals.model import Outcome, RequestFigures, RunReport, RunState
from bulk_referrals.pipeline.choosing import PARTS
from bulk_referrals.pipeline.outcomes import States, completed, without_sending
from bulk_referrals.pipeline.planning import look_up, plan, without_code
from bulk_referrals.pipeline.preparing import Prepared
from bulk_referrals.summary import Summary, summarise
from bulk_referrals.wire import BODY_COLUMNS, bodies

EXIT_DONE: Final = 0
EXIT_ROWS_AMISS: Final = 1
EXIT_NOTHING_BEGUN: Final = 2
EXIT_STOPPED: Final = 3
EXIT_INTERRUPTED: Final = 130

_PAYLOADS: Final = "payloads.jsonl"

UNFINISHED: Final = (RunState.SENDING, RunState.STOPPED, RunState.INTERRUPTED)

_AMISS: Final = (Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_SENT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A run and its rows: read just now, or kept in the ledger.

    Attributes:
        record: as the ledger keeps it.
        checked: the checked frame.
        original: per table, the author's cells.
        fetched: path of a source -> where its bytes lie, for those from elsewhere.
    """

    record: RunRecord
    checked: pa.Table
    original: tuple[pa.Table, ...]
    fetched: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """What a command has come to.

    Attributes:
        report: all about the run.
        summary: its figures.
        outputs: name -> path of the files written.
    """

    report: RunReport
    summary: Summary
    outputs: dict[str, str]

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of `run.json`."""
        return reporter.manifest(self.report, self.summary, self.outputs)


def kept(ledger: Ledger, record: RunRecord) -> Run:
    """Return a run as the ledger keeps it.

    Raises:
        UsageError: its rows are no longer kept.
    """
    if record.pruned_at is not None:
        message = (
            f"The rows of run {record.run_id} are not in this ledger: they were pruned, or left "
            f"behind when its keys were brought here, on {record.pruned_at:%Y-%m-%d}. "
            "What is left of it is shown by: bulk-referrals runs"
        )
        raise UsageError(message)
    parts = ledger.load_frame(record.run_id, PARTS)
    if parts is not None:
        last = f"{record.run_id}.{parts.num_rows - 1:05d}"
        message = (
            f"Run {record.run_id} went by parts, and its rows are kept lot by lot: "
            f"{record.run_id}.00000 to {last}. Name one of these."
        )
        raise UsageError(message)
    checked = ledger.load_frame(record.run_id, "checked")
    original = [
        ledger.load_frame(record.run_id, f"original-{index}")
        for index in range(len(record.tables))
    ]
    if checked is None or any(table is None for table in original):
        message = (
            f"The rows of run {record.run_id} are not in the ledger: it was cut off before "
            "anything was sent, or they were deleted. Run its files again."
        )
        raise UsageError(message)
    return Run(
        record=record,
        checked=checked,
        original=tuple(table for table in original if table is not None),
    )


def no_run(run_id: str) -> str:
    """Return the sentence for a run that is not in the ledger."""
    return f"There is no run {run_id} in this ledger. The runs are shown by: bulk-referrals runs"


def publish(run: Run, ledger: Ledger, settings: Settings) -> Finished:
    """Write the report of a run from what the ledger holds.

    Args:
        run: with the record that the ledger holds.
        ledger: tells what has become of each line.
        settings: where the reports are.

    Raises:
        LedgerError: the ledger cannot be read.
        OSError: the report cannot be written.
    """
    outcomes = outcomes_of(run, ledger)
    report = report_of(run.record, settings, outcomes=outcomes, original=run.original)
    return published(replace(report, fetched=run.fetched), settings)


def outcomes_of(run: Run, ledger: Ledger) -> pa.Table:
    """Return what has become of every line of a run, as the ledger holds it.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    record = run.record
    results = ledger.results(record.run_id)
    settled = np.zeros(len(run.checked), dtype=bool)
    settled[results["line"].to_numpy()[~_left_open(results)]] = True
    outcome = pc.if_else(pa.array(settled), "settled", run.checked["outcome"])
    known = look_up(
        replaced(run.checked, outcome=outcome),
        ledger=ledger,
        organisation=record.organisation,
        run_id=record.run_id,
    )
    return completed(
        run.checked,
        _not_overtaken(results, known.states),
        states=known.states,
        otherwise="unexpected" if record.state is RunState.REFUSED else "stopped",
    )


def report_of(
    record: RunRecord,
    settings: Settings,
    *,
    outcomes: pa.Table,
    original: tuple[pa.Table, ...],
) -> RunReport:
    """Return the report of a run; what it exits with is not known yet.

    Args:
        record: as the ledger keeps it.
        settings: where the ledger is.
        outcomes: the outcomes frame, of all lines or of some.
        original: per table, the author's cells.
    """
    cut_off = record.state is RunState.SENDING
    return RunReport(
        run_id=record.run_id,
        version=record.version,
        started_at=record.started_at,
        finished_at=record.finished_at or datetime.now(UTC),
        state=record.state,
        exit_code=0,
        stop_reason="The run was cut off before its end." if cut_off else record.stop_reason,
        resume_command=resume_command(record, settings),
        sending=True,
        target=record.target,
        timezone=record.timezone,
        settings=shown(record.settings),
        sources=record.sources,
        tables=record.tables,
        outcomes=outcomes,
        original=original,
        requests=record.requests,
        notices=record.notices,
    )


def _left_open(results: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell of each result whether it settles nothing: another run may go on with its invite."""
    return np.isin(results["outcome"].to_numpy(), (Outcome.UNKNOWN, Outcome.NOT_SENT))


def _not_overtaken(results: pa.Table, states: States) -> pa.Table:
    """Leave out what no longer holds, as another run has come further with the invite since."""
    now = states[results["line"].to_numpy()]
    not_sent = results["outcome"].to_numpy() == Outcome.NOT_SENT
    in_doubt = np.isin(now, (InviteState.IN_FLIGHT, InviteState.UNKNOWN))
    overtaken = _left_open(results) & (now == InviteState.ACCEPTED) | not_sent & in_doubt
    return results.filter(pa.array(~overtaken))


def publish_check(
    prepared: Prepared, settings: Settings, run_id: str, now: datetime, *, payloads: bool
) -> Finished:
    """Write the report of a check.

    Args:
        prepared: the sources, read and checked.
        settings: what the user set.
        run_id: its folder's name.
        now: when it began, aware.
        payloads: also write the exact body of every request that a run would send.

    Raises:
        OSError: the report cannot be written.
    """
    bodies_of = partial(_write_payloads, prepared.checked, settings)
    return published(
        RunReport(
            run_id=run_id,
            version=__version__,
            started_at=now,
            finished_at=datetime.now(UTC),
            state=RunState.CHECKED,
            exit_code=0,
            stop_reason="",
            resume_command="",
            sending=False,
            target="",
            timezone=settings.api_timezone,
            settings=shown(settings.public()),
            sources=prepared.loaded.sources,
            tables=prepared.loaded.tables,
            outcomes=without_sending(prepared.checked),
            original=prepared.loaded.original,
            requests=RequestFigures(),
            notices=(*prepared.notices, *_waiting(prepared.checked)),
            fetched=prepared.fetched,
        ),
        settings,
        beside={_PAYLOADS: bodies_of} if payloads else {},
    )


def _waiting(checked: pa.Table) -> list[str]:
    """Say what a check, which asks nobody, leaves open."""
    rows = int(without_code(checked).sum())
    if not rows:
        return []
    have = "1 row has" if rows == 1 else f"{rows:,} rows have"
    return [f"{have} no referral code; a run asks the platform for it (lookup_codes)."]


def _write_payloads(checked: pa.Table, settings: Settings, path: Path) -> None:
    """Write the body of each request on a line, in the order of sending."""
    ready = checked["outcome"].is_null().to_numpy() & ~without_code(checked)
    planned = plan(checked, ready, settings)
    table = checked.select(BODY_COLUMNS)
    with path.open("wb") as stream:
        for block in bodies(table, planned.lines, planned.parts, planned.requests):
            stream.write(block.data)


def resume_command(record: RunRecord, settings: Settings) -> str:
    """Return the exact command that goes on with a run; "" when it is finished."""
    if record.state not in UNFINISHED:
        return ""
    ledger = [] if settings.ledger == DEFAULT_LEDGER else ["--ledger", str(settings.ledger)]
    return shlex.join(["bulk-referrals", "resume", record.run_id, *ledger])


def published(
    report: RunReport,
    settings: Settings,
    *,
    beside: Mapping[str, reporter.Writer] | None = None,
    summary: Summary | None = None,
) -> Finished:
    """Write a report.

    Args:
        report: of a run or a check.
        settings: where the reports are.
        beside: name -> what writes it, of further files.
        summary: its figures, where the report holds only an excerpt of its lines.

    Raises:
        OSError: the report cannot be written.
    """
    with ThreadPoolExecutor(1) as aside:  # Arrow lets go of the interpreter
        lines = aside.submit(reporter.result_lines, report)
        summary = summary or summarise(report)
    copies, told = reporter.annotated(report, summary)
    report = replace(
        report, exit_code=_exit_code(report, summary), notices=(*report.notices, *told)
    )
    folder, more = settings.reports / report.run_id, {**copies, **(beside or {})}
    outputs = reporter.write(report, folder, summary, lines=lines.result(), beside=more)
    return Finished(report=report, summary=summary, outputs=outputs)


def _exit_code(report: RunReport, summary: Summary) -> int:
    if not summary.books_balance:
        return EXIT_STOPPED
    if report.state is RunState.REFUSED:
        return EXIT_NOTHING_BEGUN
    if report.state is RunState.INTERRUPTED:
        return EXIT_INTERRUPTED
    if report.state in UNFINISHED:
        return EXIT_STOPPED
    amiss = _AMISS if report.sending else (Outcome.REJECTED,)
    return EXIT_ROWS_AMISS if any(summary.outcomes[each] for each in amiss) else EXIT_DONE
