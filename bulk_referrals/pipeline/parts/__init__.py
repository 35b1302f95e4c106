"""The use cases by parts: the same check and the same run, in bounded memory or on a cluster.

Each stage is a step that an engine takes for every part or lot: read, check, find repeats, mark,
send, write. Rows pass from stage to stage through a folder (`spool`), never through the memory of
the one that leads, which holds a few figures of each part.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from bulk_referrals import __version__
from bulk_referrals.config import SANDBOX_TARGET, Settings, shown
from bulk_referrals.database import DatabaseUrl
from bulk_referrals.engine import Engine, open_engine
from bulk_referrals.errors import (
    InputError,
    LedgerError,
    NothingToDoError,
    StoppedError,
    UsageError,
)
from bulk_referrals.events import Event, happened
from bulk_referrals.ledger import Ledger, RunRecord
from bulk_referrals.loader import find
from bulk_referrals.model import (
    CHECKED_TEXT,
    Arrival,
    Outcome,
    RequestFigures,
    RunReport,
    RunState,
)
from bulk_referrals.pipeline.arriving import twins, with_etags
from bulk_referrals.pipeline.choosing import PARTS
from bulk_referrals.pipeline.declining import unexpected
from bulk_referrals.pipeline.outcomes import without_sending
from bulk_referrals.pipeline.parts.checking import AllChecked, check_all
from bulk_referrals.pipeline.parts.reading import Part, read_part, read_tasks, together
from bulk_referrals.pipeline.parts.results import report_all
from bulk_referrals.pipeline.parts.sending import (
    OneOfMany,
    SendDone,
    SendTask,
    send_elsewhere,
    send_lot,
)
from bulk_referrals.pipeline.parts.spool import Spool
from bulk_referrals.pipeline.preparing import load_options, rules_of
from bulk_referrals.pipeline.publishing import EXIT_NOTHING_BEGUN, Finished, Run, report_of
from bulk_referrals.pipeline.running import sum_of
from bulk_referrals.pipeline.watch import Watch

__all__ = ["check_by_parts", "resume_by_parts", "run_by_parts"]

_STDIN: Final = "-"
_ONLY_HERE: Final = frozenset({"config", "profile"})  # files of this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the steps of one command are taken."""

    engine: Engine
    spool: Spool


@contextmanager
def _place(settings: Settings, run_id: str) -> Iterator[_Place]:
    on_cluster = settings.engine == "dask"
    if on_cluster and not settings.scheduler:
        message = "The engine Dask needs the address of its scheduler: --scheduler tcp://HOST:8786"
        raise UsageError(message)
    engine = open_engine(settings.scheduler if on_cluster else "")
    spool = Spool(settings.work.absolute() / run_id)
    try:
        spool.make()
        yield _Place(engine=engine, spool=spool)
    finally:
        engine.close()


def check_by_parts(
    arrival: Arrival, settings: Settings, *, run_id: str, now: datetime
) -> Finished:
    """Read, check and report; sends nothing.

    Raises:
        UsageError: a setting or a source cannot be used.
    """
    with _place(settings, run_id) as place:
        try:
            checked, notices = _prepared(arrival, settings, place, now=now, to_send=False)
            report = RunReport(
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
                sources=checked.read.sources,
                tables=checked.read.tables,
                outcomes=_no_frame(),
                original=(),
                requests=RequestFigures(),
                notices=notices,
                fetched=arrival.fetched,
            )
            return report_all(
                checked.read.parts,
                report,
                settings,
                lots=(),
                lines=checked.lines,
                otherwise="ready",
                engine=place.engine,
                spool=place.spool,
            )
        finally:
            place.spool.remove()


def _no_frame() -> pa.Table:
    numbers = {"line": pa.int64(), "table": pa.int32(), "row": pa.int64()}
    text = dict.fromkeys(CHECKED_TEXT, pa.string())
    no_lines = pa.schema({**numbers, **text, "duplicate_of": pa.int64()}).empty_table()
    return without_sending(no_lines)


def _prepared(
    arrival: Arrival, settings: Settings, place: _Place, *, now: datetime, to_send: bool
) -> tuple[AllChecked, tuple[str, ...]]:
    """Read and check all files, and return the parts and what the user should see."""
    if _STDIN in arrival.paths:
        advice = "Keep it in a file, and name that."
        raise InputError(_STDIN, "standard input is not read by parts", advice=advice)
    options = load_options(settings)
    absent: list[NothingToDoError] = []
    paths, notices = find(arrival.paths, arrival.fetched, absent)
    tasks = read_tasks(
        paths,
        {path: each.absolute() for path, each in arrival.fetched.items()},
        options,
        part_bytes=settings.partition_size,
        spool=place.spool,
    )
    read = together(
        place.engine.each(read_part, tasks), absent=absent, allow_empty=settings.allow_empty
    )
    read = replace(read, sources=with_etags(read.sources, arrival))
    rules, told = rules_of(settings, options, now)
    checked = check_all(read, rules, engine=place.engine, spool=place.spool, to_send=to_send)
    return checked, (
        *arrival.notices,
        *notices,
        *read.notices,
        *twins(read.sources),
        *told,
        *checked.notices,
    )


def run_by_parts(
    arrival: Arrival,
    settings: Settings,
    *,
    run_id: str,
    now: datetime,
    target: str,
    organisation: str,
    ledger: Ledger,
    watch: Watch,
) -> Finished:
    """Read, check, send by parts, and report.

    Args:
        arrival: the files.
        settings: what the user set.
        run_id: the run.
        now: when it began, aware.
        target: where it is sent.
        organisation: names the platform's organisation in the ledger.
        ledger: held for this run.
        watch: who watches.

    Raises:
        UsageError: a setting or a source cannot be used, or the user said no; nothing was sent.
        LedgerError: the ledger cannot be used; nothing was sent.
    """
    _require_shared(settings, target)
    with _place(settings, run_id) as place:
        try:
            checked, notices = _prepared(arrival, settings, place, now=now, to_send=True)
            record = RunRecord(
                run_id=run_id,
                version=__version__,
                started_at=now,
                state=RunState.SENDING,
                target=target,
                organisation=organisation,
                timezone=settings.api_timezone,
                settings=settings.public(),
                sources=checked.read.sources,
                tables=checked.read.tables,
                notices=notices,
            )
            if reason := _unexpected(record, settings, ledger):
                return _refused(record, reason, checked, settings, place, ledger)
            happened(
                Event.ROWS_CHECKED,
                rows={source.path: source.rows for source in record.sources},
                ready=checked.ready,
                invites=checked.lines,
            )
            _ask(watch, record, checked.ready)
        except BaseException:
            place.spool.remove()
            raise
        ledger.begin(record, {PARTS: _as_table(checked)})
        return _go_on(record, _Lots.of(checked), settings, place, ledger, watch)


def _unexpected(record: RunRecord, settings: Settings, ledger: Ledger) -> str:
    return unexpected(Run(record=record, checked=_no_frame(), original=()), settings, ledger)


def _refused(
    record: RunRecord,
    reason: str,
    checked: AllChecked,
    settings: Settings,
    place: _Place,
    ledger: Ledger,
) -> Finished:
    """Record and report a run that is not to send anything."""
    record = replace(
        record,
        state=RunState.REFUSED,
        finished_at=datetime.now(UTC),
        stop_reason=reason,
        exit_code=EXIT_NOTHING_BEGUN,
    )
    ledger.begin(record, {PARTS: _as_table(checked)})
    finished = report_all(
        checked.read.parts,
        report_of(record, settings, outcomes=_no_frame(), original=()),
        settings,
        lots=(),
        lines=checked.lines,
        otherwise="unexpected",
        engine=place.engine,
        spool=place.spool,
    )
    ledger.update(replace(record, outcomes=finished.summary.outcomes))
    place.spool.remove()
    return finished


def _require_shared(settings: Settings, target: str) -> None:
    """Refuse what several machines cannot share, before any work is done."""
    if settings.engine != "dask":
        return
    if target == SANDBOX_TARGET:
        message = (
            "The sandbox of a run lives on one machine. Start one for all workers (bulk-referrals "
            "sandbox) and give its address with --host."
        )
    elif not isinstance(settings.ledger, DatabaseUrl):
        message = (
            "With --engine dask the workers share the ledger, so it must be on PostgreSQL: "
            "--ledger postgresql://USER@HOST/DATABASE"
        )
    elif settings.canary is not None or settings.limit is not None:
        message = (
            "--canary and --limit count what one machine sends. Leave --engine dask out for such "
            "a run; the ledger keeps what it has sent, and the next one sends the rest."
        )
    else:
        return
    raise UsageError(message)


def _ask(watch: Watch, record: RunRecord, ready: int) -> None:
    question = f"Send up to {ready:,} invites to {record.target}?"
    if record.target != SANDBOX_TARGET and ready and not watch.confirm(question):
        message = "You said no, so nothing was sent."
        raise UsageError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lots:
    """What is to be sent, as the ledger remembers it.

    Attributes:
        parts: there are as many lots.
        lines: invites asked for.
        ready: of these, those that were to be sent.
    """

    parts: tuple[Part, ...]
    lines: int
    ready: int

    @classmethod
    def of(cls, checked: AllChecked) -> "_Lots":
        return cls(parts=checked.read.parts, lines=checked.lines, ready=checked.ready)

    @classmethod
    def kept(cls, table: pa.Table) -> "_Lots":
        rows = table.to_pylist()
        names = Part.__dataclass_fields__
        parts = tuple(Part(**{name: row[name] for name in names}) for row in rows)
        return cls(parts=parts, lines=rows[0]["lines"], ready=rows[0]["ready"])


def _as_table(checked: AllChecked) -> pa.Table:
    parts = checked.read.parts
    columns = {name: [getattr(each, name) for each in parts] for name in Part.__dataclass_fields__}
    whole = {"lines": checked.lines, "ready": checked.ready}
    return pa.table(columns | {name: [number] * len(parts) for name, number in whole.items()})


def resume_by_parts(
    record: RunRecord, settings: Settings, ledger: Ledger, watch: Watch
) -> Finished:
    """Go on with a run that stopped: with what is in its folder, and in the ledger.

    Raises:
        UsageError: its folder is gone.
        LedgerError: the ledger cannot be used.
    """
    lots = _Lots.kept(ledger.load_frame(record.run_id, PARTS))
    with _place(settings, record.run_id) as place:
        if not all(place.spool.path(f"dealt-{part.index}").exists() for part in lots.parts):
            place.spool.remove()
            message = (
                f"The folder of run {record.run_id} ({place.spool.folder}) is gone, and with it "
                "what was not sent yet. Run its files again: nobody is invited twice."
            )
            raise UsageError(message)
        _require_shared(settings, record.target)
        begun = replace(record, state=RunState.SENDING, finished_at=None, stop_reason="")
        ledger.update(begun)
        return _go_on(begun, lots, settings, place, ledger, watch)


def _go_on(
    record: RunRecord,
    lots: _Lots,
    settings: Settings,
    place: _Place,
    ledger: Ledger,
    watch: Watch,
) -> Finished:
    """Send what is left, record how it ended, and report."""
    tasks = [
        SendTask(
            lot=lot,
            record=record,
            first_at=tuple(part.first_at for part in lots.parts),
            settings=_for_workers(settings),
            spool=place.spool,
        )
        for lot in range(len(lots.parts))
    ]
    watch.sending(lots.ready)
    try:
        if settings.engine == "dask":
            done = _by_workers(tasks, place.engine, watch)
        else:
            done = _one_by_one(tasks, settings, ledger, watch)
    finally:
        watch.sent()
    record = _ended(record, done)
    ledger.update(record)
    sent = tuple(task.lot for task in tasks if place.spool.path(f"sent-{task.lot}").exists())
    header = report_of(record, settings, outcomes=_no_frame(), original=())
    try:
        finished = report_all(
            lots.parts,
            header,
            settings,
            lots=sent,
            lines=lots.lines,
            otherwise="stopped",
            engine=place.engine,
            spool=place.spool,
        )
    except (LedgerError, OSError) as error:
        message = (
            f"Run {record.run_id} has ended, but its report could not be made: {error} "
            f"Once that is mended: bulk-referrals resume {record.run_id}"
        )
        raise StoppedError(message) from error
    ledger.update(replace(record, outcomes=finished.summary.outcomes,
                          exit_code=finished.report.exit_code))  # fmt: skip
    if record.state is RunState.FINISHED:
        place.spool.remove()
    return finished


def _for_workers(settings: Settings) -> Mapping[str, object]:
    """Return the settings without secrets, and without the files that only we can read."""
    public = settings.public()
    return {name: value for name, value in public.items() if name not in _ONLY_HERE}


def _by_workers(tasks: Sequence[SendTask], engine: Engine, watch: Watch) -> list[SendDone]:
    """Have all lots sent, as many at once as there are workers."""
    done = []
    for each in engine.each(send_elsewhere, tasks):
        done.append(each)
        watch.settled(each.told)
    return done


def _one_by_one(
    tasks: Sequence[SendTask], settings: Settings, ledger: Ledger, watch: Watch
) -> list[SendDone]:
    """Send one lot after another; what bounds a run bounds all of them together."""
    done: list[SendDone] = []
    own = OneOfMany(watch)
    for task in tasks:
        left = _left(settings, done)
        if left is None:
            reason = f"The limit of {settings.limit} rows was reached."
            done.append(SendDone(state=RunState.STOPPED, stop_reason=reason))
            break
        each = send_lot(task, left, ledger, own)
        done.append(each)
        if each.state is not RunState.FINISHED:
            break
    return done


def _left(settings: Settings, done: Sequence[SendDone]) -> Settings | None:
    """Return the settings for the next lot: what is left of what bounds the run; None: nothing."""
    sent = sum(each.sent for each in done)
    failed = sum(each.told[Outcome.FAILED] for each in done)
    changed: dict[str, int | None] = {}
    if sent:
        changed["canary"] = None
    if settings.limit is not None:
        if sent >= settings.limit:
            return None
        changed["limit"] = settings.limit - sent
    if settings.max_failures is not None:
        changed["max_failures"] = max(settings.max_failures - failed, 0)
    return settings.model_copy(update=changed)


def _ended(record: RunRecord, done: Sequence[SendDone]) -> RunRecord:
    """Return the record of a run whose lots have come to this."""
    amiss = [each for each in done if each.state is not RunState.FINISHED]
    requests = RequestFigures()
    for each in done:
        requests = sum_of(requests, each.requests)
    return replace(
        record,
        finished_at=datetime.now(UTC),
        state=amiss[0].state if amiss else RunState.FINISHED,
        stop_reason=amiss[0].stop_reason if amiss else "",
        requests=requests,
    )
