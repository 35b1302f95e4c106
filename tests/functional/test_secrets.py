"""Marked credentials and contacts, and a search for them wherever a run leaves anything."""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import SecretStr

from bulk_referrals.config import Settings
from bulk_referrals.errors import UsageError
from bulk_referrals.pipeline.credentials import with_credentials
from bulk_referrals.sandbox import Sandbox, SandboxOptions

TILL, PASSWORD = "till-MARKER1", "pass-MARKER2"
KEY, SECRET = "key-MARKER3", "secret-MARKER4"
MD5 = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
HEADER = base64.b64encode(f"{TILL}:{MD5}".encode()).decode()
MARKERS = ("MARKER", MD5, HEADER)
BASIC = {"BULK_REFERRALS_USERNAME": TILL, "BULK_REFERRALS_PASSWORD": PASSWORD}
OAUTH = {"BULK_REFERRALS_CLIENT_KEY": KEY, "BULK_REFERRALS_CLIENT_SECRET": SECRET}
ROWS = """referrer_mobile,identifier,campaign_token,referral_code,invited_on,name
917999836466,917999836416,J0H7Q,pV7BF,2024-09-10 16:35:52,Asha
917999836467,asha.zzz@example.com,J0H7Q,pV7BG,2024-09-10 16:35:52,Asha
917999836468,98-76,J0H7Q,pV7BH,2024-09-10 16:35:52,Asha
"""
CONTACTS = ("7999836466", "7999836416", "asha.zzz", "7999836468")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        SandboxOptions(tills={TILL: PASSWORD}, client_key=KEY, client_secret=SECRET)
    ) as started:
        yield started


def run(folder: Path, environment: Mapping[str, str], *words: str) -> tuple[int, str]:
    """Run the command, and return its exit code and all that it said."""
    (folder / "invites.csv").write_text(ROWS, encoding="utf-8")
    own = {k: v for k, v in os.environ.items() if not k.startswith("BULK_REFERRALS_")}
    ran = subprocess.run(
        [sys.executable, "-m", "bulk_referrals", *words],
        cwd=folder,
        env={**own, "BULK_REFERRALS_OUTAGE_S": "0.2", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, ran.stdout + ran.stderr


def left_in(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes().decode("latin-1")
            unpacked = subprocess.run(["unzip", "-p", path], capture_output=True, check=False)
            yield path.name, unpacked.stdout.decode("latin-1")


def assert_kept(folder: Path, said: str) -> None:
    for name, content in [("what was said", said), *left_in(folder)]:
        for marker in MARKERS:
            assert marker not in content, name
    for contact in CONTACTS:
        assert contact not in said


@pytest.mark.parametrize("credentials", [BASIC, OAUTH], ids=["basic", "oauth"])
def test_no_secret_is_left_by_a_run(
    tmp_path: Path, sandbox: Sandbox, credentials: Mapping[str, str]
) -> None:
    sandbox.reset()
    code, said = run(tmp_path, credentials, "run", "invites.csv", "--host", sandbox.url, "--yes",
                     "-v", "--rate", "unlimited", "--region", "IN")  # fmt: skip
    assert code == 1, said
    assert "accepted" in said.lower()
    assert_kept(tmp_path, said)


@pytest.mark.parametrize(
    ("changed", "words", "code"),
    [
        ({"BULK_REFERRALS_PASSWORD": "pass-MARKER9"}, (), 3),
        ({"BULK_REFERRALS_USERNAME": "", **OAUTH, "BULK_REFERRALS_CLIENT_SECRET": "MARKER9"},
         (), 3),
        ({}, ("--host", "http://127.0.0.1:9"), 3),
        ({"BULK_REFERRALS_CONCURRENCY": "MARKER9"}, (), 2),
        ({}, ("--ledger", "/proc/none/ledger.sqlite3"), None),
        ({}, ("--reports", "/proc/none/reports"), None),
    ],
    ids=["wrong password", "wrong secret", "no server", "bad setting", "no ledger", "no reports"],
)  # fmt: skip
def test_no_secret_is_left_by_a_run_that_fails(
    tmp_path: Path,
    sandbox: Sandbox,
    changed: Mapping[str, str],
    words: tuple[str, ...],
    code: int | None,
) -> None:
    sandbox.reset()
    where = () if "--host" in words else ("--host", sandbox.url)
    given = ["run", "invites.csv", *where, *words, "--yes", "-v", "--rate", "unlimited"]
    ended, said = run(tmp_path, {**BASIC, **changed}, *given, "--region", "IN")
    assert ended == code if code is not None else ended in {2, 3}, said
    assert "Traceback" not in said
    assert_kept(tmp_path, said)


def test_a_file_of_credentials_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'username = "{TILL}"\npassword = "{PASSWORD}"\n', encoding="utf-8")
    file.chmod(0o644)
    code, said = run(tmp_path, {}, "check", "invites.csv", "--config", "settings.toml")
    assert code == 2
    assert "others can read it. Run: chmod 600" in said
    assert "MARKER" not in said


# --- the keyring


class RingError(Exception):
    """As the library's own errors, which need not be installed here."""


class NoRingError(RingError):
    pass


class LockedError(RingError):
    pass


class Kept:
    """A keyring in memory."""

    def __init__(self, trouble: Exception | None, **kept: str) -> None:
        self.kept = kept
        self.trouble = trouble
        self.asked: list[tuple[str, str]] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append((service, username))
        if self.trouble is not None:
            raise self.trouble
        return self.kept.get(username)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*BASIC, *OAUTH]:
        monkeypatch.delenv(name, raising=False)


def kept(monkeypatch: pytest.MonkeyPatch, trouble: Exception | None = None, **held: str) -> Kept:
    ring = Kept(trouble, **held)
    library, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    vars(library).update(get_password=ring.get_password)
    vars(errors).update(KeyringError=RingError, NoKeyringError=NoRingError)
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return ring


def test_the_keyring_gives_what_neither_environment_nor_file_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring = kept(monkeypatch, client_key=KEY, client_secret=SECRET)
    found = with_credentials(Settings(), sandbox=False)
    assert found.client_secret.get_secret_value() == SECRET
    assert found.client_key.get_secret_value() == KEY
    assert ("bulk-referrals", "client_secret") in ring.asked
    assert SECRET not in repr(found)


def test_what_is_given_wins_and_is_completed_by_its_own_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring = kept(monkeypatch, username="other", password=PASSWORD, client_key=KEY,
                client_secret=SECRET)  # fmt: skip
    begun = with_credentials(Settings(username=TILL), sandbox=False)
    assert (begun.username, begun.password.get_secret_value()) == (TILL, PASSWORD)
    assert begun.client_key.get_secret_value() == ""

    ring.asked.clear()
    whole = Settings(username=TILL, password=SecretStr("x"))
    assert with_credentials(whole, sandbox=False) is whole
    assert with_credentials(Settings(), sandbox=True) == Settings()
    assert ring.asked == []


def test_half_a_pair_is_no_credentials_and_a_locked_keyring_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept(monkeypatch, username=TILL)
    assert with_credentials(Settings(), sandbox=False) == Settings()
    monkeypatch.setitem(sys.modules, "keyring", None)  # not installed
    assert with_credentials(Settings(), sandbox=False) == Settings()
    kept(monkeypatch, NoRingError())
    assert with_credentials(Settings(), sandbox=False) == Settings()
    kept(monkeypatch, LockedError(PASSWORD))
    with pytest.raises(UsageError, match=r"cannot be read \(LockedError\)") as caught:
        with_credentials(Settings(), sandbox=False)
    assert PASSWORD not in str(caught.value)
