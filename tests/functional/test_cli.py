"""The command line as people use it: in process, and where it matters as a real process."""

import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bulk_referrals import __version__
from bulk_referrals.cli import main
from bulk_referrals.ledger import open_ledger
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,type,identifier,name,invited_on,referral_code"
HEAVY = {"aiohttp", "bulk_referrals.config", "httpx", "numpy", "pandas", "pyarrow", "rich"}
COMMANDS = ("check", "run", "resume", "report", "runs", "sandbox")
BASIC = {"BULK_REFERRALS_USERNAME": "store123", "BULK_REFERRALS_PASSWORD": "Pass123"}
# What is lost here is lost for good: nothing lands late, so no time is needed to settle.
QUICK = {"BULK_REFERRALS_SETTLE_S": "0.1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def manifest(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.out)
        return read

    @property
    def outcomes(self) -> dict[str, int]:
        return {name: n for name, n in self.manifest["outcomes"].items() if n}


Cli = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, no settings but the sandbox's credentials, and no terminal."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("BULK_REFERRALS_"):
            monkeypatch.delenv(name)
    for name, value in (BASIC | QUICK).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command in this process, as the console script does."""

    def run(*words: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["bulk-referrals", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        assert "Traceback" not in out + err
        return Ended(code=code if isinstance(code, int) else 0, out=out, err=err)

    return run


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A stand-in that nobody has sent anything to yet."""
    shared_sandbox.set_faults()
    shared_sandbox.reset()
    return shared_sandbox


def row(number: int, *, referrer: int | None = None, campaign: str = "J0H7Q") -> str:
    of = number if referrer is None else referrer
    return f"+919876{of:06d},{campaign},MOBILE,+9197000{number:05d},Asha,2026-01-02 10:00,pV7BF"


def table(rows: Iterable[str], name: str = "launch.csv") -> Path:
    path = Path(name)
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def good(count: int, name: str = "launch.csv") -> Path:
    return table((row(number) for number in range(count)), name)


def stands(invites: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["identifier"] for each in invites)


def once(*numbers: int) -> Counter[str]:
    return Counter(f"9197000{number:05d}" for number in numbers)


# --- check


def test_a_check_sends_nothing_and_needs_no_credentials(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BULK_REFERRALS_PASSWORD")
    ended = cli("check", good(3), "--json")
    assert (ended.code, ended.outcomes) == (0, {"not_sent": 3})
    assert not Path(".bulk_referrals").exists()


def test_a_check_with_a_row_that_is_refused_ends_with_1(cli: Cli) -> None:
    ended = cli("check", table([row(1), row(2).replace("+9197", "")]), "--json")
    assert (ended.code, ended.outcomes) == (1, {"not_sent": 1, "rejected": 1})
    assert ended.manifest["codes"]["1701"] == 1


def test_the_manifest_on_stdout_is_the_one_beside_the_report(cli: Cli) -> None:
    ended = cli("check", good(2), "--json", "--reports", "out")
    kept = Path("out") / ended.manifest["run_id"] / "run.json"
    assert json.loads(kept.read_text(encoding="utf-8")) == ended.manifest
    for path in ended.manifest["outputs"].values():
        assert Path(path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_file_that_is_not_there_ends_with_2(cli: Cli, command: str) -> None:
    words = [] if command == "check" else ["--sandbox"]
    ended = cli(command, "none.csv", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "none.csv: no such file. Check the folder and the name.\n"
    # A run is missed by somebody the next morning: it says so where its report would be.
    left = [path.name for path in Path().rglob("reports/*/*")]
    assert left == ([] if command == "check" else ["run.json"])


def test_a_table_on_standard_input_is_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    text = good(2).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert cli("check", "-", "--json").outcomes == {"not_sent": 2}


def test_a_column_can_be_named(cli: Cli) -> None:
    path = good(2)
    path.write_text(path.read_text().replace("identifier", "Whom to ask"), encoding="utf-8")
    ended = cli("check", path, "--map", "Whom to ask=identifier", "--json")
    assert (ended.code, ended.outcomes) == (0, {"not_sent": 2})


@pytest.mark.parametrize("pair", ["identifier", "=identifier", "Phone=", ""])
def test_a_column_that_is_named_badly_ends_with_2(cli: Cli, pair: str) -> None:
    ended = cli("check", good(1), "--map", pair)
    assert ended.code == 2
    assert "--map" in ended.err


def test_a_wrong_setting_ends_with_2_and_a_sentence(cli: Cli) -> None:
    ended = cli("run", good(1), "--sandbox", "--rate", "fast", "--concurrency", "0")
    assert ended.code == 2
    assert "rate: write a rate as 300/min, 5/s or unlimited." in ended.err
    assert "concurrency: " in ended.err


def test_quiet_says_nothing_but_errors(cli: Cli) -> None:
    ended = cli("check", good(1), "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


# --- run


def test_a_run_sends_every_row_and_ends_with_0(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", good(5), "--host", sandbox.url, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 5})
    assert stands(sandbox.invites()) == once(*range(5))
    assert ended.manifest["books_balance"] is True
    assert ended.manifest["requests"]["sent"] == 5


def test_a_run_with_a_row_that_failed_ends_with_1(cli: Cli, sandbox: Sandbox) -> None:
    path = table([row(1), row(2, referrer=1012)])
    ended = cli("run", path, "--host", sandbox.url, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (1, {"accepted": 1, "failed": 1})


def test_a_run_signs_in_by_oauth(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_CLIENT_KEY", "sandbox-key")
    monkeypatch.setenv("BULK_REFERRALS_CLIENT_SECRET", "sandbox-secret")
    monkeypatch.setenv("BULK_REFERRALS_ATTRIBUTION_TYPE", "TILL")
    monkeypatch.setenv("BULK_REFERRALS_ATTRIBUTION_CODE", "till.09")
    assert cli("run", good(2), "--host", sandbox.url, "--yes").code == 0
    assert {each["till"] for each in sandbox.invites()} == {"till.09"}
    assert sandbox.stats()["tokens"] == 1


def test_the_stand_in_of_a_run_keeps_what_it_took_beside_the_ledger(cli: Cli) -> None:
    assert cli("run", good(2), "--sandbox").code == 0
    kept = Path(".bulk_referrals/sandbox.jsonl").read_text(encoding="utf-8").splitlines()
    assert stands([json.loads(line) for line in kept]) == once(0, 1)
    ended = cli("run", good(2), "--sandbox", "--json")
    assert (ended.code, ended.outcomes) == (0, {"already_sent": 2})


def test_the_same_file_again_sends_nothing(cli: Cli, sandbox: Sandbox) -> None:
    cli("run", good(3), "--host", sandbox.url, "--yes")
    before = sandbox.stats()
    ended = cli("run", good(3), "--host", sandbox.url, "--json")
    assert (ended.code, ended.outcomes) == (0, {"already_sent": 3})
    assert sandbox.stats() == before
    more = cli("run", good(4), "--host", sandbox.url, "--yes", "--json")
    assert more.outcomes == {"already_sent": 3, "accepted": 1}
    assert stands(sandbox.invites()) == once(*range(4))


def test_without_a_terminal_only_yes_will_do(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", good(3), "--host", sandbox.url)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert sandbox.invites() == []
    assert "There are no runs" in cli("runs").out


class Terminal(io.TextIOWrapper):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 2), ("\n", 2)])
def test_on_a_terminal_it_asks(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(typed.encode())))
    ended = cli("run", good(3), "--host", sandbox.url)
    assert ended.code == code
    assert f"Send 3 invites of 3 referrers to {sandbox.url}?" in ended.err
    assert len(sandbox.invites()) == (3 if code == 0 else 0)


def test_nowhere_to_send_to_ends_with_2(cli: Cli) -> None:
    ended = cli("run", good(1), "--yes")
    assert ended.code == 2
    assert "--sandbox, --cluster or --host" in ended.err


def test_no_credentials_end_with_2(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BULK_REFERRALS_PASSWORD")
    ended = cli("run", good(1), "--host", sandbox.url, "--yes")
    assert ended.code == 2
    assert "BULK_REFERRALS_PASSWORD" in ended.err


def test_wrong_credentials_stop_the_run_and_it_can_be_resumed(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "hush-hush")
    ended = cli("run", good(3), "--host", sandbox.url, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (3, {"not_sent": 3})
    command = ended.manifest["resume_command"]
    assert command == f"bulk-referrals resume {ended.manifest['run_id']}"
    assert command in ended.err
    assert "hush-hush" not in ended.out + ended.err
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
    ended = cli(*command.split()[1:], "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 3})


def test_a_host_that_cannot_be_reached_stops_the_run(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_OUTAGE_S", "0")
    ended = cli("run", good(20), "--host", "https://no-such-host.invalid", "--yes", "--json",
                "--rate", "unlimited")  # fmt: skip
    assert (ended.code, ended.outcomes) == (3, {"not_sent": 20})
    assert "has taken no request" in ended.manifest["stop_reason"]


def test_a_dry_run_writes_the_exact_requests_and_sends_nothing(cli: Cli, sandbox: Sandbox) -> None:
    path = table([row(1), row(2, referrer=1), row(3)])
    ended = cli("run", path, "--host", sandbox.url, "--dry-run", "--json")
    assert (ended.code, ended.outcomes) == (0, {"not_sent": 3})
    payloads = Path("reports") / ended.manifest["run_id"] / "payloads.jsonl"
    first, second = payloads.read_bytes().splitlines()
    assert first == (
        b'{"root":{"customer":[{"mobile":"919876000001","referrals":{"campaign_token":"J0H7Q",'
        b'"referral_type":{"type":"MOBILE","referral":['
        b'{"id":"","invited_on":"20260102T10:00:00.pV7BF","name":"Asha",'
        b'"identifier":"919700000001"},'
        b'{"id":"","invited_on":"20260102T10:00:00.pV7BF","name":"Asha",'
        b'"identifier":"919700000002"}]}}}]}}'
    )
    assert b"919700000003" in second
    assert sandbox.stats()["posts"] == 0
    assert not Path(".bulk_referrals").exists()


def test_the_requests_of_a_dry_run_are_those_of_the_run(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", good(4), "--dry-run", "--batch-size", "1", "--json")
    payloads = Path("reports") / ended.manifest["run_id"] / "payloads.jsonl"
    ended = cli("run", good(4), "--host", sandbox.url, "--yes", "--batch-size", "1", "--json")
    assert ended.manifest["requests"]["sent"] == len(payloads.read_bytes().splitlines())


def test_a_report_that_cannot_be_made_ends_with_3_for_something_was_sent(
    cli: Cli, sandbox: Sandbox
) -> None:
    Path("blocked").write_text("a file where the reports should go")
    ended = cli("run", good(2), "--host", sandbox.url, "--yes", "--reports", "blocked")
    assert ended.code == 3
    assert "bulk-referrals report" in ended.err
    assert stands(sandbox.invites()) == once(0, 1)


def test_a_canary_that_fails_stops_the_run(cli: Cli, sandbox: Sandbox) -> None:
    path = table([row(1, referrer=1012), row(2), row(3)])
    ended = cli("run", path, "--host", sandbox.url, "--yes", "--canary", "1", "--json")
    assert (ended.code, ended.outcomes) == (3, {"failed": 1, "not_sent": 2})
    assert "canary" in ended.manifest["stop_reason"]
    ended = cli("resume", "--yes", "--json")
    assert (ended.code, ended.outcomes) == (1, {"failed": 1, "accepted": 2})


def test_a_canary_that_passes_is_followed_by_the_rest(cli: Cli, sandbox: Sandbox) -> None:
    path = table([row(1), row(2), row(3, referrer=1012)])
    ended = cli("run", path, "--host", sandbox.url, "--yes", "--canary", "2", "--json")
    assert (ended.code, ended.outcomes) == (1, {"accepted": 2, "failed": 1})


def test_a_limit_sends_so_many_rows_and_resume_the_rest(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", good(5), "--host", sandbox.url, "--yes", "--limit", "2", "--json")
    assert (ended.code, ended.outcomes) == (3, {"accepted": 2, "not_sent": 3})
    assert ended.manifest["codes"]["limit"] == 3
    assert stands(sandbox.invites()) == once(0, 1)
    ended = cli("resume", "--yes", "--limit", "1", "--json")
    assert (ended.code, ended.outcomes) == (3, {"accepted": 3, "not_sent": 2})
    ended = cli("resume", "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 5})
    assert stands(sandbox.invites()) == once(*range(5))


def test_nothing_leaves_in_quiet_hours(cli: Cli, sandbox: Sandbox) -> None:
    here = datetime.now(ZoneInfo("Asia/Kolkata"))
    hours = f"{here - timedelta(hours=1):%H:%M}-{here + timedelta(hours=1):%H:%M}"
    words = ("--host", sandbox.url, "--yes", "--json")
    ended = cli("run", good(2), *words, "--quiet-hours", hours)
    assert (ended.code, ended.outcomes) == (3, {"not_sent": 2})
    assert hours in ended.manifest["stop_reason"]
    assert sandbox.invites() == []
    hours = f"{here + timedelta(hours=2):%H:%M}-{here + timedelta(hours=3):%H:%M}"
    ended = cli("resume", "--yes", "--json", "--quiet-hours", hours)
    assert (ended.code, ended.outcomes) == (0, {"accepted": 2})


def test_too_many_failures_stop_the_run(cli: Cli, sandbox: Sandbox) -> None:
    path = table(row(number, referrer=1012) for number in range(5))
    ended = cli("run", path, "--host", sandbox.url, "--yes", "--max-failures", "0",
                "--batch-size", "1", "--json")  # fmt: skip
    assert (ended.code, ended.outcomes) == (3, {"failed": 1, "not_sent": 4})


def test_a_campaign_that_is_refused_is_held_and_can_be_resumed(cli: Cli, sandbox: Sandbox) -> None:
    rows = [row(number, campaign="INVALID1") for number in range(8)]
    ended = cli("run", table([*rows, row(9)]), "--host", sandbox.url, "--yes", "--json",
                "--concurrency", "1")  # fmt: skip
    assert (ended.code, ended.outcomes) == (3, {"failed": 3, "not_sent": 5, "accepted": 1})
    assert ended.manifest["codes"]["campaign-held"] == 5


def test_lost_answers_do_not_make_second_invites(cli: Cli, sandbox: Sandbox) -> None:
    sandbox.set_faults(plan=["reset-after", "close-after", "cut-after", "reset-before"])
    ended = cli("run", good(6), "--host", sandbox.url, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 6})
    assert stands(sandbox.invites()) == once(*range(6))
    assert ended.manifest["requests"]["read_back"] >= 4


# --- resume, report, runs


def test_a_run_is_resumed_without_its_file(cli: Cli, sandbox: Sandbox) -> None:
    path = good(3)
    cli("run", path, "--host", sandbox.url, "--yes", "--limit", "1")
    path.unlink()
    ended = cli("resume", "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 3})


def test_a_file_that_has_changed_is_noticed_and_not_read(cli: Cli, sandbox: Sandbox) -> None:
    cli("run", good(3), "--host", sandbox.url, "--yes", "--limit", "1")
    path = good(9)
    ended = cli("resume", "--yes", "--json")
    assert f"{path}: the file has changed since the run read it" in ended.err
    assert (ended.code, ended.outcomes) == (0, {"accepted": 3})


def test_nothing_to_resume_ends_with_2(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("resume")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    ended = cli("run", good(1), "--host", sandbox.url, "--yes", "--json")
    for words in ([], [ended.manifest["run_id"]]):
        again = cli("resume", *words)
        assert again.code == 2
        assert "nothing to resume" in again.err


@pytest.mark.parametrize("command", ["resume", "report"])
def test_a_run_that_is_not_there_ends_with_2(cli: Cli, command: str) -> None:
    ended = cli(command, "20260101T000000-0000")
    assert ended.code == 2
    assert "no run 20260101T000000-0000" in ended.err


def test_a_report_is_made_again_from_the_ledger(cli: Cli, sandbox: Sandbox) -> None:
    path = table([row(1), row(2, referrer=1012), row(3).replace("+9197", "")])
    before = cli("run", path, "--host", sandbox.url, "--yes", "--json").manifest
    path.unlink()
    written = Path(before["outputs"]["results.csv"])
    results = written.read_bytes()
    written.unlink()
    ended = cli("report", before["run_id"], "--json")
    assert (ended.code, ended.manifest) == (1, before)
    assert written.read_bytes() == results


def test_all_runs_are_shown(cli: Cli, sandbox: Sandbox) -> None:
    assert "There are no runs" in cli("runs").out
    assert json.loads(cli("runs", "--json").out) == []
    cli("run", good(3), "--host", sandbox.url, "--yes", "--limit", "1")
    cli("run", good(2, "more.csv"), "--host", sandbox.url, "--yes")
    first, second = json.loads(cli("runs", "--json").out)
    assert (first["state"], first["rows"], first["sources"]) == ("stopped", 3, ["launch.csv"])
    assert first["outcomes"]["not_sent"] == 2
    assert (second["state"], second["stop_reason"]) == ("finished", "")
    lines = cli("runs").out.splitlines()
    assert [line.split()[0] for line in lines] == [first["run_id"], second["run_id"]]
    assert "accepted 1" in lines[0]


def test_a_second_run_on_one_ledger_is_refused(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("run", good(2), "--host", sandbox.url, "--yes", "--limit", "1").code == 3
    ledger = Path(".bulk_referrals/ledger.sqlite3")
    with closing(open_ledger(ledger)) as other, other.lock(wait_s=0):
        for words in (["run", str(good(1)), "--host", sandbox.url], ["resume"]):
            ended = cli(*words, "--yes")
            assert ended.code == 2
            assert "another run is using this ledger" in ended.err
            assert "--wait" in ended.err
    assert len(sandbox.invites()) == 1
    assert cli("run", good(1), "--host", sandbox.url, "--yes").code == 0


def test_a_ledger_that_is_none_ends_with_2(cli: Cli, sandbox: Sandbox) -> None:
    path = good(1)
    ended = cli("run", path, "--host", sandbox.url, "--yes", "--ledger", path)
    assert ended.code == 2
    assert str(path) in ended.err
    assert sandbox.invites() == []


def test_another_ledger_is_named_in_the_command_to_resume(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", good(2), "--host", sandbox.url, "--yes", "--limit", "1", "--json",
                "--ledger", "my ledgers/one.sqlite3")  # fmt: skip
    assert ended.manifest["resume_command"].endswith("--ledger 'my ledgers/one.sqlite3'")
    assert cli("resume", "--ledger", "my ledgers/one.sqlite3", "--yes").code == 0


# --- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    ended = cli(command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"bulk-referrals {command}" in ended.out
    flags = [line for line in ended.out.splitlines() if line.strip().startswith("--")]
    assert flags
    assert cli(command, "-h").out == ended.out


def test_the_help_names_the_commands_and_the_exit_codes(cli: Cli) -> None:
    ended = cli("--help")
    assert all(f"\n  {command}" in ended.out for command in COMMANDS)
    assert "Exit codes: 0 all well" in " ".join(ended.out.split())


def test_a_flag_that_is_not_there_ends_with_2(cli: Cli) -> None:
    ended = cli("run", "--colour")
    assert ended.code == 2
    assert "--colour" in ended.err


def test_the_version_is_shown(cli: Cli) -> None:
    assert cli("--version").out == f"bulk-referrals {__version__}\n"


# --- as a real process


def started(*words: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bulk_referrals", *words],
        env={**os.environ, **BASIC, **QUICK},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def sending(slow: Sandbox, *more: str) -> subprocess.Popen[str]:
    """A process that has sent some of its 60 rows."""
    process = started(
        "run", str(good(60)), "--host", slow.url, "--yes", "--rate", "600/min", *more
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "Sending 60 rows.\n"
    while slow.stats()["posts"] < 6:
        assert process.poll() is None
    return process


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_awaits_what_is_under_way_and_resume_finishes(
    cli: Cli, sign: signal.Signals
) -> None:
    with Sandbox(SandboxOptions(latency_s=0.2)) as slow:
        process = sending(slow, "--json")
        process.send_signal(sign)
        out, err = process.communicate(timeout=60)
        stopped = Ended(code=process.returncode, out=out, err=err)
        assert stopped.code == 130
        assert "Traceback" not in err
        assert "what is on its way is awaited" in err
        assert stopped.manifest["state"] == "interrupted"
        assert stopped.outcomes["accepted"] == len(slow.invites()) >= 6
        assert stopped.outcomes["not_sent"] == 60 - len(slow.invites())
        ended = cli("resume", "--yes", "--json", "--rate", "unlimited")
        assert (ended.code, ended.outcomes) == (0, {"accepted": 60})
        assert stands(slow.invites()) == once(*range(60))


def test_an_interrupt_while_the_files_are_read_ends_with_130() -> None:
    process = started("check", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(HEADER + "\n" + "x" * 100_000)  # more than a pipe holds: it is being read
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_a_run_that_was_killed_is_resumed(cli: Cli) -> None:
    with Sandbox(SandboxOptions(latency_s=0.2)) as slow:
        process = sending(slow)
        process.kill()
        process.communicate(timeout=60)
        (record,) = json.loads(cli("runs", "--json").out)
        assert record["state"] == "sending"
        ended = cli("report", record["run_id"], "--json")
        assert ended.code == 3
        assert (in_doubt := ended.outcomes["unknown"]) >= 1
        assert ended.manifest["books_balance"] is True
        ended = cli("resume", "--limit", "0", "--yes", "--json")
        assert ended.code == 3
        assert ended.outcomes["unknown"] == in_doubt  # what may stand there is never "not sent"
        ended = cli("resume", "--yes", "--json", "--rate", "unlimited")
        assert (ended.code, ended.outcomes) == (0, {"accepted": 60})
        assert stands(slow.invites()) == once(*range(60))


def test_the_stand_in_serves_until_it_is_told_to_end() -> None:
    process = started("sandbox", "--port", "0")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        assert url.startswith("http://127.0.0.1:")
        ended = started("run", str(good(2)), "--host", url, "--yes")
        ended.communicate(timeout=60)
        assert ended.returncode == 0
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert "Traceback" not in err


def test_a_stand_in_that_is_asked_for_nonsense_ends_with_2(cli: Cli) -> None:
    ended = cli("sandbox", "--faults", "fire=0.5")
    assert ended.code == 2
    assert "fire" in ended.err


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_is_quick_because_nothing_heavy_is_imported(words: list[str]) -> None:
    script = (
        "import sys\nfrom bulk_referrals.cli import main\n"
        f"sys.argv = ['bulk-referrals', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"sys.exit(' '.join({HEAVY!r} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
