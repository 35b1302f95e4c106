"""A run a night: what is expected of it, who hears of it, and what it leaves behind."""

import email
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from prometheus_client.parser import text_string_to_metric_families

from bulk_referrals.cli import main
from bulk_referrals.ledger import open_ledger
from bulk_referrals.model import Outcome
from bulk_referrals.pipeline.attending import PROGRESS_EVERY_S, Logged
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,type,identifier,name,invited_on,referral_code"
CONTACTS = ("9876000001", "9700000001", "asha.zzz@example.com")
SECRET = "hush-MARKER7"


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


Cli = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, no settings but the sandbox's credentials, no proxy and no terminal."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("BULK_REFERRALS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BULK_REFERRALS_USERNAME", "store123")
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
    monkeypatch.setenv("BULK_REFERRALS_SETTLE_S", "0.1")
    monkeypatch.setenv("NO_PROXY", "*")
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


def row(number: int) -> str:
    return f"+919876{number:06d},J0H7Q,MOBILE,+9197000{number:05d},Asha,2026-01-02 10:00,pV7BF"


def export(rows: int, name: str = "export.csv", *, first: int = 1) -> Path:
    path = Path(name)
    lines = [HEADER, *(row(number) for number in range(first, first + rows)), ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def to(sandbox: Sandbox) -> tuple[str, ...]:
    return ("--host", sandbox.url, "--yes", "--rate", "unlimited")


def figures(path: Path) -> dict[str, float]:
    """Return name -> value, and name:outcome or name:state -> value."""
    found = {}
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        for sample in family.samples:
            by = [sample.labels[each] for each in ("outcome", "state") if each in sample.labels]
            found[":".join((sample.name.removeprefix("bulk_referrals_"), *by))] = sample.value
    return found


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# --- what a night is expected to bring


def test_a_night_of_too_few_rows_sends_nothing_and_is_recorded(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", export(3), *to(sandbox), "--expect-rows", "5..50", "--json")
    told = (
        "Nothing was sent: 5 to 50 rows were expected (expect_rows), and there are 3. Look at the "
        "files; if they are right, run them with --expect-rows off."
    )
    assert (ended.code, ended.manifest["state"]) == (2, "refused")
    assert (ended.manifest["headline"], ended.manifest["exit_code"]) == (told, 2)
    assert ended.manifest["outcomes"]["not_sent"] == 3
    assert ended.manifest["codes"] == {"unexpected": 3}
    assert ended.manifest["books_balance"] is True
    assert told in ended.err
    assert sandbox.invites() == []

    (kept,) = json.loads(cli("runs", "--json").out)
    assert (kept["state"], kept["outcomes"]["not_sent"]) == ("refused", 3)
    again = cli("report", ended.manifest["run_id"], "--json")
    assert (again.code, again.manifest["state"]) == (2, "refused")
    resumed = cli("resume", ended.manifest["run_id"])
    assert (resumed.code, "nothing to resume" in resumed.err) == (2, True)

    sent = cli("run", "export.csv", *to(sandbox), "--expect-rows", "off", "--json")
    assert (sent.code, sent.manifest["outcomes"]["accepted"]) == (0, 3)


def test_ten_times_the_usual_is_refused_by_what_the_ledger_remembers(
    cli: Cli, sandbox: Sandbox
) -> None:
    guarded = ("--expect-growth", "10", "--json")
    assert cli("run", export(2), *to(sandbox), *guarded).code == 0  # nothing to go by yet
    ended = cli("run", export(21, first=100), *to(sandbox), *guarded)
    assert (ended.code, ended.manifest["state"]) == (2, "refused")
    assert "there are 21 rows, more than 10 times the usual 2 " in ended.manifest["headline"]
    assert len(sandbox.invites()) == 2
    # The refused night does not count as usual.
    assert cli("run", "export.csv", *to(sandbox), *guarded).code == 2
    assert cli("run", "export.csv", *to(sandbox), "--expect-growth", "off").code == 0
    assert len(sandbox.invites()) == 23


def test_a_refused_export_is_not_taken_for_a_sent_one(cli: Cli, sandbox: Sandbox) -> None:
    Path("in").mkdir()
    export(3, "in/export.csv")
    new = ("--new-only", "--json")
    assert cli("run", "in", *to(sandbox), *new, "--expect-rows", "5..").code == 2
    ended = cli("run", "in", *to(sandbox), *new)
    assert (ended.code, ended.manifest["outcomes"]["accepted"]) == (0, 3)
    idle = cli("run", "in", *to(sandbox), *new, "--allow-empty")
    assert (idle.code, idle.manifest["state"]) == (0, "nothing_to_do")


# --- nights on which nothing comes


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("missing.csv", "missing.csv: no such file."),
        ("*.xlsx", "*.xlsx: no file matches this pattern."),
        ("folder", "folder: the folder holds no spreadsheet; found it empty."),
        ("header.csv", "header.csv: there are column names, but no rows under them."),
        ("empty.csv", "empty.csv: the file is empty."),
    ],
)
def test_a_night_without_an_export_has_its_own_word(
    cli: Cli, sandbox: Sandbox, named: str, told: str
) -> None:
    Path("folder").mkdir()
    export(0, "header.csv")
    Path("empty.csv").touch()
    ended = cli("run", named, *to(sandbox), "--json")
    assert (ended.code, ended.manifest["state"]) == (2, "nothing_to_do")
    assert ended.manifest["headline"].startswith(told)
    assert (ended.manifest["rows"], ended.manifest["sources"]) == (0, [])
    kept = Path(ended.manifest["outputs"]["run.json"])
    assert json.loads(kept.read_text("utf-8")) == ended.manifest
    assert [each.name for each in kept.parent.iterdir()] == ["run.json"]
    assert told in ended.err


def test_where_nothing_is_well_too_it_ends_with_0_and_leaves_nothing(
    cli: Cli, sandbox: Sandbox
) -> None:
    ended = cli("run", "missing.csv", *to(sandbox), "--allow-empty", "--json")
    assert (ended.code, ended.manifest["state"]) == (0, "nothing_to_do")
    assert not Path("reports").exists()
    quiet = cli("run", "missing.csv", *to(sandbox), "--allow-empty", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_a_missing_suppression_list_is_never_a_quiet_night(cli: Cli, sandbox: Sandbox) -> None:
    ended = cli("run", export(2), *to(sandbox), "--suppress", "stop.csv", "--allow-empty")
    assert (ended.code, sandbox.invites()) == (2, [])
    assert "stop.csv: no such file." in ended.err


# --- as cron starts it


def as_cron(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as cron does: no terminal, hardly any environment, a session of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bulk_referrals", *map(str, words)],
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh",
             "BULK_REFERRALS_SETTLE_S": "0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )  # fmt: skip


def test_a_night_on_which_all_is_well_says_nothing_at_all() -> None:
    export(3)
    ran = as_cron("run", "export.csv", "--sandbox", "--quiet", "--log-file", "night.log",
                  "--log-format", "json", "--metrics", "night.prom")  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    told = events(Path("night.log"))
    assert [each["event"] for each in told] == [
        "run_begun", "rows_checked", "sending", "run_ended",
    ]  # fmt: skip
    assert len({each["run_id"] for each in told}) == 1
    assert told[1]["rows"] == {"export.csv": 3}
    ended = told[-1]
    assert (ended["level"], ended["exit_code"], ended["state"]) == ("info", 0, "finished")
    assert ended["outcomes"] == {"accepted": 3}
    assert Path(ended["outputs"][0]).is_file()
    assert figures(Path("night.prom"))["last_run_rows:accepted"] == 3


def test_a_night_that_needs_a_person_says_so_briefly() -> None:
    path = export(2)
    path.write_text(path.read_text("utf-8").replace("+9197000", "98-", 1), "utf-8")
    ran = as_cron("run", "export.csv", "--sandbox", "--quiet")
    assert (ran.returncode, ran.stdout) == (1, "")
    first, last = ran.stderr.splitlines()
    assert first == "Of 2 invites, 1 was accepted and 1 has something to correct."
    assert Path(last.removeprefix("The report: "), "report.xlsx").is_file()


def test_another_run_on_the_ledger_is_a_sentence_and_2(cli: Cli, sandbox: Sandbox) -> None:
    export(2)
    night = ("run", "export.csv", *to(sandbox), "--log-file", "n.log", "--metrics", "n.prom")
    with (
        closing(open_ledger(Path(".bulk_referrals/ledger.sqlite3"))) as ledger,
        ledger.lock("another", wait_s=0, grace_s=0),
    ):
        ended = cli(*night, "--log-format", "json")
        ran = as_cron("run", "export.csv", "--sandbox", "--quiet", "--wait", "0.2")
    for code, told in ((ended.code, ended.err), (ran.returncode, ran.stderr)):
        assert code == 2
        assert "another run is using this ledger. Wait for it to end, or give --wait" in told
    assert figures(Path("n.prom"))["last_run_state:busy"] == 1
    failed = events(Path("n.log"))[-1]
    assert (failed["event"], failed["state"], failed["exit_code"]) == ("run_failed", "busy", 2)
    assert sandbox.invites() == []


def test_a_run_that_cannot_begin_is_told_to_machines_too(cli: Cli, sandbox: Sandbox) -> None:
    Path("export.csv").write_bytes(b"%PDF-1.7 no spreadsheet")
    ended = cli("run", "export.csv", *to(sandbox), "--log-file", "n.log", "--metrics", "n.prom")
    assert ended.code == 2
    got = figures(Path("n.prom"))
    assert (got["last_run_exit_code"], got["last_run_state:failed"]) == (2, 1)
    assert "last_success_timestamp_seconds" not in got
    assert " run_failed state=failed exit_code=2 " in Path("n.log").read_text("utf-8")


def test_figures_and_logs_that_cannot_be_written_do_not_change_how_a_run_ends(
    cli: Cli, sandbox: Sandbox
) -> None:
    ended = cli("run", export(2), *to(sandbox), "-q", "--metrics", "none/n.prom",
                "--log-file", "/dev/full")  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    first, last = ended.err.splitlines()
    assert first == "none/n.prom: the figures cannot be written (No such file or directory)."
    assert last.startswith("/dev/full: the log could not be written to its end")


def test_a_run_that_is_stopped_and_resumed_keeps_its_log_and_its_figures(
    cli: Cli, sandbox: Sandbox
) -> None:
    telling = ("--log-file", "n.log", "--log-format", "json", "--metrics", "n.prom")
    stopped = cli("run", export(4), *to(sandbox), "--limit", "1", *telling, "--json")
    assert stopped.code == 3
    assert figures(Path("n.prom"))["last_run_state:stopped"] == 1
    assert cli("resume", "--yes", "-q", *telling).code == 0
    assert figures(Path("n.prom"))["last_run_rows:accepted"] == 4
    told = events(Path("n.log"))
    assert {each["run_id"] for each in told} == {stopped.manifest["run_id"]}
    assert [each["event"] for each in told].count("run_ended") == 2
    assert "limit of 1 rows" in told[3]["stop_reason"]


# --- telling people


@dataclass(slots=True)
class Inbox:
    """Messages that arrived over HTTP."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size_bytes = int(self.headers["Content-Length"])
            box.messages.append(json.loads(self.rfile.read(size_bytes)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    box.url = f"json://user:{SECRET}@127.0.0.1:{server.server_port}/night"
    yield box
    server.shutdown()
    server.server_close()
    thread.join()


def test_people_hear_of_what_needs_them_and_of_nothing_else(
    cli: Cli, sandbox: Sandbox, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY", inbox.url)
    assert cli("run", export(3), *to(sandbox)).code == 0
    assert inbox.messages == []

    assert cli("run", "missing.csv", *to(sandbox)).code == 2
    assert cli("run", "export.csv", *to(sandbox), "--expect-rows", "5..").code == 2
    Path("export.csv").write_bytes(b"%PDF-1.7")
    assert cli("run", "export.csv", *to(sandbox)).code == 2
    path = export(2, first=1000)
    path.write_text(path.read_text("utf-8").replace("+9197000", "98-", 1), "utf-8")
    assert cli("run", path, *to(sandbox)).code == 1

    bodies = [each["message"] for each in inbox.messages]
    assert [body.splitlines()[0] for body in bodies] == [
        "missing.csv: no such file. Check the folder and the name.",
        (
            "Nothing was sent: 5 rows or more were expected (expect_rows), and there are 3. Look "
            "at the files; if they are right, run them with --expect-rows off."
        ),
        (
            "export.csv: it is a PDF, not a spreadsheet. Open it in Excel or LibreOffice, save it "
            "as .xlsx or .csv, and use that file."
        ),
        "Of 2 invites, 1 was accepted and 1 has something to correct.",
    ]
    assert [each["type"] for each in inbox.messages] == ["failure"] * 3 + ["warning"]
    assert "Rows: 1 accepted, 1 rejected" in bodies[-1]
    assert all(not each.get("attachments") for each in inbox.messages)  # it holds contacts


def test_people_may_hear_every_night_and_get_the_report(
    cli: Cli, sandbox: Sandbox, inbox: Inbox
) -> None:
    ended = cli("run", export(2), *to(sandbox), "--notify", inbox.url, "--notify-on", "always",
                "--notify-attach", "report.xlsx", "--notify-attach", "to_fix.xlsx",
                "--json")  # fmt: skip
    assert ended.code == 0
    (message,) = inbox.messages
    assert message["message"].startswith("All 2 invites were accepted.")
    (attached,) = message["attachments"]  # there is nothing to fix
    assert attached["filename"] == "report.xlsx"


class Letters:
    """A mail server's handler that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - the library's name
        del server, session
        self.got.append(email.message_from_bytes(envelope.content, policy=modern))
        return "250 Message accepted for delivery"


@pytest.fixture
def letters() -> Iterator[tuple[Letters, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    got = Letters()
    server = Controller(got, hostname="127.0.0.1", port=port)
    server.start()
    yield got, port
    server.stop()


def test_a_letter_brings_the_figures_and_the_report(
    cli: Cli, sandbox: Sandbox, letters: tuple[Letters, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    got, port = letters
    address = f"mailto://127.0.0.1:{port}?from=night@example.com&to=ops@example.com,me@example.com"
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY", address)
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY_ATTACH", "report.xlsx")
    path = export(2)
    path.write_text(path.read_text("utf-8").replace("+9197000", "98-", 1), "utf-8")
    ended = cli("run", path, *to(sandbox), "--json")
    assert (ended.code, "notify" in ended.err) == (1, False)
    assert sorted(str(each["To"]) for each in got.got) == ["me@example.com", "ops@example.com"]
    letter = got.got[0]
    assert isinstance(letter, EmailMessage)
    subject, text = str(letter["Subject"]), letter.get_body(("plain", "html"))
    assert (
        subject
        == f"bulk-referrals ({sandbox.url.removeprefix('http://')}): some rows need a person"
    )
    assert text is not None
    assert "1 has something to correct" in text.get_content()
    (attached,) = letter.iter_attachments()
    report = Path(ended.manifest["outputs"]["report.xlsx"])
    assert attached.get_content() == report.read_bytes()


def test_an_address_that_cannot_be_reached_changes_nothing_and_is_never_shown(
    cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"json://user:{SECRET}@127.0.0.1:9/{SECRET}?key={SECRET}"
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY", address)
    ended = cli("run", export(2), *to(sandbox), "-q", "--notify-on", "always",
                "--log-file", "n.log")  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        "notify: address 1 of 1 was not told how the run ended (the channel refused or could not "
        "be reached). The run itself is not touched by that.\n"
    )
    assert " WARNING " in Path("n.log").read_text("utf-8")
    assert SECRET not in ended.err + Path("n.log").read_text("utf-8")


def test_an_address_that_makes_no_sense_is_told_before_anything_is_sent(
    cli: Cli, sandbox: Sandbox
) -> None:
    ended = cli("run", export(2), *to(sandbox), "--notify", f"nonsense://{SECRET}")
    assert (ended.code, sandbox.invites()) == (2, [])
    assert "notify: address 1 of 1 is none that apprise knows." in ended.err
    assert SECRET not in ended.err


# --- what a night leaves behind


def test_neither_contact_nor_secret_is_left_in_log_figures_or_messages(
    cli: Cli, sandbox: Sandbox, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "asha.zzz@example.com 9876000001.csv"
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY", inbox.url)
    for form in ("json", "plain"):
        path = export(3, name)
        path.write_text(path.read_text("utf-8").replace("+9197000", "98-", 1), "utf-8")
        cli("run", name, *to(sandbox), "-v", "--log-file", f"{form}.log", "--log-format", form,
            "--metrics", "n.prom", "--notify-on", "always")  # fmt: skip
        cli("run", f"none/{name}", *to(sandbox), "--log-file", f"{form}.log",
            "--log-format", form)  # fmt: skip
    told = [Path(each).read_text("utf-8") for each in ("json.log", "plain.log", "n.prom")]
    told += [json.dumps(message) for message in inbox.messages]
    assert len(inbox.messages) == 4
    for marked in (*CONTACTS, SECRET, "Pass123"):
        assert all(marked not in text for text in told), marked
    left = [path for path in Path().rglob("*") if path.is_file() and path.name != name]
    assert all(SECRET.encode() not in path.read_bytes() for path in left)


def test_once_a_minute_the_log_says_where_sending_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="bulk_referrals")
    now = 0.0

    class Nobody:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_: None

    watch = Logged(watch=Nobody(), clock=lambda: now)  # type: ignore[arg-type]  # it is asked nothing
    watch.sending(100)
    for step in range(1, 31):
        now = step * 5.0
        watch.settled(Counter({Outcome.ACCEPTED: 2, Outcome.FAILED: 1}))
    told = [vars(each)["figures"] for each in caplog.records if each.getMessage() == "progress"]
    assert PROGRESS_EVERY_S == 60
    assert told == [
        {"accepted": 24, "failed": 12, "left": 64, "rows_per_min": 36},
        {"accepted": 48, "failed": 24, "left": 28, "rows_per_min": 36},
    ]


def test_a_signal_while_sending_is_logged_and_told(sandbox: Sandbox, inbox: Inbox) -> None:
    export(400)
    ran = subprocess.Popen(
        [sys.executable, "-m", "bulk_referrals", "run", "export.csv", "--host", sandbox.url,
         "--yes", "--rate", "60/min", "--log-file", "n.log", "--log-format", "json"],
        env={**os.environ, "BULK_REFERRALS_NOTIFY": inbox.url},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        waited = threading.Event()
        while not sandbox.invites():
            assert ran.poll() is None
            waited.wait(0.05)
        ran.send_signal(signal.SIGTERM)
        ran.communicate(timeout=60)
    finally:
        ran.kill()
        ran.communicate()
    assert ran.returncode == 130
    told = [each["event"] for each in events(Path("n.log"))]
    assert told[2:] == ["sending", "stopping", "run_ended", "notified"]
    (message,) = inbox.messages
    assert message["title"].endswith(": interrupted")
    assert "bulk-referrals resume 2" in message["message"]
