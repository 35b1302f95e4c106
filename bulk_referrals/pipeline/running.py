"""A run from its first row to its report: begin, ask, send, record, report."""

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from bulk_referrals.config import SANDBOX_TARGET, Settings
from bulk_referrals.errors import BulkReferralsError, LedgerError, StoppedError, UsageError
from bulk_referrals.grouper import Plan
from bulk_referrals.ledger import InviteState, Ledger, LineResult, Result, RunRecord
from bulk_referrals.model import Outcome, RequestFigures, RunState
from bulk_referrals.pipeline.looking_up import look_up_codes
from bulk_referrals.pipeline.planning import Known, look_up, plan, without_code
from bulk_referrals.pipeline.publishing import Finished, Run, publish
from bulk_referrals.pipeline.sitting import Ended, Endpoint, endpoint, send
from bulk_referrals.pipeline.watch import Watch
from bulk_referrals.policy import Pace
from bulk_referrals.sender import Stop

Mask = npt.NDArray[np.bool_]


def sit(run: Run, settings: Settings, ledger: Ledger, watch: Watch, *, is_new: bool) -> Finished:
    """Send what is ready and not yet settled, record how it ended, and report.

    Args:
        run: its record and rows.
        settings: how to send.
        ledger: locked for this run.
        watch: who watches.
        is_new: the run is not in the ledger yet.

    Raises:
        UsageError: the user said no; nothing was sent.
        LedgerError: the ledger could not be used before anything was sent.
    """
    run, trouble = settle(run, settings, ledger, watch, is_new=is_new)
    begun = run.record
    try:
        finished = publish(run, ledger, settings)
    except (LedgerError, OSError) as error:
        message = (
            f"Run {begun.run_id} has ended, but its report could not be made: {error} "
            f"Once that is mended: bulk-referrals report {begun.run_id}"
        )
        raise StoppedError(message) from error
    with suppress(LedgerError) if trouble else nullcontext():
        ledger.update(replace(begun, outcomes=finished.summary.outcomes,
                              exit_code=finished.report.exit_code))  # fmt: skip
    return finished


def settle(
    run: Run, settings: Settings, ledger: Ledger, watch: Watch, *, is_new: bool
) -> tuple[Run, BulkReferralsError | None]:
    """Send what is ready and not yet settled, and record how it ended; see `sit`.

    Returns:
        The run with its record as the ledger has it now; and the error that ended it, if any.
    """
    known = look_up(
        run.checked,
        ledger=ledger,
        organisation=run.record.organisation,
        run_id=run.record.run_id,
    )
    to_send, beyond = _to_send(run, known, ledger, settings.limit, is_new=is_new)
    planned = plan(run.checked, to_send, settings)
    if run.record.target != SANDBOX_TARGET and len(planned.lines):
        _ask(watch, run.record, planned)
    begun = replace(run.record, state=RunState.SENDING, finished_at=None, stop_reason="")
    run = replace(run, record=begun)
    _begin(run, ledger, is_new=is_new)
    run, ended = _send(run, planned, to_send, known, settings, ledger, watch)
    stop = ended.stop
    with suppress(LedgerError) if ended.trouble else nullcontext():
        if beyond.any():
            # What an earlier sitting left in doubt stays so: it may stand on the platform.
            _leave_out(begun.run_id, beyond & ~known.in_doubt, "limit", ledger)
            stop = stop or Stop(reason=f"The limit of {settings.limit} rows was reached.")
        begun = _ended(begun, stop, ended.figures)
        ledger.update(begun)
    return replace(run, record=begun), ended.trouble


def _to_send(
    run: Run, known: Known, ledger: Ledger, limit: int | None, *, is_new: bool
) -> tuple[Mask, Mask]:
    """Return which lines are to be sent now, and which lie beyond the limit.

    Lines that this run has settled stay so, save those that ended as unknown or not sent.
    """
    ready: Mask = run.checked["outcome"].is_null().to_numpy()
    to_send = ready & (known.states != InviteState.ACCEPTED)
    if not is_new:
        results = ledger.results(run.record.run_id)
        outcomes = results["outcome"].to_numpy()
        final = ~np.isin(outcomes, (Outcome.UNKNOWN.value, Outcome.NOT_SENT.value))
        to_send[results["line"].to_numpy()[final]] = False
    beyond = np.zeros_like(to_send)
    if limit is not None:
        beyond[np.flatnonzero(to_send)[limit:]] = True
    return to_send & ~beyond, beyond


def _ask(watch: Watch, record: RunRecord, planned: Plan) -> None:
    question = (
        f"Send {len(planned.lines):,} invites of {planned.lane_count:,} referrers "
        f"to {record.target}?"
    )
    if not watch.confirm(question):
        message = "You said no, so nothing was sent."
        raise UsageError(message)


def _begin(run: Run, ledger: Ledger, *, is_new: bool) -> None:
    """Make the run and all that its report needs durable, before anything is sent."""
    if not is_new:
        ledger.update(run.record)
        return
    original = {f"original-{index}": table for index, table in enumerate(run.original)}
    ledger.begin(run.record, {"checked": run.checked, **original})


def _send(
    run: Run,
    planned: Plan,
    to_send: Mask,
    known: Known,
    settings: Settings,
    ledger: Ledger,
    watch: Watch,
) -> tuple[Run, Ended]:
    """Send; what goes wrong on the way is how the sitting ended, not a reason to lose it.

    Returns:
        The run, with the referral codes that were looked up, and how the sitting ended.
    """
    if not len(planned.lines):
        return run, Ended(stop=None, figures=RequestFigures())
    pace = Pace(rate_per_min=settings.rate)
    with endpoint(settings, sandbox=run.record.target == SANDBOX_TARGET) as place:
        looked = look_up_codes(
            run.checked,
            to_send,
            in_doubt=known.in_doubt,
            place=place,
            settings=settings,
            pace=pace,
            ledger=ledger,
            watch=watch,
        )
        if looked.checked is run.checked:
            return run, _send_planned(run, planned, known, place, settings, pace, ledger, watch)
        ledger.update(run.record, {"checked": looked.checked})
        run = replace(run, checked=looked.checked)
        ended = Ended(stop=looked.stop, figures=RequestFigures(), trouble=looked.trouble)
        if not looked.stop:
            known.inherit(looked.heirs)
            to_send[list(looked.heirs)] = True
            waiting = to_send & without_code(run.checked)
            planned = plan(run.checked, to_send & ~waiting, settings)
            ended = _send_planned(run, planned, known, place, settings, pace, ledger, watch)
            # What is in doubt stays so: it may stand on the platform.
            ended = _still_waiting(run, ended, waiting & ~known.in_doubt, ledger)
    return run, replace(ended, figures=sum_of(looked.figures, ended.figures))


def _still_waiting(run: Run, ended: Ended, waiting: Mask, ledger: Ledger) -> Ended:
    """Leave out the lines whose referral code could not be asked for; a resumed run asks again."""
    if ended.trouble or not waiting.any():
        return ended
    _leave_out(run.record.run_id, waiting, "code-not-looked-up", ledger)
    reason = f"The platform did not tell the referral codes of {int(waiting.sum()):,} rows."
    return replace(ended, stop=ended.stop or Stop(reason=reason))


def _send_planned(
    run: Run,
    planned: Plan,
    known: Known,
    place: Endpoint,
    settings: Settings,
    pace: Pace,
    ledger: Ledger,
    watch: Watch,
) -> Ended:
    watch.sending(len(planned.lines))
    try:
        return asyncio.run(
            send(
                run.checked,
                planned,
                known,
                run_id=run.record.run_id,
                place=place,
                settings=settings,
                ledger=ledger,
                pace=pace,
                watch=watch,
            )
        )
    finally:
        watch.sent()


def _leave_out(run_id: str, left: Mask, code: str, ledger: Ledger) -> None:
    lines = tuple(
        LineResult(line=int(line), key=None, state=None, outcome=Outcome.NOT_SENT, code=code)
        for line in np.flatnonzero(left)
    )
    now = datetime.now(UTC)
    ledger.write(
        run_id, [Result(request=None, answered_at=now, http_status=0, code=code, lines=lines)]
    )


def _ended(record: RunRecord, stop: Stop | None, figures: RequestFigures) -> RunRecord:
    if stop is None:
        state = RunState.FINISHED
    else:
        state = RunState.INTERRUPTED if stop.interrupted else RunState.STOPPED
    before = record.requests
    return replace(
        record,
        finished_at=datetime.now(UTC),
        state=state,
        stop_reason=stop.reason if stop else "",
        requests=sum_of(before, figures),
    )


def sum_of(one: RequestFigures, other: RequestFigures) -> RequestFigures:
    """Return what both come to."""
    return RequestFigures(
        **{each.name: getattr(one, each.name) + getattr(other, each.name)
           for each in fields(RequestFigures)}
    )  # fmt: skip
