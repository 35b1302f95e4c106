"""The sources of a command: found and within reach before, and moved away after.

What lies on this machine and is complete needs nothing of it. For the rest, and for what is to be
moved, `reaching` is imported.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_referrals.config import SANDBOX_TARGET, Settings
from bulk_referrals.errors import InputError
from bulk_referrals.ledger import Ledger
from bulk_referrals.model import Arrival, Source
from bulk_referrals.pipeline.watch import Watch

if TYPE_CHECKING:
    from bulk_referrals.landing import Stores
    from bulk_referrals.pipeline.publishing import Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The sources of a command, within reach.

    Attributes:
        arrival: files that can be read here.
        stores: those that were reached for them; None where there was no need.
        settings: what the user set.
        watch: who watches; None for a check.
    """

    arrival: Arrival
    stores: "Stores | None"
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
            is_there = error.path in self.arrival.fetched or Path(error.path).is_file()
            if asked and is_there and self.stores and self.watch:
                from bulk_referrals.pipeline.reaching import (  # noqa: PLC0415 - seldom needed
                    set_aside,
                )

                set_aside(error, self.settings, self.stores, self.watch)
            raise

    def moved_away(self, finished: "Finished", ledger: Ledger) -> "Finished":
        """Move away the files of a run that has come to its end, where that is asked."""
        if self.watch is None:
            return finished
        return moved_away(finished, ledger, self.settings, self.watch, self.stores)


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
    if organisation is None:
        settings = settings.model_copy(update={"afterwards": "leave", "new_only": False})
    elif organisation == SANDBOX_TARGET and settings.afterwards == "move":
        settings = settings.model_copy(update={"afterwards": "leave"})
        if watch is not None:
            watch.notice("The sandbox is for trying: no file is moved.")
    is_plain = settings.afterwards == "leave" and not settings.new_only
    if is_plain and not settings.unchanged_for_s and not any("://" in each for each in files):
        arrival = Arrival(paths=tuple(files))
        yield Landed(arrival=arrival, stores=None, settings=settings, watch=watch)
        return
    from bulk_referrals.pipeline.reaching import within_reach  # noqa: PLC0415 - start-up time

    with within_reach(files, settings, watch, organisation or "") as (arrival, stores):
        yield Landed(arrival=arrival, stores=stores, settings=settings, watch=watch)


def moved_away(
    finished: "Finished",
    ledger: Ledger,
    settings: Settings,
    watch: Watch,
    stores: "Stores | None" = None,
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
    if settings.afterwards == "leave" or finished.report.target == SANDBOX_TARGET:
        return finished
    from bulk_referrals.pipeline.reaching import put_away_all  # noqa: PLC0415 - start-up time

    return put_away_all(finished, ledger, settings, watch, stores)


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
