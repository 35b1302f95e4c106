"""Exports where they land: here, in a real S3 server and in a real SFTP server, by the command."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from file_stores import LOOPBACK, S3, SFTP_PASSWORD, SFTP_USER, Sftp, s3_server, sftp_server
from openpyxl import Workbook

from bulk_referrals.cli import main
from bulk_referrals.landing import Access, Clock, Stores
from bulk_referrals.landing.address import parse
from bulk_referrals.sandbox import Sandbox, SandboxOptions

HEADER = "referrer_mobile,campaign_token,type,identifier,name,invited_on,referral_code"
OURS = {
    "BULK_REFERRALS_USERNAME": "store123",
    "BULK_REFERRALS_PASSWORD": "Pass123",
    "BULK_REFERRALS_SETTLE_S": "0.1",
    "BULK_REFERRALS_REMOTE_TIMEOUT": "20",
}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sftp]:
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_platform() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions()) as sandbox:
        yield sandbox


@pytest.fixture
def platform(shared_platform: Sandbox) -> Sandbox:
    shared_platform.set_faults()
    shared_platform.reset()
    return shared_platform


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3, served: Sftp) -> None:
    """An empty folder and home, and the way to sign in to both stores."""
    home = tmp_path / "home"
    (home / "here").mkdir(parents=True)
    monkeypatch.chdir(home / "here")
    for name in os.environ:
        if name.startswith(("BULK_REFERRALS_", "AWS_", "SSH_")):
            monkeypatch.delenv(name)
    known = {"BULK_REFERRALS_KNOWN_HOSTS": str(served.known_hosts), "HOME": str(home)}
    signing_in = {"BULK_REFERRALS_SFTP_PASSWORD": SFTP_PASSWORD}
    for name, value in (OURS | s3.environment | known | signing_in).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(home))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
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

    @property
    def sources(self) -> list[str]:
        return [each["path"] for each in self.manifest["sources"]]


Cli = Callable[..., Ended]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command in this process; nothing that was fetched may stay behind."""

    def run(*words: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["bulk-referrals", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        for secret in (SFTP_PASSWORD, "s3cretAccessKey", "Pass123"):
            assert secret not in out + err
        assert list(Path.home().glob("bulk-referrals-fetched-*")) == []
        code = ended.value.code
        return Ended(code=code if isinstance(code, int) else 0, out=out, err=err)

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A folder of this machine or of a store: the same is asked of all."""

    address: str
    put: Callable[[str, bytes | str], None]
    names: Callable[[], list[str]]


@pytest.fixture(params=["here", "s3", "sftp"])
def drop(request: pytest.FixtureRequest, s3: S3, served: Sftp, tmp_path: Path) -> Drop:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-50:].strip("-")
    if request.param == "s3":
        s3.bucket(name)
        return Drop(
            address=f"s3://{name}/drop",
            put=lambda key, content: s3.put(name, f"drop/{key}", content),
            names=lambda: [key.removeprefix("drop/") for key in s3.keys(name)],
        )
    here = request.param == "here"
    folder = (tmp_path if here else served.root) / name

    def put(key: str, content: bytes | str) -> None:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    folder.mkdir()
    return Drop(
        address=str(folder) if here else served.address(name),
        put=put,
        names=lambda: sorted(
            str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
        ),
    )


def table(*numbers: int) -> str:
    rows = [
        f"+919876{n:06d},J0H7Q,MOBILE,+9197000{n:05d},Asha,2026-01-02 10:00,pV7BF" for n in numbers
    ]
    return "\n".join([HEADER, *rows, ""])


def workbook(*numbers: int) -> bytes:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for line in table(*numbers).splitlines():
        sheet.append(line.split(","))
    book.save(content)
    return content.getvalue()


# --- reading


def test_parquet_files_are_read_where_they_lie(cli: Cli, drop: Drop) -> None:
    names, *rows = (line.split(",") for line in table(1, 2).splitlines())
    content = io.BytesIO()
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table(columns), content)
    drop.put("part-0.snappy.parquet", content.getvalue())
    drop.put("_SUCCESS", b"")
    ended = cli("check", drop.address, "--json")
    assert ended.code == 0
    assert ended.manifest["rows"] == 2
    assert [Path(each).name for each in ended.sources] == ["part-0.snappy.parquet"]


def test_a_file_a_folder_and_a_pattern_are_read_where_they_lie(cli: Cli, drop: Drop) -> None:
    drop.put("a.csv", table(1))
    drop.put("b.csv.d/deeper.csv", table(2))
    drop.put("B [2].XLSX", workbook(3, 4))
    drop.put("notes.pdf", b"%PDF")
    drop.put(".hidden.csv", table(5))
    root = drop.address
    for named, expected in (
        (f"{root}/a.csv", ["a.csv"]),
        (root, ["B [2].XLSX", "a.csv"]),
        (f"{root}/", ["B [2].XLSX", "a.csv"]),
        (f"{root}/*.csv", ["a.csv"]),
        (f"{root}/**/*.csv", ["a.csv", "b.csv.d/deeper.csv"]),
        (f"{root}/[ab].csv", ["a.csv"]),
        (f"{root}/?.csv", ["a.csv"]),
    ):
        ended = cli("check", named, "--json")
        assert ended.code == 0, ended.err
        assert ended.sources == [f"{root}/{name}" for name in expected]


def test_files_here_and_elsewhere_are_one_run(cli: Cli, drop: Drop, platform: Sandbox) -> None:
    Path("here.csv").write_text(table(1))
    drop.put("there.csv", table(2))
    there = f"{drop.address}/there.csv"
    ended = cli("run", "here.csv", there, there, "--host", platform.url, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 2})
    assert ended.sources == ["here.csv", there]


def test_a_large_file_arrives_as_it_is(cli: Cli, drop: Drop) -> None:
    drop.put("large.csv", table(*range(90_000)))
    ended = cli("check", f"{drop.address}/large.csv", "--json")
    assert (ended.code, ended.outcomes) == (0, {"not_sent": 90_000})


def test_a_workbook_from_elsewhere_gets_its_annotated_copy(cli: Cli, drop: Drop) -> None:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for line in table(1).replace("+9197000", "12").splitlines():
        sheet.append(line.split(","))
    book.save(content)
    drop.put("wrong.xlsx", content.getvalue())
    ended = cli("check", f"{drop.address}/wrong.xlsx", "--json")
    assert ended.code == 1
    assert "annotated.xlsx" in ended.manifest["outputs"]


def test_an_empty_folder_and_a_missing_file_are_told_apart_from_a_fault(
    cli: Cli, drop: Drop
) -> None:
    drop.put("notes.pdf", b"%PDF")
    for named, words in (
        (f"{drop.address}/a.csv", "no such file"),
        (f"{drop.address}/*.csv", "no file matches this pattern"),
        (drop.address, "the folder holds no spreadsheet"),
    ):
        ended = cli("run", named, "--sandbox")
        assert ended.code == 2
        assert f"{named}: {words}" in ended.err


def test_names_cannot_lead_out_of_our_folder_and_control_characters_are_passed_over(
    cli: Cli, s3: S3
) -> None:
    s3.bucket("hostile")
    for key in ("drop/../../../tmp/evil.csv", "drop/" + "n" * 900 + ".csv", "drop/a\x1b[2J.csv"):
        s3.put("hostile", key, table(1))
    ended = cli("check", "s3://hostile/**/*.csv", "--json")
    assert ended.code == 0
    assert ended.sources == [f"s3://hostile/drop/{'n' * 900}.csv"] or sorted(ended.sources) == [
        "s3://hostile/drop/../../../tmp/evil.csv",
        f"s3://hostile/drop/{'n' * 900}.csv",
    ]
    assert not Path("/tmp/evil.csv").exists()  # noqa: S108 - where it must not be
    assert "\x1b" not in ended.err


# --- what was taken before


def test_only_new_files_are_taken_whatever_their_names(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    night = ("run", f"{drop.address}/*.csv", "--new-only", "--host", platform.url, "--yes")
    drop.put("monday.csv", table(1))
    assert cli(*night).code == 0
    drop.put("tuesday.csv", table(2))
    drop.put("monday copy.csv", table(1))
    ended = cli(*night, "--json")
    assert ended.sources == [f"{drop.address}/tuesday.csv"]
    assert ended.outcomes == {"accepted": 1}
    assert "monday copy.csv: left out, since run" in ended.err
    ended = cli(*night)
    assert ended.code == 2
    assert "there is nothing new; found 3 files that earlier runs took" in ended.err
    assert len(platform.invites()) == 2


def test_what_the_sandbox_took_is_still_new_for_the_platform(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1))
    files = ("run", drop.address, "--new-only")
    assert cli(*files, "--sandbox").code == 0
    assert cli(*files, "--sandbox").code == 2
    assert cli(*files, "--host", platform.url, "--yes").code == 0


def test_an_object_that_was_taken_is_not_even_fetched_again(
    cli: Cli, s3: S3, platform: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.bucket("taken")
    s3.put("taken", "a.csv", table(1))
    night = ("run", "s3://taken/", "--new-only", "--host", platform.url, "--yes")
    assert cli(*night).code == 0

    def fetched(*_: object) -> None:
        pytest.fail("it was fetched")

    with monkeypatch.context() as patched:
        patched.setattr("bulk_referrals.landing.stores.Store.chunks", fetched)
        assert cli(*night).code == 2
    s3.put("taken", "a.csv", table(2))
    assert cli(*night, "--json").outcomes == {"accepted": 1}


def test_an_export_that_was_refused_or_that_nothing_was_sent_of_is_still_new(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1))
    night = ("run", drop.address, "--new-only", "--host", platform.url)
    assert cli(*night, "--yes", "--expect-rows", "1000..").code == 2
    assert cli(*night).code == 2  # nobody said yes
    assert cli(*night, "--dry-run").code == 0
    assert cli(*night, "--yes").code == 0


def test_nothing_new_is_well_where_that_is_allowed(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1))
    night = ("run", drop.address, "--new-only", "--allow-empty", "--host", platform.url, "--yes")
    assert cli(*night).code == 0
    ended = cli(*night)
    assert (ended.code, len(platform.invites())) == (0, 1)
    assert "there is nothing new; found a file that was taken. There is nothing to do." in (
        ended.err
    )


def test_a_run_that_stopped_is_named_when_its_file_comes_again(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1, 2))
    night = ("run", drop.address, "--new-only", "--host", platform.url, "--yes")
    run_id = cli(*night, "--limit", "1", "--json").manifest["run_id"]
    drop.put("b.csv", table(3))
    ended = cli(*night, "--json")
    assert ended.sources == [f"{drop.address}/b.csv"]
    assert f"go on with it: bulk-referrals resume {run_id}" in ended.err


def test_the_same_file_under_two_names_is_said(cli: Cli, drop: Drop, platform: Sandbox) -> None:
    drop.put("a.csv", table(1))
    drop.put("b.csv", table(1))
    ended = cli("run", drop.address, "--host", platform.url, "--yes", "--json")
    assert ended.outcomes == {"accepted": 1, "duplicate": 1}
    root = drop.address
    assert f"{root}/b.csv is the same as {root}/a.csv, byte for byte" in ended.err


# --- afterwards


def test_a_file_that_was_taken_is_moved_to_done_and_one_that_cannot_be_read_to_failed(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1))
    drop.put("b.csv", table(2) + table(3).replace("+9197000", "12").split("\n", 1)[1])
    night = ("run", f"{drop.address}/**/*.csv", "--afterwards", "move", "--host", platform.url)
    ended = cli(*night, "--yes", "--json")
    assert ended.code == 1
    assert drop.names() == ["done/a.csv", "done/b.csv"]
    assert f"{drop.address}/a.csv was moved to {drop.address}/done/a.csv." in ended.err
    told = cli("report", ended.manifest["run_id"])
    assert "was moved to" in told.err
    drop.put("a.csv", table(4))
    ended = cli(*night, "--yes", "--json")
    assert ended.sources == [f"{drop.address}/a.csv"]
    run_id = ended.manifest["run_id"]
    assert sorted(drop.names()) == [f"done/a.{run_id}.csv", "done/a.csv", "done/b.csv"]
    drop.put("bad.csv", b"%PDF-1.7 not a table")
    drop.put("good.csv", table(5))
    ended = cli(*night, "--yes")
    assert ended.code == 2
    assert "failed/bad.csv" in drop.names()
    assert "good.csv" in drop.names()
    assert cli(*night, "--yes").code == 0
    assert "done/good.csv" in drop.names()


def test_a_file_stays_while_its_run_is_unfinished_and_is_moved_when_it_is_resumed(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1, 2))
    night = ("run", drop.address, "--afterwards", "move", "--host", platform.url, "--yes")
    assert cli(*night, "--limit", "1").code == 3
    assert drop.names() == ["a.csv"]
    assert cli("resume", "--yes").code == 0
    assert drop.names() == ["done/a.csv"]


def test_an_empty_file_goes_where_its_night_ends(cli: Cli, drop: Drop, platform: Sandbox) -> None:
    night = ("run", drop.address, "--afterwards", "move", "--host", platform.url, "--yes")
    drop.put("a.csv", "")
    assert cli(*night, "--allow-empty").code == 0
    assert drop.names() == ["done/a.csv"]
    drop.put("a.csv", f"{HEADER}\n")
    assert cli(*night).code == 2
    assert drop.names() == ["done/a.csv", "failed/a.csv"]


def test_a_check_a_dry_run_and_the_sandbox_move_nothing(cli: Cli, drop: Drop) -> None:
    drop.put("a.csv", table(1))
    drop.put("b.pdf", b"%PDF")
    os.environ["BULK_REFERRALS_AFTERWARDS"] = "move"
    try:
        assert cli("check", drop.address).code == 0
        assert cli("check", f"{drop.address}/b.pdf").code == 2
        assert cli("run", drop.address, "--dry-run").code == 0
        ended = cli("run", drop.address, "--sandbox")
    finally:
        del os.environ["BULK_REFERRALS_AFTERWARDS"]
    assert (ended.code, drop.names()) == (0, ["a.csv", "b.pdf"])
    assert "The sandbox is for trying: no file is moved." in ended.err


def test_a_file_that_was_replaced_meanwhile_is_not_moved(
    cli: Cli, drop: Drop, platform: Sandbox
) -> None:
    drop.put("a.csv", table(1, 2))
    night = ("run", drop.address, "--afterwards", "move", "--host", platform.url, "--yes")
    assert cli(*night, "--limit", "1").code == 3
    drop.put("a.csv", table(3, 4))
    ended = cli("resume", "--yes", "--json")
    assert (ended.code, drop.names()) == (0, ["a.csv"])
    assert "it has changed since it was read" in ended.err


def test_a_move_that_fails_is_said_and_changes_nothing(
    cli: Cli, s3: S3, platform: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.bucket("immovable")
    s3.put("immovable", "a.csv", table(1))

    def refused(*_: object) -> bool:
        raise OSError(13, "refused")

    monkeypatch.setattr("bulk_referrals.landing.stores.Store.move", refused)
    night = ("run", "s3://immovable/a.csv", "--afterwards", "move", "--host", platform.url)
    ended = cli(*night, "--yes", "--json")
    assert (ended.code, ended.outcomes) == (0, {"accepted": 1})
    assert "s3://immovable/a.csv: it could not be moved (refused). Move it by hand." in ended.err


@dataclass
class Meddled:
    """A filesystem whose copy is cut short, or whose source is replaced during the copy."""

    fs: Any
    after_copy: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fs, name)

    async def _cp_file(self, path: str, target: str, **more: object) -> None:
        await self.fs._cp_file(path, target, **more)
        self.after_copy(target)


@pytest.mark.parametrize("whose", ["source", "copy"])
def test_an_object_is_deleted_only_when_its_copy_is_whole_and_it_is_the_same_still(
    s3: S3, tmp_path: Path, whose: str
) -> None:
    bucket = f"meddled-{whose}"
    s3.bucket(bucket)
    s3.put(bucket, "a.csv", "as it was read")
    address, target = parse(f"s3://{bucket}/a.csv"), parse(f"s3://{bucket}/done/a.csv")
    stores = Stores(Access(timeout_s=20, known_hosts=tmp_path / "none"))
    store = stores.of(address)
    sign = store.look(address)

    def meddle(copied: str) -> None:
        key = "a.csv" if whose == "source" else copied.removeprefix(f"{bucket}/")
        s3.put(bucket, key, "another export, or half of one")

    store._fs = Meddled(fs=store._fs, after_copy=meddle)
    with pytest.raises(Exception, match="it changed while it was being moved"):
        store.move(address, target, sign)
    assert s3.keys(bucket) == ["a.csv"]
    stores.close()


# --- what goes wrong


def test_a_host_whose_key_is_not_known_is_not_spoken_to(
    cli: Cli, served: Sftp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = served.address("never.csv")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    for known in ("", f"[{LOOPBACK}]:{served.port} {other}"):
        keys = tmp_path / "keys"
        keys.write_text(known)
        monkeypatch.setenv("BULK_REFERRALS_KNOWN_HOSTS", str(keys))
        ended = cli("check", named)
        assert ended.code == 2
        assert "the host's key is not a known one" in ended.err
    monkeypatch.setenv("BULK_REFERRALS_KNOWN_HOSTS", str(tmp_path / "missing"))
    assert "the host's key is not a known one" in cli("check", named).err


def test_a_host_is_not_trusted_because_ssh_is_told_to_trust_all(
    cli: Cli, served: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = Path.home() / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "config").write_text("Host *\n  UserKnownHostsFile none\n  StrictHostKeyChecking no\n")
    monkeypatch.delenv("BULK_REFERRALS_KNOWN_HOSTS")
    assert "the host's key is not a known one" in cli("check", served.address("a.csv")).err


def test_a_wrong_password_is_a_sentence(
    cli: Cli, served: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_SFTP_PASSWORD", "wr0ng-s3cret")
    ended = cli("check", served.address("a.csv"))
    assert ended.code == 2
    assert "access to it is denied" in ended.err
    assert "wr0ng-s3cret" not in ended.err


def test_what_the_libraries_log_is_not_shown(
    cli: Cli, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.bucket("silent")
    assert cli("check", "s3://silent/a.csv").code == 2
    for name in ("s3fs", "botocore.auth", "asyncssh.connection", "gcsfs.retry"):
        logging.getLogger(name).error("https://bucket/key?X-Amz-Signature=s3cret")
    assert "s3cret" not in capsys.readouterr().err


def test_a_store_that_stalls_is_given_up(
    cli: Cli, served: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_REMOTE_TIMEOUT", "3")
    (served.root / "stalls.csv").write_text(table(1))
    served.stalled.set()
    try:
        ended = cli("check", served.address("stalls.csv"))
    finally:
        served.stalled.clear()
    assert ended.code == 2
    assert "it did not answer in time" in ended.err


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("s3://no-such-bucket-here/a.csv", "there is no such bucket"),
        ("s3://no-such-bucket-here/*.csv", "there is no such bucket"),
        (f"sftp://{SFTP_USER}@{LOOPBACK}:1/a.csv", "it cannot be reached"),
        ("ftp://host/a.csv", "such an address cannot be read"),
        ("sftp://me:5FTP-s3cret@host/a.csv", "the address holds a secret"),
    ],
)
def test_what_cannot_be_reached_is_a_sentence(cli: Cli, named: str, words: str) -> None:
    ended = cli("run", named, "--sandbox")
    assert ended.code == 2
    assert words in ended.err


def test_without_credentials_a_bucket_is_a_sentence(
    cli: Cli, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.bucket("closed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ended = cli("check", "s3://closed/a.csv")
    assert ended.code == 2
    assert "there are no credentials for it" in ended.err


def test_a_file_that_still_grows_in_a_store_is_waited_for(
    cli: Cli, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("a.csv", table(1))
    waits = []

    def grow(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds
        if len(waits) == 1:
            drop.put("a.csv", table(1, 2, 3))

    clock = [0.0]
    monkeypatch.setattr(
        "bulk_referrals.landing.arriving.Clock",
        lambda: Clock(now_s=lambda: clock[0], elapsed_s=lambda: clock[0], sleep=grow),
    )
    ended = cli("check", drop.address, "--unchanged-for", "60", "--json")
    assert (ended.code, ended.outcomes) == (0, {"not_sent": 3})
    assert waits == [60, 60]


def test_the_real_process_reads_from_both_stores_and_leaves_nothing(s3: S3, served: Sftp) -> None:
    s3.bucket("real")
    s3.put("real", "a.csv", table(1))
    (served.root / "real.csv").write_text(table(2))
    words = ["check", "s3://real/a.csv", served.address("real.csv"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bulk_referrals", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["rows"] == 2
    assert ended.stderr.startswith("\n")  # no warning of a library before our own words
    assert list(Path.home().glob("bulk-referrals-fetched-*")) == []
