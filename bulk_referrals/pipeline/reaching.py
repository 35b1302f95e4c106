"""Beyond the files that lie here ready: stores, files that grow, what was taken, moving away."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulk_referrals.config import Settings
from bulk_referrals.errors import InputError, LedgerError, NothingToDoError
from bulk_referrals.landing import (
    Access,
    PutAway,
    Stores,
    Taken,
    Wanted,
    arrive,
    is_address,
    own_folder,
    put_away,
    require_beside,
)
from bulk_referrals.ledger import Ledger, open_ledger
from bulk_referrals.loader import find, is_spreadsheet
from bulk_referrals.model import Arrival, RunState, Source
from bulk_referrals.pipeline.watch import Watch

if TYPE_CHECKING:
    from bulk_referrals.pipeline.publishing import Finished

_STDIN: Final = "-"
_ENDED: Final = (0, 1)  # exit codes of a run that has come to its end


@contextmanager
def within_reach(
    files: Sequence[str], settings: Settings, watch: Watch | None, organisation: str
) -> Iterator[tuple[Arrival, Stores]]:
    """Find, wait for and fetch the files, and let go of them at the end.

    Args:
        files: paths, globs, folders, addresses, or "-".
        settings: what the user set.
        watch: is told what is waited for; None for a check.
        organisation: whose earlier runs count, with `new_only`.

    Raises:
        UsageError: there is nothing to read, or it cannot be reached.
        LedgerError: the ledger cannot be read.
    """
    elsewhere = [each for each in files if is_address(each)]
    if settings.afterwards == "move":
        for each in (settings.done_folder, settings.failed_folder):
            require_beside(each, elsewhere)
    taken = _taken(settings, organisation) if settings.new_only else None
    with ExitStack() as held:
        stores = _stores(settings)
        held.callback(stores.close)
        folder = held.enter_context(own_folder()) if elsewhere else Path()
        yield _arrived(files, settings, taken, stores, folder, watch), stores


def set_aside(error: InputError, settings: Settings, stores: Stores, watch: Watch) -> None:
    """Move away a file that cannot be read; an empty one that is allowed is done."""
    is_well = isinstance(error, NothingToDoError) and settings.allow_empty
    outcome = put_away(
        Source(path=error.path, sha256="", size_bytes=0, rows=0),
        settings.done_folder if is_well else settings.failed_folder,
        mark=f"{datetime.now(UTC):%Y%m%dT%H%M%S}",
        stores=stores,
    )
    _tell(outcome, watch)


def put_away_all(
    finished: "Finished",
    ledger: Ledger,
    settings: Settings,
    watch: Watch,
    stores: Stores | None,
) -> "Finished":
    """Move away the files of a run that has come to its end; see `arriving.moved_away`."""
    report = finished.report
    if report.exit_code not in _ENDED:
        return finished
    moved = _moved(report.sources, report.run_id, settings, stores)
    told = [_tell(each, watch) for each in moved]
    with suppress(LedgerError):
        if record := ledger.run(report.run_id):
            ledger.update(replace(record, notices=(*record.notices, *told)))
    return replace(finished, report=replace(report, notices=(*report.notices, *told)))


def _stores(settings: Settings) -> Stores:
    return Stores(
        Access(
            timeout_s=settings.remote_timeout,
            known_hosts=settings.known_hosts,
            sftp_password=settings.sftp_password.get_secret_value(),
        )
    )


def _arrived(
    files: Sequence[str],
    settings: Settings,
    taken: Taken | None,
    stores: Stores,
    folder: Path,
    watch: Watch | None,
) -> Arrival:
    moving = settings.afterwards == "move"
    over = frozenset({settings.done_folder, settings.failed_folder}) if moving else frozenset()
    absent: list[NothingToDoError] = []
    return arrive(
        list(_named(files, over, absent)),
        Wanted(
            is_spreadsheet=is_spreadsheet,
            unchanged_for_s=settings.unchanged_for_s,
            most_bytes=settings.max_memory // 2,
            taken=taken,
            passed_over=over,
            allow_empty=settings.allow_empty,
        ),
        stores,
        folder,
        tell=watch.notice if watch else lambda _: None,
        absent=absent,
    )


def _named(
    files: Sequence[str], over: frozenset[str], absent: list[NothingToDoError]
) -> Iterator[str]:
    """Yield files one by one, and addresses; a pattern does not mean what was moved away."""
    for each in files:
        if each == _STDIN or is_address(each):
            yield each
            continue
        try:
            found, _ = find([each])
        except NothingToDoError as nothing:
            absent.append(nothing)
            continue
        if glob.has_magic(each) and not Path(each).exists():
            found = [path for path in found if over.isdisjoint(Path(path).parts[:-1])]
            if not found:
                advice = "Check the folder and the name."
                absent.append(NothingToDoError(each, "no new file matches", advice=advice))
        yield from found


def _taken(settings: Settings, organisation: str) -> Taken:
    """Return what earlier runs have taken for an organisation; the sandbox's are its own."""
    if isinstance(settings.ledger, Path) and not settings.ledger.exists():
        return Taken()
    ledger = open_ledger(settings.ledger)
    try:
        records = [
            each
            for each in ledger.runs()
            if each.organisation == organisation and each.state is not RunState.REFUSED
        ]
    finally:
        ledger.close()
    taken = [(source, record.run_id) for record in records for source in record.sources]
    return Taken(
        by_sha256={source.sha256: run_id for source, run_id in taken},
        by_etag={(source.path, source.etag): run_id for source, run_id in taken if source.etag},
        unfinished=frozenset(
            each.run_id for each in records if each.state is not RunState.FINISHED
        ),
    )


def _moved(
    sources: Sequence[Source], run_id: str, settings: Settings, stores: Stores | None
) -> Iterator[PutAway]:
    with ExitStack() as held:
        if stores is None:
            stores = _stores(settings)
            held.callback(stores.close)
        for source in sources:
            if source.path != _STDIN:
                yield put_away(source, settings.done_folder, mark=run_id, stores=stores)


def _tell(outcome: PutAway, watch: Watch) -> str:
    (watch.notice if outcome.is_moved else watch.warn)(outcome.told)
    return outcome.told
