"""Several runs on one ledger in PostgreSQL: what each may send, and what a lost holder still can.

Every ledger here has connections of its own, as processes on several hosts would.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from postgres_server import Server

from bulk_referrals.database import DatabaseUrl
from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger import (
    Intent,
    InviteState,
    Ledger,
    LineResult,
    Result,
    RunRecord,
    Withheld,
    open_ledger,
)
from bulk_referrals.ledger.postgres import lease, session
from bulk_referrals.model import Outcome, RunState

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 23, 18, 30, 5, tzinfo=UTC)
KEYS = [bytes([n]) * 16 for n in range(10)]
IN_FLIGHT, UNKNOWN = InviteState.IN_FLIGHT, InviteState.UNKNOWN
ACCEPTED, REFUSED = InviteState.ACCEPTED, InviteState.REFUSED


@pytest.fixture
def url(postgres: Server) -> DatabaseUrl:
    return postgres.database()


Sitting = Callable[[str], Ledger]


@pytest.fixture
def sitting(url: DatabaseUrl) -> Iterator[Sitting]:
    """Begin a run, and hold it until the test ends."""
    with ExitStack() as stack:

        def begin(run_id: str) -> Ledger:
            ledger = open_ledger(url)
            stack.callback(ledger.close)
            stack.enter_context(ledger.lock(run_id, wait_s=0))
            ledger.begin(record(run_id))
            return ledger

        yield begin


def record(run_id: str) -> RunRecord:
    return RunRecord(run_id=run_id, version="1", started_at=NOW, state=RunState.SENDING,
                     target="sandbox", organisation="sandbox", timezone="UTC")  # fmt: skip


def intent(*lines: int, request: int = 1) -> Intent:
    invites = [(KEYS[line], line) for line in lines]
    return Intent(request=request, sent_at=NOW, attempt=1, invites=invites)


def result(line: int, state: InviteState, outcome: Outcome | None = None) -> Result:
    settled = LineResult(line=line, key=KEYS[line], state=state, outcome=outcome, code="1000")
    return Result(request=1, answered_at=NOW, http_status=200, code="200", lines=[settled])


def states(ledger: Ledger) -> dict[int, InviteState]:
    return {key[0]: known.state for key, known in ledger.invites(KEYS).items()}


def told(url: DatabaseUrl, statement: str) -> list[tuple[Any, ...]]:
    """Do something to the ledger's tables that no ledger would."""
    with psycopg.connect(url.secret, autocommit=True) as db:
        db.execute("SET search_path TO bulk_referrals")
        done = db.execute(statement.encode())
        return done.fetchall() if done.description else []


# --- whose an invite is


def test_what_a_live_run_has_under_way_no_other_may_send(sitting: Sitting) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    assert one.write("run-1", [intent(1)]) == {}
    assert two.write("run-2", [intent(1, 2)]) == {KEYS[1]: Withheld.BUSY}
    assert states(two) == {1: IN_FLIGHT}, "an intent is applied in full, or not at all"
    assert two.write("run-2", [intent(2)]) == {}


def test_what_another_run_had_accepted_meanwhile_is_not_sent(sitting: Sitting) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    one.write("run-1", [intent(1)])
    one.write("run-1", [result(1, ACCEPTED, Outcome.ACCEPTED)])
    assert two.write("run-2", [intent(1)]) == {KEYS[1]: Withheld.ACCEPTED}


def test_what_another_run_was_refused_may_be_sent(sitting: Sitting) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    one.write("run-1", [intent(1)])
    one.write("run-1", [result(1, REFUSED)])
    assert two.write("run-2", [intent(1)]) == {}
    assert one.write("run-1", [intent(1, request=2)]) == {KEYS[1]: Withheld.BUSY}


def test_an_invite_that_a_live_run_gave_up_as_unknown_is_anybodys_to_read_back(
    sitting: Sitting,
) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    one.write("run-1", [intent(1)])
    one.write("run-1", [result(1, UNKNOWN, Outcome.UNKNOWN)])
    assert two.write("run-2", [intent(1)]) == {KEYS[1]: Withheld.DOUBTFUL}
    assert two.write("run-2", [intent(1, request=2)]) == {}, "ours now, once it was read back"


def test_what_a_run_left_in_doubt_is_claimed_by_one_of_those_that_come_after(
    sitting: Sitting, url: DatabaseUrl
) -> None:
    dead = open_ledger(url)
    with dead.lock("run-0", wait_s=0):
        dead.begin(record("run-0"))
        dead.write("run-0", [intent(1, 2)])
    dead.close()
    one, two = sitting("run-1"), sitting("run-2")
    two.write("run-2", [intent(3)])
    assert one.claim(KEYS[1:4]) == {KEYS[1], KEYS[2]}
    assert two.claim(KEYS[1:4]) == {KEYS[3]}
    assert states(two) == {1: UNKNOWN, 2: UNKNOWN, 3: UNKNOWN}


def test_only_its_holder_tells_that_an_invite_did_not_arrive(sitting: Sitting) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    one.write("run-1", [intent(1)])
    two.write("run-2", [result(1, REFUSED)])
    assert states(one) == {1: IN_FLIGHT}
    two.write("run-2", [result(1, ACCEPTED)])
    assert states(one) == {1: ACCEPTED}


def test_many_runs_at_once_begin_each_invite_once(sitting: Sitting) -> None:
    keys = [n.to_bytes(16, "big") for n in range(400)]
    ledgers = {f"run-{n}": sitting(f"run-{n}") for n in range(4)}

    def begin_all(run_id: str) -> int:
        begun = 0
        for start in range(0, len(keys), 20):
            some = [
                Intent(request=n, sent_at=NOW, attempt=1, invites=[(keys[n], n)])
                for n in range(start, start + 20)
            ]
            if int(run_id[-1]) % 2:
                some.reverse()
            begun += len(some) - len(ledgers[run_id].write(run_id, some))
        return begun

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin_all, ledgers)) == len(keys)


# --- leases


def test_one_run_is_held_once_and_others_beside_it(sitting: Sitting, url: DatabaseUrl) -> None:
    sitting("run-1")
    other = open_ledger(url)
    with pytest.raises(LedgerBusyError, match="Run run-1 is using this ledger on "):
        other.lock("run-1", wait_s=0).__enter__()
    with pytest.raises(LedgerBusyError, match="Run run-1 is using this ledger on "):
        other.lock(wait_s=0).__enter__()
    with other.lock("run-1", member="2", wait_s=0), other.lock("run-2", wait_s=0):
        pass
    other.close()


def test_whoever_lost_its_lease_writes_nothing_and_learns_of_it(
    sitting: Sitting, url: DatabaseUrl
) -> None:
    zombie = sitting("run-1")
    zombie.write("run-1", [intent(1)])
    told(url, "DELETE FROM leases")
    writes: list[Callable[[], object]] = [
        lambda: zombie.write("run-1", [intent(2, request=2)]),
        lambda: zombie.write("run-1", [result(1, ACCEPTED, Outcome.ACCEPTED)]),
        lambda: zombie.claim([KEYS[1]]),
        lambda: zombie.update(record("run-1")),
        zombie.renew,
    ]
    for write in writes:
        with pytest.raises(LedgerError, match="another may have taken it over"):
            write()
    assert not zombie.is_held()
    assert states(zombie) == {1: IN_FLIGHT}


def test_a_lease_that_ran_out_is_ours_still_unless_another_took_over(
    sitting: Sitting, url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = sitting("run-1")
    told(url, "UPDATE leases SET expires_at = now() - interval '1 s', grace = '1 h'")
    late = lease._clock() + 3600
    monkeypatch.setattr(lease, "_clock", lambda: late)
    assert not ledger.is_held(), "nothing may leave on a lease that may have been taken over"
    ledger.renew()
    assert ledger.is_held()


def silent_elsewhere(url: DatabaseUrl, seconds: int) -> None:
    """Have all holders live on another machine, with a grace of ten seconds, and be silent."""
    silent = f"machine = 'another', grace = '10 s', expires_at = now() - interval '{seconds} s'"
    told(url, f"UPDATE leases SET {silent}")  # noqa: S608 - our own words


def test_a_run_on_another_machine_is_left_alone_while_a_request_of_it_may_be_under_way(
    sitting: Sitting, url: DatabaseUrl
) -> None:
    sitting("run-1")
    silent_elsewhere(url, 5)
    other = open_ledger(url)
    with pytest.raises(LedgerBusyError, match=r"taken for dead in [1-5] s\."):
        other.lock("run-1", wait_s=0).__enter__()
    other.close()


def test_a_run_on_another_machine_is_taken_over_when_its_last_request_is_over(
    sitting: Sitting, url: DatabaseUrl
) -> None:
    elsewhere = sitting("run-1")
    elsewhere.write("run-1", [intent(1)])
    silent_elsewhere(url, 20)
    other = open_ledger(url)
    with other.lock("run-1", wait_s=0):
        assert other.claim([KEYS[1]]) == {KEYS[1]}
        with pytest.raises(LedgerError):
            elsewhere.write("run-1", [result(1, REFUSED)])
    other.close()


def _hold(url: DatabaseUrl, held: Any) -> None:
    ledger = open_ledger(url)
    with ledger.lock("run-1", wait_s=0, grace_s=3600):
        ledger.begin(record("run-1"))
        ledger.write("run-1", [intent(1)])
        held.send(os.getpid())
        held.recv()


def test_what_a_process_of_this_machine_held_is_free_as_soon_as_it_is_dead(
    url: DatabaseUrl,
) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(url, theirs))
    process.start()
    pid = ours.recv()
    ledger = open_ledger(url)
    with pytest.raises(LedgerBusyError):
        ledger.lock("run-1", wait_s=0).__enter__()
    os.kill(pid, signal.SIGKILL)
    process.join()
    with ledger.lock("run-1", wait_s=0):
        assert ledger.claim([KEYS[1]]) == {KEYS[1]}
    ledger.close()


# --- connections that are lost


@contextmanager
def lost_after_commit(ledger: Any) -> Iterator[list[int]]:
    """Let the next transaction be committed, and its answer be lost."""
    session, losses = ledger._session, list[int]()
    connected = session._connected

    class Losing:
        def __init__(self, db: Any) -> None:
            self._db = db

        def __getattr__(self, name: str) -> Any:
            return getattr(self._db, name)

        @contextmanager
        def pipeline(self) -> Iterator[None]:
            with self._db.pipeline():
                yield
            losses.append(1)
            self._db.close()
            raise psycopg.OperationalError

    session._connected = lambda: connected() if losses else Losing(connected())
    yield losses
    session._connected = connected


def test_a_commit_whose_answer_was_lost_is_not_done_twice(sitting: Sitting) -> None:
    ledger = sitting("run-1")
    with lost_after_commit(ledger) as losses:
        assert ledger.write("run-1", [intent(1)]) == {}
    assert losses == [1]
    assert ledger.last_request("run-1") == 1
    with lost_after_commit(ledger):
        ledger.begin(record("run-2"))
    assert [one.run_id for one in ledger.runs()] == ["run-1", "run-2"]


def test_doubt_that_was_taken_over_in_a_lost_commit_is_still_read_back(
    sitting: Sitting,
) -> None:
    one, two = sitting("run-1"), sitting("run-2")
    one.write("run-1", [intent(1)])
    one.write("run-1", [result(1, UNKNOWN, Outcome.UNKNOWN)])
    with lost_after_commit(two):
        assert two.write("run-2", [intent(1)]) == {KEYS[1]: Withheld.DOUBTFUL}


def test_a_ledger_goes_on_when_its_connections_are_cut(sitting: Sitting, url: DatabaseUrl) -> None:
    ledger = sitting("run-1")
    told(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
              " WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    ledger.write("run-1", [intent(1)])
    ledger.renew()
    assert states(ledger) == {1: IN_FLIGHT}


def test_a_ledger_goes_on_when_its_server_comes_back() -> None:
    with Server() as server:
        ledger = open_ledger(server.database())
        with ledger.lock("run-1", wait_s=0), ThreadPoolExecutor(1) as pool:
            ledger.begin(record("run-1"))
            server.kill()
            written = pool.submit(ledger.write, "run-1", [intent(1)])
            server.start()
            assert written.result(timeout=60) == {}
            assert states(ledger) == {1: IN_FLIGHT}
        ledger.close()


def test_a_database_that_stays_away_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_PERSISTENCE_S", 0.5)
    with Server() as server:
        ledger = open_ledger(server.database())
        with ledger.lock("run-1", wait_s=0):
            ledger.begin(record("run-1"))
            server.kill()
            waited: list[float] = []
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(LedgerError, match="the ledger cannot be used"):
                    ledger.write("run-1", [intent(1)])
                waited.append(time.monotonic() - began)
            assert waited[0] >= 0.5
            assert waited[1] < waited[0]
            server.start()
            assert ledger.write("run-1", [intent(1)]) == {}
        ledger.close()


# --- tables


def test_many_may_open_a_new_ledger_at_once(url: DatabaseUrl) -> None:
    def secret(_: int) -> bytes:
        ledger = open_ledger(url)
        try:
            return ledger.keys().secret
        finally:
            ledger.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(secret, range(6)))) == 1
    assert told(url, "SELECT count(*) FROM versions") == [(1,)]


def test_a_ledger_of_a_newer_version_is_not_touched(url: DatabaseUrl) -> None:
    open_ledger(url).close()
    told(url, "INSERT INTO versions (version) VALUES (999)")
    with pytest.raises(LedgerError, match="newer version"):
        open_ledger(url)


def test_a_user_without_rights_is_told_so_without_the_password(url: DatabaseUrl) -> None:
    told(url, "DROP ROLE IF EXISTS guest")
    told(url, "CREATE ROLE guest LOGIN")
    guest = DatabaseUrl.read(url.secret.replace("importer@", "guest:s3cret@"))
    with pytest.raises(LedgerError, match="permission denied") as caught:
        open_ledger(guest)
    assert "s3cret" not in str(caught.value)
    assert "guest@" in str(caught.value)


def test_texts_that_postgresql_cannot_hold_are_kept_readable(sitting: Sitting) -> None:
    ledger = sitting("run-1")
    odd = LineResult(line=1, key=None, state=None, outcome=Outcome.FAILED, code="9",
                     message='a\0b, "c"\nd')  # fmt: skip
    ledger.write("run-1", [Result(request=None, answered_at=NOW, http_status=0, code="",
                                  lines=[odd])])  # fmt: skip
    assert ledger.results("run-1")["message"].to_pylist() == ['a�b, "c"\nd']


def test_a_pipeline_that_a_loss_has_left_in_disorder_is_made_again(postgres: Server) -> None:
    ours = session.Session(postgres.database(), "test")
    said = ["cannot exit pipeline mode while busy"]

    def work(db: session.Connection) -> int:
        if said:
            raise psycopg.OperationalError(said.pop())
        return db.info.backend_pid

    try:
        first = ours.read(lambda db: db.info.backend_pid)
        assert ours.read(work) != first
    finally:
        ours.close()
