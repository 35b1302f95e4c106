"""What every ledger promises of what it keeps for years: codes, pruning, keys that move."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger import (
    BY_WEIGHT,
    CODES,
    INVITES,
    Intent,
    InviteState,
    Ledger,
    LineResult,
    Merged,
    Result,
    RunRecord,
)
from bulk_referrals.model import Outcome, RunState

NOW = datetime(2026, 11, 23, 18, 30, 5, 250_000, tzinfo=UTC)
KEYS = [bytes([n]) * 16 for n in range(10)]
IN_FLIGHT, UNKNOWN = InviteState.IN_FLIGHT, InviteState.UNKNOWN
ACCEPTED, REFUSED = InviteState.ACCEPTED, InviteState.REFUSED
SECRET = bytes(range(32))

Opening = Callable[[], Ledger]


def record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id=run_id, version="1", started_at=NOW, state=RunState.FINISHED, target="sandbox",
        organisation="sandbox", timezone="UTC", outcomes={"accepted": 1},
    )  # fmt: skip


def leave(ledger: Ledger, run_id: str, *lines: int, attempt: int = 1) -> None:
    invites = [(KEYS[line], line) for line in lines]
    sent = Intent(request=lines[0], sent_at=NOW, attempt=attempt, invites=invites)
    ledger.write(run_id, [sent])


def settle(ledger: Ledger, run_id: str, line: int, state: InviteState) -> None:
    settled = LineResult(
        line=line, key=KEYS[line], state=state, outcome=Outcome.ACCEPTED, code="1"
    )
    answer = Result(request=line, answered_at=NOW, http_status=200, code="200", lines=[settled])
    ledger.write(run_id, [answer])


def states(ledger: Ledger) -> dict[int, InviteState]:
    return {key[0]: known.state for key, known in ledger.invites(KEYS).items()}


def moved(*invites: tuple[int, InviteState], run_id: str = "run-7") -> pa.RecordBatch:
    return pa.record_batch(
        [[KEYS[n] for n, _ in invites], [int(state) for _, state in invites],
         [run_id] * len(invites), [2] * len(invites)],
        schema=INVITES,
    )  # fmt: skip


def moved_codes(codes: dict[int, str]) -> pa.RecordBatch:
    return pa.record_batch([[KEYS[n] for n in codes], list(codes.values())], schema=CODES)


@pytest.fixture
def empty(opening: Opening) -> Iterator[Ledger]:
    """An empty ledger, held."""
    one = opening()
    with one.lock(wait_s=0):
        yield one


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    """Two runs with rows and results; one invite of each is accepted, and one is in flight."""
    one = empty
    for run_id, line in (("run-1", 1), ("run-2", 3)):
        one.begin(record(run_id), {"checked": pa.table({"identifier": ["917999836416"]})})
        leave(one, run_id, line, line + 1)
        settle(one, run_id, line, ACCEPTED)
    return one


HELD = {1: ACCEPTED, 2: IN_FLIGHT, 3: ACCEPTED, 4: IN_FLIGHT}


# --- referral codes


def test_referral_codes_are_kept(opening: Opening) -> None:
    opening().save_codes({KEYS[1]: "pV7BF", KEYS[2]: "1mba0"})
    opening().save_codes({KEYS[2]: "1mba0dlo5"})
    assert opening().codes(KEYS) == {KEYS[1]: "pV7BF", KEYS[2]: "1mba0dlo5"}
    assert opening().codes([]) == {}


def test_many_referral_codes_are_looked_up_at_once(opening: Opening) -> None:
    codes = {n.to_bytes(16, "big"): str(n) for n in range(2_345)}
    opening().save_codes(codes)
    assert opening().codes(iter(codes)) == codes


def test_no_codes_at_all_can_be_saved(opening: Opening) -> None:
    opening().save_codes({})
    assert list(opening().every_code()) == []


def test_the_key_of_a_code_is_that_of_no_invite_and_of_no_other_code(opening: Opening) -> None:
    usual = ("org", "J0H7Q", "917999836466")
    keys = opening().keys()
    others = [
        keys.code_key(*(f"{part}x" if place == changed else part
                        for place, part in enumerate(usual)))
        for changed in range(3)
    ]  # fmt: skip
    made = {keys.code_key(*usual), *others, keys.key(*usual, "", ""), keys.key(*usual, "M", "")}
    assert len(made) == 6
    assert {len(key) for key in made} == {16}


# --- forgetting


def test_a_run_that_is_forgotten_keeps_its_record_and_its_invites(
    opening: Opening, ledger: Ledger
) -> None:
    pruned = replace(record("run-1"), pruned_at=NOW)
    ledger.forget(pruned)
    again = opening()
    assert again.run("run-1") == pruned
    assert again.load_frame("run-1", "checked") is None
    assert again.results("run-1").num_rows == 0
    assert states(again) == HELD


def test_other_runs_are_not_forgotten_with_it(opening: Opening, ledger: Ledger) -> None:
    ledger.forget(replace(record("run-1"), pruned_at=NOW))
    again = opening()
    assert again.run("run-2") == record("run-2")
    assert again.load_frame("run-2", "checked") is not None
    assert again.results("run-2")["line"].to_pylist() == [3]
    assert again.last_request("run-2") == 3


def test_an_accepted_invite_of_a_forgotten_run_stays_accepted(ledger: Ledger) -> None:
    ledger.forget(replace(record("run-1"), pruned_at=NOW))
    settle(ledger, "run-2", 1, REFUSED)
    assert states(ledger)[1] is ACCEPTED


def test_a_run_that_is_not_there_cannot_be_forgotten(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run run-9"):
        ledger.forget(record("run-9"))


def test_a_compacted_ledger_holds_what_it_held(opening: Opening, ledger: Ledger) -> None:
    ledger.save_codes({KEYS[1]: "pV7BF"})
    secret = ledger.keys().secret
    ledger.forget(replace(record("run-1"), pruned_at=NOW))
    assert ledger.compact() >= 0
    again = opening()
    assert [one.run_id for one in again.runs()] == ["run-1", "run-2"]
    assert states(again) == HELD
    assert again.load_frame("run-2", "checked") is not None
    assert again.codes(KEYS) == {KEYS[1]: "pV7BF"}
    assert again.keys().secret == secret


# --- keys that move


def test_all_invites_are_given_out_in_the_order_of_their_keys(empty: Ledger) -> None:
    ledger = empty
    ledger.begin(record("run-1"))
    ledger.begin(record("run-2"))
    leave(ledger, "run-1", 5, 2)
    settle(ledger, "run-1", 2, ACCEPTED)
    leave(ledger, "run-2", 4, attempt=3)
    given = pa.Table.from_batches(ledger.every_invite(), INVITES)
    assert given.to_pylist() == [
        {"key": KEYS[2], "state": ACCEPTED, "run_id": "run-1", "attempts": 1},
        {"key": KEYS[4], "state": IN_FLIGHT, "run_id": "run-2", "attempts": 3},
        {"key": KEYS[5], "state": IN_FLIGHT, "run_id": "run-1", "attempts": 1},
    ]


def test_all_codes_are_given_out_in_the_order_of_their_keys(opening: Opening) -> None:
    opening().save_codes({KEYS[2]: "b", KEYS[1]: "a"})
    given = pa.Table.from_batches(opening().every_code(), CODES)
    assert given.to_pylist() == [{"key": KEYS[1], "code": "a"}, {"key": KEYS[2], "code": "b"}]


def test_an_empty_ledger_gives_out_nothing(opening: Opening) -> None:
    assert [*opening().every_invite(), *opening().every_code()] == []


def test_many_invites_are_given_out_in_pieces(ledger: Ledger) -> None:
    keys = [n.to_bytes(16, "big") for n in range(1 << 40, (1 << 40) + 150_000)]
    invites = [(key, line) for line, key in enumerate(keys)]
    ledger.write("run-1", [Intent(request=9, sent_at=NOW, attempt=1, invites=invites)])
    batches = list(ledger.every_invite())
    given = pa.Table.from_batches(batches)["key"].to_pylist()
    assert len(batches) > 1
    assert sorted(given) == given
    assert set(given) == {*keys, *KEYS[1:5]}


def test_an_empty_ledger_takes_in_keys_and_their_secret(opening: Opening) -> None:
    merged = opening().merge(
        SECRET,
        [record("run-7")],
        [moved((1, ACCEPTED), (2, UNKNOWN)), moved((3, IN_FLIGHT), (4, REFUSED))],
        [moved_codes({1: "a", 2: "b"})],
    )
    again = opening()
    assert merged == Merged(invites=4, runs=1, codes=2)
    assert again.keys().secret == SECRET
    assert states(again) == {1: ACCEPTED, 2: UNKNOWN, 3: IN_FLIGHT, 4: REFUSED}
    known = again.invites([KEYS[2]])[KEYS[2]]
    assert (known.run_id, known.attempts) == ("run-7", 2)
    assert again.codes(KEYS) == {KEYS[1]: "a", KEYS[2]: "b"}
    assert again.runs() == [record("run-7")]


def test_what_is_accepted_weighs_most_and_what_was_refused_least() -> None:
    assert BY_WEIGHT == (REFUSED, IN_FLIGHT, UNKNOWN, ACCEPTED)


@pytest.mark.parametrize("theirs", BY_WEIGHT)
@pytest.mark.parametrize("ours", BY_WEIGHT)
def test_the_weightier_state_of_an_invite_holds(
    opening: Opening, empty: Ledger, ours: InviteState, theirs: InviteState
) -> None:
    ledger = empty
    ledger.begin(record("run-1"))
    leave(ledger, "run-1", 1)
    if ours is not IN_FLIGHT:
        settle(ledger, "run-1", 1, ours)
    changed = BY_WEIGHT.index(theirs) > BY_WEIGHT.index(ours)
    invites = [moved((1, theirs), (2, theirs))]
    merged = ledger.merge(ledger.keys().secret, [record("run-7")], invites, [])
    known = opening().invites(KEYS)
    assert merged == Merged(invites=1, changed=int(changed), runs=1)
    assert known[KEYS[1]].state is (theirs if changed else ours)
    assert known[KEYS[1]].run_id == ("run-7" if changed else "run-1")
    assert known[KEYS[2]].state is theirs


def test_runs_and_codes_that_are_known_stay_as_they_are(ledger: Ledger) -> None:
    ledger.save_codes({KEYS[1]: "ours"})
    theirs = [replace(record("run-1"), version="9")]
    codes = [moved_codes({1: "theirs", 2: "b"})]
    assert ledger.merge(ledger.keys().secret, theirs, [], codes) == Merged(codes=1)
    assert ledger.run("run-1") == record("run-1")
    assert ledger.codes(KEYS) == {KEYS[1]: "ours", KEYS[2]: "b"}


def test_keys_of_another_secret_are_not_mixed_in(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"another secret.*new --ledger"):
        ledger.merge(SECRET, [record("run-7")], [moved((7, ACCEPTED))], [])
    assert ledger.keys().secret != SECRET
    assert [run.run_id for run in ledger.runs()] == ["run-1", "run-2"]
    assert states(ledger) == HELD


def test_codes_alone_keep_a_ledger_from_another_secret(opening: Opening) -> None:
    opening().save_codes({KEYS[1]: "a"})
    with pytest.raises(LedgerError, match="another secret"):
        opening().merge(SECRET, [], [], [])


def test_keys_are_taken_in_all_or_none(opening: Opening) -> None:
    ledger = opening()
    before = ledger.keys().secret

    def breaking_off() -> Iterator[pa.RecordBatch]:
        yield moved((1, ACCEPTED))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.merge(SECRET, [record("run-7")], breaking_off(), [])
    assert opening().keys().secret == before
    assert (ledger.runs(), states(ledger)) == ([], {})
    ledger.begin(record("run-7"))


def test_an_invite_of_a_run_that_is_not_there_is_not_taken_in(opening: Opening) -> None:
    with pytest.raises(LedgerError, match="names a run"):
        opening().merge(SECRET, [], [moved((1, ACCEPTED))], [])
    assert states(opening()) == {}


def test_a_ledger_that_takes_in_its_own_keys_stays_the_same(
    opening: Opening, ledger: Ledger
) -> None:
    own = list(opening().every_invite())
    assert ledger.merge(ledger.keys().secret, ledger.runs(), own, []) == Merged()
    assert states(ledger) == HELD
