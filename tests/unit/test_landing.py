"""Where exports land: addresses, waiting, and moving files of this machine. No server here."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.errors import InputError, NothingToDoError, UsageError
from bulk_referrals.landing import (
    Access,
    Clock,
    Stores,
    Taken,
    Wanted,
    arrive,
    is_address,
    local,
    own_folder,
    put_away,
    require_beside,
)
from bulk_referrals.landing.address import parse
from bulk_referrals.landing.fetching import fetch
from bulk_referrals.landing.settling import settle
from bulk_referrals.landing.stores import Sign, Store
from bulk_referrals.landing.troubles import sentence_of
from bulk_referrals.loader import is_spreadsheet
from bulk_referrals.model import Source

SECRET = "hunter2"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = Stores(Access(timeout_s=5, known_hosts=tmp_path / "known_hosts"))
    yield opened
    opened.close()


def silent(_: str) -> None:
    """Take a sentence."""


# --- addresses


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("s3://exports/drop/a.csv", "exports/drop/a.csv", "s3://exports/"),
        ("S3://exports", "exports/", "s3://exports/"),
        ("gs://exports/drop/*.csv", "exports/drop/*.csv", "gs://exports/"),
        ("sftp://host/a.csv", "/a.csv", "sftp://host/"),
        ("sftp://me@host.example:2222/in/a.csv", "/in/a.csv", "sftp://me@host.example:2222/"),
        ("sftp://me@[::1]:22/in", "/in", "sftp://me@[::1]:22/"),
        (
            "abfs://box@acct.dfs.core.windows.net/a",
            "box/a",
            "abfs://box@acct.dfs.core.windows.net/",
        ),
        ("az://box/a/b", "box/a/b", "az://box/"),
    ],
)
def test_an_address_is_taken_apart_and_put_together_again(
    text: str, path: str, place: str
) -> None:
    address = parse(text)
    assert (address.path, address.place) == (path, place)
    assert parse(str(address)) == address
    assert address.at(address.path) == address


@pytest.mark.parametrize("path", ["a.csv", "/in/a.csv", "-", "in/*.csv", "C:\\in", "a:b", "s3:/x"])
def test_a_path_of_this_machine_is_no_address(path: str) -> None:
    assert not is_address(path)


@pytest.mark.parametrize(
    "text",
    [
        f"sftp://me:{SECRET}@host/in",
        f"s3://AKID:{SECRET}@bucket/key",
        f"ftp://me:{SECRET}@host/in",
        f"https://host/in?token={SECRET}",
        f"s3://bucket/key?X-Amz-Signature={SECRET}",
        f"abfs://box@acct.dfs.core.windows.net/a?sv=1&sig={SECRET}",
        f"gs://bucket/key?access_token={SECRET}",
        f"s3://bucket {SECRET}/key",
        f"sftp://me@{SECRET}@host/in",
        f"s3:///{SECRET}",
        f"s3://*/{SECRET}",
        f"s3://bucket/{SECRET}\x1b[2J",
    ],
)
def test_what_is_no_address_or_holds_a_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert SECRET not in str(refused.value)
    assert str(refused.value).endswith(".")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40))
def test_any_text_after_a_scheme_is_an_address_or_a_sentence(rest: str) -> None:
    with suppress(UsageError):
        address = parse(f"s3://{rest}")
        assert address.path.startswith(f"{address.bucket}/")


@pytest.mark.parametrize(
    ("scheme", "extra", "module"),
    [
        ("s3", "s3", "s3fs"),
        ("sftp", "sftp", "sshfs"),
        ("gs", "gcs", "gcsfs"),
        ("abfs", "azure", "adlfs"),
    ],
)
def test_a_missing_extra_is_named(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, scheme: str, extra: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError) as refused:
        stores.of(parse(f"{scheme}://there/a.csv"))
    assert str(refused.value) == (
        f"{scheme}://there/a.csv: reading {scheme}:// needs an extra: "
        f"pip install 'bulk-referrals[{extra}]'"
    )


# --- what libraries raise


class EndpointConnectionError(Exception):
    """As botocore's."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EndpointConnectionError(SECRET), "it cannot be reached"),
        (TimeoutError(SECRET), "it did not answer in time"),
        (FileNotFoundError(SECRET), "it is not there any more"),
        (PermissionError(SECRET), "access to it is denied"),
        (ConnectionRefusedError(SECRET), "it cannot be reached"),
        (OSError(errno.EHOSTUNREACH, SECRET), "it cannot be reached"),
        (RuntimeError(SECRET), "it cannot be read (RuntimeError)"),
    ],
)
def test_a_library_s_error_becomes_words_without_its_own(error: Exception, words: str) -> None:
    problem, advice = sentence_of(error)
    assert problem == words
    assert SECRET not in problem + advice
    assert advice.endswith(".")


def test_what_an_error_came_from_tells_more_than_the_error() -> None:
    error = OSError("wrapped")
    error.__cause__ = EndpointConnectionError(SECRET)
    assert sentence_of(error)[0] == "it cannot be reached"


# --- waiting


@dataclass
class Time:
    """A clock that passes only by sleeping; what happens meanwhile is told beforehand."""

    now_s: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(now_s=self.now, elapsed_s=self.now, sleep=self.sleep)

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


def test_without_a_wait_one_look_will_do() -> None:
    time = Time()
    sign = Sign(size_bytes=1, changed="now")
    assert settle({"a": lambda: sign}, 0, time.clock, lambda _: None) == {"a": sign}
    assert time.slept == []


def test_a_file_that_grows_is_waited_for_and_another_is_not_looked_at_again() -> None:
    time, sizes = Time(), {"grows": 1, "rests": 7}
    looks: list[str] = []

    def look(name: str) -> Callable[[], Sign]:
        def now() -> Sign:
            looks.append(name)
            return Sign(size_bytes=sizes[name], changed="")

        return now

    def grow() -> None:
        sizes["grows"] += 1

    time.meanwhile = [grow, grow]
    told: list[int] = []
    got = settle({name: look(name) for name in sizes}, 60, time.clock, told.append)
    assert {name: sign.size_bytes for name, sign in got.items()} == {"grows": 3, "rests": 7}
    assert time.slept == [60, 60, 60]
    assert looks.count("rests") == 2
    assert told == [2]


def test_a_file_of_the_same_size_that_was_written_again_has_changed() -> None:
    time = Time()
    signs = iter([Sign(size_bytes=1, changed="1"), Sign(size_bytes=1, changed="2")])
    last = Sign(size_bytes=1, changed="2")
    assert settle({"a": lambda: next(signs, last)}, 5, time.clock, lambda _: None) == {"a": last}
    assert time.slept == [5, 5]


def test_a_file_that_never_rests_ends_the_waiting() -> None:
    time = Time()
    ends = settle
    with pytest.raises(InputError, match="it still changes after 300 seconds of waiting"):
        ends(
            {"in/a.csv": lambda: Sign(size_bytes=int(time.now_s), changed="")},
            10,
            time.clock,
            lambda _: None,
        )
    assert sum(time.slept) == 300


def test_a_local_file_that_rested_long_enough_is_not_waited_for(
    tmp_path: Path, stores: Stores
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    time = Time()
    for path, age_s in ((old, 61), (new, 3)):
        path.write_text("x")
        os.utime(path, (time.now_s - age_s,) * 2)
    said: list[str] = []
    wanted = Wanted(is_spreadsheet=is_spreadsheet, unchanged_for_s=60)
    paths = [str(old), str(new), "-", str(tmp_path / "missing.csv")]
    got = arrive(paths, wanted, stores, tmp_path, tell=said.append, clock=time.clock)
    assert got.paths == tuple(paths)
    assert time.slept == [60]
    assert said == ["Waiting until the file has not changed for 60 seconds."]


# --- what was taken before


def digest_of(content: str, folder: Path) -> str:
    path = folder / "some"
    path.write_text(content)
    return local.digest(path)


def test_files_that_were_taken_are_left_out_whatever_they_are_called_now(
    tmp_path: Path, stores: Stores
) -> None:
    (tmp_path / "renamed.csv").write_text("taken")
    (tmp_path / "new.csv").write_text("new")
    taken = Taken(by_sha256={digest_of("taken", tmp_path): "20261122T0100-aaaa"})
    wanted = Wanted(is_spreadsheet=is_spreadsheet, taken=taken)
    paths = [str(tmp_path / name) for name in ("renamed.csv", "new.csv")]
    got = arrive([*paths, "-"], wanted, stores, tmp_path, tell=silent)
    assert got.paths == (paths[1], "-")
    assert got.notices == (f"{paths[0]}: left out, since run 20261122T0100-aaaa took it.",)


def test_when_all_was_taken_it_is_said_with_the_run_that_is_unfinished(
    tmp_path: Path, stores: Stores
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("taken")
    taken = Taken(by_sha256={local.digest(path): "R1"}, unfinished=frozenset({"R1"}))
    wanted = Wanted(is_spreadsheet=is_spreadsheet, taken=taken)
    with pytest.raises(NothingToDoError) as nothing:
        arrive([str(path)], wanted, stores, tmp_path, tell=silent)
    assert str(nothing.value) == (
        f"{path}: there is nothing new; found a file that was taken. "
        "That run is not finished; go on with it: bulk-referrals resume R1"
    )


def test_many_files_that_were_taken_are_one_notice(tmp_path: Path, stores: Stores) -> None:
    paths = []
    for number in range(9):
        path = tmp_path / f"{number}.csv"
        path.write_text(str(number))
        paths.append(str(path))
    runs = {local.digest(Path(path)): f"R{index}" for index, path in enumerate(paths[:8])}
    wanted = Wanted(is_spreadsheet=is_spreadsheet, taken=Taken(by_sha256=runs))
    got = arrive(paths, wanted, stores, tmp_path, tell=silent)
    assert got.paths == (paths[8],)
    assert got.notices == ("8 files were left out, since earlier runs took them.",)


# --- moving away on this machine


def source(path: Path, content: str | None = None) -> Source:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        path.write_text(content)
    return Source(path=str(path), sha256=local.digest(path), size_bytes=1, rows=1)


def test_a_file_is_moved_beside_itself(tmp_path: Path, stores: Stores) -> None:
    path = tmp_path / "in" / "a.csv"
    told = put_away(source(path, "x"), "done", mark="R1", stores=stores).told
    assert told == f"{path} was moved to {path.parent}/done/a.csv."
    assert not path.exists()
    assert (path.parent / "done" / "a.csv").read_text() == "x"
    assert stat.S_IMODE((path.parent / "done").stat().st_mode) == 0o700


def test_a_move_never_writes_over_a_file(tmp_path: Path, stores: Stores) -> None:
    path, names = tmp_path / "a.csv.gz", []
    for content in "first", "second", "third":
        told = put_away(source(path, content), "done", mark="R1", stores=stores).told
        names.append(told.rpartition("/")[2])
    assert names == ["a.csv.gz.", "a.R1.csv.gz.", "a.R1-2.csv.gz."]
    kept = sorted((each.name, each.read_text()) for each in (tmp_path / "done").iterdir())
    assert kept == [("a.R1-2.csv.gz", "third"), ("a.R1.csv.gz", "second"), ("a.csv.gz", "first")]


@pytest.mark.parametrize("name", ["a", ".csv", "a.b.c.d", "ü" * 80, "a.csv.zip", "a\nb.csv"])
def test_any_name_finds_another_one_beside_it(tmp_path: Path, stores: Stores, name: str) -> None:
    for content in "first", "second":
        assert put_away(source(tmp_path / name, content), "done", mark="R", stores=stores).is_moved
    assert len(list((tmp_path / "done").iterdir())) == 2


def test_a_file_that_changed_since_it_was_read_stays(tmp_path: Path, stores: Stores) -> None:
    path = tmp_path / "a.csv"
    taken = source(path, "as it was read")
    path.write_text("tonight's export, under the same name")
    told = put_away(taken, "done", mark="R1", stores=stores).told
    assert told == (
        f"Not moved: {path}: it has changed since it was read. Run it again for what is new in it."
    )
    assert path.exists()
    assert not (tmp_path / "done").exists()


def test_a_file_that_is_gone_is_no_trouble(tmp_path: Path, stores: Stores) -> None:
    taken = source(tmp_path / "a.csv", "x")
    (tmp_path / "a.csv").unlink()
    told = put_away(taken, "done", mark="R1", stores=stores).told
    assert told == (
        f"{tmp_path}/a.csv: it could not be moved (No such file or directory). Move it by hand."
    )


def test_a_folder_that_is_a_file_is_no_trouble(tmp_path: Path, stores: Stores) -> None:
    (tmp_path / "done").write_text("not a folder")
    told = put_away(source(tmp_path / "a.csv", "x"), "done", mark="R1", stores=stores).told
    assert "could not be moved" in told
    assert (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("whole", [True, False])
def test_across_file_systems_a_file_is_deleted_only_when_its_copy_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    def elsewhere(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "another file system", str(self), None, str(target))

    def cut(_: Path, to: Path) -> None:
        to.write_text("con")

    monkeypatch.setattr(Path, "replace", elsewhere)
    path, target = tmp_path / "a.csv", tmp_path / "done" / "a.csv"
    path.write_text("content")
    if whole:
        assert local.move(path, target)
        assert (path.exists(), target.read_text()) == (False, "content")
        return
    monkeypatch.setattr("shutil.copyfile", cut)
    with pytest.raises(OSError, match="its copy differs"):
        local.move(path, target)
    assert (path.read_text(), target.exists()) == ("content", False)


def test_a_failed_rename_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise OSError(errno.EACCES, "refused", str(self), None, str(target))

    path, target = tmp_path / "a.csv", tmp_path / "done" / "a.csv"
    path.write_text("content")
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="refused"):
        local.move(path, target)
    assert (path.read_text(), target.exists()) == ("content", False)


@pytest.mark.parametrize("folder", ["/done", "../done", "a/../../done", "s3://other/done", "~/x"])
def test_files_from_elsewhere_cannot_be_moved_out_of_their_folder(folder: str) -> None:
    require_beside(folder, [])
    with pytest.raises(UsageError, match="a folder beside them"):
        require_beside(folder, ["s3://exports/a.csv"])


# --- the folder for what is fetched


def test_what_is_fetched_is_for_its_owner_only_and_gone_afterwards() -> None:
    with own_folder() as folder:
        (folder / "00001").write_text("contacts")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_a_killed_run_left_is_deleted_and_what_a_live_one_has_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "bulk-referrals-fetched-left"
    fresh = tmp_path / "bulk-referrals-fetched-fresh"
    for folder in (left, fresh):
        folder.mkdir()
        (folder / "00001").write_text("contacts")
    os.utime(left, (0, 0))
    with own_folder() as live:
        os.utime(live, (0, 0))
        with own_folder():
            assert live.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == [fresh.name]


# --- fetching, from a store that lies


@dataclass
class Lying(Store):
    """A store that gives what it is told to."""

    parts: list[bytes]
    later: Sign | None = None

    def chunks(self, address: Any, size_bytes: int) -> Iterator[bytes]:
        del address, size_bytes
        yield from self.parts

    def look(self, address: Any) -> Sign:
        del address
        return self.later or Sign(size_bytes=3, changed="")


A_FILE = parse("s3://exports/../../etc/passwd.csv")


def test_a_file_that_changes_while_it_is_fetched_is_not_taken(tmp_path: Path) -> None:
    store = Lying(parts=[b"a,b"], later=Sign(size_bytes=4, changed=""))
    with pytest.raises(InputError, match="it changed while it was being fetched"):
        fetch(store, A_FILE, Sign(size_bytes=3, changed=""), into=tmp_path / "1", most_bytes=9)


def test_a_file_that_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--max-memory"):
        fetch(
            Lying(parts=[]),
            A_FILE,
            Sign(size_bytes=10, changed=""),
            into=tmp_path / "1",
            most_bytes=9,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_finds_no_room_is_a_sentence(tmp_path: Path) -> None:
    sign = Sign(size_bytes=1 << 60, changed="")
    with pytest.raises(InputError, match="it finds no room"):
        fetch(Lying(parts=[]), A_FILE, sign, into=tmp_path / "1", most_bytes=1 << 61)


def test_a_fetched_file_has_our_own_name_and_is_for_its_owner_only(tmp_path: Path) -> None:
    into = tmp_path / "00001"
    sign = Sign(size_bytes=3, changed="")
    digest = fetch(Lying(parts=[b"a,", b"b"]), A_FILE, sign, into=into, most_bytes=9)
    assert (digest, into.read_bytes()) == (local.digest(into), b"a,b")
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
