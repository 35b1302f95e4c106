"""One request on its way through attempts and read-backs. Pure: what follows from what was seen.

A turn is either to be sent, or in doubt: its answer was lost, and it is read back (GET) until it
is found, or shown absent twice after the settle time, or given up as unknown. Only a turn that
is not in doubt is ever sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bulk_referrals.exchange import Invite, Part, ReadBack, ReferralRequest
from bulk_referrals.ledger import InviteState, LineResult, Withheld
from bulk_referrals.model import Outcome
from bulk_referrals.policy import Finding, Judgement, Verdict, backoff_s
from bulk_referrals.wire import lists

# These say that the platform is busy with others, not that this request is at fault: however
# often they come, the request is not given up.
_NEVER_GIVEN_UP: Final = frozenset({"401", "403", "404", "405", "415", "429", "517"})
_ABSENCES_NEEDED: Final = 2
_FIRST_LOOK_S: Final = 0.2
# How soon an invite is asked for again that another run has under way.
_BUSY_S: Final = 2.0
_LOST: Final = Finding(verdict=Verdict.READ_BACK, code="no-answer")

KeyOf = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often and how long.

    Attributes:
        max_attempts: most times that an invite is sent.
        max_looks: most read-backs in a row that show nothing usable.
        settle_s: how long after losing an answer an absence counts, seconds.
        base_s: first backoff, seconds.
        cap_s: longest backoff, seconds.
    """

    max_attempts: int = 5
    max_looks: int = 6
    settle_s: float = 30.0
    base_s: float = 0.5
    cap_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request, and where it stands.

    Attributes:
        parts: its customer entries; one only when it is in doubt.
        attempts: times it has been sent.
        due: loop seconds before which it is left alone.
        lost_at: loop seconds when its answer was given up; None: not in doubt.
        looks: read-backs in a row that showed nothing usable.
        absences: read-backs after the settle time that showed it absent.
        finding: what put it in doubt.
        doubted: an answer to it was lost once, so it is sent again only right after a read-back
            has shown it absent: what was lost may still be under way.
        sent_at: aware, of the last attempt.
        request_id: of the last answer.
    """

    parts: ReferralRequest
    attempts: int = 0
    due: float = 0.0
    lost_at: float | None = None
    looks: int = 0
    absences: int = 0
    finding: Finding = _LOST
    doubted: bool = False
    sent_at: datetime | None = None
    request_id: str = ""

    @property
    def size(self) -> int:
        """How many invites it carries."""
        return sum(len(part.invites) for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows from an answer or a read-back: lines to journal, turns to come."""

    lines: tuple[LineResult, ...]
    turns: tuple[Turn, ...]


def after_answer(
    turn: Turn, judgement: Judgement, *, key: KeyOf, now: float, jitter: float, limits: Limits
) -> Step:
    """Return what follows from a judged answer.

    Args:
        turn: as it was sent, this attempt counted.
        judgement: from `policy.judge`.
        key: line -> key of its invite.
        now: loop seconds.
        jitter: a draw in [0, 1].
        limits: how often and how long.
    """
    lines: list[LineResult] = []
    again: list[Part] = []
    split: list[Part] = []
    doubtful: list[Turn] = []
    for part, findings in zip(turn.parts, judgement.findings, strict=True):
        sorted_out: dict[Verdict, list[Invite]] = {}
        lost = _LOST
        for invite, finding in zip(part.invites, findings, strict=True):
            verdict = _within_limits(finding, turn, limits)
            lost = finding if verdict is Verdict.READ_BACK else lost
            sorted_out.setdefault(verdict, []).append(invite)
            lines.append(_line(turn, invite, verdict, finding, key))
        if Verdict.AGAIN in sorted_out:
            again.append(_only(part, sorted_out[Verdict.AGAIN]))
        if Verdict.SPLIT in sorted_out:
            split.append(_only(part, sorted_out[Verdict.SPLIT]))
        if Verdict.READ_BACK in sorted_out:
            rest = _only(part, sorted_out[Verdict.READ_BACK])
            doubtful.append(in_doubt(turn, rest, now=now, finding=lost))
    wait_s = backoff_s(turn.attempts, base_s=limits.base_s, cap_s=limits.cap_s, jitter=jitter)
    # What was too large was not tried: it counts as no attempt, and spends no retry.
    untried = replace(turn, parts=tuple(split), attempts=turn.attempts - 1)
    turns = [*doubtful, *halves(untried)]
    if again:
        turns.append(replace(turn, parts=tuple(again), due=now + wait_s))
    return Step(lines=tuple(lines), turns=tuple(turns))


def after_loss(turn: Turn, *, key: KeyOf, now: float) -> Step:
    """Return what follows when no answer came although the request may have arrived."""
    return Step(
        lines=tuple(
            _line(turn, invite, Verdict.READ_BACK, _LOST, key)
            for part in turn.parts
            for invite in part.invites
        ),
        turns=tuple(in_doubt(turn, part, now=now, finding=_LOST) for part in turn.parts),
    )


def after_look(
    turn: Turn, seen: ReadBack | None, *, key: KeyOf, now: float, jitter: float, limits: Limits
) -> Step:
    """Return what follows from a read-back of a turn in doubt.

    Args:
        turn: in doubt, with one part.
        seen: what the GET shows; None when it cannot be relied on.
        key: line -> key of its invite.
        now: loop seconds.
        jitter: a draw in [0, 1].
        limits: how often and how long.
    """
    (part,) = turn.parts
    if seen is None:
        return _after_poor_look(turn, key=key, now=now, jitter=jitter, limits=limits)
    found = {i.line for i in part.invites if lists(seen, part.type, i.identifier_key)}
    lines = [_found(turn, invite, key) for invite in part.invites if invite.line in found]
    missing = [invite for invite in part.invites if invite.line not in found]
    if not missing:
        return Step(lines=tuple(lines), turns=())
    lost_at = now if turn.lost_at is None else turn.lost_at
    settled = now >= lost_at + limits.settle_s
    rest = replace(turn, parts=(_only(part, missing),), looks=0,
                   absences=turn.absences + settled)  # fmt: skip
    if rest.absences < _ABSENCES_NEEDED:
        soonest = lost_at + limits.settle_s
        due = soonest if not settled else now + limits.settle_s / 4
        return Step(lines=tuple(lines), turns=(replace(rest, due=due),))
    if turn.attempts >= limits.max_attempts and turn.finding.code not in _NEVER_GIVEN_UP:
        lines += [_gone(rest, invite, key) for invite in missing]
        return Step(lines=tuple(lines), turns=())
    return Step(lines=tuple(lines), turns=(replace(rest, lost_at=None, absences=0, due=now),))


def in_doubt(turn: Turn, part: Part, *, now: float, finding: Finding) -> Turn:
    """Return the turn that reads back one part.

    Where the platform has answered, nothing is on its way any more; the settle time holds all
    the same, for a read-back may lag behind what has been committed.
    """
    return replace(turn, parts=(part,), lost_at=now, due=now + _FIRST_LOOK_S, looks=0,
                   absences=0, finding=finding, doubted=True)  # fmt: skip


def after_withheld(
    turn: Turn, withheld: Mapping[bytes, Withheld], *, key: KeyOf, now: float
) -> Step:
    """Return what follows when the ledger kept some invites of a turn from leaving.

    What another run had accepted is done; what a dead run left in doubt is read back like a loss
    of our own; what a live run has under way is asked for again later; the rest may leave.
    """
    lines: list[LineResult] = []
    turns: list[Turn] = []
    for reason in (None, *Withheld):
        of_reason = (
            _only(part, [i for i in part.invites if withheld.get(key(i.line)) is reason])
            for part in turn.parts
        )
        parts = tuple(part for part in of_reason if part.invites)
        if reason is Withheld.ACCEPTED:
            lines += [_elsewhere(turn, invite) for part in parts for invite in part.invites]
        elif reason is Withheld.DOUBTFUL:
            turns += [in_doubt(turn, part, now=now, finding=_LOST) for part in parts]
        elif parts:
            rest = replace(turn, parts=parts)
            turns.append(postponed(rest, due=now + _BUSY_S) if reason else rest)
    return Step(lines=tuple(lines), turns=tuple(turns))


def postponed(turn: Turn, *, due: float) -> Turn:
    """Return a turn that is not sent now; once doubted, it is looked for again before it is."""
    if not turn.doubted:
        return replace(turn, due=due)
    return replace(turn, due=due, lost_at=float("-inf"), absences=_ABSENCES_NEEDED - 1)


def unsent_state(turn: Turn) -> InviteState:
    """Return where the invites of a turn stand that did not leave although it was about to."""
    return InviteState.UNKNOWN if turn.doubted else InviteState.REFUSED


def halves(turn: Turn) -> tuple[Turn, ...]:
    """Return a turn's two halves, by referrers first and then by invites; () when it is empty."""
    if turn.size <= 1:
        return (turn,) if turn.size else ()
    if len(turn.parts) > 1:
        middle = len(turn.parts) // 2
        cut: Sequence[ReferralRequest] = (turn.parts[:middle], turn.parts[middle:])
    else:
        (part,) = turn.parts
        middle = len(part.invites) // 2
        cut = tuple(
            (_only(part, some),) for some in (part.invites[:middle], part.invites[middle:])
        )
    return tuple(replace(turn, parts=parts) for parts in cut)


def _only(part: Part, invites: Sequence[Invite]) -> Part:
    return replace(part, invites=tuple(invites))


def _within_limits(finding: Finding, turn: Turn, limits: Limits) -> Verdict:
    """Return the verdict, or REFUSED where it asks for more than the limits allow.

    After a lost answer, "not processed" is said of this attempt alone. 521 even tells that the
    lost one may be under way still: another action is running for the same customer.
    """
    if finding.verdict is Verdict.SPLIT and turn.size == 1:
        return Verdict.REFUSED
    if finding.verdict is Verdict.AGAIN and turn.doubted:
        return Verdict.READ_BACK
    spent = turn.attempts >= limits.max_attempts and finding.code not in _NEVER_GIVEN_UP
    if finding.verdict is Verdict.AGAIN and spent:
        return Verdict.REFUSED
    return finding.verdict


_STATES: Final = {
    Verdict.ACCEPTED: InviteState.ACCEPTED,
    Verdict.REFUSED: InviteState.REFUSED,
    Verdict.AGAIN: InviteState.REFUSED,
    Verdict.READ_BACK: InviteState.UNKNOWN,
}
_OUTCOMES: Final = {Verdict.ACCEPTED: Outcome.ACCEPTED, Verdict.REFUSED: Outcome.FAILED}


def _line(
    turn: Turn, invite: Invite, verdict: Verdict, finding: Finding, key: KeyOf
) -> LineResult:
    return LineResult(
        line=invite.line,
        key=key(invite.line),
        state=unsent_state(turn) if verdict is Verdict.SPLIT else _STATES[verdict],
        outcome=_OUTCOMES.get(verdict),
        code="1000" if verdict is Verdict.ACCEPTED else finding.code,
        message=finding.message,
        attempts=turn.attempts,
        sent_at=turn.sent_at,
        request_id=turn.request_id,
    )


def _found(turn: Turn, invite: Invite, key: KeyOf) -> LineResult:
    finding = Finding(verdict=Verdict.ACCEPTED, code="1000", message="found by reading back")
    return _line(turn, invite, Verdict.ACCEPTED, finding, key)


def _elsewhere(turn: Turn, invite: Invite) -> LineResult:
    """Settle an invite that another run has had accepted: its state is that run's to tell."""
    return LineResult(
        line=invite.line,
        key=None,
        state=None,
        outcome=Outcome.ALREADY_SENT,
        code="already-sent",
        attempts=turn.attempts,
        sent_at=turn.sent_at,
    )


def _gone(turn: Turn, invite: Invite, key: KeyOf) -> LineResult:
    """Give an invite up that was sent as often as allowed and is shown absent each time.

    Its state stays UNKNOWN: a later run reads it back before it sends it.
    """
    finding = replace(turn.finding, message=turn.finding.message or "the platform shows no such "
                      f"invite after {turn.attempts} attempts")  # fmt: skip
    line = _line(turn, invite, Verdict.REFUSED, finding, key)
    return replace(line, state=InviteState.UNKNOWN)


def _after_poor_look(turn: Turn, *, key: KeyOf, now: float, jitter: float, limits: Limits) -> Step:
    """Look again later, or give up: nothing shows whether the invites arrived."""
    looks = turn.looks + 1
    if looks >= limits.max_looks:
        lines = (
            replace(_line(turn, invite, Verdict.READ_BACK, turn.finding, key),
                    outcome=Outcome.UNKNOWN)
            for part in turn.parts
            for invite in part.invites
        )  # fmt: skip
        return Step(lines=tuple(lines), turns=())
    wait_s = backoff_s(looks, base_s=limits.base_s, cap_s=limits.cap_s, jitter=jitter)
    later = replace(turn, looks=looks, due=now + wait_s)
    return Step(lines=(), turns=(later,))
