"""The sender: workers that take turns, ask the policy, and journal before and after each act.

The order of every request is fixed: intent durable, then the beat of the throttle, then the
POST, then its result durable, then counted. Whatever dies in between leaves an intent without a
result, which the next sitting reads back before it does anything else with those invites.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bulk_referrals import policy
from bulk_referrals.client import READ_BACK_LIMIT, Client
from bulk_referrals.errors import (
    BulkReferralsError,
    ClientError,
    MaybeSentError,
    NotSentError,
)
from bulk_referrals.exchange import Answer, Lane, Part
from bulk_referrals.ledger import Intent, LineResult, RateSource, Result
from bulk_referrals.model import Outcome, RequestFigures
from bulk_referrals.policy import Beat, Effect, Pace, RetryBudget
from bulk_referrals.sender.agenda import Agenda, LaneTurns
from bulk_referrals.sender.guards import Campaigns, Health, SendLimits, too_many_failures
from bulk_referrals.sender.journal import Journal
from bulk_referrals.sender.throttle import Throttle
from bulk_referrals.sender.turns import (
    KeyOf,
    Limits,
    Turn,
    after_answer,
    after_look,
    after_loss,
    after_withheld,
    halves,
    postponed,
    unsent_state,
)
from bulk_referrals.wire import lists, payload

__all__ = ["SendLimits", "Sender", "Stop", "Tally"]

Tally = Counter[Outcome]

# One failure is chance; so many in a row say that the platform is not well.
_FAILURES_TO_SLOW: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a run ended before its last row.

    Attributes:
        reason: a sentence for people.
        interrupted: by Ctrl-C or SIGTERM.
    """

    reason: str
    interrupted: bool = False


class Sender:
    """Sends lanes of requests until they are settled or the run is stopped.

    Args:
        client: the API.
        journal: the ledger's, entered.
        pace: how fast requests may leave.
        rate: the organisation's one rate, where others send at the same time; None: all of it.
        concurrency: most requests under way at once.
        limits: how often and how long.
        guards: when to stop.
        key_of: line -> key of its invite.
        doubtful: line -> times sent, of invites that an earlier sitting left in doubt: they are
            read back before anything else.
        first_request: number of the first request, after those of earlier sittings.
        may_send: called before each request; a sentence stops the run (quiet hours).
        observe: called with each batch of newly settled outcomes.
    """

    def __init__(  # noqa: PLR0913 - the one place where the parts of sending meet
        self,
        *,
        client: Client,
        journal: Journal,
        pace: Pace,
        rate: RateSource | None = None,
        concurrency: int,
        limits: Limits,
        guards: SendLimits,
        key_of: KeyOf,
        doubtful: Mapping[int, int],
        first_request: int = 1,
        may_send: Callable[[], str] = lambda: "",
        observe: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._throttle = Throttle(pace, rate)
        self._concurrency = concurrency
        self._limits = limits
        self._guards = guards
        self._key_of = key_of
        self._doubtful = doubtful
        self._next_request = first_request
        self._may_send = may_send
        self._observe = observe
        self._agenda = Agenda(iter(()))
        self._health = Health(outage_s=guards.outage_s, progress_at=_now())
        self._budget = RetryBudget()
        self._largest: int | None = None
        self._campaigns = Campaigns()
        self._began = _now()
        self._error: BulkReferralsError | None = None
        self._sent = self._retried = self._read_back = 0
        self.settled: Tally = Counter()
        self.stopped: Stop | None = None

    @property
    def figures(self) -> RequestFigures:
        """What has gone over the wire so far."""
        return RequestFigures(
            sent=self._sent,
            retried=self._retried,
            read_back=self._read_back,
            throttled_s=round(self._throttle.waited_s, 3),
        )

    @property
    def campaigns_held(self) -> int:
        """How many campaigns are held."""
        return len(self._campaigns.held)

    def stop(self, stop: Stop) -> None:
        """Begin nothing more; what is in flight is awaited."""
        self.stopped = self.stopped or stop
        self._throttle.stop()
        self._agenda.close()

    async def send(self, lanes: Iterator[Lane]) -> None:
        """Work on lanes until all are settled, or the run is stopped.

        Raises:
            LedgerError: the ledger failed; what was in flight then is in doubt.
            UsageError: the credentials were refused.
        """
        if self.stopped:
            return
        self._agenda = Agenda(deque(self._turns(lane)) for lane in lanes)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work())
        if self._error:
            raise self._error

    def _turns(self, lane: Lane) -> Iterator[Turn]:
        """Turn a lane's requests into turns: what an earlier sitting left in doubt comes first."""
        for parts in lane:
            fresh: list[Part] = []
            for part in parts:
                known = [i for i in part.invites if i.line in self._doubtful]
                if known:
                    attempts = max(self._doubtful[i.line] for i in known)
                    rest = replace(part, invites=tuple(known))
                    yield Turn(parts=(rest,), attempts=attempts, lost_at=self._began, doubted=True)
                if len(known) < len(part.invites):
                    new = tuple(i for i in part.invites if i.line not in self._doubtful)
                    fresh.append(replace(part, invites=new) if known else part)
            if fresh:
                yield Turn(parts=tuple(fresh))

    async def _work(self) -> None:
        while (lane := await self._agenda.next()) is not None:
            try:
                while lane and not self.stopped and lane[0].due <= _now():
                    await self._step(lane)
            except BulkReferralsError as error:
                # The others are let finish what they have in flight.
                self._error = self._error or error
                self.stop(Stop(reason=str(error)))
            finally:
                self._agenda.give_back(lane)

    async def _step(self, lane: LaneTurns) -> None:
        turn = lane[0]
        follow = await (self._look(turn) if turn.lost_at is not None else self._post(turn))
        lane.popleft()
        lane.extendleft(reversed(follow))

    # --- sending

    async def _post(self, turn: Turn) -> tuple[Turn, ...]:
        if self._campaigns.held:
            turn = await self._without_held(turn)
        if not turn.parts:
            return ()
        if self._largest is not None and turn.size > self._largest:
            return halves(turn)
        if turn.attempts and not self._may_retry():
            return (postponed(turn, due=_now() + self._limits.cap_s),)
        if reason := self._may_send():
            self.stop(Stop(reason=reason))
            return (turn,)
        try:
            signed = await self._client.sign()
        except NotSentError:
            return (self._not_sent(turn, _now()),)
        return await self._post_journaled(turn, signed)

    async def _post_journaled(self, turn: Turn, signed: Mapping[str, str]) -> tuple[Turn, ...]:
        request, self._next_request = self._next_request, self._next_request + 1
        sent = replace(turn, attempts=turn.attempts + 1, sent_at=datetime.now(UTC))
        if withheld := await self._journal.write(self._intent(request, sent)):
            step = after_withheld(turn, withheld, key=self._key_of, now=_now())
            await self._record(step.lines)
            return step.turns
        if (beat := await self._throttle.turn()) is None:
            await self._release(request, turn)
            return (turn,)
        if turn.doubted:
            look, beat = beat, await self._throttle.charge()  # and one more for the act
            if not await self._still_absent(turn, signed, look):
                await self._release(request, turn)
                return (postponed(turn, due=_now()),)
            beat = replace(beat, left_at=_now())
        await self._journal.make_sure()
        self._sent += 1
        self._retried += turn.attempts > 0
        try:
            answer = await self._client.post(sent.parts, payload(sent.parts), signed)
            self._throttle.answered(beat)
        except NotSentError:
            await self._release(request, turn)
            return (self._not_sent(turn, beat.left_at),)
        except MaybeSentError:
            self._no_answer(beat.left_at)
            step = after_loss(sent, key=self._key_of, now=_now())
            await self._record(step.lines, request=request, code="no-answer")
            return step.turns
        return await self._heard(request, sent, answer, signed, beat.left_at)

    async def _heard(
        self,
        request: int,
        turn: Turn,
        answer: Answer,
        signed: Mapping[str, str],
        left_at: float,
    ) -> tuple[Turn, ...]:
        """Settle what an answer says, and let it bear on what follows."""
        judgement = policy.judge(answer, turn.parts)
        sent = replace(turn, request_id=answer.request_id)
        step = after_answer(
            sent, judgement, key=self._key_of, now=_now(), jitter=_chance(), limits=self._limits
        )
        await self._record(
            step.lines, request=request, code=judgement.code, http_status=answer.http_status
        )
        self._learn(sent, judgement)
        await self._react(judgement.effect, judgement.code, signed, left_at, answer.retry_after)
        return step.turns

    def _intent(self, request: int, turn: Turn) -> Intent:
        return Intent(
            request=request,
            sent_at=turn.sent_at or datetime.now(UTC),
            attempt=turn.attempts,
            invites=[
                (self._key_of(invite.line), invite.line)
                for part in turn.parts
                for invite in part.invites
            ],
        )

    async def _release(self, request: int, turn: Turn) -> None:
        """Journal that a request whose intent is durable cannot have left."""
        lines = [
            LineResult(line=invite.line, key=self._key_of(invite.line), outcome=None,
                       state=unsent_state(turn), code="not-sent", attempts=turn.attempts)
            for part in turn.parts
            for invite in part.invites
        ]  # fmt: skip
        await self._record(lines, request=request, code="not-sent")

    def _not_sent(self, turn: Turn, left_at: float) -> Turn:
        self._no_answer(left_at)
        failures = max(self._health.failures, 1)
        wait_s = policy.backoff_s(
            failures, base_s=self._limits.base_s, cap_s=self._limits.cap_s, jitter=_chance()
        )
        return postponed(turn, due=_now() + wait_s)

    def _may_retry(self) -> bool:
        self._budget.refill(_now())
        return self._budget.spend()

    def _learn(self, turn: Turn, judgement: policy.Judgement) -> None:
        """Take from an answer what bears on other requests."""
        for part, findings in zip(turn.parts, judgement.findings, strict=True):
            self._campaigns.note(part, findings)
            if turn.size > 1 and any(f.verdict is policy.Verdict.SPLIT for f in findings):
                self._largest = min(self._largest or turn.size, turn.size // 2)

    async def _without_held(self, turn: Turn) -> Turn:
        """Settle the parts of held campaigns as not sent, and return the rest."""
        held = [part for part in turn.parts if part.campaign_token in self._campaigns.held]
        if not held:
            return turn
        lines = [
            LineResult(line=invite.line, key=None, state=None, outcome=Outcome.NOT_SENT,
                       code="campaign-held", attempts=turn.attempts, sent_at=turn.sent_at)
            for part in held
            for invite in part.invites
        ]  # fmt: skip
        await self._record(lines)
        kept = tuple(p for p in turn.parts if p.campaign_token not in self._campaigns.held)
        return replace(turn, parts=kept)

    # --- reading back

    async def _look(self, turn: Turn) -> tuple[Turn, ...]:
        if turn.looks and not self._may_retry():
            return (replace(turn, due=_now() + self._limits.cap_s),)
        if (beat := await self._throttle.turn()) is None:
            return (turn,)
        self._read_back += 1
        seen = None
        try:
            signed = await self._client.sign()
            answered = await self._client.get(turn.parts[0], signed)
            self._throttle.answered(beat)
        except NotSentError:
            return (self._not_sent(turn, beat.left_at),)  # nobody was asked: it is no look at all
        except MaybeSentError:
            self._no_answer(beat.left_at)
        else:
            trouble = policy.judge_read_back(answered, longest=READ_BACK_LIMIT)
            seen = answered if trouble is None else None
            effect = Effect.NONE if trouble is None else trouble
            code = answered.status.code if answered.status else str(answered.http_status)
            await self._react(effect, code, signed, beat.left_at, answered.retry_after)
            if trouble in (Effect.SLOW, Effect.RENEW):
                return (turn,)  # not this invite's doing: it is no look at all
        step = after_look(
            turn, seen, key=self._key_of, now=_now(), jitter=_chance(), limits=self._limits
        )
        await self._record(step.lines)
        return step.turns

    async def _still_absent(self, turn: Turn, signed: Mapping[str, str], beat: Beat) -> bool:
        """Look a last time before sending again, with no wait between the look and the act."""
        self._read_back += 1
        try:
            seen = await self._client.get(turn.parts[0], signed)
            self._throttle.answered(beat)
        except ClientError:
            return False
        return policy.judge_read_back(seen, longest=READ_BACK_LIMIT) is None and not any(
            lists(seen, part.type, invite.identifier_key)
            for part in turn.parts
            for invite in part.invites
        )

    # --- what follows for the run

    async def _record(
        self,
        lines: Iterable[LineResult],
        *,
        request: int | None = None,
        code: str = "",
        http_status: int = 0,
    ) -> None:
        """Make results durable, then count them."""
        settled = tuple(lines)
        if not settled:
            return
        await self._journal.write(
            Result(request=request, answered_at=datetime.now(UTC), http_status=http_status,
                   code=code, lines=settled)
        )  # fmt: skip
        tally: Tally = Counter(line.outcome for line in settled if line.outcome is not None)
        if tally:
            self.settled.update(tally)
            self._observe(tally)
        if reason := too_many_failures(self.settled, self._guards):
            self.stop(Stop(reason=reason))

    async def _react(
        self,
        effect: Effect,
        code: str,
        signed: Mapping[str, str],
        left_at: float,
        retry_after: str,
    ) -> None:
        """Let an answer bear on the requests that follow."""
        now = _now()
        if effect is Effect.SLOW:
            wait_s = policy.retry_after_s(retry_after, now=datetime.now(UTC))
            await self._throttle.refused(now, left_at=left_at, wait_s=wait_s)
            self._health.failed()
            self._stop_in_outage(now)
            return
        if effect is Effect.AILING:
            self._no_answer(left_at)
            return
        self._throttle.pace.succeeded()
        self._budget.earn()
        self._health.progressed(now)
        if effect is Effect.STOP or (effect is Effect.RENEW and not await self._renewed(signed)):
            reason = f"The platform refused our requests (code {code}); see the report."
            self.stop(Stop(reason=reason))

    async def _renewed(self, signed: Mapping[str, str]) -> bool:
        try:
            return await self._client.renew(signed)
        except NotSentError:
            return True  # no token just now: signing the next request tries again

    def _no_answer(self, left_at: float) -> None:
        now = _now()
        self._health.failed()
        if self._health.failures >= _FAILURES_TO_SLOW:
            self._throttle.slow_down(now, left_at=left_at, wait_s=None)
        self._stop_in_outage(now)

    def _stop_in_outage(self, now: float) -> None:
        if self._health.is_out(now):
            silent_s = now - self._health.progress_at
            reason = f"The platform has taken no request for {silent_s:.0f} seconds."
            self.stop(Stop(reason=reason))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads retries out; nothing secret rests on it
