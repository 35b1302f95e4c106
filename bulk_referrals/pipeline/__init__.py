"""The use cases: check, run, resume, report, runs. The only place where rooms are wired.

What comes after the reading of the sources is imported in the functions: see `ahead`.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from bulk_referrals import __version__
from bulk_referrals.config import SANDBOX_TARGET, Settings, load_settings
from bulk_referrals.errors import NothingToDoError, UsageError
from bulk_referrals.events import RUN_ID, Event, happened
from bulk_referrals.ledger import Ledger, RunRecord, open_ledger
from bulk_referrals.model import RunState
from bulk_referrals.pipeline.arriving import landed, moved_away
from bulk_referrals.pipeline.choosing import goes_by_parts, is_by_parts, is_lot
from bulk_referrals.pipeline.credentials import with_credentials
from bulk_referrals.pipeline.preparing import prepare
from bulk_referrals.pipeline.watch import Watch

if TYPE_CHECKING:
    from bulk_referrals.pipeline.publishing import Finished

__all__ = ["Watch", "check", "report", "resume", "run", "runs", "template"]

# These were for the sitting that they were given to; a resumed run is to reach its end.
_NO_PAYLOADS: Final = (
    "The exact payloads are written of what is checked in memory. Add --engine memory, or leave "
    "--dry-run out."
)
_NOT_RESUMED: Final = frozenset({"canary", "limit"})


def check(
    files: Sequence[str],
    settings: Settings,
    *,
    payloads: bool = False,
    stdin: BinaryIO | None = None,
) -> "Finished":
    """Read and check the files, and report. Sends nothing, and needs no ledger.

    Args:
        files: paths, globs, folders, addresses, or "-".
        settings: what the user set.
        payloads: also write the exact body of every request that a run would send, one a line.
            The ledger is not asked: rows that an earlier run has sent are among them.
        stdin: what "-" reads.

    Raises:
        UsageError: a setting or a source cannot be used.
    """
    now = datetime.now(UTC)
    with landed(files, settings) as sources:
        if goes_by_parts(sources.arrival, settings):
            from bulk_referrals.pipeline.parts import check_by_parts  # noqa: PLC0415 - seldom

            if payloads:
                raise UsageError(_NO_PAYLOADS)
            return check_by_parts(sources.arrival, settings, run_id=_run_id(now), now=now)
        prepared = prepare(sources.arrival, settings, now=now, stdin=stdin)
        from bulk_referrals.pipeline.publishing import publish_check  # noqa: PLC0415 - see above

        return publish_check(prepared, settings, _run_id(now), now, payloads=payloads)


def run(
    files: Sequence[str],
    settings: Settings,
    *,
    sandbox: bool,
    watch: Watch,
    stdin: BinaryIO | None = None,
) -> "Finished":
    """Check the files, send what is ready, and report; and tell whom the settings name.

    A run that is not what the settings expect, or that finds nothing to do, sends nothing: its
    report's state says so.

    Args:
        files: paths, globs, folders, addresses, or "-".
        settings: what the user set.
        sandbox: send to the stand-in, started for this run.
        watch: who watches.
        stdin: what "-" reads.

    Raises:
        UsageError: a setting or a source cannot be used, or the user said no; nothing was sent.
        LedgerError: the ledger cannot be used, or is in use; nothing was sent.
    """
    from bulk_referrals.pipeline.attending import attended  # noqa: PLC0415 - not for a check
    from bulk_referrals.pipeline.sitting import organisation  # noqa: PLC0415 - as above

    now = datetime.now(UTC)
    run_id = _run_id(now)

    def act(watch: Watch) -> "Finished":
        RUN_ID.set(run_id)
        happened(Event.RUN_BEGUN, version=__version__, sources=list(files), sandbox=sandbox)
        try:
            return _run(files, settings, run_id, now, sandbox=sandbox, watch=watch, stdin=stdin)
        except NothingToDoError as error:
            from bulk_referrals.pipeline.declining import idle  # noqa: PLC0415 - seldom needed

            return idle(error, settings, run_id=run_id, now=now, sandbox=sandbox)

    return attended(act, settings, watch, organisation=organisation(settings, sandbox=sandbox))


def _run(
    files: Sequence[str],
    settings: Settings,
    run_id: str,
    now: datetime,
    *,
    sandbox: bool,
    watch: Watch,
    stdin: BinaryIO | None,
) -> "Finished":
    from bulk_referrals.pipeline.sitting import (  # noqa: PLC0415 - a check needs no client
        organisation,
        require_connection,
    )

    settings = with_credentials(settings, sandbox=sandbox)
    require_connection(settings, sandbox=sandbox)
    if sandbox and "rate" not in settings.model_fields_set:
        settings = settings.model_copy(update={"rate": None})  # it has no limit to keep to
    whose = organisation(settings, sandbox=sandbox)
    with landed(files, settings, watch=watch, organisation=whose) as sources:
        if goes_by_parts(sources.arrival, settings):
            from bulk_referrals.pipeline.parts import run_by_parts  # noqa: PLC0415 - seldom needed

            with (
                _opened(settings) as ledger,
                ledger.lock(run_id, wait_s=settings.wait_s, grace_s=settings.timeout),
                sources.reading() as arrival,
            ):
                finished = run_by_parts(
                    arrival,
                    settings,
                    run_id=run_id,
                    now=now,
                    target=SANDBOX_TARGET if sandbox else settings.base_url,
                    organisation=whose,
                    ledger=ledger,
                    watch=watch,
                )
                return sources.moved_away(finished, ledger)
        with sources.reading() as arrival:
            prepared = prepare(arrival, settings, now=now, stdin=stdin)
        happened(
            Event.ROWS_CHECKED,
            rows={source.path: source.rows for source in prepared.loaded.sources},
            ready=prepared.checked["outcome"].null_count,
            invites=len(prepared.checked),
        )
        from bulk_referrals.pipeline.declining import (  # noqa: PLC0415 - see above
            refused,
            unexpected,
        )
        from bulk_referrals.pipeline.publishing import Run  # noqa: PLC0415 - see above
        from bulk_referrals.pipeline.running import sit  # noqa: PLC0415 - a check needs no client

        record = RunRecord(
            run_id=run_id,
            version=__version__,
            started_at=now,
            state=RunState.SENDING,
            target=SANDBOX_TARGET if sandbox else settings.base_url,
            organisation=whose,
            timezone=settings.api_timezone,
            settings=settings.public(),
            sources=prepared.loaded.sources,
            tables=prepared.loaded.tables,
            notices=prepared.notices,
        )
        begun = Run(
            record=record,
            checked=prepared.checked,
            original=prepared.loaded.original,
            fetched=prepared.fetched,
        )
        with (
            _opened(settings) as ledger,
            ledger.lock(record.run_id, wait_s=settings.wait_s, grace_s=settings.timeout),
        ):
            if reason := unexpected(begun, settings, ledger):
                return refused(begun, reason, settings, ledger)
            finished = sit(begun, settings, ledger, watch, is_new=True)
            return sources.moved_away(finished, ledger)


def resume(
    run_id: str | None, flags: Mapping[str, Any], *, config: Path | None, watch: Watch
) -> "Finished":
    """Go on with a run that stopped; its source files are not needed.

    Args:
        run_id: the run; None for the last unfinished one.
        flags: settings that were given again and win over the run's own.
        config: a configuration file, or None.
        watch: who watches.

    Raises:
        UsageError: there is no such run, or nothing to go on with.
        LedgerError: the ledger cannot be used, or is in use.
    """
    from bulk_referrals.pipeline.attending import attended  # noqa: PLC0415 - not for a check
    from bulk_referrals.pipeline.sitting import organisation  # noqa: PLC0415 - as above

    outer = load_settings(config, flags)

    def act(watch: Watch) -> "Finished":
        return _resume(run_id, flags, outer, config=config, watch=watch)

    return attended(act, outer, watch, organisation=organisation(outer, sandbox=False))


def _resume(
    run_id: str | None,
    flags: Mapping[str, Any],
    outer: Settings,
    *,
    config: Path | None,
    watch: Watch,
) -> "Finished":
    from bulk_referrals.pipeline.publishing import kept  # noqa: PLC0415 - see above
    from bulk_referrals.pipeline.running import sit  # noqa: PLC0415 - a check needs no client
    from bulk_referrals.pipeline.sitting import require_connection  # noqa: PLC0415 - as above

    with _opened(outer) as ledger, _unfinished_held(ledger, run_id, outer) as record:
        RUN_ID.set(record.run_id)
        happened(Event.RUN_BEGUN, version=__version__, resumes=True, was=record.state.value)
        own = {name: v for name, v in record.settings.items() if name not in _NOT_RESUMED}
        settings = load_settings(config, {**own, "ledger": outer.ledger, **flags})
        settings = with_credentials(settings, sandbox=record.target == SANDBOX_TARGET)
        require_connection(settings, sandbox=record.target == SANDBOX_TARGET)
        for sentence in _changed_sources(record):
            watch.notice(sentence)
        if is_by_parts(ledger, record):
            from bulk_referrals.pipeline.parts import resume_by_parts  # noqa: PLC0415 - seldom

            finished = resume_by_parts(record, settings, ledger, watch)
            return moved_away(finished, ledger, settings, watch)
        finished = sit(kept(ledger, record), settings, ledger, watch, is_new=False)
        return moved_away(finished, ledger, settings, watch)


def report(run_id: str, settings: Settings) -> "Finished":
    """Make the report of a run again, from the ledger alone.

    Raises:
        UsageError: there is no such run.
        LedgerError: the ledger cannot be used.
    """
    from bulk_referrals.pipeline.publishing import (  # noqa: PLC0415 - see above
        kept,
        no_run,
        publish,
    )

    with _opened(settings) as ledger:
        record = ledger.run(run_id)
        if record is None:
            raise UsageError(no_run(run_id))
        return publish(kept(ledger, record), ledger, settings)


def runs(settings: Settings) -> list[RunRecord]:
    """Return all runs of the ledger, the oldest first.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    if isinstance(settings.ledger, Path) and not settings.ledger.exists():
        return []
    with _opened(settings) as ledger:
        return [record for record in ledger.runs() if not is_lot(record.run_id)]


def template(path: Path, *, force: bool) -> None:
    """Write an empty workbook to be filled in.

    Args:
        path: of the new file, ending in .xlsx.
        force: replace a file that stands there.

    Raises:
        UsageError: the path will not do, or a file stands there.
    """
    from bulk_referrals.reporter.template import template as filled  # noqa: PLC0415 - seldom needed

    if path.suffix.lower() != ".xlsx":
        message = f"{path}: the template is a workbook. Give a name that ends in .xlsx."
        raise UsageError(message)
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(filled(path.name))
    except FileExistsError:
        message = f"{path}: there is such a file already. Give another name, or --force."
        raise UsageError(message) from None
    except OSError as error:
        message = f"{path}: it cannot be written ({error.strerror}). Check the folder."
        raise UsageError(message) from error


@contextmanager
def _opened(settings: Settings) -> Iterator[Ledger]:
    ledger = open_ledger(settings.ledger)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _unfinished_held(
    ledger: Ledger, run_id: str | None, settings: Settings
) -> Iterator[RunRecord]:
    """Hold the run to go on with, and give its record: as it is when it is held, not before."""
    while True:
        seen = _unfinished(ledger, run_id)
        # The sitting takes the run's own settings; the longer of the two bounds its requests.
        grace_s = max(settings.timeout, float(seen.settings.get("timeout", 0.0)))
        with ledger.lock(seen.run_id, wait_s=settings.wait_s, grace_s=grace_s):
            record = _unfinished(ledger, run_id)
            if record.run_id == seen.run_id:
                yield record
                return


def _run_id(now: datetime) -> str:
    """Return an id that sorts by time and is safe as a folder name."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _unfinished(ledger: Ledger, run_id: str | None) -> RunRecord:
    """Return the run to go on with."""
    from bulk_referrals.pipeline.publishing import no_run  # noqa: PLC0415 - see above

    if run_id is None:
        known = (one for one in reversed(ledger.runs()) if not is_lot(one.run_id))
        kept_here = (one for one in known if one.pruned_at is None)
        record = next((one for one in kept_here if _is_open(one)), None)
        if record is None:
            message = "There is no unfinished run in this ledger, so there is nothing to resume."
            raise UsageError(message)
        return record
    record = ledger.run(run_id)
    if record is None or is_lot(run_id):
        raise UsageError(no_run(run_id))
    if not _is_open(record):
        message = f"Run {run_id} is finished, so there is nothing to resume."
        raise UsageError(message)
    return record


def _is_open(record: RunRecord) -> bool:
    """Tell whether a run is to be gone on with: to send, or to report where it died over that."""
    from bulk_referrals.pipeline.publishing import UNFINISHED  # noqa: PLC0415 - see above

    return record.state in UNFINISHED or record.exit_code is None


def _changed_sources(record: RunRecord) -> Iterator[str]:
    """Say which source files are no longer what the run read; it goes on with what it read."""
    for source in record.sources:
        path = Path(source.path)
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != source.sha256:
                yield (
                    f"{source.path}: the file has changed since the run read it. The run goes on "
                    "with the rows it read; run the file again for the new ones."
                )
