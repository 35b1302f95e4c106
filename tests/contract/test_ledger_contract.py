"""What every ledger promises, over every store that there is."""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bulk_referrals.database import LedgerPlace
from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger import (
    Entry,
    Intent,
    InviteState,
    Ledger,
    LineResult,
    Result,
    RunRecord,
    Withheld,
    open_ledger,
)
from bulk_referrals.model import Outcome, RequestFigures, RunState, Source, SourceTable

NOW = datetime(2026, 11, 23, 18, 30, 5, 250_000, tzinfo=UTC)
KEYS = [bytes([n]) * 16 for n in range(10)]
IN_FLIGHT, UNKNOWN = InviteState.IN_FLIGHT, InviteState.UNKNOWN
ACCEPTED, REFUSED = InviteState.ACCEPTED, InviteState.REFUSED

Opening = Callable[[], Ledger]


@pytest.fixture
def ledger(opening: Opening) -> Iterator[Ledger]:
    one = opening()
    with one.lock("run-1", wait_s=0):
        one.begin(record("run-1"))
        yield one


def record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        version="1.0",
        started_at=NOW,
        state=RunState.SENDING,
        target="sandbox",
        organisation="sandbox",
        timezone="Asia/Kolkata",
        settings={"rate": None, "sheets": ["A"], "columns": {"Phone": "identifier"}},
        sources=(Source(path="a.xlsx", sha256="00", size_bytes=7, rows=3),),
        tables=(
            SourceTable(source=0, sheet="A", header=("Phone",), header_row=2,
                        columns={"identifier": 0}),
        ),
        notices=("A hidden sheet was left out.",),
    )  # fmt: skip


def intent(*lines: int, request: int = 1, attempt: int = 1) -> Intent:
    return Intent(
        request=request,
        sent_at=NOW,
        attempt=attempt,
        invites=[(KEYS[line], line) for line in lines],
    )


def line_result(
    line: int, state: InviteState | None, outcome: Outcome | None = None, **more: str
) -> LineResult:
    return LineResult(
        line=line,
        key=None if state is None else KEYS[line],
        state=state,
        outcome=outcome,
        code=more.get("code", "1000"),
        message=more.get("message", ""),
        attempts=0 if state is None else 1,
        sent_at=None if state is None else NOW,
        request_id=more.get("request_id", ""),
    )


def result(*lines: LineResult, request: int | None = 1) -> Result:
    return Result(request=request, answered_at=NOW, http_status=200, code="200", lines=lines)


def states(ledger: Ledger) -> dict[int, InviteState]:
    return {key[0]: known.state for key, known in ledger.invites(KEYS).items()}


def outcomes(ledger: Ledger, run_id: str = "run-1") -> dict[int, str]:
    rows = ledger.results(run_id).to_pylist()
    return {row["line"]: row["outcome"] for row in rows}


# --- runs


def test_a_run_is_kept_in_full(opening: Opening, ledger: Ledger) -> None:
    ended = replace(
        record("run-1"),
        finished_at=NOW,
        state=RunState.STOPPED,
        exit_code=3,
        stop_reason="The limit was reached.",
        requests=RequestFigures(sent=4, retried=1, read_back=2, throttled_s=1.5),
        outcomes={"accepted": 3},
    )
    assert ledger.run("run-1") == record("run-1")
    ledger.update(ended)
    assert opening().run("run-1") == ended


def test_runs_come_in_the_order_of_their_beginning(ledger: Ledger) -> None:
    ledger.begin(record("run-3"))
    ledger.begin(record("run-2"))
    assert [one.run_id for one in ledger.runs()] == ["run-1", "run-3", "run-2"]


def test_a_run_that_is_not_there_is_none(ledger: Ledger) -> None:
    assert ledger.run("run-9") is None


def test_a_run_cannot_begin_twice(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.begin(record("run-1"))


@pytest.mark.parametrize(
    "use",
    [
        lambda ledger: ledger.write("run-9", [intent(1)]),
        lambda ledger: ledger.results("run-9"),
        lambda ledger: ledger.last_request("run-9"),
        lambda ledger: ledger.forget(record("run-9")),
        lambda ledger: ledger.load_frame("run-9", "checked"),
    ],
)
def test_nothing_can_be_done_for_a_run_that_is_not_there(
    ledger: Ledger, use: Callable[[Ledger], object]
) -> None:
    with pytest.raises(LedgerError, match="no run run-9"):
        use(ledger)


# --- frames


def test_a_frame_comes_back_as_it_was(opening: Opening) -> None:
    table = pa.table({"name": pa.array(["आशा", None, ""]), "line": pa.array([1, 2, None])})
    opening().begin(record("run-1"), {"checked": table})
    assert opening().load_frame("run-1", "checked") == table
    assert opening().load_frame("run-1", "original-0") is None


def test_a_frame_is_replaced_with_its_run_and_the_others_stay(opening: Opening) -> None:
    frames = {"checked": pa.table({"line": range(450_001)}), "original-0": pa.table({"0": ["x"]})}
    opening().begin(record("run-1"), frames)
    opening().begin(record("run-2"), frames)
    new = pa.table({"line": [1, 2]})
    opening().update(replace(record("run-1"), stop_reason="Stopped."), {"checked": new})
    known = opening().run("run-1")
    assert known is not None
    assert known.stop_reason == "Stopped."
    assert opening().load_frame("run-1", "checked") == new
    assert opening().load_frame("run-1", "original-0") == frames["original-0"]
    other = opening().load_frame("run-2", "checked")
    assert other is not None
    assert other.num_rows == 450_001


def test_a_frame_of_many_rows_comes_back_in_order(opening: Opening) -> None:
    table = pa.table({"line": pa.array(range(450_001))})
    opening().begin(record("run-1"), {"checked": table})
    loaded = opening().load_frame("run-1", "checked")
    assert loaded is not None
    assert loaded.combine_chunks() == table


def test_a_frame_without_rows_keeps_its_columns(opening: Opening) -> None:
    empty = pa.table({"line": pa.array([], pa.int64())})
    opening().begin(record("run-1"), {"checked": empty})
    assert opening().load_frame("run-1", "checked") == empty


# --- what becomes of an invite


def test_an_invite_is_in_flight_from_its_intent_on(opening: Opening, ledger: Ledger) -> None:
    ledger.write("run-1", [intent(1, 2)])
    assert states(opening()) == {1: IN_FLIGHT, 2: IN_FLIGHT}
    known = ledger.invites([KEYS[1]])[KEYS[1]]
    assert (known.run_id, known.attempts) == ("run-1", 1)


@pytest.mark.parametrize("state", [UNKNOWN, ACCEPTED, REFUSED])
def test_an_invite_becomes_what_its_result_says(ledger: Ledger, state: InviteState) -> None:
    ledger.write("run-1", [intent(1)])
    ledger.write("run-1", [result(line_result(1, state))])
    assert states(ledger) == {1: state}


@pytest.mark.parametrize("state", [IN_FLIGHT, UNKNOWN, REFUSED])
def test_an_invite_that_was_not_accepted_may_leave_again(
    ledger: Ledger, state: InviteState
) -> None:
    ledger.begin(record("run-2"))
    ledger.write("run-1", [intent(1), result(line_result(1, state))])
    ledger.write("run-2", [intent(1, attempt=2)])
    known = ledger.invites([KEYS[1]])[KEYS[1]]
    assert (known.state, known.run_id, known.attempts) == (IN_FLIGHT, "run-2", 2)


def test_an_accepted_invite_never_leaves_again(ledger: Ledger) -> None:
    ledger.begin(record("run-2"))
    ledger.write("run-1", [intent(1), result(line_result(1, ACCEPTED, Outcome.ACCEPTED))])
    try:
        withheld = ledger.write("run-2", [intent(1, 3, request=2)])
    except LedgerError as error:
        assert "already accepted" in str(error)  # noqa: PT017 - one way or the other
    else:
        assert withheld == {KEYS[1]: Withheld.ACCEPTED}
    assert states(ledger) == {1: ACCEPTED}
    assert ledger.last_request("run-2") == 0


@pytest.mark.parametrize("state", [UNKNOWN, REFUSED])
def test_an_accepted_invite_stays_accepted(ledger: Ledger, state: InviteState) -> None:
    ledger.write(
        "run-1", [intent(1), result(line_result(1, ACCEPTED)), result(line_result(1, state))]
    )
    assert states(ledger) == {1: ACCEPTED}


def test_a_line_without_a_key_touches_no_invite(ledger: Ledger) -> None:
    ledger.write("run-1", [intent(1), result(line_result(1, None, Outcome.NOT_SENT))])
    assert states(ledger) == {1: IN_FLIGHT}
    assert outcomes(ledger) == {1: "not_sent"}


def test_entries_are_applied_all_or_none(ledger: Ledger) -> None:
    ledger.write("run-1", [intent(1)])
    twice: list[Entry] = [intent(2, request=2), intent(3, request=2)]
    with pytest.raises(LedgerError):
        ledger.write("run-1", twice)
    assert states(ledger) == {1: IN_FLIGHT}
    ledger.write("run-1", [intent(3, request=2)])
    assert states(ledger) == {1: IN_FLIGHT, 3: IN_FLIGHT}


def test_invites_that_never_left_are_not_known(ledger: Ledger) -> None:
    assert ledger.invites(KEYS) == {}
    assert ledger.invites([]) == {}


def test_many_invites_are_looked_up_at_once(ledger: Ledger) -> None:
    keys = [n.to_bytes(16, "big") for n in range(2_345)]
    ledger.write(
        "run-1",
        [Intent(request=1, sent_at=NOW, attempt=1, invites=[(k, n) for n, k in enumerate(keys)])],
    )
    assert ledger.invites(iter(keys)).keys() == set(keys)


# --- results


def test_results_hold_what_the_report_needs(ledger: Ledger) -> None:
    refused = line_result(
        2, REFUSED, Outcome.FAILED, code="1701", message="Invalid", request_id="r-1"
    )
    left_out = line_result(0, None, Outcome.NOT_SENT, code="limit")
    ledger.write("run-1", [intent(2), result(refused), result(left_out, request=None)])
    assert ledger.results("run-1").to_pylist() == [
        {"line": 0, "outcome": "not_sent", "code": "limit", "message": "", "attempts": 0,
         "sent_at": None, "request_id": ""},
        {"line": 2, "outcome": "failed", "code": "1701", "message": "Invalid", "attempts": 1,
         "sent_at": "2026-11-23T18:30:05.250+00:00", "request_id": "r-1"},
    ]  # fmt: skip


def test_a_run_without_results_has_an_empty_table_of_the_same_columns(ledger: Ledger) -> None:
    empty = ledger.results("run-1")
    ledger.write("run-1", [intent(1), result(line_result(1, ACCEPTED, Outcome.ACCEPTED))])
    assert empty.num_rows == 0
    assert empty.schema == ledger.results("run-1").schema


def test_a_line_that_is_not_settled_has_no_result(ledger: Ledger) -> None:
    ledger.write("run-1", [intent(1), result(line_result(1, UNKNOWN))])
    assert outcomes(ledger) == {}


def test_a_later_result_of_a_line_replaces_the_earlier(ledger: Ledger) -> None:
    ledger.write("run-1", [intent(1), result(line_result(1, UNKNOWN, Outcome.UNKNOWN))])
    ledger.write("run-1", [result(line_result(1, ACCEPTED, Outcome.ACCEPTED), request=None)])
    assert outcomes(ledger) == {1: "accepted"}


def test_an_intent_takes_back_what_its_lines_had_come_to(ledger: Ledger) -> None:
    """Or a crash would leave `not_sent` on a row that may have reached the platform."""
    ledger.begin(record("run-2"))
    for run_id in ("run-1", "run-2"):
        left_out = [line_result(line, None, Outcome.NOT_SENT) for line in (1, 2)]
        ledger.write(run_id, [result(*left_out, request=None)])
    ledger.write("run-1", [intent(1)])
    assert outcomes(ledger) == {2: "not_sent"}
    assert outcomes(ledger, "run-2") == {1: "not_sent", 2: "not_sent"}


def test_requests_are_numbered_on_after_a_stop(opening: Opening, ledger: Ledger) -> None:
    assert ledger.last_request("run-1") == 0
    ledger.write("run-1", [intent(1, request=1), intent(2, request=2)])
    ledger.begin(record("run-2"))
    assert (opening().last_request("run-1"), ledger.last_request("run-2")) == (2, 0)


# --- keys


def test_a_key_tells_apart_all_that_makes_an_invite(ledger: Ledger) -> None:
    usual = ("org", "J0H7Q", "917999836466", "MOBILE", "917999836416")
    keys = ledger.keys()
    others = [
        keys.key(*(f"{text}x" if place == changed else text for place, text in enumerate(usual)))
        for changed in range(5)
    ]
    assert keys.key(*usual) == keys.key(*usual)
    assert len({keys.key(*usual), *others}) == 6
    assert {len(key) for key in others} == {16}


def test_keys_are_the_same_whenever_the_ledger_is_opened(opening: Opening) -> None:
    usual = ("org", "J0H7Q", "917999836466", "MOBILE", "917999836416")
    assert opening().keys().key(*usual) == opening().keys().key(*usual)


def test_the_secret_of_the_keys_is_not_shown(ledger: Ledger) -> None:
    keys = ledger.keys()
    assert len(keys.secret) == 32
    assert repr(keys) == "InviteKeys()"


# --- one run at a time


def test_a_second_run_is_refused_while_the_first_holds_the_ledger(opening: Opening) -> None:
    one, two = opening(), opening()
    busy = pytest.raises(LedgerBusyError, match="using this ledger")
    with one.lock(wait_s=0), busy, two.lock(wait_s=0):
        pytest.fail("both hold it")
    with two.lock(wait_s=0):
        pass


def test_a_ledger_is_let_go_when_its_run_fails(opening: Opening) -> None:
    ledger = opening()
    with pytest.raises(ZeroDivisionError), ledger.lock(wait_s=0):
        raise ZeroDivisionError
    with opening().lock(wait_s=0):
        pass


def _hold_until_told(place: LedgerPlace, told: "multiprocessing.connection.Connection") -> None:
    ledger = open_ledger(place)
    with ledger.lock(wait_s=0):
        told.send("held")
        told.recv()


def test_a_run_that_waits_gets_the_ledger_from_another_process(
    opening: Opening, place: LedgerPlace
) -> None:
    ledger = opening()
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(
        target=_hold_until_told, args=(place, theirs)
    )
    other.start()
    assert ours.recv() == "held"
    with pytest.raises(LedgerBusyError), ledger.lock(wait_s=0.01):
        pytest.fail("both hold it")
    ours.send("let go")
    with ledger.lock(wait_s=30):
        pass
    other.join()
    assert other.exitcode == 0
