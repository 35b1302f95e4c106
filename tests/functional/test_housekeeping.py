"""What is pruned and what never is; keys that move; invites that are looked for."""

import errno
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.csv
import pytest
from command_line import CommandLine

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger import Ledger, RunRecord, open_ledger, sqlite_file
from bulk_referrals.model import RunState
from bulk_referrals.pipeline.report_folders import ReportFolder
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,type,identifier,name,invited_on,referral_code"
LEDGER = Path(".bulk_referrals/ledger.sqlite3")
MARKED = "MarkedContact"


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.set_faults()
    shared_sandbox.reset()
    return shared_sandbox


def table(*numbers: int, name: str = "launch.csv") -> Path:
    rows = [
        f"+919876{n // 2:06d},J0H7Q,MOBILE,+9197000{n:05d},{MARKED},2026-01-02 10:00,pV7BF"
        for n in numbers
    ]
    path = Path(name)
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def sent(cli: CommandLine, sandbox: Sandbox, *numbers: int, more: tuple[str, ...] = ()) -> str:
    """Run a table, and return the run's id."""
    words = ("--host", sandbox.url, "--rate", "unlimited", "--yes", "--json", "-q", *more)
    run_id: str = cli("run", table(*numbers), *words).result["run_id"]
    return run_id


def aged(run_id: str, *, days: int = 100) -> None:
    """Let a run and its report have ended some time ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    with closing(open_ledger(LEDGER)) as ledger:
        record = ledger.run(run_id)
        assert record is not None
        if record.finished_at:
            ledger.update(replace(record, finished_at=then))
    manifest = Path("reports", run_id, "run.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"finished_at": then.isoformat()}))


def record_of(run_id: str) -> RunRecord:
    with closing(open_ledger(LEDGER)) as ledger:
        record = ledger.run(run_id)
    assert record is not None
    return record


# --- prune


def test_old_runs_lose_their_contacts_and_keep_their_figures(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    old, new = sent(cli, sandbox, 1, 2), sent(cli, sandbox, 3)
    aged(old)
    ended = cli("prune", "--older-than", "90d", "--yes", "--json")
    assert ended.code == 0
    assert ended.result["runs"] == [old]
    assert ended.result["folders"] == [f"reports/{old}"]
    assert ended.result["freed_bytes"] > 10_000
    assert [each.name for each in Path("reports").iterdir()] == [new]
    shown = {run["run_id"]: run for run in json.loads(cli("runs", "--json").out)}
    assert shown[old]["outcomes"]["accepted"] == 2
    assert shown[old]["pruned_at"]
    assert shown[new]["pruned_at"] is None
    assert "accepted 2 (rows pruned)" in cli("runs").out


def test_what_was_sent_by_a_pruned_run_is_not_sent_again(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    aged(sent(cli, sandbox, 1, 2))
    assert cli("prune", "--older-than", "1d", "--yes").code == 0
    again = sent(cli, sandbox, 1, 2, 3)
    assert record_of(again).outcomes["already_sent"] == 2
    assert len(sandbox.invites()) == 3


def test_no_byte_of_a_pruned_contact_is_left_in_the_ledger(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    """Frames are compressed, so the mark is put where the raw bytes can be searched for it."""
    run_id = sent(cli, sandbox, *range(60))
    with closing(sqlite3.connect(LEDGER)) as db:
        mark = f"{MARKED}-in-the-raw".encode()
        db.execute("UPDATE results SET message = ?", (mark.decode() * 9,))
        db.execute("UPDATE frames SET ipc = ipc || ?", (mark * 9_000,))
        db.commit()
    assert mark in LEDGER.read_bytes()
    aged(run_id)
    assert cli("prune", "--older-than", "90d", "--yes").code == 0
    beside = list(LEDGER.parent.glob(f"{LEDGER.name}*"))
    assert LEDGER in beside
    assert not [each for each in beside if mark in each.read_bytes()]


def test_a_contact_that_an_earlier_sitting_overwrote_is_not_left_either(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1)
    mark = f"{MARKED}-long-gone" * 20
    with closing(sqlite3.connect(LEDGER)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("UPDATE results SET message = ?", (mark,))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("DELETE FROM results")
        db.commit()
    assert mark.encode() in LEDGER.read_bytes()
    aged(run_id)
    assert cli("prune", "--older-than", "90d", "--yes").code == 0
    assert mark.encode() not in LEDGER.read_bytes()


def test_pages_are_overwritten_before_the_file_is_cut(
    cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is cut off the end of a file stays on the disk as it was; so it is zeros by then."""
    run_id = sent(cli, sandbox, 1)
    mark = f"{MARKED}-in-the-raw".encode()
    with closing(sqlite3.connect(LEDGER)) as db:
        db.execute("UPDATE frames SET ipc = ipc || ?", (mark * 9_000,))
        db.commit()
    aged(run_id)
    at_the_cut: list[bytes] = []
    emptied = sqlite_file.SqliteFile._empty_log

    def looked_at(self: sqlite_file.SqliteFile) -> None:
        emptied(self)
        at_the_cut.append(LEDGER.read_bytes())

    monkeypatch.setattr(sqlite_file.SqliteFile, "_empty_log", looked_at)
    assert cli("prune", "--older-than", "90d", "--yes").code == 0
    before, after = at_the_cut
    assert len(after) < len(before)
    assert mark not in before


def test_a_run_that_can_be_gone_on_with_is_never_pruned(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1, 2, 3, more=("--limit", "1"))
    aged(run_id)
    ended = cli("prune", "--older-than", "0d", "--yes", "--json")
    assert (ended.result["runs"], ended.result["folders"]) == ([], [])
    assert record_of(run_id).state is RunState.STOPPED
    assert cli("resume", run_id, "--yes", "-q").code == 0
    assert len(sandbox.invites()) == 3


def test_a_run_that_died_over_its_report_is_never_pruned(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)
    with closing(open_ledger(LEDGER)) as ledger:
        ledger.update(replace(record_of(run_id), exit_code=None))
    assert cli("prune", "--older-than", "0d", "--yes", "--json").result["runs"] == []


def test_what_is_not_old_enough_stays(cli: CommandLine, sandbox: Sandbox) -> None:
    aged(sent(cli, sandbox, 1), days=89)
    ended = cli("prune", "--older-than", "90d", "--yes", "--json")
    assert (ended.code, ended.result["runs"], ended.result["folders"]) == (0, [], [])
    assert "Nothing to prune" in ended.err
    assert cli("prune", "--older-than", "12w", "--yes", "--json").result["runs"]


def test_a_dry_run_tells_what_would_go_and_removes_nothing(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)
    ended = cli("prune", "--older-than", "90d", "--dry-run", "--json")
    assert (ended.code, ended.result["done"]) == (0, False)
    assert ended.result["runs"] == [run_id]
    assert "would be removed" in ended.err
    assert cli("report", run_id, "-q").code == 0


def test_nothing_goes_unless_somebody_says_so(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)
    unasked = cli("prune", "--older-than", "90d")
    assert unasked.code == 2
    assert "The contacts of 1 run in the ledger and 1 folder of reports" in unasked.err
    assert "--yes" in unasked.err
    assert cli("prune", "--older-than", "90d", answer="n\n").code == 2
    assert cli("prune", "--older-than", "90d", answer="\n").code == 2
    assert record_of(run_id).pruned_at is None
    assert cli("prune", "--older-than", "90d", answer="y\n").code == 0
    assert record_of(run_id).pruned_at is not None


def test_an_age_that_makes_no_sense_ends_with_2(cli: CommandLine) -> None:
    for age in ("90", "d", "-1d", "90 months", "9.5d", ""):
        ended = cli("prune", f"--older-than={age}", "--yes")
        assert ended.code == 2
        assert "90d" in ended.err
    assert cli("prune", "--yes").code == 2


def test_where_there_is_nothing_nothing_is_made(cli: CommandLine) -> None:
    assert cli("prune", "--older-than", "90d", "--yes").code == 0
    assert list(Path().iterdir()) == []


def test_the_report_of_a_pruned_run_cannot_be_made_again_and_says_why(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)
    cli("prune", "--older-than", "90d", "--yes")
    for words in (("report",), ("verify",)):
        ended = cli(*words, run_id)
        assert ended.code == 2
        assert "pruned" in ended.err
    assert not Path("reports", run_id).exists()


def test_a_prune_waits_for_nobody_who_is_sending(cli: CommandLine, sandbox: Sandbox) -> None:
    aged(sent(cli, sandbox, 1))
    with closing(open_ledger(LEDGER)) as ledger, ledger.lock(wait_s=0):
        ended = cli("prune", "--older-than", "90d", "--yes")
    assert ended.code == 2
    assert "another run is using this ledger" in ended.err


def test_space_that_cannot_be_given_back_is_told_and_the_contacts_are_gone_all_the_same(
    cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)

    def full(_: Ledger) -> int:
        message = "ledger: the ledger cannot be used (database or disk is full)."
        raise LedgerError(message)

    monkeypatch.setattr(sqlite_file.SqliteFile, "compact", full)
    ended = cli("prune", "--older-than", "90d", "--yes")
    assert ended.code == 1
    assert "disk is full" in ended.err
    assert record_of(run_id).pruned_at is not None
    assert cli("report", run_id).code == 2


def test_a_report_that_could_not_be_removed_is_told_and_goes_the_next_time(
    cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)

    def refused(_: ReportFolder) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(ReportFolder, "remove", refused)
        ended = cli("prune", "--older-than", "90d", "--yes")
    assert ended.code == 1
    assert f"reports/{run_id}: it was not removed" in ended.err
    again = cli("prune", "--older-than", "90d", "--yes", "--json")
    assert (again.code, again.result["runs"]) == (0, [])
    assert again.result["folders"] == [f"reports/{run_id}"]
    assert not Path("reports", run_id).exists()


def test_what_was_looked_for_goes_where_it_stands_alone(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1)
    aged(run_id)
    shutil.rmtree(Path("reports", run_id))
    assert cli("verify", run_id).code == 0
    assert cli("prune", "--older-than", "90d", "--yes", "--json").result["folders"]
    assert list(Path("reports").iterdir()) == []


# --- reports that are ours, and what is not


@pytest.fixture
def checked(cli: CommandLine) -> Path:
    """The folder of an old check, which no ledger knows."""
    run_id = cli("check", table(1), "--json", "-q").result["run_id"]
    folder = Path("reports", run_id)
    told = json.loads((folder / "run.json").read_text())
    told["finished_at"] = "2026-01-02T10:00:00+00:00"
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def rewritten(folder: Path, **changes: object) -> None:
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(told | changes))


def prune(cli: CommandLine) -> list[str]:
    found: list[str] = cli("prune", "--older-than", "1d", "--yes", "--json").result["folders"]
    return found


def test_reports_of_old_checks_go_too(cli: CommandLine, checked: Path) -> None:
    assert prune(cli) == [str(checked)]
    assert not checked.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "20260101T000000-aaaa"},
        {"state": "sending"},
        {"state": "stopped"},
        {"finished_at": "2099-01-01T00:00:00+00:00"},
        {"finished_at": "2026-01-01T00:00:00"},
        {"finished_at": 7},
        {"finished_at": None},
    ],
)
def test_a_folder_whose_manifest_does_not_say_that_it_is_ours_and_old_stays(
    cli: CommandLine, checked: Path, changes: dict[str, object]
) -> None:
    rewritten(checked, **changes)
    assert prune(cli) == []
    assert (checked / "report.xlsx").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"run_id"', "\udcff"])
def test_a_manifest_that_cannot_be_read_makes_no_folder_ours(
    cli: CommandLine, checked: Path, content: str
) -> None:
    (checked / "run.json").write_text(content, "utf-8", "surrogateescape")
    assert prune(cli) == []
    assert (checked / "report.xlsx").exists()


def test_what_somebody_put_into_a_report_stays(cli: CommandLine, checked: Path) -> None:
    (checked / "notes.txt").write_text("mine")
    (checked / "pictures").mkdir()
    ended = cli("prune", "--older-than", "1d", "--yes")
    assert ended.code == 1
    assert str(checked) in ended.err
    assert sorted(each.name for each in checked.iterdir()) == ["notes.txt", "pictures"]
    assert prune(cli) == []


def test_names_in_a_manifest_lead_nowhere_else(cli: CommandLine, checked: Path) -> None:
    Path("precious.csv").write_text("mine")
    outside = {"../../precious.csv": "x", str(Path("precious.csv").resolve()): "x"}
    rewritten(checked, outputs=outside)
    cli("prune", "--older-than", "1d", "--yes")
    assert Path("precious.csv").read_text() == "mine"


def test_a_link_to_a_folder_elsewhere_is_not_followed(cli: CommandLine, checked: Path) -> None:
    elsewhere = Path("elsewhere", checked.name)
    elsewhere.parent.mkdir()
    shutil.move(checked, elsewhere)
    checked.symlink_to(elsewhere.resolve())
    assert prune(cli) == []
    assert (elsewhere / "report.xlsx").exists()
    assert checked.is_symlink()


def test_a_link_in_a_report_goes_and_what_it_leads_to_stays(
    cli: CommandLine, checked: Path
) -> None:
    precious = Path("precious.csv")
    precious.write_text("mine")
    (checked / "results.csv").unlink()
    (checked / "results.csv").symlink_to(precious.resolve())
    assert prune(cli) == [str(checked)]
    assert precious.read_text() == "mine"


def test_what_a_killed_command_left_half_written_goes_too(cli: CommandLine, checked: Path) -> None:
    (checked / ".results.csv.4711.part").write_text("half")
    assert prune(cli) == [str(checked)]
    assert not checked.exists()


def test_folders_of_other_names_are_not_looked_into(cli: CommandLine, checked: Path) -> None:
    other = checked.with_name("2026-november")
    checked.rename(other)
    rewritten(other, run_id=other.name)
    assert prune(cli) == []


# --- verify


def read_csv(path: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pyarrow.csv.read_csv(path).to_pylist()
    return rows


def test_all_that_was_accepted_is_found_by_one_question_for_each_referrer(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, *range(20))
    ended = cli("verify", run_id, "--json")
    told = ended.result
    assert ended.code == told["exit_code"] == 0
    assert (told["accepted"], told["shown"], told["missing"], told["unread"]) == (20, 20, 0, 0)
    assert told["referrers"] == told["requests"]["read_back"] == 10
    path = told["outputs"]["verify.csv"]
    assert path == f"reports/{run_id}/verify.csv"
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    rows = read_csv(path)
    assert [row["row"] for row in rows] == list(range(2, 22))
    assert {(row["platform"], row["times_listed"]) for row in rows} == {("shown", 1)}
    assert len(sandbox.invites()) == 20


def test_what_the_platform_does_not_show_is_told(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, *range(6))
    sandbox.reset()
    second = sent(cli, sandbox, 20, 21)
    ended = cli("verify", run_id)
    assert ended.code == 1
    assert "6  missing" in ended.err
    rows = read_csv(f"reports/{run_id}/verify.csv")
    assert {(row["platform"], row["times_listed"]) for row in rows} == {("missing", 0)}
    assert cli("verify", second).code == 0


def test_no_contact_reaches_the_terminal(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, 1)
    sandbox.reset()
    for words in (("verify", run_id), ("verify", run_id, "--json")):
        ended = cli(*words)
        for contact in (MARKED, "9876", "97000"):
            assert contact not in ended.out + ended.err.replace(run_id, "")


def test_a_sample_is_drawn_by_a_seed_that_is_told(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, *range(40))
    first = cli("verify", run_id, "--sample", "10", "--json")
    seed = first.result["seed"]
    rows = read_csv(f"reports/{run_id}/verify.csv")
    again = cli("verify", run_id, "--sample", "10", "--seed", str(seed), "--json")
    assert first.result["shown"] == len(rows) == 10
    assert again.result["seed"] == seed
    assert read_csv(f"reports/{run_id}/verify.csv") == rows
    assert [row["row"] for row in rows] == sorted(row["row"] for row in rows)  # type: ignore[type-var]
    assert f"--seed {seed}" in first.err


def test_a_sample_of_more_than_there_is_is_all(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, 1, 2)
    told = cli("verify", run_id, "--sample", "10", "--json").result
    assert (told["shown"], told["seed"]) == (2, None)


def test_a_platform_that_does_not_answer_leaves_it_unfinished(
    cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = sent(cli, sandbox, 1, 2)
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "wrong")
    ended = cli("verify", run_id, "--json")
    told = ended.result
    assert ended.code == told["exit_code"] == 3
    assert (told["shown"], told["missing"], told["unread"]) == (0, 0, 2)
    assert "401" in told["stop_reason"]
    rows = read_csv(f"reports/{run_id}/verify.csv")
    assert {(row["platform"], row["times_listed"]) for row in rows} == {("unread", None)}


def test_an_invite_that_stands_twice_is_told(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, 1)
    sent(cli, sandbox, 1, more=("--ledger", "other.sqlite3"))
    ended = cli("verify", run_id, "--json")
    assert (ended.code, ended.result["shown_more_than_once"]) == (0, 1)
    assert "more than once" in ended.err
    assert read_csv(f"reports/{run_id}/verify.csv")[0]["times_listed"] == 2


def test_what_another_run_has_sent_is_not_looked_for(cli: CommandLine, sandbox: Sandbox) -> None:
    sent(cli, sandbox, 1)
    again = sent(cli, sandbox, 1)
    asked = sandbox.stats()
    ended = cli("verify", again, "--json")
    assert (ended.code, ended.result["accepted"]) == (0, 0)
    assert "nothing to look for" in ended.err
    assert sandbox.stats() == asked


def test_a_run_in_the_stand_in_is_looked_for_in_its_memory(cli: CommandLine) -> None:
    run_id = cli("run", table(1, 2), "--sandbox", "--json", "-q").result["run_id"]
    told = cli("verify", run_id, "--json").result
    assert (told["target"], told["shown"], told["missing"]) == ("sandbox", 2, 0)


def test_a_run_that_is_not_there_ends_with_2(cli: CommandLine) -> None:
    ended = cli("verify", "20260101T000000-aaaa")
    assert ended.code == 2
    assert "There is no run" in ended.err


@pytest.mark.parametrize("flags", [("--sample", "0"), ("--seed", "-1"), ("--sample", "x")])
def test_a_sample_that_makes_no_sense_ends_with_2(
    cli: CommandLine, flags: tuple[str, ...]
) -> None:
    assert cli("verify", "20260101T000000-aaaa", *flags).code == 2


# --- export and import


def test_what_was_sent_is_known_where_the_keys_went(cli: CommandLine, sandbox: Sandbox) -> None:
    run_id = sent(cli, sandbox, 1, 2)
    exported = cli("export", "keys.zip", "--json")
    assert (exported.code, exported.result["invites"], exported.result["runs"]) == (0, 2, 1)
    assert stat.S_IMODE(Path("keys.zip").stat().st_mode) == 0o600
    imported = cli("import", "keys.zip", "--ledger", "new/ledger.sqlite3", "--json")
    assert imported.code == 0
    assert imported.result["new_invites"] == 2
    there = ("--ledger", "new/ledger.sqlite3")
    told = json.loads(cli("runs", *there, "--json").out)
    assert [(run["run_id"], run["outcomes"]["accepted"]) for run in told] == [(run_id, 2)]
    assert told[0]["pruned_at"]
    second = sent(cli, sandbox, 1, 2, 3, more=there)
    assert len(sandbox.invites()) == 3
    assert (
        json.loads(Path("reports", second, "run.json").read_text())["outcomes"]["already_sent"]
        == 2
    )


def test_no_contact_and_no_key_in_the_clear_is_exported(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    sent(cli, sandbox, 1)
    cli("export", "keys.zip")
    content = Path("keys.zip").read_bytes()
    for contact in (MARKED, "919876", "9197000", "pV7BF"):
        assert contact.encode() not in content


def test_an_export_is_not_overwritten_unasked(cli: CommandLine, sandbox: Sandbox) -> None:
    sent(cli, sandbox, 1)
    Path("keys.zip").write_text("mine")
    ended = cli("export", "keys.zip")
    assert ended.code == 2
    assert "--force" in ended.err
    assert Path("keys.zip").read_text() == "mine"
    assert cli("export", "keys.zip", "--force").code == 0
    assert cli("import", "keys.zip", "--ledger", "new.sqlite3").code == 0


def test_there_must_be_a_ledger_to_export(cli: CommandLine) -> None:
    ended = cli("export", "keys.zip")
    assert ended.code == 2
    assert "no ledger" in ended.err
    assert list(Path().iterdir()) == []


def test_an_export_that_cannot_be_written_ends_with_2(cli: CommandLine, sandbox: Sandbox) -> None:
    sent(cli, sandbox, 1)
    ended = cli("export", "nowhere/keys.zip")
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_an_invite_in_doubt_is_read_back_where_its_keys_went(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    """Its answer was lost after it had landed; sent again, it would stand there twice."""
    sent(cli, sandbox, 1)
    with closing(sqlite3.connect(LEDGER)) as db:
        db.execute("UPDATE invites SET state = 1")
        db.commit()
    assert cli("export", "keys.zip").code == 0
    there = ("--ledger", "new.sqlite3")
    assert cli("import", "keys.zip", *there).code == 0
    second = sent(cli, sandbox, 1, more=there)
    told = json.loads(Path("reports", second, "run.json").read_text())
    assert told["outcomes"]["accepted"] == 1
    assert told["requests"].items() >= {"sent": 0, "read_back": 1}.items()
    assert len(sandbox.invites()) == 1


def test_an_unfinished_run_is_told_at_export_and_not_resumed_elsewhere(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    run_id = sent(cli, sandbox, 1, 2, more=("--limit", "1"))
    exported = cli("export", "keys.zip", "--json")
    assert exported.result["unfinished"] == [run_id]
    assert "unfinished" in exported.err
    there = ("--ledger", "new.sqlite3")
    cli("import", "keys.zip", *there)
    assert "nothing to resume" in cli("resume", *there).err
    named = cli("resume", run_id, *there, "--yes")
    assert named.code == 2
    assert "left behind" in named.err


def test_keys_of_two_ledgers_are_not_mixed(cli: CommandLine, sandbox: Sandbox) -> None:
    sent(cli, sandbox, 1)
    cli("export", "keys.zip")
    sent(cli, sandbox, 2, more=("--ledger", "other.sqlite3"))
    ended = cli("import", "keys.zip", "--ledger", "other.sqlite3")
    assert ended.code == 2
    assert "another secret" in ended.err
    assert "--ledger" in ended.err


def test_an_import_can_be_repeated(cli: CommandLine, sandbox: Sandbox) -> None:
    sent(cli, sandbox, 1)
    cli("export", "keys.zip")
    there = ("--ledger", "new.sqlite3", "--json")
    assert cli("import", "keys.zip", *there).result["new_invites"] == 1
    again = cli("import", "keys.zip", *there).result
    assert (again["new_invites"], again["changed_invites"], again["new_runs"]) == (0, 0, 0)


def test_a_run_that_holds_the_ledger_is_waited_for_or_told(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    sent(cli, sandbox, 1)
    cli("export", "keys.zip")
    with closing(open_ledger(LEDGER)) as ledger, ledger.lock(wait_s=0):
        for words in (("export", "more.zip"), ("import", "keys.zip")):
            ended = cli(*words)
            assert ended.code == 2
            assert "another run" in ended.err
