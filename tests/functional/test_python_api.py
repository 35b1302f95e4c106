"""The Python API: quick to import, silent, typed, and usable from loops and threads."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bulk_referrals
from bulk_referrals import Progress, RunResult
from bulk_referrals.errors import InputError, LedgerBusyError, UsageError
from bulk_referrals.ledger import open_ledger
from bulk_referrals.model import Outcome, RunState
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,identifier,name,invited_on,referral_code"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("BULK_REFERRALS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BULK_REFERRALS_USERNAME", "store123")
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    shared_sandbox.set_faults()
    shared_sandbox.reset()
    monkeypatch.setenv("BULK_REFERRALS_HOST", shared_sandbox.url)
    return shared_sandbox


def good(count: int, name: str = "launch.csv", first: int = 0) -> Path:
    rows = [
        f"+919876{n:06d},J0H7Q,+9197000{n:05d},Asha,2026-01-02 10:00,pV7BF"
        for n in range(first, first + count)
    ]
    path = Path(name).absolute()
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


# --- what importing costs


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys, bulk_referrals; bulk_referrals.__version__; dir(bulk_referrals);"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('pandas', 'pyarrow', 'pydantic', 'typer', 'httpx', 'aiohttp')]);"
        "bulk_referrals.check; print('bulk_referrals.api' in sys.modules, 'pandas' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["[]", "True False"]


def test_what_is_promised_is_there() -> None:
    for name in bulk_referrals.__all__:
        assert getattr(bulk_referrals, name) is not None
    assert set(bulk_referrals.__all__) <= set(dir(bulk_referrals))
    with pytest.raises(AttributeError, match="has no attribute 'chek_'"):
        getattr(bulk_referrals, "chek_")  # noqa: B009 - a name that type checkers refuse


# --- check


def test_a_check_gives_back_what_the_report_says(capfd: pytest.CaptureFixture[str]) -> None:
    file = good(2)
    file.write_text(file.read_text(encoding="utf-8") + "x,J0H7Q,y,z,,\n", encoding="utf-8")
    checked = bulk_referrals.check(file)
    assert capfd.readouterr() == ("", "")
    assert (checked.state, checked.exit_code, checked.ok) == (RunState.CHECKED, 1, False)
    assert checked.outcomes[Outcome.NOT_SENT] == 2
    assert (checked.rows, checked.source_rows, checked.books_balance) == (3, 3, True)
    assert sum(checked.outcomes.values()) == 3 == sum(checked.codes.values())
    assert checked.manifest["run_id"] == checked.run_id
    assert all(path.exists() for path in checked.paths.values())
    assert checked.paths["report.xlsx"].parent == Path("reports") / checked.run_id


def test_the_rows_come_as_a_frame_and_are_those_of_the_file_of_results() -> None:
    checked = bulk_referrals.check([good(3), str(good(1, "more.csv", first=7))])
    rows = checked.results
    written = pd.read_csv(checked.paths["results.csv"], dtype=str, keep_default_na=False)
    assert list(rows.columns) == list(written.columns)
    assert list(rows["outcome"]) == ["not_sent"] * 4
    assert rows["row"].sum() == 2 + 3 + 4 + 2
    assert checked.results is not rows


def test_a_result_cannot_be_changed() -> None:
    checked = bulk_referrals.check(good(1))
    with pytest.raises(FrozenInstanceError):
        setattr(checked, "exit_code", 0)  # noqa: B010 - mypy knows it is frozen
    assert "+9198" not in repr(checked)


def test_payloads_are_written_where_asked_for() -> None:
    checked = bulk_referrals.check(good(1), payloads=True)
    assert b"919876000000" in checked.paths["payloads.jsonl"].read_bytes()


# --- settings


def test_settings_are_checked_as_on_the_command_line(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"concurency": 3, "rate": "fast"}
    with pytest.raises(UsageError) as caught:
        bulk_referrals.check(good(1), **wrong)
    assert str(caught.value).splitlines() == [
        "settings: there is no setting concurency. Did you mean concurrency?",
        "rate: write a rate as 300/min, 5/s or unlimited.",
    ]
    config = tmp_path / "settings.toml"
    config.write_text('[profiles.prod]\nreports = "mine"\n', encoding="utf-8")
    checked = bulk_referrals.check(good(1), config=config, profile="prod")
    assert checked.paths["run.json"].parts[0] == "mine"


def test_what_cannot_be_read_is_an_error_of_ours() -> None:
    with pytest.raises(InputError, match=r"none\.csv"):
        bulk_referrals.check("none.csv")
    with pytest.raises(UsageError, match="Name at least one"):
        bulk_referrals.check([])


# --- run and resume


def test_a_run_sends_and_prints_nothing(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[Progress] = []
    sent = bulk_referrals.run(good(5), rate=None, progress=seen.append)
    assert capfd.readouterr() == ("", "")
    assert (sent.ok, sent.outcomes[Outcome.ACCEPTED]) == (True, 5)
    assert len(sandbox.invites()) == 5
    assert (seen[0].rows, seen[0].settled) == (5, 0)
    assert (seen[-1].settled, seen[-1].outcomes) == (5, {Outcome.ACCEPTED: 5})


def test_a_run_that_stopped_is_resumed(sandbox: Sandbox) -> None:
    first = bulk_referrals.run(good(5), rate=None, limit=2)
    assert (first.state, first.exit_code) == (RunState.STOPPED, 3)
    assert "limit" in first.stop_reason
    rest = bulk_referrals.resume(first.run_id)
    assert (rest.run_id, rest.ok, rest.outcomes[Outcome.ACCEPTED]) == (first.run_id, True, 5)
    assert len(sandbox.invites()) == 5
    with pytest.raises(UsageError, match="nothing to resume"):
        bulk_referrals.resume()


def test_the_stand_in_can_be_asked_for() -> None:
    assert bulk_referrals.run(good(1), sandbox=True).ok


def test_what_a_callback_raises_ends_the_run_cleanly_and_is_raised(sandbox: Sandbox) -> None:
    def enough(progress: Progress) -> None:
        if progress.settled:
            message = "that is enough"
            raise ZeroDivisionError(message)

    with pytest.raises(ZeroDivisionError, match="that is enough") as caught:
        bulk_referrals.run(good(50), rate=None, concurrency=1, progress=enough)
    (note,) = caught.value.__notes__
    assert "was stopped and can be resumed" in note
    stands = len(sandbox.invites())
    assert 0 < stands < 50
    assert bulk_referrals.resume().outcomes[Outcome.ACCEPTED] == 50
    assert len(sandbox.invites()) == 50


# --- loops and threads


def test_it_works_where_an_event_loop_is_running(sandbox: Sandbox) -> None:
    async def cell() -> RunResult:
        return bulk_referrals.run(good(3), rate=None)

    assert asyncio.run(cell()).ok
    assert len(sandbox.invites()) == 3


NOTEBOOK = """
import asyncio, sys, bulk_referrals

async def cell():
    return bulk_referrals.run("launch.csv", rate="20/s", concurrency=1)

ended = asyncio.run(cell()) if sys.argv[1] == "asyncio" else \\
    asyncio.new_event_loop().run_until_complete(cell())
print(ended.state, ended.exit_code, ended.outcomes["accepted"])
"""


@pytest.mark.parametrize("loop", ["asyncio", "bare"])
def test_an_interrupt_ends_a_run_within_an_event_loop_cleanly(sandbox: Sandbox, loop: str) -> None:
    good(200)
    process = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, loop],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    give_up = time.monotonic() + 60
    while sandbox.stats()["posts"] < 3 and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    stands = len(sandbox.invites())
    assert out.split() == ["interrupted", "130", str(stands)], err
    assert 3 <= stands < 200


def test_threads_do_not_disturb_each_other(sandbox: Sandbox) -> None:
    files = [good(20, f"part{n}.csv", first=100 * n) for n in range(4)]

    def send(number: int) -> RunResult:
        return bulk_referrals.run(
            files[number], rate=None, ledger=f"ledger{number}.sqlite3", reports=f"r{number}"
        )

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(send, range(4)))
    assert [each.outcomes[Outcome.ACCEPTED] for each in results] == [20] * 4
    assert len({invite["identifier"] for invite in sandbox.invites()}) == 80


def test_a_ledger_in_use_is_said(sandbox: Sandbox) -> None:
    path = Path(".bulk_referrals/ledger.sqlite3")
    ledger = open_ledger(path)
    try:
        with ledger.lock("other", wait_s=0), pytest.raises(LedgerBusyError, match="another run"):
            bulk_referrals.run(good(1))
    finally:
        ledger.close()
    assert sandbox.invites() == []
