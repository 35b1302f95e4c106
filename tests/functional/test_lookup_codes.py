"""`--lookup-codes`: codes that rows do not have are asked of the platform, once."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bulk_referrals.cli import main
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,identifier,name,invited_on,referral_code"
ENVIRONMENT = {
    "BULK_REFERRALS_USERNAME": "store123",
    "BULK_REFERRALS_PASSWORD": "Pass123",
    "BULK_REFERRALS_SETTLE_S": "0.1",
}

Cli = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("BULK_REFERRALS_")]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command with `--json`: exit code, manifest, and what it said."""

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["bulk-referrals", *words, "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out or "{}"), err

    return run


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.set_faults()
    shared_sandbox.reset()
    return shared_sandbox


def line(invitee: int, *, of: str = "000001", code: str = "", campaign: str = "J0H7Q") -> str:
    return f"919876{of},{campaign},9197000{invitee:05d},Asha,2026-01-02 10:00,{code}"


def table(*lines: str) -> str:
    Path("invites.csv").write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return "invites.csv"


def asking(sandbox: Sandbox, *more: str) -> tuple[str, ...]:
    return ("--host", sandbox.url, "--yes", "--lookup-codes", "--rate", "unlimited", *more)


def outcomes(manifest: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in manifest["outcomes"].items() if number}


def results(manifest: dict[str, Any]) -> pd.DataFrame:
    (path,) = (path for name, path in manifest["outputs"].items() if name == "results.csv")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def codes_on(sandbox: Sandbox) -> list[str]:
    return [invite["invited_on"].partition(".")[2] for invite in sandbox.invites()]


def test_a_code_is_asked_for_once_for_each_referrer_and_campaign(
    cli: Cli, sandbox: Sandbox
) -> None:
    file = table(line(1), line(2), line(3, code="own"), line(4, campaign="OTHER"),
                 line(5, of="000002"))  # fmt: skip
    code, manifest, said = cli("run", file, *asking(sandbox))
    assert (code, outcomes(manifest)) == (0, {"accepted": 5})
    assert sandbox.stats()["gets"] == 3 == manifest["requests"]["looked_up"]
    first, second, own, other, third = (
        dict(zip((i["identifier"] for i in sandbox.invites()), codes_on(sandbox), strict=True))[
            f"9197000{number:05d}"
        ]
        for number in (1, 2, 3, 4, 5)
    )
    assert first == second != other != third != first
    assert own == "own"
    assert "Asking the platform for 3 referral codes." in said
    assert first in results(manifest)["invited_on"][0]


def test_without_the_flag_a_missing_code_is_a_fault_as_ever(cli: Cli, sandbox: Sandbox) -> None:
    code, manifest, _ = cli("run", table(line(1)), "--host", sandbox.url, "--yes")
    assert (code, manifest["codes"]) == (1, {"missing-referral-code": 1})
    assert sandbox.stats()["gets"] == 0


def test_the_next_night_asks_for_nothing(cli: Cli, sandbox: Sandbox) -> None:
    cli("run", table(line(1)), *asking(sandbox))
    codes_before = codes_on(sandbox)
    sandbox.reset()
    code, manifest, _ = cli("run", table(line(1), line(2)), *asking(sandbox))
    assert (code, outcomes(manifest)) == (0, {"accepted": 1, "already_sent": 1})
    assert (sandbox.stats()["gets"], manifest["requests"]["looked_up"]) == (0, 0)
    with closing(sqlite3.connect(".bulk_referrals/ledger.sqlite3")) as ledger:
        ((key, kept),) = ledger.execute("SELECT key, code FROM codes").fetchall()
    assert (len(key), [kept] * 2) == (16, codes_before + codes_on(sandbox))


def test_what_was_invited_before_needs_no_code(cli: Cli, sandbox: Sandbox) -> None:
    cli("run", table(line(1, code="own")), *asking(sandbox))
    code, manifest, _ = cli("run", table(line(1)), *asking(sandbox))
    assert (code, outcomes(manifest)) == (0, {"already_sent": 1})
    assert sandbox.stats()["gets"] == 0


@pytest.mark.parametrize(
    ("of", "campaign", "reason_code", "words"),
    [
        ("000404", "J0H7Q", "no-referral-code", "the platform knows none for this referrer"),
        ("001012", "J0H7Q", "1012", "the platform refuses to tell it"),
        ("000001", "INVALID1", "1202", "the platform refuses to tell it: Invalid campaign token"),
    ],
)
def test_a_row_whose_code_is_not_to_be_had_is_rejected_with_its_own_reason(
    cli: Cli, sandbox: Sandbox, of: str, campaign: str, reason_code: str, words: str
) -> None:
    file = table(line(1), line(2, of=of, campaign=campaign))
    code, manifest, _ = cli("run", file, *asking(sandbox))
    assert (code, outcomes(manifest)) == (1, {"accepted": 1, "rejected": 1})
    found = results(manifest)
    assert list(found["code"]) == ["1000", reason_code]
    assert words in found["reason"][1]
    assert any(name.startswith("to_fix") for name in manifest["outputs"])
    assert len(sandbox.invites()) == 1


def test_a_repeat_with_a_code_takes_the_place_of_a_row_that_is_rejected(
    cli: Cli, sandbox: Sandbox
) -> None:
    lost, other = {"of": "000404"}, {"of": "000404", "code": "own"}
    file = table(line(1, **lost), line(1, **lost), line(1, **other), line(1, **other),
                 line(2, **lost), line(2, **lost))  # fmt: skip
    code, manifest, _ = cli("run", file, *asking(sandbox))
    found = results(manifest)
    assert list(found["outcome"]) == ["rejected", "duplicate", "accepted", "duplicate",
                                      "rejected", "rejected"]  # fmt: skip
    assert found["reason"][1] == "The same invite stands earlier, in row 4."
    assert codes_on(sandbox) == ["own"]
    assert (code, manifest["books_balance"]) == (1, True)


def test_a_get_that_fails_is_tried_again(cli: Cli, sandbox: Sandbox) -> None:
    sandbox.set_faults(get_plan=["get-500", "get-429", "get-garbage", None])
    code, manifest, _ = cli("run", table(line(1)), *asking(sandbox))
    assert (code, outcomes(manifest)) == (0, {"accepted": 1})
    assert sandbox.stats()["gets"] == 4


def test_a_code_that_nobody_tells_stops_the_run_and_resume_asks_again(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulk_referrals.sender.reading_back.random.random", lambda: 0.0)
    sandbox.set_faults(get_plan_each=["get-garbage"] * 6)
    file = table(line(1), line(2, of="000002", code="own"))
    code, manifest, _ = cli("run", file, *asking(sandbox))
    assert (code, outcomes(manifest)) == (3, {"accepted": 1, "not_sent": 1})
    assert manifest["codes"]["code-not-looked-up"] == 1
    assert manifest["stop_reason"] == "The platform did not tell the referral codes of 1 rows."
    code, manifest, _ = cli("resume", "--yes", "--rate", "unlimited")
    assert (code, outcomes(manifest)) == (0, {"accepted": 2})
    assert len(sandbox.invites()) == 2


def test_refused_credentials_stop_the_run_before_anything_is_sent(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "wrong")
    code, manifest, _ = cli("run", table(line(1)), *asking(sandbox))
    assert (code, outcomes(manifest)) == (3, {"not_sent": 1})
    assert "refused our requests (code 401)" in manifest["stop_reason"]
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
    code, manifest, _ = cli("resume", "--yes")
    assert (code, outcomes(manifest)) == (0, {"accepted": 1})


def test_a_limit_bounds_what_is_asked_and_resume_asks_for_the_rest(
    cli: Cli, sandbox: Sandbox
) -> None:
    file = table(*(line(n, of=f"00000{n}") for n in range(1, 6)))
    code, manifest, _ = cli("run", file, *asking(sandbox, "--limit", "2"))
    assert (code, outcomes(manifest)) == (3, {"accepted": 2, "not_sent": 3})
    assert sandbox.stats()["gets"] == 2
    code, manifest, _ = cli("resume", "--yes")
    assert (code, outcomes(manifest)) == (0, {"accepted": 5})
    assert sandbox.stats()["gets"] == 5
    assert manifest["requests"]["looked_up"] == 5
    assert all(codes_on(sandbox))


def test_a_resumed_run_finds_its_credentials_in_its_file_and_profile_again(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    config = tmp_path / "settings.toml"
    config.write_text(
        "lookup_codes = true\nlimit = 1\n[profiles.prod]\n"
        f'host = "{sandbox.url}"\nusername = "store123"\npassword = "Pass123"\n',
        encoding="utf-8",
    )
    config.chmod(0o600)
    file = table(line(1), line(2, of="000002"))
    code, *_ = cli("run", file, "--yes", "--config", "settings.toml", "--profile", "prod")
    assert code == 3
    code, manifest, said = cli("resume", "--yes", "--limit", "9")
    assert (code, outcomes(manifest)) == (0, {"accepted": 2}), said
    assert b"Pass123" not in Path(".bulk_referrals/ledger.sqlite3").read_bytes()


def test_questions_count_in_the_rate(cli: Cli) -> None:
    with Sandbox(SandboxOptions(rate_per_min=600, window_s=1.0)) as sandbox:
        file = table(*(line(n, of=f"00{n:04d}") for n in range(1, 13)))
        words = ("--host", sandbox.url, "--yes", "--lookup-codes", "--rate", "600/min")
        code, manifest, _ = cli("run", file, *words)
        assert (code, outcomes(manifest)) == (0, {"accepted": 12})
        assert (sandbox.stats()["gets"], sandbox.stats()["limited"]) == (12, 0)


def test_a_run_that_is_interrupted_while_asking_is_resumed_and_asks_for_the_rest(
    cli: Cli, sandbox: Sandbox
) -> None:
    file = table(*(line(n, of=f"00{n:04d}") for n in range(1, 41)))
    words = ("run", file, "--host", sandbox.url, "--yes", "--lookup-codes", "--rate", "10/s")
    process = subprocess.Popen(
        [sys.executable, "-m", "bulk_referrals", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    give_up = time.monotonic() + 60
    while sandbox.stats()["gets"] < 3 and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    asked = sandbox.stats()["gets"]
    assert sandbox.invites() == []
    code, manifest, _ = cli("resume", "--yes", "--rate", "unlimited")
    assert (code, outcomes(manifest)) == (0, {"accepted": 40})
    assert 40 <= sandbox.stats()["gets"] <= 40 + 16
    assert manifest["requests"]["looked_up"] >= asked > 0


def test_a_check_asks_nobody_and_says_what_a_run_will(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = cli("check", table(line(1)), "--lookup-codes")
    assert code == 2
    assert "--lookup-codes is a flag of run" in said
    monkeypatch.setenv("BULK_REFERRALS_LOOKUP_CODES", "true")
    code, manifest, _ = cli("check", table(line(1), line(2, code="own")))
    assert (code, outcomes(manifest)) == (0, {"not_sent": 2})
    assert any("a run asks the platform for it" in each for each in manifest["notices"])
    _, manifest, _ = cli("run", "invites.csv", "--dry-run", "--host", sandbox.url)
    payloads = Path(manifest["outputs"]["payloads.jsonl"]).read_text(encoding="utf-8")
    assert [".own" in each for each in payloads.splitlines()] == [True]
    assert sandbox.stats()["gets"] == 0
