"""A run on a cluster of two workers, its ledger on PostgreSQL; each is killed on the way."""

import csv
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from cluster import Killable, cluster
from distributed import Client
from postgres_server import Server

from bulk_referrals import pipeline
from bulk_referrals.config import Settings, load_settings
from bulk_referrals.errors import StoppedError
from bulk_referrals.model import RunState
from bulk_referrals.pipeline.parts.sending import Unwatched
from bulk_referrals.sandbox import Sandbox, SandboxOptions

pytestmark = pytest.mark.postgres

_PATIENCE_S: Final = 240.0
_ROWS: Final = 400


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with cluster() as address:
        yield address


@pytest.fixture
def platform() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(latency_s=0.02)) as started:
        yield started


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["referrer_mobile", "campaign_token", "type", "identifier", "invited_on",
                         "referral_code"])  # fmt: skip
        for line in range(_ROWS):
            who, whom = f"91987654{line // 2:04}", f"91981234{line + 1000:04}"
            writer.writerow([who, "J0H7Q", "MOBILE", whom, "20251122T08:17:00", "QWCSKU"])
    return path


def settings_for(folder: Path, platform: Sandbox, ledger: object, scheduler: str) -> Settings:
    flags: dict[str, Any] = {
        "reports": folder / "reports", "work": folder / "work", "ledger": ledger,
        "engine": "dask", "scheduler": scheduler, "host": platform.url, "rate": None,
        "settle_s": 0.2, "timeout": 5.0, "username": "store123", "password": "Pass123",
    }  # fmt: skip
    return load_settings(None, flags).model_copy(update={"partition_size": 4_000})


class Agreed(Unwatched):
    """Nobody watches, and the answer is yes."""


def wait_until_some_are_sent(platform: Sandbox, running: Future[Any]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while len(platform.invites()) < _ROWS // 8 and not running.done():
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.02)


def assert_each_is_there_once(platform: Sandbox) -> None:
    sent = Counter(each["identifier"] for each in platform.invites())
    assert len(sent) == _ROWS
    assert set(sent.values()) == {1}


def test_workers_send_every_invite_once(
    tmp_path: Path, scheduler: str, platform: Sandbox, postgres: Server, rows: Path
) -> None:
    settings = settings_for(tmp_path, platform, postgres.database(), scheduler)
    finished = pipeline.run([str(rows)], settings, sandbox=False, watch=Agreed())
    assert finished.report.exit_code == 0
    assert finished.summary.outcomes["accepted"] == _ROWS
    assert finished.summary.books_balance
    sent = Counter(each["identifier"] for each in platform.invites())
    assert len(sent) == _ROWS
    assert set(sent.values()) == {1}
    again = pipeline.run([str(rows)], settings, sandbox=False, watch=Agreed())
    assert again.summary.outcomes["already_sent"] == _ROWS


def test_a_worker_that_is_killed_on_the_way_costs_no_invite_and_doubles_none(
    tmp_path: Path, scheduler: str, platform: Sandbox, postgres: Server, rows: Path
) -> None:
    settings = settings_for(tmp_path, platform, postgres.database(), scheduler)
    settings = settings.model_copy(update={"concurrency": 2})
    with ThreadPoolExecutor() as pool:
        running = pool.submit(pipeline.run, [str(rows)], settings, sandbox=False, watch=Agreed())
        wait_until_some_are_sent(platform, running)
        with Client(scheduler, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            victim, *_ = client.run(os.getpid).values()
        os.kill(victim, signal.SIGKILL)
        finished = running.result(_PATIENCE_S)
    assert finished.summary.books_balance
    sent = Counter(each["identifier"] for each in platform.invites())
    assert set(sent.values()) == {1}
    settled = finished.summary.outcomes["accepted"] + finished.summary.outcomes["already_sent"]
    assert settled == _ROWS
    assert len(sent) == _ROWS


def test_a_database_that_is_killed_and_started_again_costs_no_invite_and_doubles_none(
    tmp_path: Path, scheduler: str, platform: Sandbox, rows: Path
) -> None:
    with Server() as server, ThreadPoolExecutor() as pool:
        settings = settings_for(tmp_path, platform, server.database(), scheduler)
        settings = settings.model_copy(update={"concurrency": 2})
        running = pool.submit(pipeline.run, [str(rows)], settings, sandbox=False, watch=Agreed())
        wait_until_some_are_sent(platform, running)
        server.kill()
        assert not running.done()
        server.start()
        finished = running.result(_PATIENCE_S)
        if finished.report.state is not RunState.FINISHED:  # it was away for too long
            again = {"ledger": settings.ledger, "username": "store123", "password": "Pass123"}
            finished = pipeline.resume(None, again, config=None, watch=Agreed())
        assert finished.summary.books_balance
        settled = finished.summary.outcomes["accepted"] + finished.summary.outcomes["already_sent"]
        assert settled == _ROWS
        assert_each_is_there_once(platform)


def test_a_scheduler_that_is_killed_stops_the_run_and_resume_sends_the_rest(
    tmp_path: Path, platform: Sandbox, postgres: Server, rows: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    with Killable(tmp_path / "cluster") as killable, ThreadPoolExecutor() as pool:
        settings = settings_for(tmp_path, platform, postgres.database(), killable.address)
        settings = settings.model_copy(update={"concurrency": 2})
        running = pool.submit(pipeline.run, [str(rows)], settings, sandbox=False, watch=Agreed())
        wait_until_some_are_sent(platform, running)
        killable.kill_scheduler()
        killable.workers_end()
        killable.start()
        with pytest.raises(StoppedError, match="bulk-referrals resume"):
            running.result(_PATIENCE_S)
        again = {"ledger": settings.ledger, "username": "store123", "password": "Pass123"}
        finished = pipeline.resume(None, again, config=None, watch=Agreed())
        assert finished.summary.books_balance
        assert finished.report.exit_code == 0
        settled = finished.summary.outcomes["accepted"] + finished.summary.outcomes["already_sent"]
        assert settled == _ROWS
        assert_each_is_there_once(platform)
