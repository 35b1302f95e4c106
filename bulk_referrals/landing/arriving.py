"""From what the user names to files that can be read here: found, complete, new, and fetched."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Final

from bulk_referrals.errors import NothingToDoError
from bulk_referrals.landing import local
from bulk_referrals.landing.address import Address, is_address, parse
from bulk_referrals.landing.fetching import fetch
from bulk_referrals.landing.settling import Clock, settle
from bulk_referrals.landing.stores import Sign, Stores
from bulk_referrals.model import Arrival

_NAMED: Final = 3  # so many files are named one by one
_STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What earlier runs have taken.

    Attributes:
        by_sha256: content -> the run that took it.
        by_etag: (address, etag) -> the run that took it; it saves fetching it again.
        unfinished: those of the runs that are to be gone on with.
    """

    by_sha256: Mapping[str, str] = field(default_factory=dict)
    by_etag: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files are wanted, and when.

    Attributes:
        is_spreadsheet: tells by its name whether a file of a folder is meant.
        unchanged_for_s: how long a file must have looked the same, seconds.
        most_bytes: what a file from elsewhere may have.
        taken: leave out what earlier runs have taken; None takes all.
        passed_over: names of folders whose files no pattern means.
        allow_empty: an address that stands for nothing is a notice, as long as others do not.
    """

    is_spreadsheet: Callable[[str], bool]
    unchanged_for_s: float = 0.0
    most_bytes: int = 2 << 30
    taken: Taken | None = None
    passed_over: frozenset[str] = frozenset()
    allow_empty: bool = False


def arrive(
    paths: Sequence[str],
    wanted: Wanted,
    stores: Stores,
    folder: Path,
    *,
    tell: Callable[[str], None],
    absent: Sequence[NothingToDoError] = (),
    clock: Clock | None = None,
) -> Arrival:
    """Find what addresses stand for, wait until files are complete, and fetch what is new.

    Args:
        paths: files of this machine, one by one, addresses, or "-".
        wanted: which of them.
        stores: to reach addresses by.
        folder: where fetched files go, under names of our own.
        tell: takes a sentence that the user should see now.
        absent: what is known to stand for no file.
        clock: the time; by default the real one.

    Raises:
        NothingToDoError: all that there is has been taken by earlier runs, or an address stands
            for no file, where that is not allowed or there is no other.
        UsageError: an address is none, or its library is missing.
        InputError: a store fails, or a file does not become complete.
    """
    clock = clock or Clock()
    found, missing = _found(paths, wanted, stores)
    missing = [*absent, *missing]
    if missing and not (found and wanted.allow_empty):
        raise missing[0]
    looks = dict(_looks(found, wanted, stores, clock))
    signs = settle(looks, wanted.unchanged_for_s, clock, partial(_say_waiting, wanted, tell))
    sieve = _Sieve(wanted.taken)
    fetched: dict[str, Path] = {}
    for number, (name, address) in enumerate(found.items(), start=1):
        if sieve.knows_etag(name, signs[name].etag if address else ""):
            continue
        if address is None:
            sieve.knows_file(name)
            continue
        place = folder / f"{number:05d}"
        store, sign = stores.of(address), signs[name]
        digest = fetch(store, address, sign, into=place, most_bytes=wanted.most_bytes)
        if sieve.knows(name, digest):
            place.unlink()
        else:
            fetched[name] = place
    left = tuple(name for name in found if name not in sieve.taken_by)
    if not left:
        raise sieve.nothing_new(", ".join(paths))
    return Arrival(
        paths=left,
        fetched=fetched,
        etags={name: signs[name].etag for name in fetched if signs[name].etag},
        notices=(*map(str, missing), *sieve.notices()),
    )


def _found(
    paths: Sequence[str], wanted: Wanted, stores: Stores
) -> tuple[dict[str, Address | None], list[NothingToDoError]]:
    """Return name -> address (None: of this machine) of each file, and what stands for none."""
    parsed = [(path, parse(path) if is_address(path) else None) for path in paths]
    found: dict[str, Address | None] = {}
    absent: list[NothingToDoError] = []
    for path, address in parsed:
        if address is None:
            found[path] = None
            continue
        try:
            each = stores.of(address).files(address, wanted.is_spreadsheet)
        except NothingToDoError as nothing:
            absent.append(nothing)
            continue
        over = wanted.passed_over if address.is_pattern else frozenset()
        each = [one for one in each if over.isdisjoint(PurePath(one.key).parts[:-1])]
        if not each:
            advice = "Check the folder and the name."
            absent.append(NothingToDoError(path, "no new file matches", advice=advice))
        found |= {str(one): one for one in each}
    return found, absent


def _looks(
    found: Mapping[str, Address | None], wanted: Wanted, stores: Stores, clock: Clock
) -> Iterator[tuple[str, Callable[[], Sign]]]:
    """Yield what looks at each file that is fetched or may still grow."""
    for name, address in found.items():
        if address is not None:
            yield name, partial(stores.of(address).look, address)
        elif wanted.unchanged_for_s > 0 and name != _STDIN and Path(name).is_file():
            age_s = local.age_s(Path(name), clock.now_s())
            if age_s < wanted.unchanged_for_s:  # an older one has proved itself already
                yield name, partial(local.look, Path(name))


def _say_waiting(wanted: Wanted, tell: Callable[[str], None], files: int) -> None:
    many = f"{files:,} files have" if files > 1 else "the file has"
    tell(f"Waiting until {many} not changed for {wanted.unchanged_for_s:g} seconds.")


class _Sieve:
    """Holds back what earlier runs have taken, and says so."""

    def __init__(self, taken: Taken | None) -> None:
        self._taken = taken or Taken()
        self._asked = taken is not None
        self.taken_by: dict[str, str] = {}

    def knows_etag(self, name: str, etag: str) -> bool:
        return self._known(name, self._taken.by_etag.get((name, etag)) if etag else None)

    def knows(self, name: str, sha256: str) -> bool:
        return self._known(name, self._taken.by_sha256.get(sha256))

    def knows_file(self, name: str) -> bool:
        if not self._asked or name == _STDIN or not Path(name).is_file():
            return False
        try:
            return self.knows(name, local.digest(Path(name)))
        except OSError:
            return False  # the loader says what is wrong with it

    def _known(self, name: str, run_id: str | None) -> bool:
        if run_id is not None:
            self.taken_by[name] = run_id
        return run_id is not None

    def notices(self) -> Iterator[str]:
        unfinished = {run for run in self.taken_by.values() if run in self._taken.unfinished}
        for run in sorted(unfinished):
            names = ", ".join(name for name, by in self.taken_by.items() if by == run)
            yield f"{names}: left out, since run {run} took it. {_go_on(run)}"
        done = {name: run for name, run in self.taken_by.items() if run not in unfinished}
        if len(done) > _NAMED:
            yield f"{len(done):,} files were left out, since earlier runs took them."
        else:
            yield from (
                f"{name}: left out, since run {run} took it." for name, run in done.items()
            )

    def nothing_new(self, named: str) -> NothingToDoError:
        unfinished = sorted(self._taken.unfinished & set(self.taken_by.values()))
        advice = " ".join(map(_go_on, unfinished)) or "There is nothing to do."
        many = len(self.taken_by)
        found = f"{many:,} files that earlier runs took" if many > 1 else "a file that was taken"
        return NothingToDoError(named, "there is nothing new", found=found, advice=advice)


def _go_on(run_id: str) -> str:
    return f"That run is not finished; go on with it: bulk-referrals resume {run_id}"
