"""Ledgers that earlier versions wrote: every use case goes on from them, and no upgrade harms one.

`ledgers/vN` holds, as that version left them: a ledger with a finished run (`first.csv`) and one
that was killed (`second.csv`: one invite accepted, one in flight that had landed, one never
sent), and the memory of the stand-in that these were sent to.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from command_line import CommandLine
from filelock import FileLock

from bulk_referrals.errors import LedgerBusyError
from bulk_referrals.ledger import open_ledger, sqlite_file
from bulk_referrals.ledger.sqlite_schema import MIGRATIONS

KEPT = Path(__file__).with_name("ledgers")
VERSIONS = sorted(int(each.name[1:]) for each in KEPT.iterdir())
LEDGER = Path(".bulk_referrals/ledger.sqlite3")
FINISHED, KILLED = "20261123T223928-73db", "20261123T223931-8045"

# Opens the ledger, and dies before the so many-th statement.
KILLED_AT = """
import os, signal, sqlite3, sys
from pathlib import Path
from bulk_referrals.ledger import open_ledger, sqlite_file

left = int(sys.argv[2])

def strike(_statement):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

class Traced(sqlite3.Connection):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.set_trace_callback(strike)

class Module:
    Error = sqlite3.Error
    def connect(self, *args, **kwargs):
        return sqlite3.connect(*args, factory=Traced, **kwargs)

sqlite_file.sqlite3 = Module()
open_ledger(Path(sys.argv[1])).close()
"""
# Opens the ledger where no file can grow beyond a page.
ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger import open_ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    open_ledger(Path(sys.argv[1])).close()
except LedgerError as error:
    print(error)
"""


@pytest.fixture(params=VERSIONS, ids=lambda version: f"v{version}")
def version(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def cli(
    version: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line in the folder that an earlier version was used in."""
    monkeypatch.chdir(tmp_path)
    LEDGER.parent.mkdir()
    kept = KEPT / f"v{version}"
    shutil.copy(kept / "sandbox.jsonl", LEDGER.parent)
    for name in ("first.csv", "second.csv"):
        shutil.copy(kept / name, name)
    with closing(sqlite3.connect(LEDGER)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((kept / "ledger.sql").read_text())
    return CommandLine(monkeypatch, capsys)


def content() -> tuple[int, list[str]]:
    """The version and all that the ledger holds, as it stands on the disk."""
    with closing(sqlite3.connect(LEDGER)) as db:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        return found, list(db.iterdump())


def stands() -> Counter[str]:
    """The invites that the stand-in remembers."""
    lines = LEDGER.with_name("sandbox.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["identifier"] for line in lines)


def test_a_ledger_of_every_earlier_version_is_kept() -> None:
    """Whoever adds a migration keeps a ledger of the version before it: see the docstring."""
    assert list(range(1, len(MIGRATIONS))) == VERSIONS


@pytest.mark.usefixtures("cli")
def test_an_upgraded_ledger_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    def tables(path: Path) -> list[tuple[str, ...]]:
        open_ledger(path).close()
        query = (
            "SELECT m.name, c.* FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY 1, 2"
        )
        with closing(sqlite3.connect(path)) as db:
            return db.execute(query).fetchall()

    assert tables(LEDGER) == tables(tmp_path / "new.sqlite3")
    assert content()[0] == len(MIGRATIONS)


def test_its_runs_are_shown(cli: CommandLine) -> None:
    told = json.loads(cli("runs", "--json").out)
    assert [(run["run_id"], run["state"]) for run in told] == [
        (FINISHED, "finished"),
        (KILLED, "sending"),
    ]
    assert told[0]["outcomes"]["accepted"] == 3


def test_a_report_is_made_again(cli: CommandLine) -> None:
    ended = cli("report", FINISHED, "--json")
    counted = {name: n for name, n in ended.result["outcomes"].items() if n}
    assert (ended.code, counted) == (1, {"accepted": 3, "rejected": 1, "duplicate": 1})
    assert Path("reports", FINISHED, "report.xlsx").exists()


def test_a_killed_run_is_gone_on_with_and_nothing_stands_twice(cli: CommandLine) -> None:
    assert stands().total() == 5
    ended = cli("resume", "--json")
    assert (ended.code, ended.result["run_id"]) == (0, KILLED)
    assert ended.result["outcomes"]["accepted"] == 3
    assert set(stands().values()) == {1}
    assert stands().total() == 6


def test_what_was_sent_is_not_sent_again(cli: CommandLine) -> None:
    ended = cli("run", "first.csv", "second.csv", "--sandbox", "--json")
    counted = {name: n for name, n in ended.result["outcomes"].items() if n}
    assert counted == {"already_sent": 4, "accepted": 2, "rejected": 1, "duplicate": 1}
    assert set(stands().values()) == {1}
    assert stands().total() == 6


def test_its_invites_are_found_on_the_platform(cli: CommandLine) -> None:
    told = cli("verify", FINISHED, "--json").result
    assert (told["shown"], told["missing"], told["unread"]) == (3, 0, 0)


def test_its_finished_runs_are_pruned(cli: CommandLine) -> None:
    with closing(open_ledger(LEDGER)) as ledger:
        before = ledger.keys().secret
    assert cli("prune", "--older-than", "0d", "--yes", "--json").result["runs"] == [FINISHED]
    assert cli("report", FINISHED).code == 2
    with closing(open_ledger(LEDGER)) as ledger:
        assert ledger.keys().secret == before
        assert ledger.load_frame(KILLED, "checked") is not None
    assert cli("run", "first.csv", "--sandbox", "--json").result["outcomes"]["already_sent"] == 3


def test_its_keys_move(cli: CommandLine) -> None:
    assert cli("export", "keys.zip", "--json").result["invites"] == 5
    there = ("--ledger", "new/ledger.sqlite3", "--json")
    assert cli("import", "keys.zip", *there).result["new_invites"] == 5
    shutil.copy(LEDGER.with_name("sandbox.jsonl"), "new")
    ended = cli("run", "first.csv", "second.csv", "--sandbox", *there)
    assert ended.result["outcomes"]["already_sent"] == 4
    assert ended.result["requests"]["read_back"] == 1


# --- upgrades that do not come to their end


@pytest.mark.usefixtures("cli")
def test_an_upgrade_that_is_killed_has_done_all_or_nothing() -> None:
    before = content()
    kept = LEDGER.with_name("before")
    shutil.copy(LEDGER, kept)
    for statement in range(1, 100):
        for stale in LEDGER.parent.glob("ledger.sqlite3*"):
            stale.unlink()
        shutil.copy(kept, LEDGER)
        words = [sys.executable, "-c", KILLED_AT, str(LEDGER), str(statement)]
        died = subprocess.run(words, check=False, capture_output=True).returncode
        if not died:
            break
        assert died == -9
        assert content() == before
    assert statement > 8, "it was to be killed several times"
    assert content()[0] == len(MIGRATIONS)


def test_an_upgrade_where_no_file_can_grow_leaves_the_ledger_as_it_was(cli: CommandLine) -> None:
    before = content()
    words = [sys.executable, "-c", ON_A_FULL_DISK, str(LEDGER)]
    full = subprocess.run(words, check=False, capture_output=True, text=True)
    assert "Check the disk's space" in full.stdout
    assert content() == before
    assert cli("resume", "-q").code == 0


def test_an_upgrade_that_finds_the_disk_full_midway_leaves_the_ledger_as_it_was(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content()

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE":
                (pages,) = super().execute("PRAGMA page_count").fetchone()
                super().execute(f"PRAGMA max_page_count = {pages}")
            return super().execute(sql, *args)

    with monkeypatch.context() as patch:
        connect = partial(sqlite3.connect, factory=Full)
        patch.setattr(sqlite3, "connect", connect)
        ended = cli("runs")
    assert ended.code == 2
    assert "disk is full" in ended.err
    assert content() == before
    assert cli("resume", "-q").code == 0


@pytest.mark.usefixtures("cli")
def test_no_ledger_is_upgraded_under_a_run_that_is_using_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = content()
    monkeypatch.setattr(sqlite_file, "_MAKING_TIMEOUT_S", 0.05)
    with FileLock(f"{LEDGER.resolve()}.lock"), pytest.raises(LedgerBusyError, match="another run"):
        open_ledger(LEDGER)
    assert content() == before
    open_ledger(LEDGER).close()
    assert content()[0] == len(MIGRATIONS)


@pytest.mark.usefixtures("cli")
def test_a_ledger_is_upgraded_once_however_many_open_it() -> None:
    together = Barrier(8)

    def opened(_: int) -> bytes:
        together.wait()
        with closing(open_ledger(LEDGER)) as ledger:
            return ledger.keys().secret

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(opened, range(8)))) == 1
    assert content()[0] == len(MIGRATIONS)
