"""`config show` and `config check`, against the stand-in: right, wrong, and not there."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tls_front import certificate, tls_front

from bulk_referrals.cli import main
from bulk_referrals.config import Settings
from bulk_referrals.ledger import open_ledger
from bulk_referrals.sandbox import Sandbox, SandboxOptions

SECRET = "hush-hush-77"
BASIC = {"BULK_REFERRALS_USERNAME": "store123", "BULK_REFERRALS_PASSWORD": "Pass123"}
OAUTH = {
    "BULK_REFERRALS_CLIENT_KEY": "sandbox-key",
    "BULK_REFERRALS_CLIENT_SECRET": "sandbox-secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def trials(self) -> dict[str, tuple[bool, str]]:
        found = json.loads(self.out)["trials"]
        return {each["name"]: (each["well"], each["sentence"]) for each in found}


Cli = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("BULK_REFERRALS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*words: str, environment: Mapping[str, str] = BASIC) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["bulk-referrals", "config", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(code=int(ended.value.code or 0), out=out, err=err)

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


def file_of(text: str) -> str:
    path = Path("settings.toml")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


# --- show


def test_every_setting_is_shown_with_its_value_and_where_it_comes_from(cli: Cli) -> None:
    file = file_of(
        f'region = "IN"\npassword = "{SECRET}"\n[profiles.prod]\ncluster = "apac"\n[profiles.demo]'
    )
    environment = {"BULK_REFERRALS_TIMEZONE": "UTC", "BULK_REFERRALS_TIMEZON": "UTC"}
    words = ("show", "--config", file, "--profile", "prod", "--rate", "5/s", "--json")
    found = json.loads(cli(*words, environment=environment).out)
    assert (found["profile"], found["profiles"]) == ("prod", ["prod", "demo"])
    settings = found["settings"]
    assert set(settings) == set(Settings.model_fields) - {"config", "profile"}
    assert settings["region"] == {"value": "IN", "from": "file"}
    assert settings["cluster"] == {"value": "apac", "from": "profile prod"}
    assert settings["timezone"] == {"value": "UTC", "from": "environment"}
    assert settings["rate"] == {"value": 300.0, "from": "flag"}
    assert settings["timeout"] == {"value": 30.0, "from": "default"}
    assert settings["password"] == {"value": "set", "from": "file"}
    assert settings["client_secret"] == {"value": None, "from": "default"}
    assert found["notes"] == [
        (
            "BULK_REFERRALS_TIMEZON: there is no such setting, so it counts for nothing. "
            "Did you mean BULK_REFERRALS_TIMEZONE?"
        )
    ]


def test_the_same_is_shown_to_people_and_no_secret(cli: Cli) -> None:
    file = file_of(
        f'username = "{SECRET}"\npassword = "{SECRET}"\nproxy = "http://me:{SECRET}@p:1"\n'
        f'campaign_token = "J0H7Q-{SECRET}"\nrate = "unlimited"\nsheets = ["A", "B"]\n'
        '[mobile]\ncountry_codes = ["91"]\n'
    )
    ended = cli("show", "--config", file, environment={})
    assert SECRET not in ended.out + ended.err
    lines = {line.split()[0]: line for line in ended.out.splitlines() if line}
    assert re.fullmatch(r"password +set +file", lines["password"])
    assert re.fullmatch(r"proxy +set +file", lines["proxy"])
    assert re.fullmatch(r"campaign_token +J0… \(18 characters\) +file", lines["campaign_token"])
    assert re.fullmatch(r"rate +unlimited +file", lines["rate"])
    assert re.fullmatch(r"sheets +A, B +file", lines["sheets"])
    assert ended.out.startswith(f"Configuration: {Path(file).absolute()}\n")


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_wrong_file_is_told_with_all_its_faults(cli: Cli, command: str) -> None:
    file = file_of('concurency = 3\n[profiles.prod]\nrate = "fast"\n')
    ended = cli(command, "--config", file)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 2
    assert "[profiles.prod]: rate: write a rate" in ended.err


# --- check


@pytest.mark.parametrize("environment", [BASIC, OAUTH], ids=["basic", "oauth"])
def test_settings_that_work_are_said_to_and_nothing_is_left_behind(
    cli: Cli, sandbox: Sandbox, environment: Mapping[str, str]
) -> None:
    ended = cli("check", "--host", sandbox.url, "--json", environment=environment)
    assert ended.code == 0, ended.out
    trials = ended.trials
    assert list(trials) == [
        "settings", "platform", "rate", "ledger", "reports", "disk", "clock",
    ]  # fmt: skip
    how = "OAuth" if environment is OAUTH else "a till's password (Basic)"
    assert trials["platform"][1].startswith(f"{sandbox.url} let us in, by {how}.")
    assert trials["rate"][1] == "At most 300 requests leave a minute, and 16 at once."
    assert "will be made by the first run" in trials["ledger"][1]
    assert "Asia/Kolkata" in trials["clock"][1]
    assert list(Path().iterdir()) == []
    stats = sandbox.stats()
    assert (stats["posts"], stats["gets"], sandbox.invites()) == (0, 1, [])


def test_people_get_a_line_for_each(cli: Cli, sandbox: Sandbox) -> None:
    file = file_of(f'[profiles.prod]\nhost = "{sandbox.url}"\n[profiles.demo]\n')
    open_ledger(Path("mine.sqlite3")).close()
    ended = cli("check", "--config", file, "--profile", "prod", "--ledger", "mine.sqlite3")
    assert ended.code == 0
    first, *rest = ended.out.splitlines()
    assert first == (
        f"ok  settings  The settings of {Path(file).absolute()}, profile prod, are in order, "
        "and so are the profiles not in use: demo."
    )
    assert "ok  ledger    The ledger mine.sqlite3 can be used; it holds 0 runs." in rest


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({**BASIC, "BULK_REFERRALS_PASSWORD": SECRET}, "refused the credentials (401)"),
        ({**OAUTH, "BULK_REFERRALS_CLIENT_SECRET": SECRET}, "No access token was granted"),
        ({}, "There are no credentials"),
    ],
)
def test_wrong_credentials_are_told(
    cli: Cli, sandbox: Sandbox, environment: Mapping[str, str], words: str
) -> None:
    ended = cli("check", "--host", sandbox.url, "--json", environment=environment)
    well, sentence = ended.trials["platform"]
    assert (ended.code, well) == (2, False)
    assert words in sentence
    assert SECRET not in ended.out + ended.err


def test_no_right_to_read_is_told(cli: Cli) -> None:
    with Sandbox(SandboxOptions(forbid=True)) as sandbox:
        ended = cli("check", "--host", sandbox.url, "--json")
    assert ended.code == 2
    assert "may not read referrals (403)" in ended.trials["platform"][1]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("http://127.0.0.1:9", "Check the host, the network and the proxy."),
        ("https://nobody.bulk-referrals.invalid", "there is no such host, or no network."),
    ],
)
def test_a_host_that_cannot_be_reached_is_told(cli: Cli, host: str, words: str) -> None:
    ended = cli("check", "--host", host, "--json")
    assert ended.code == 2
    assert words in ended.trials["platform"][1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("get-html", "answered with something else than the API (HTTP 200). Check the host."),
        ("get-502", "is not well just now (HTTP 502). Try again later."),
        ("get-redirect", "answered with something else than the API"),
        ("get-reset", "no answer"),
    ],
)
def test_an_answer_that_is_none_of_the_apis_is_told(
    cli: Cli, sandbox: Sandbox, fault: str, words: str
) -> None:
    sandbox.set_faults(get_plan=[fault] * 3)  # an idempotent request may be tried again below
    ended = cli("check", "--host", sandbox.url, "--json")
    assert ended.code == 2
    assert words in ended.trials["platform"][1]


def test_a_rate_limit_that_is_met_is_no_fault_of_the_settings(cli: Cli, sandbox: Sandbox) -> None:
    sandbox.set_faults(get_plan=["get-429"])
    ended = cli("check", "--host", sandbox.url, "--json")
    assert ended.code == 0
    assert "its rate limit is met just now" in ended.trials["platform"][1]


def test_tls_is_tried_with_the_authorities_that_this_machine_knows(
    cli: Cli, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate(tmp_path)
    with tls_front(sandbox.url, made, key) as url:
        ended = cli("check", "--host", url, "--json")
        assert ended.code == 2
        assert "its certificate is not trusted" in ended.trials["platform"][1]
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        ended = cli("check", "--host", url, "--json")
        assert (ended.code, ended.trials["platform"][0]) == (0, True)
    plain = sandbox.url.replace("http://", "https://")
    ended = cli("check", "--host", plain, "--json")
    assert "it does not speak TLS there" in ended.trials["platform"][1]


@pytest.mark.parametrize(
    ("referrer", "code", "words"),
    [
        ("+919876000001", 0, "It told the referrer's referral code."),
        ("asha@example.com", 0, "It told the referrer's referral code."),
        ("+919876001012", 2, "It told no referral code: No customer is registered"),
        ("+919876000404", 2, "it has none in this campaign"),
    ],
)
def test_a_referrer_is_asked_for_where_one_is_named(
    cli: Cli, sandbox: Sandbox, referrer: str, code: int, words: str
) -> None:
    ended = cli("check", "--host", sandbox.url, "--referrer", referrer, "--json",
                "--campaign-token", "J0H7Q")  # fmt: skip
    assert ended.code == code
    assert words in ended.trials["referrer"][1]
    assert referrer not in ended.out + ended.err


def test_a_referrer_that_cannot_be_read_is_told_without_being_shown(
    cli: Cli, sandbox: Sandbox
) -> None:
    ended = cli("check", "--host", sandbox.url, "--referrer", "98-76", "--json")
    assert ended.code == 2
    assert ended.trials["platform"][1].startswith("--referrer: ")
    assert "98-76" not in ended.out


def test_a_ledger_or_a_folder_that_cannot_be_used_is_told(cli: Cli, sandbox: Sandbox) -> None:
    Path("file").write_text("no ledger", encoding="utf-8")
    words: tuple[Any, ...] = ("--ledger", "file", "--reports", "file/reports")
    ended = cli("check", "--host", sandbox.url, "--json", *words)
    assert ended.code == 2
    assert not ended.trials["ledger"][0]
    assert not ended.trials["reports"][0]
    assert "Check the path and its rights." in ended.trials["reports"][1]
