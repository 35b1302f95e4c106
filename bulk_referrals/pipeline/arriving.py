"""From what the user names to what can be read here, and what becomes of it afterwards."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulk_referrals.config import SANDBOX_TARGET, Settings
from bulk_referrals.errors import InputError, LedgerError, NothingToDoError
from bulk_referrals.landing import (
    Access,
    Arrival,
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
from bulk_referrals.model import RunState, Source
from bulk_referrals.pipeline.watch import Watch

if TYPE_CHECKING:
    from bulk_referrals.pipeline.publishing import Finished

_STDIN: Final = "-"
_ENDED: Final = (0, 1)  # exit codes of a run that has come to its end
# The others have sent nothing, and never will: what they read is as new as before.
_HAS_TAKEN: Final = (
    RunState.SENDING,
    RunState.STOPPED,
    RunState.INTERRUPTED,
    RunState.FINISHED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The sources of a command, within reach.

    Attributes:
        arrival: files that can be read here.
        stores: those that were reached for them.
        settings: what the user set.
        watch: who watches; None for a check.
    """

    arrival: Arrival
    stores: Stores
    settings: Settings
    watch: Watch | None

    @contextmanager
    def reading(self) -> Iterator[Arrival]:
        """Lend the files; one that turns out to be unreadable is moved away, where that is asked.

        Raises:
            InputError: as it came.
        """
        try:
            yield self.arrival
        except InputError as error:
            asked = self.settings.afterwards == "move" and error.path in self.arrival.paths
            if asked and (error.path in self.arrival.fetched or Path(error.path).is_file()):
                self._set_aside(error)
            raise

    def _set_aside(self, error: InputError) -> None:
        is_well = isinstance(error, NothingToDoError) and self.settings.allow_empty
        outcome = put_away(
            Source(path=error.path, sha256="", size_bytes=0, rows=0),
            self.settings.done_folder if is_well else self.settings.failed_folder,
            mark=f"{datetime.now(UTC):%Y%m%dT%H%M%S}",
            stores=self.stores,
        )
        if self.watch is not None:
            _tell(outcome, self.watch)


@contextmanager
def landed(
    files: Sequence[str],
    settings: Settings,
    *,
    watch: Watch | None = None,
    organisation: str | None = None,
) -> Iterator[Landed]:
    """Bring all that the files stand for within reach, and let go of it at the end.

    Args:
        files: paths, globs, folders, addresses, or "-".
        settings: what the user set.
        watch: who watches; None for a check.
        organisation: with `new_only`, leave out what earlier runs for it have taken; None takes
            all and moves nothing, as a check does.

    Raises:
        UsageError: there is nothing to read, or it cannot be reached.
        LedgerError: the ledger cannot be read.
    """
    if organisation in {None, SANDBOX_TARGET}:
        settings = settings.model_copy(update={"afterwards": "leave"})
    taken = _taken(settings, organisation) if organisation and settings.new_only else None
    elsewhere = [each for each in files if is_address(each)]
    moving = settings.afterwards == "move"
    with ExitStack() as held:
        stores = _stores(settings)
        held.callback(stores.close)
        arrival = Arrival(paths=tuple(files))
        if elsewhere or moving or taken or settings.unchanged_for_s:
            for each in (settings.done_folder, settings.failed_folder) if moving else ():
                require_beside(each, elsewhere)
            folder = held.enter_context(own_folder()) if elsewhere else Path()
            arrival = _arrived(files, settings, taken, stores, folder, watch)
        yield Landed(arrival=arrival, stores=stores, settings=settings, watch=watch)


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


def with_etags(sources: Sequence[Source], arrival: Arrival) -> tuple[Source, ...]:
    """Return the sources with what their stores call their content."""
    return tuple(replace(each, etag=arrival.etags.get(each.path, "")) for each in sources)


def twins(sources: Sequence[Source]) -> Iterator[str]:
    """Say which files are the same, byte for byte."""
    first: dict[str, str] = {}
    for source in sources:
        before = first.setdefault(source.sha256, source.path)
        if before != source.path:
            yield (
                f"{source.path} is the same as {before}, byte for byte: its rows are duplicates."
            )


def moved_away(
    finished: "Finished",
    ledger: Ledger,
    settings: Settings,
    watch: Watch,
    stores: Stores | None = None,
) -> "Finished":
    """Move away the files of a run that has come to its end, where that is asked.

    Whatever comes of it is said in the run's notices, and is no reason to end otherwise.

    Args:
        finished: what the run has come to.
        ledger: keeps the notices.
        settings: the run's own.
        watch: who watches.
        stores: open ones; None opens what is needed.

    Returns:
        The same, with the notices.
    """
    report = finished.report
    if settings.afterwards != "move" or report.exit_code not in _ENDED:
        return finished
    if report.target == SANDBOX_TARGET:
        told = ["The sandbox is for trying: no file was moved."]
        watch.notice(told[0])
    else:
        told = [
            _tell(each, watch) for each in _moved(report.sources, report.run_id, settings, stores)
        ]
    with suppress(LedgerError):
        if record := ledger.run(report.run_id):
            ledger.update(replace(record, notices=(*record.notices, *told)))
    return replace(finished, report=replace(report, notices=(*report.notices, *told)))


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
