"""One case: a file, the platform's faults, strikes; and how it is played to its end."""

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

from postgres_server import Guarded

from bulk_referrals.sandbox import Sandbox, SandboxOptions
from chaos import inputs, tempo
from chaos.forks import Ending, Forks, Order
from chaos.judge import Verdict, committed, judge

PLATFORMS: Final[dict[str, dict[str, Any]]] = {
    "calm": {},
    # It takes its time over every POST, and two invites at most in each.
    "busy": {"latency_s": 0.03, "max_referrals": 2},
    # It commits late, and shows late what it has committed.
    "tardy": {"late_s": 0.5, "lag_s": 0.5},
}
_MOST_SITTINGS: Final = 12
_NOTHING_TO_RESUME: Final = 2
_RESUMABLE: Final = (3, 130, -signal.SIGTERM)  # a sitting drains only while it sends


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What befalls one sitting.

    Attributes:
        kind: see `strikes.Kind`.
        when: at which step; 0 for never.
        inject: see `Order`.
        when_sending: see `Order`.
        largest_file_bytes: see `Order`.
    """

    kind: str = "kill"
    when: int = 0
    inject: str = ""
    when_sending: bool = False
    largest_file_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        number: seeds the file and the chances; names the campaign.
        faults: `Sandbox.set_faults`' arguments.
        strikes: what befalls the 1st, 2nd, … sitting.
        again: after a death the file is run again, and not the run resumed.
        platform: one of `PLATFORMS`.
        settings: environment of the run.
        may_not_know: the platform leaves no way to know, so unknown is an honest answer.
        variant: a negative control.
        heal: at the end the faults cease and the file is run once more.
        on_postgres: the ledger is in PostgreSQL, in a server of the table's own.
        runs: how many runs of the file begin at once.
    """

    number: int
    faults: dict[str, Any] = field(default_factory=dict)
    strikes: tuple[Strike, ...] = ()
    again: bool = False
    platform: str = "calm"
    settings: dict[str, str] = field(default_factory=dict)
    may_not_know: bool = False
    variant: str = ""
    heal: bool = False
    on_postgres: bool = False
    runs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A case, played.

    Attributes:
        case: what was played.
        verdict: what the judge found.
        endings: of its sittings, in order.
    """

    case: Case
    verdict: Verdict
    endings: tuple[Ending, ...]

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return sum(ending.killed for ending in self.endings)

    def __str__(self) -> str:
        """Say what was wrong, and how to play it again."""
        ended = ", ".join(f"{e.code} at {e.steps} ({e.place})" for e in self.endings)
        return "\n  ".join((f"{self.case}", f"sittings: {ended}", *self.verdict.violations))


class Table:
    """Where cases are played, one at a time: a folder, and a stand-in of each kind.

    Args:
        forks: shared with other tables.
    """

    def __init__(self, forks: Forks) -> None:
        self._forks = forks
        self._stack = ExitStack()
        self._platforms: dict[str, Sandbox] = {}
        self._server: Guarded | None = None

    def __enter__(self) -> Self:
        self._root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def play(self, case: Case) -> Played:
        """Play a case to its end and have it judged."""
        folder = self._root / f"{case.number}"
        folder.mkdir()
        try:
            return self._play(case, folder)
        finally:
            shutil.rmtree(folder)

    def together(self, case: Case, runs: int) -> Played:
        """Run a case's file several times at once on one ledger, and have it judged.

        Each strike befalls one of the runs; what was cut off is resumed when all have ended.
        """
        folder = self._root / f"{case.number}"
        folder.mkdir()
        try:
            book, platform = self._set_out(case, folder)
            strikes = (*case.strikes, *[Strike()] * runs)[:runs]
            begun = [
                self._forks.begin(self._order(case, folder, platform, ("run", "in.csv"), strike))
                for strike in strikes
            ]
            endings = [one.result(timeout=120) for one in begun]
            order = self._order(case, folder, platform, ("resume",), Strike())
            cut_off = [one for one in endings if one.killed or one.code in _RESUMABLE]
            endings += [self._forks.sit(order) for _ in cut_off]
            stands = _standing(platform, book)
            verdicts = [
                judge(book, stands, each, may_not_know=case.may_not_know)
                for each in _results(folder)
            ]
            told = tuple(v for verdict in verdicts for v in verdict.violations)
            if not verdicts:
                told = ("no run left its results",)
            return Played(
                case=case,
                verdict=Verdict(violations=told, unknown=0, standing=stands.total()),
                endings=tuple(endings),
            )
        finally:
            shutil.rmtree(folder)

    def _set_out(self, case: Case, folder: Path) -> tuple[inputs.Book, Sandbox]:
        book = inputs.make(case.number)
        book.write(folder / "in.csv")
        if case.on_postgres:
            self._server = self._server or self._stack.enter_context(Guarded())
            (folder / "ledger.url").write_text(self._server.database().secret, "utf-8")
        platform = self._platform(case.platform)
        platform.reset()
        platform.set_faults(seed=case.number, **case.faults)
        return book, platform

    def _platform(self, name: str) -> Sandbox:
        if name not in self._platforms:
            usual = {"late_s": tempo.LATE_S, "lag_s": tempo.LAG_S, "slow_s": 0.1}
            options = SandboxOptions(**{**usual, "huge_bytes": 2 << 20, **PLATFORMS[name]})
            self._platforms[name] = self._stack.enter_context(Sandbox(options))
        return self._platforms[name]

    def _play(self, case: Case, folder: Path) -> Played:
        book, platform = self._set_out(case, folder)
        endings: list[Ending] = []
        strikes = iter(case.strikes)
        command: tuple[str, ...] = ("run", "in.csv")
        while len(endings) < _MOST_SITTINGS:
            strike = next(strikes, Strike())
            order = self._order(case, folder, platform, command, strike)
            ending = self._forks.sit(order)
            endings.append(ending)
            if command == ("resume",) and ending.code == _NOTHING_TO_RESUME:
                command = ("run", "in.csv")  # it had died before it began
            elif ending.killed or ending.code in _RESUMABLE:
                command = ("run", "in.csv") if case.again else ("resume",)
            elif ending.code == _NOTHING_TO_RESUME and (ending.struck or strike != Strike()):
                command = ("run", "in.csv")  # struck before it began: nothing was sent
            else:
                break
        violations = list(_ill_ended(endings, folder))
        if case.heal and not violations:
            platform.set_faults()
            endings.append(self._forks.sit(
                self._order(case, folder, platform, ("run", "in.csv"), Strike())
            ))  # fmt: skip
        verdict = judge(
            book,
            _standing(platform, book),
            next(iter(_results(folder)), None),
            may_not_know=case.may_not_know and not case.heal,
        )
        verdict = replace(verdict, violations=(*violations, *verdict.violations))
        return Played(case=case, verdict=verdict, endings=tuple(endings))

    @staticmethod
    def _order(
        case: Case, folder: Path, platform: Sandbox, command: tuple[str, ...], strike: Strike
    ) -> Order:
        url = folder / "ledger.url"
        settings = {
            "username": "store123",
            "password": "Pass123",
            "host": platform.url,
            "ledger": url.read_text("utf-8") if url.exists() else "ledger.sqlite3",
            "rate": "unlimited",
            "settle_s": f"{tempo.SETTLE_S}",
            "timeout": f"{tempo.TIMEOUT_S}",
            **case.settings,
        }
        return Order(
            argv=(*command, "--yes"),
            folder=str(folder),
            env={f"BULK_REFERRALS_{name.upper()}": value for name, value in settings.items()},
            kind=strike.kind,
            when=strike.when,
            variant=case.variant,
            inject=strike.inject,
            when_sending=strike.when_sending,
            largest_file_bytes=strike.largest_file_bytes,
        )


class Tables:
    """Several tables, at which cases are played side by side.

    Args:
        count: how many; the cases wait more than they work.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._stack = ExitStack()
        self._free: SimpleQueue[Table] = SimpleQueue()

    def __enter__(self) -> Self:
        forks = self._stack.enter_context(Forks())
        for _ in range(self._count):
            self._free.put(self._stack.enter_context(Table(forks)))
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def play(self, cases: Iterable[Case], *, runs: int = 1) -> Iterator[Played]:
        """Play cases as tables become free; yield each when it has ended, in the order given."""

        def at_a_table(case: Case) -> Played:
            table = self._free.get()
            try:
                at_once = max(runs, case.runs)
                return table.play(case) if at_once == 1 else table.together(case, at_once)
            finally:
                self._free.put(table)

        with ThreadPoolExecutor(self._count) as pool:
            yield from pool.map(at_a_table, cases)


def _standing(platform: Sandbox, book: inputs.Book) -> Counter[inputs.Key]:
    platform.settle()
    return committed(platform.invites(), book.token)


def _results(folder: Path) -> list[Path]:
    """Return the results of every run that reported, the last one first."""
    return sorted(folder.glob("reports/*/results.csv"), reverse=True,
                  key=lambda path: path.stat().st_mtime_ns)  # fmt: skip


def _ill_ended(endings: list[Ending], folder: Path) -> Iterator[str]:
    last = endings[-1]
    if last.killed or last.code not in {0, 1}:
        told = (folder / "told.txt").read_text("utf-8")[-600:]
        yield f"never ended: exit {last.code} after {len(endings)} sittings; it said: {told}"
    for name in ("crash.txt", "stuck.txt"):
        if (traces := folder / name).exists() and (text := traces.read_text("utf-8")):
            yield f"{name}: {text}"
