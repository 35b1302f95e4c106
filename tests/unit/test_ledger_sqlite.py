"""The ledger's file: who may read it, how durable it is, and what it refuses to be."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from filelock import FileLock

from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger import (
    Intent,
    InviteState,
    LineResult,
    Result,
    RunRecord,
    sqlite_file,
    sqlite_schema,
)
from bulk_referrals.ledger.sqlite import SqliteLedger
from bulk_referrals.model import Outcome, RunState

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
MOBILE, EMAIL = "917999836466", "asha@example.com"


@contextmanager
def opened(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(path)) as ledger:
        yield ledger


def run_of(run_id: str = "run-1") -> RunRecord:
    return RunRecord(
        run_id=run_id, version="1", started_at=NOW, state=RunState.SENDING, target="sandbox",
        organisation="sandbox", timezone="UTC",
    )  # fmt: skip


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_can_read_it_and_all_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite3"
    before = os.umask(0)
    try:
        with opened(path) as ledger, ledger.lock(wait_s=0):
            ledger.begin(run_of())
            modes = {each.name: mode(each) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    assert "ledger.sqlite3-wal" in modes
    assert set(modes.values()) == {0o600}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with opened(tmp_path / "ledger.sqlite3"):
        assert mode(tmp_path) == 0o755


def test_a_new_ledger_is_opened_while_whoever_made_it_first_is_running(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    whoever = FileLock(f"{path}.lock")  # it was ahead of us by a moment
    with whoever, opened(path) as ledger:
        assert ledger.runs() == []


def test_every_commit_is_on_disk(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger.sqlite3") as ledger:
        assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my notes" * 100)
    with pytest.raises(LedgerError, match=r"notes\.txt"):
        SqliteLedger(path)
    assert path.read_bytes() == b"my notes" * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE visits (url TEXT)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger"):
        SqliteLedger(path)
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer version"):
        SqliteLedger(path)
    assert asked(path, "PRAGMA user_version") == [(99,)]


def test_an_empty_file_becomes_a_ledger_of_the_present_version(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.touch()
    with opened(path) as ledger:
        ledger.begin(run_of())
    assert asked(path, "PRAGMA user_version") == [(len(sqlite_schema.MIGRATIONS),)]
    assert asked(path, "PRAGMA application_id") == [(0x42524546,)]


def test_an_older_ledger_is_brought_up_to_date_with_all_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    with opened(path) as ledger:
        ledger.begin(run_of())
        secret = ledger.keys().secret
    step = "ALTER TABLE requests ADD COLUMN kind TEXT; CREATE TABLE more (x);"
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, step))
    for _ in range(2):
        with opened(path) as ledger:
            assert [run.run_id for run in ledger.runs()] == ["run-1"]
            assert ledger.keys().secret == secret
    assert asked(path, "SELECT kind FROM requests") == []
    assert asked(path, "PRAGMA user_version") == [(len(sqlite_schema.MIGRATIONS),)]


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    with opened(path):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(
            sqlite_schema,
            "MIGRATIONS",
            (*sqlite_schema.MIGRATIONS, "CREATE TABLE more (x); OOPS;"),
        )
        with pytest.raises(LedgerError):
            SqliteLedger(path)
    with opened(path) as ledger:
        assert ledger.runs() == []
    assert asked(path, "SELECT 1 FROM sqlite_master WHERE name = 'more'") == []


def test_a_new_ledger_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    together = Barrier(8)

    def open_one(_: int) -> bytes:
        together.wait()
        with opened(path) as ledger:
            return ledger.keys().secret

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_one, range(8)))) == 1


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be opened"):
        SqliteLedger(tmp_path / "file" / "ledger.sqlite3")
    with pytest.raises(LedgerError, match="cannot be opened"):
        SqliteLedger(tmp_path)


def test_a_ledger_that_is_locked_for_good_says_so_and_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    monkeypatch.setattr(sqlite_file, "_BUSY_TIMEOUT_S", 0.01)
    with opened(path) as ledger, closing(sqlite3.connect(path)) as other:
        ledger.begin(run_of())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="then resume"):
            ledger.begin(run_of("run-2"))
        other.execute("ROLLBACK")
        assert [run.run_id for run in ledger.runs()] == ["run-1"]


def test_a_ledger_that_somebody_is_reading_is_said_not_to_be_compact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    monkeypatch.setattr(sqlite_file, "_BUSY_TIMEOUT_S", 0.01)
    with opened(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        ledger.begin(run_of())
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM runs").fetchall()
        ledger.forget(run_of())
        with pytest.raises(LedgerBusyError, match="prune again"):
            ledger.compact()
        reader.execute("ROLLBACK")
        assert ledger.compact() >= 0
    assert not path.with_name(f"{path.name}-wal").exists()


def test_a_compacted_ledger_is_smaller_and_says_by_how_much(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    noise = pa.table({"noise": [os.urandom(1_000) for _ in range(1_000)]})
    with opened(path) as ledger:
        ledger.begin(run_of(), {"checked": noise})
        ledger.forget(run_of())
        assert ledger.compact() > 900_000
    assert path.stat().st_size < 100_000


def test_no_contact_stands_outside_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with opened(path) as ledger:
        ledger.begin(run_of(), {"checked": pa.table({"identifier": [MOBILE, EMAIL]})})
        keys = [ledger.keys().key("org", "J0H7Q", MOBILE, "EMAIL", EMAIL)]
        ledger.write("run-1", [Intent(request=1, sent_at=NOW, attempt=1, invites=[(keys[0], 0)])])
        done = LineResult(line=0, key=keys[0], state=InviteState.ACCEPTED,
                          outcome=Outcome.ACCEPTED, code="1000")  # fmt: skip
        ledger.write(
            "run-1",
            [Result(request=1, answered_at=NOW, http_status=200, code="200", lines=[done])],
        )
    for table in ("meta", "runs", "invites", "requests", "results"):
        rows = repr(asked(path, f"SELECT * FROM {table}"))  # noqa: S608 - our own tables
        assert len(rows) > 10
        assert MOBILE not in rows
        assert EMAIL not in rows
