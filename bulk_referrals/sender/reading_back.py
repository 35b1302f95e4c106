"""Reading back without sending: one GET per referrer and campaign, in the rate, with retries."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bulk_referrals import policy
from bulk_referrals.client import READ_BACK_LIMIT, Client
from bulk_referrals.errors import ClientError, LedgerError, NotSentError, UsageError
from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.ledger import RateSource
from bulk_referrals.policy import Effect, Pace
from bulk_referrals.sender.guards import Health
from bulk_referrals.sender.throttle import Throttle
from bulk_referrals.sender.turns import Limits

Seen = Callable[[int, ReadBack | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How reading back ended.

    Attributes:
        asked: GETs that left.
        throttled_s: seconds waited for the rate.
        stop_reason: a sentence when it ended before the last one; "" otherwise.
    """

    asked: int
    throttled_s: float
    stop_reason: str


class _EndedError(Exception):
    """Nothing further can be read; the message is a sentence for people."""


async def read_each(  # noqa: PLR0913 - whom to ask, whom to tell, and within which bounds
    client: Client,
    parts: Iterable[Part],
    seen: Seen,
    *,
    pace: Pace,
    concurrency: int,
    limits: Limits,
    outage_s: float,
    rate: RateSource | None = None,
    only_code: bool = False,
) -> Reading:
    """Read back each part's referrer in its campaign, once, and tell what was seen.

    Args:
        client: the API.
        parts: whom to ask for; taken as they are needed.
        seen: called with the position of each part and its answer, in no order: one that can be
            relied on, or one whose list is as long as was asked for and may have been cut; None
            where there was none within `limits.max_looks`.
        pace: how fast requests may leave.
        concurrency: most requests under way at once.
        limits: how often to ask for one, and how long to wait between.
        outage_s: longest time without any answer, seconds.
        rate: the organisation's one rate, where others send at the same time.
        only_code: ask for the referrers' codes alone.
    """
    health = Health(outage_s=outage_s, progress_at=_now())
    reader = _Reader(client, Throttle(pace, rate), limits, health, only_code=only_code)
    todo = enumerate(parts)
    reason = ""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(reader.work(todo, seen))
    except* _EndedError as ended:
        reason = str(ended.exceptions[0])
    return Reading(asked=reader.asked, throttled_s=reader.throttle.waited_s, stop_reason=reason)


def may_be_cut(answer: ReadBack) -> bool:
    """Tell whether a list is as long as was asked for: what it lacks is not shown absent."""
    return answer.matched and len(answer.invitees) >= READ_BACK_LIMIT


class _Reader:
    def __init__(
        self,
        client: Client,
        throttle: Throttle,
        limits: Limits,
        health: Health,
        *,
        only_code: bool,
    ) -> None:
        self.throttle = throttle
        self._only_code = only_code
        self.asked = 0
        self._client = client
        self._limits = limits
        self._health = health

    async def work(self, todo: Iterator[tuple[int, Part]], seen: Seen) -> None:
        """Take parts until there are none left."""
        for place, part in todo:
            seen(place, await self._look(part))

    async def _look(self, part: Part) -> ReadBack | None:
        looks = 0
        while looks < self._limits.max_looks:
            try:
                if (beat := await self.throttle.turn()) is None:
                    return None
                signed = await self._client.sign()
                self.asked += 1
                answer = await self._client.get(part, signed, only_code=self._only_code)
                self.throttle.answered(beat)
            except (UsageError, LedgerError) as error:
                raise _EndedError(str(error)) from error
            except ClientError:
                self._failed()
            else:
                trouble = self._judge(answer)
                if trouble is None:
                    self._worked()
                    return answer
                await self._troubled(trouble, answer, signed, beat.left_at)
                if trouble is Effect.SLOW:
                    continue  # not this referrer's doing: it is no look at all
            looks += 1
            await self._wait(looks)
        return None

    def _judge(self, answer: ReadBack) -> Effect | None:
        if self._only_code:
            return policy.judge_code(answer)
        trouble = policy.judge_read_back(answer, longest=READ_BACK_LIMIT)
        return None if trouble is Effect.NONE and may_be_cut(answer) else trouble

    async def _troubled(
        self, trouble: Effect, answer: ReadBack, signed: Mapping[str, str], left_at: float
    ) -> None:
        """Let an answer that cannot be relied on bear on the requests that follow."""
        if trouble is Effect.SLOW:
            wait_s = policy.retry_after_s(answer.retry_after, now=datetime.now(UTC))
            await self.throttle.refused(_now(), left_at=left_at, wait_s=wait_s)
        if trouble in {Effect.SLOW, Effect.AILING}:
            self._failed()
        elif trouble is Effect.STOP or (
            trouble is Effect.RENEW and not await self._renewed(signed)
        ):
            code = answer.status.code if answer.status else str(answer.http_status)
            message = f"The platform refused our requests (code {code})."
            raise _EndedError(message)
        else:
            self._worked()

    async def _renewed(self, signed: Mapping[str, str]) -> bool:
        try:
            return await self._client.renew(signed)
        except NotSentError:
            return True  # no token just now: signing the next request tries again
        except UsageError as error:
            raise _EndedError(str(error)) from error

    def _worked(self) -> None:
        self._health.progressed(_now())
        self.throttle.pace.succeeded()

    def _failed(self) -> None:
        now = _now()
        self._health.failed()
        if self._health.is_out(now):
            silent_s = now - self._health.progress_at
            message = f"The platform has given no answer for {silent_s:.0f} seconds."
            raise _EndedError(message)

    async def _wait(self, looks: int) -> None:
        wait_s = policy.backoff_s(
            looks,
            base_s=self._limits.base_s,
            cap_s=self._limits.cap_s,
            jitter=random.random(),  # noqa: S311 - spreads retries out; nothing secret rests on it
        )
        await asyncio.sleep(wait_s)


def _now() -> float:
    return asyncio.get_running_loop().time()
