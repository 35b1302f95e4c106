"""From an answer to a verdict on each invite, by the tables of the API's reference.

Three levels speak: the request, the customer, the referral. Only the nearest level that speaks
decides: a request and a customer can both say success around a referral that failed. What cannot
be told for certain is `READ_BACK`: nothing is sent again before a GET has shown it absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bulk_referrals.exchange import Answer, Levels, Part, ReadBack, Status


class Verdict(Enum):
    """What an answer says about one invite."""

    ACCEPTED = auto()
    REFUSED = auto()  # for good; its code says why
    AGAIN = auto()  # not processed: may be sent again
    SPLIT = auto()  # not processed: the request was too large
    READ_BACK = auto()  # may or may not stand on the platform


class Effect(Enum):
    """What an answer says about the requests that follow."""

    NONE = auto()
    SLOW = auto()  # the rate limit was met
    AILING = auto()  # the platform, or what stands before it, is not well
    RENEW = auto()  # the credentials were not taken: renew a token once, else stop
    STOP = auto()  # no further request can fare better


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on one invite, with the code and the words it rests on."""

    verdict: Verdict
    code: str
    message: str = ""


_NO_ANSWER: Final = "no-answer"
_LOST: Final = Finding(verdict=Verdict.READ_BACK, code=_NO_ANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """An answer, judged.

    Attributes:
        findings: for each part that was sent, one finding per invite, in order.
        effect: what it says about the requests that follow.
        code: the request-level code, for the ledger and the log.
    """

    findings: tuple[tuple[Finding, ...], ...]
    effect: Effect
    code: str


CAMPAIGN_CODES: Final = frozenset({"1202", "1203"})

_NO_CUSTOMER: Final = frozenset({"1011", "1012"})
_NO_CODE: Final = _NO_CUSTOMER | CAMPAIGN_CODES | {"1204", "1205"}
_SUCCESS: Final = "200"
_PARTLY: Final = "201"
_DONE: Final = "1000"
_NOT_PROCESSED: Final = frozenset({"401", "403", "404", "405", "415", "429", "461", "517", "521"})
_STOPPING: Final = frozenset({"403", "404", "405", "415"})
# These mean this at the level of the request only: sent again for an item, they would never end.
_OF_REQUESTS: Final = _STOPPING | {"401"}
_SLOWING: Final = frozenset({"429", "517"})
_TOO_LARGE: Final = frozenset({"1060", "413"})
_UNSURE: Final = frozenset({"1222", "408", _PARTLY})
_REDIRECTS: Final = range(300, 400)
_SERVER_ERRORS: Final = range(500, 600)
_SUCCESSES: Final = range(200, 300)


def judge(answer: Answer, parts: Sequence[Part]) -> Judgement:
    """Judge the answer to a POST.

    Args:
        answer: as `wire.read_answer` read it.
        parts: the customer entries that were sent.

    Returns:
        A finding for every invite, and the effect on what follows.
    """
    code = _request_code(answer)
    spoken = any(
        level and (level.referral or level.customer)
        for part in answer.levels
        for level in part or ()
    )
    overall = _finding_of_request(answer, code)
    findings = tuple(
        _findings_of_part(part, levels, overall=overall, spoken=spoken)
        for part, levels in zip(parts, answer.levels or (None,) * len(parts), strict=True)
    )
    codes = {finding.code for part in findings for finding in part}
    return Judgement(findings=findings, effect=_effect(code, codes, spoken=spoken), code=code)


def _findings_of_part(
    part: Part, levels: tuple[Levels | None, ...] | None, *, overall: Finding, spoken: bool
) -> tuple[Finding, ...]:
    if levels is None:
        # An answer that tells of other customers cannot be taken to tell of this one.
        return tuple(_LOST if spoken else overall for _ in part.invites)
    return tuple(_LOST if level is None else _nearest(level, overall) for level in levels)


def _nearest(level: Levels, overall: Finding) -> Finding:
    status = level.referral or level.customer
    return _finding_of_item(status) if status else overall


def _request_code(answer: Answer) -> str:
    """Return the request's code: the body's, unless HTTP itself says something worse."""
    stated = answer.status.code if answer.status else ""
    if answer.http_status in _SUCCESSES:
        return stated or (_SUCCESS if answer.status else _NO_ANSWER)
    return stated if stated not in {"", _SUCCESS, _PARTLY} else str(answer.http_status)


def _finding_of_request(answer: Answer, code: str) -> Finding:
    """Return what the request level alone says about its invites."""
    status = answer.status or Status()
    if code == _SUCCESS:
        trusted = status.success is not False and answer.levels and None not in answer.levels
        verdict = Verdict.ACCEPTED if trusted else Verdict.READ_BACK
    elif code == _NO_ANSWER:
        verdict = Verdict.READ_BACK
    elif answer.http_status in _REDIRECTS:
        verdict = Verdict.AGAIN
    else:
        verdict = _verdict_of_code(code)
    return Finding(verdict=verdict, code=code, message=status.message)


def _finding_of_item(status: Status) -> Finding:
    """Return what a referral's or customer's own status says."""
    if not status.code:
        verdict = Verdict.ACCEPTED if status.success else Verdict.REFUSED
        code = _DONE if status.success else "no-code"
        return Finding(verdict=verdict, code=code, message=status.message)
    if status.code == _DONE:
        done = status.success is not False
        verdict = Verdict.ACCEPTED if done else Verdict.READ_BACK
    else:
        verdict = _verdict_of_code(status.code, item=True)
    return Finding(verdict=verdict, code=status.code, message=status.message)


def _verdict_of_code(code: str, *, item: bool = False) -> Verdict:
    """Look a code up; one that the reference does not list is reported as it came."""
    if code in _NOT_PROCESSED and not (item and code in _OF_REQUESTS):
        return Verdict.AGAIN
    if code in _TOO_LARGE:
        return Verdict.SPLIT
    if code in _UNSURE:
        return Verdict.READ_BACK
    if not item and code.isdecimal() and int(code) in _SERVER_ERRORS:
        return Verdict.READ_BACK
    return Verdict.REFUSED


def _effect(code: str, item_codes: set[str], *, spoken: bool) -> Effect:
    if _SLOWING & ({code} | item_codes):
        return Effect.SLOW
    if spoken:
        return Effect.NONE
    if code == "401":
        return Effect.RENEW
    number = int(code) if code.isdecimal() else 0
    if code in _STOPPING or number in _REDIRECTS:
        return Effect.STOP
    ailing = number in _SERVER_ERRORS and code not in _NOT_PROCESSED
    return Effect.AILING if ailing or code == _NO_ANSWER else Effect.NONE


def judge_code(seen: ReadBack) -> Effect | None:
    """Judge whether the answer to a question for a referral code settles it.

    Args:
        seen: as `wire.read_back` read it.

    Returns:
        None when it does: the customer's own verdict is that there is one, whose code it tells
        (or has none to tell), or that it is refused for good; else as `judge_read_back`.
    """
    item = seen.item.code if seen.item else ""
    if seen.matched and item in _NO_CODE:
        return None  # also where the request failed because of it: "500, all items failed"
    if seen.matched and item == _DONE and seen.http_status in _SUCCESSES:
        return None
    return judge_read_back(seen, longest=1) or Effect.NONE


def judge_read_back(seen: ReadBack, *, longest: int) -> Effect | None:
    """Judge whether a read-back's answer can be relied on.

    Args:
        seen: as `wire.read_back` read it.
        longest: the number of invitees that was asked for at most.

    Returns:
        None when it shows the referrer's invites as they are; else why it does not:
        `SLOW`, `AILING`, `RENEW`, `STOP`, or `NONE` for a failure that may pass.
    """
    code = seen.status.code if seen.status else ""
    if seen.http_status not in _SUCCESSES or code in _SLOWING:
        # HTTP's own verdict wins over a body that contradicts it.
        stated = code if code in _SLOWING else str(seen.http_status)
        return _effect(stated, set(), spoken=False)
    if seen.status is None or code != _SUCCESS or seen.status.success is False:
        return _effect(code or _NO_ANSWER, set(), spoken=False)
    if seen.item is not None and seen.item.code in _NO_CUSTOMER and not seen.invitees:
        return None  # nobody there, so no invite there
    if not seen.matched or seen.item is None or seen.item.code != _DONE:
        return Effect.NONE
    if len(seen.invitees) >= longest:
        return Effect.NONE  # the list may have been cut: what it lacks is not shown absent
    return None
