"""What follows from an answer, from a lost one, and from a look: decided without a network."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from exchange_factory import part_of, seen

from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.ledger import InviteState, LineResult, Withheld
from bulk_referrals.model import Outcome
from bulk_referrals.policy import Effect, Finding, Judgement, Verdict
from bulk_referrals.sender.turns import (
    Limits,
    Step,
    Turn,
    after_answer,
    after_look,
    after_loss,
    after_withheld,
    halves,
)
from bulk_referrals.wire import read_back

LIMITS = Limits(max_attempts=3, max_looks=3, settle_s=30.0, base_s=1.0, cap_s=8.0)
NOW = 100.0


def key(line: int) -> bytes:
    return bytes([line])


def finding(verdict: Verdict, code: str = "1000") -> Finding:
    return Finding(verdict=verdict, code=code, message="words")


def answered(turn: Turn, *findings: Sequence[Finding], jitter: float = 1.0) -> Step:
    judgement = Judgement(findings=tuple(map(tuple, findings)), effect=Effect.NONE, code="200")
    return after_answer(turn, judgement, key=key, now=NOW, jitter=jitter, limits=LIMITS)


def looked(turn: Turn, *identifiers: str, now: float = NOW, poor: bool = False) -> Step:
    (of,) = turn.parts
    shown: ReadBack | None = None
    if not poor:
        shown = read_back(seen(*identifiers, of=of), of, http_status=200, retry_after="")
    return after_look(turn, shown, key=key, now=now, jitter=1.0, limits=LIMITS)


def sent(*parts: Part, attempts: int = 1) -> Turn:
    return Turn(parts=parts, attempts=attempts, request_id="r-1")


def doubtful(size: int = 1, *, lost_at: float = NOW, attempts: int = 1) -> Turn:
    return replace(sent(part_of(size), attempts=attempts), lost_at=lost_at)


def lines_of(turn: Turn) -> list[int]:
    return [invite.line for part in turn.parts for invite in part.invites]


def told(line: LineResult) -> tuple[int, InviteState | None, Outcome | None, str]:
    return line.line, line.state, line.outcome, line.code


# --- after an answer


@pytest.mark.parametrize(
    ("verdict", "code", "state", "outcome"),
    [
        (Verdict.ACCEPTED, "1000", InviteState.ACCEPTED, Outcome.ACCEPTED),
        (Verdict.ACCEPTED, "200", InviteState.ACCEPTED, Outcome.ACCEPTED),
        (Verdict.REFUSED, "1701", InviteState.REFUSED, Outcome.FAILED),
        (Verdict.AGAIN, "521", InviteState.REFUSED, None),
        (Verdict.READ_BACK, "1222", InviteState.UNKNOWN, None),
    ],
)
def test_a_verdict_becomes_a_state_and_an_outcome(
    verdict: Verdict, code: str, state: InviteState, outcome: Outcome | None
) -> None:
    (line,) = answered(sent(part_of(1)), [finding(verdict, code)]).lines
    shown = "1000" if verdict is Verdict.ACCEPTED else code
    assert told(line) == (0, state, outcome, shown)
    assert (line.key, line.message, line.attempts, line.request_id) == (key(0), "words", 1, "r-1")


def test_what_is_settled_does_not_come_again() -> None:
    step = answered(
        sent(part_of(2)), [finding(Verdict.ACCEPTED), finding(Verdict.REFUSED, "1701")]
    )
    assert step.turns == ()


def test_each_invite_goes_the_way_of_its_own_verdict() -> None:
    step = answered(
        sent(part_of(5)),
        [
            finding(Verdict.ACCEPTED),
            finding(Verdict.AGAIN, "521"),
            finding(Verdict.READ_BACK, "no-answer"),
            finding(Verdict.REFUSED, "1701"),
            finding(Verdict.SPLIT, "1060"),
        ],
    )
    read, split, again = step.turns
    assert (lines_of(read), read.lost_at, read.due) == ([2], NOW, NOW + 0.2)
    assert (lines_of(split), split.lost_at) == ([4], None)
    assert (lines_of(again), again.lost_at, again.due) == ([1], None, NOW + 1.0)
    assert [line.line for line in step.lines] == [0, 1, 2, 3, 4]


def test_doubt_is_kept_apart_by_referrer() -> None:
    one, two = part_of(2), part_of(1, referrer="919811111111", first_line=2)
    lost = finding(Verdict.READ_BACK, "no-answer")
    step = answered(sent(one, two), [lost, lost], [lost])
    assert [lines_of(turn) for turn in step.turns] == [[0, 1], [2]]


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 1.0), (2, 2.0)])
def test_what_was_not_processed_waits_longer_each_time(attempts: int, wait_s: float) -> None:
    again = [finding(Verdict.AGAIN, "461")]
    (turn,) = answered(sent(part_of(1), attempts=attempts), again).turns
    assert turn.due == NOW + wait_s
    (turn,) = answered(sent(part_of(1), attempts=attempts), again, jitter=0.0).turns
    assert turn.due == NOW


def test_what_is_never_processed_is_given_up_after_the_last_attempt() -> None:
    step = answered(sent(part_of(1), attempts=3), [finding(Verdict.AGAIN, "521")])
    assert step.turns == ()
    assert told(step.lines[0]) == (0, InviteState.REFUSED, Outcome.FAILED, "521")


@pytest.mark.parametrize("code", ["401", "403", "429", "517"])
def test_a_platform_busy_with_others_is_no_reason_to_give_up(code: str) -> None:
    step = answered(sent(part_of(1), attempts=99), [finding(Verdict.AGAIN, code)])
    assert len(step.turns) == 1
    assert step.lines[0].outcome is None


def test_too_large_a_request_comes_again_in_halves() -> None:
    step = answered(sent(part_of(5)), [finding(Verdict.SPLIT, "1060")] * 5)
    assert [lines_of(turn) for turn in step.turns] == [[0, 1], [2, 3, 4]]
    assert {line.outcome for line in step.lines} == {None}


def test_a_request_that_was_too_large_has_cost_no_attempt() -> None:
    step = answered(sent(part_of(5), attempts=3), [finding(Verdict.SPLIT, "1060")] * 5)
    assert {turn.attempts for turn in step.turns} == {2}


def test_one_invite_that_is_too_large_is_refused_for_good() -> None:
    step = answered(sent(part_of(1)), [finding(Verdict.SPLIT, "1060")])
    assert step.turns == ()
    assert told(step.lines[0]) == (0, InviteState.REFUSED, Outcome.FAILED, "1060")


@pytest.mark.parametrize("code", ["no-answer", "504", "1222", "1000"])
def test_every_doubt_needs_time_to_settle_for_a_read_back_may_lag(code: str) -> None:
    (turn,) = answered(sent(part_of(1)), [finding(Verdict.READ_BACK, code)]).turns
    assert turn.lost_at == NOW
    assert turn.doubted


# --- after a loss


def test_a_lost_request_is_in_doubt_and_nothing_of_it_is_settled() -> None:
    one, two = part_of(2), part_of(1, referrer="919811111111", first_line=2)
    step = after_loss(sent(one, two), key=key, now=NOW)
    assert [told(line) for line in step.lines] == [
        (line, InviteState.UNKNOWN, None, "no-answer") for line in range(3)
    ]
    assert [(lines_of(t), t.lost_at, t.attempts) for t in step.turns] == [
        ([0, 1], NOW, 1),
        ([2], NOW, 1),
    ]


# --- after a look


def test_what_is_found_is_accepted_without_being_sent_again() -> None:
    step = looked(doubtful(), "919800000000")
    assert step.turns == ()
    assert told(step.lines[0]) == (0, InviteState.ACCEPTED, Outcome.ACCEPTED, "1000")
    assert step.lines[0].message == "found by reading back"


def test_what_is_found_is_settled_and_the_rest_stays_in_doubt() -> None:
    step = looked(doubtful(3), "919800000001")
    assert [line.line for line in step.lines] == [1]
    (rest,) = step.turns
    assert lines_of(rest) == [0, 2]
    assert rest.lost_at == NOW


def test_absent_before_the_settle_time_tells_nothing() -> None:
    step = looked(doubtful(), now=NOW + 29.9)
    (later,) = step.turns
    assert (step.lines, later.absences, later.due) == ((), 0, NOW + 30.0)


def test_absent_twice_after_the_settle_time_is_sent_again() -> None:
    (once,) = looked(doubtful(), now=NOW + 30.0).turns
    assert (once.absences, once.lost_at, once.due) == (1, NOW, NOW + 37.5)
    (again,) = looked(once, now=NOW + 37.5).turns
    assert (again.absences, again.lost_at, again.due) == (0, None, NOW + 37.5)
    assert again.attempts == 1


def test_what_appears_at_the_second_look_is_accepted() -> None:
    (once,) = looked(doubtful(), now=NOW + 30.0).turns
    step = looked(once, "919800000000", now=NOW + 37.5)
    assert step.turns == ()
    assert step.lines[0].outcome is Outcome.ACCEPTED


def test_an_answered_request_needs_two_absences_but_no_settle_time() -> None:
    turn = doubtful(lost_at=float("-inf"))
    (once,) = looked(turn).turns
    (again,) = looked(once).turns
    assert again.lost_at is None


def test_what_was_sent_as_often_as_allowed_is_given_up_but_still_read_back_by_a_later_run() -> (
    None
):
    turn = replace(doubtful(attempts=3), absences=1)
    step = looked(turn, now=NOW + 60)
    assert step.turns == ()
    assert told(step.lines[0]) == (0, InviteState.UNKNOWN, Outcome.FAILED, "no-answer")
    assert "after 3 attempts" in step.lines[0].message


def test_a_poor_look_is_taken_again_later_and_never_shows_absence() -> None:
    turn = doubtful(lost_at=0.0)
    (later,) = looked(turn, poor=True).turns
    assert (later.looks, later.absences, later.due) == (1, 0, NOW + 1.0)
    (later,) = looked(later, poor=True).turns
    assert (later.looks, later.due) == (2, NOW + 2.0)


def test_looks_that_show_nothing_end_as_unknown_and_nothing_is_sent() -> None:
    step = looked(replace(doubtful(2), looks=2), poor=True)
    assert step.turns == ()
    assert [told(line) for line in step.lines] == [
        (line, InviteState.UNKNOWN, Outcome.UNKNOWN, "no-answer") for line in range(2)
    ]


def test_a_good_look_forgives_poor_ones() -> None:
    (later,) = looked(replace(doubtful(), looks=2)).turns
    assert later.looks == 0


# --- halves


def test_halves_are_by_referrers_first() -> None:
    three = tuple(part_of(2, referrer=f"91981111111{n}", first_line=2 * n) for n in range(3))
    one, two = halves(sent(*three))
    assert (lines_of(one), lines_of(two)) == ([0, 1], [2, 3, 4, 5])
    assert (one.attempts, two.attempts) == (1, 1)


def test_one_or_none_cannot_be_halved() -> None:
    single = sent(part_of(1))
    assert halves(single) == (single,)
    assert halves(sent()) == ()


# --- what the ledger keeps from leaving


def withheld(turn: Turn, **why: Withheld) -> Step:
    return after_withheld(turn, {key(int(n[1:])): why[n] for n in why}, key=key, now=NOW)


def test_what_another_run_had_accepted_is_already_sent() -> None:
    step = withheld(sent(part_of(1), attempts=0), _0=Withheld.ACCEPTED)
    (line,) = step.lines
    assert (line.outcome, line.code, line.key) == (Outcome.ALREADY_SENT, "already-sent", None)
    assert step.turns == ()


def test_what_a_dead_run_left_in_doubt_is_read_back_before_it_is_sent() -> None:
    (turn,) = withheld(sent(part_of(1), attempts=0), _0=Withheld.DOUBTFUL).turns
    assert (turn.lost_at, turn.doubted, turn.attempts) == (NOW, True, 0)


def test_what_another_run_has_under_way_waits_and_is_asked_for_again() -> None:
    fresh, doubted = Turn(parts=(part_of(1),)), Turn(parts=(part_of(1),), doubted=True)
    (turn,) = withheld(fresh, _0=Withheld.BUSY).turns
    assert turn.due > NOW
    assert turn.lost_at is None
    (turn,) = withheld(doubted, _0=Withheld.BUSY).turns
    assert turn.due > NOW
    assert turn.lost_at is not None, "looked for again before it is sent"


def test_the_rest_of_a_request_leaves_without_what_is_withheld() -> None:
    turn = Turn(parts=(part_of(4),))
    step = withheld(turn, _1=Withheld.ACCEPTED, _2=Withheld.BUSY, _3=Withheld.DOUBTFUL)
    assert [line.line for line in step.lines] == [1]
    assert sorted(lines_of(each)[0] for each in step.turns) == [0, 2, 3]
    (rest,) = (each for each in step.turns if lines_of(each) == [0])
    assert (rest.due, rest.lost_at) == (0.0, None)
