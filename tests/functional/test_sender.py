"""What the sender does with a platform that answers, refuses, forgets or is silent.

The platform here is a transport: all of the client, the policy, the journal and the ledger above
it is the real thing. Time is virtual, so minutes of waiting take none.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from exchange_factory import body, customer, done, invite, part, part_of, seen, status
from virtual_time import TimedJournal, now, run

from bulk_referrals.client import Auth, BasicAuth, Client, OAuth
from bulk_referrals.errors import LedgerError, UsageError
from bulk_referrals.exchange import Lane, Part
from bulk_referrals.ledger import Entry, InviteState, RunRecord, Withheld
from bulk_referrals.ledger.sqlite import SqliteLedger
from bulk_referrals.model import Outcome, RunState
from bulk_referrals.policy import Pace
from bulk_referrals.sender import Limits, Sender, SendLimits, Stop, Tally

ACCEPTED, FAILED = Outcome.ACCEPTED, Outcome.FAILED
LIMITS = Limits(max_attempts=3, max_looks=3, settle_s=30.0)
GUARDS = SendLimits(outage_s=300.0)
TOKEN_PATH = "/v3/oauth/token/generate"

# What the platform does with one POST or GET; it may commit, answer, or fail to.
Act = Callable[["Platform", "Call"], Awaitable[httpx.Response]]


@dataclass(slots=True, kw_only=True)
class Call:
    """One request that reached the platform."""

    method: str
    referrers: list[str]
    identifiers: list[str]
    at: float
    signed: str
    parts: list[Part] = field(default_factory=list)


class Platform:
    """A platform that keeps what it accepts; acts replace its usual ways, call by call."""

    def __init__(
        self,
        *posts: Act | None,
        gets: Sequence[Act | None] = (),
        always: Act | None = None,
        always_get: Act | None = None,
    ) -> None:
        self.posts = list(posts)
        self.gets = list(gets)
        self.always = always
        self.always_get = always_get
        self.calls: list[Call] = []
        self.kept: Counter[tuple[str, str]] = Counter()
        self.tokens = 0
        self.busy: Counter[str] = Counter()
        self.most_busy = self.under_way = self.most_under_way = 0
        self.latency_s = 0.1
        self.at_post: Callable[[Call], None] = lambda _: None

    @property
    def sent(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    @property
    def looked(self) -> list[Call]:
        return [call for call in self.calls if call.method == "GET"]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            self.tokens += 1
            granted = {"accessToken": f"token-{self.tokens}", "ttlSeconds": 300}
            return httpx.Response(200, content=orjson.dumps({"data": granted}))
        call = _read(request)
        self.calls.append(call)
        self.busy.update(call.referrers)
        self.most_busy = max(self.most_busy, *self.busy.values())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.latency_s)
            return await self._act(call)(self, call)
        finally:
            self.busy.subtract(call.referrers)
            self.under_way -= 1

    def _act(self, call: Call) -> Act:
        planned = self.posts if call.method == "POST" else self.gets
        if call.method == "POST":
            self.at_post(call)
        usual = (self.always or accept) if call.method == "POST" else (self.always_get or show)
        return (planned.pop(0) if planned else None) or usual

    def commit(self, call: Call) -> None:
        for one in call.parts:
            self.kept.update((one.referrer, each.identifier) for each in one.invites)


def _read(request: httpx.Request) -> Call:
    signed = request.headers.get("x-cap-api-oauth-token", "") or request.headers["authorization"]
    if request.method == "GET":
        referrer = request.url.params.get("mobile") or request.url.params["email"]
        return Call(method="GET", referrers=[referrer], identifiers=[], at=now(), signed=signed)
    parts = [_part(entry) for entry in orjson.loads(request.content)["root"]["customer"]]
    return Call(
        method="POST",
        referrers=[one.referrer for one in parts],
        identifiers=[each.identifier for one in parts for each in one.invites],
        at=now(),
        signed=signed,
        parts=parts,
    )


def _part(entry: dict[str, Any]) -> Part:
    referrals = entry["referrals"]["referral_type"]
    return part(
        *(invite(each["identifier"]) for each in referrals["referral"]),
        referrer=entry.get("mobile") or entry["email"],
        campaign=entry["referrals"]["campaign_token"],
        kind=referrals["type"],
    )


# --- acts


async def accept(platform: Platform, call: Call) -> httpx.Response:
    platform.commit(call)
    return httpx.Response(200, content=done(*call.parts), headers={"X-Cap-Requestid": "r-1"})


async def show(platform: Platform, call: Call) -> httpx.Response:
    (referrer,) = call.referrers
    kept = [
        who for (of, who), times in platform.kept.items() for _ in range(times) if of == referrer
    ]
    return httpx.Response(200, content=seen(*kept, of=part(referrer=referrer)))


def lose(*, committed: bool) -> Act:
    async def act(platform: Platform, call: Call) -> httpx.Response:
        if committed:
            platform.commit(call)
        late = "late"
        raise httpx.ReadTimeout(late)

    return act


async def never_arrive(platform: Platform, call: Call) -> httpx.Response:
    del platform, call
    refused = "refused"
    raise httpx.ConnectError(refused)


def answer(
    code: object = 200, *, http: int = 200, retry_after: str = "", content: bytes | None = None
) -> Act:
    async def act(platform: Platform, call: Call) -> httpx.Response:
        del platform, call
        headers = {"Retry-After": retry_after} if retry_after else {}
        return httpx.Response(http, content=content or body(code), headers=headers)

    return act


def each_item(code: int) -> Act:
    async def act(platform: Platform, call: Call) -> httpx.Response:
        del platform
        refused = [customer(one, [], item=status(code)) for one in call.parts]
        return httpx.Response(200, content=body(500, *refused))

    return act


def stand_still(arrived: list[float], usual: Act) -> Act:
    """Take nothing in for 60 ms every five seconds, and note when each is taken in."""

    async def act(platform: Platform, call: Call) -> httpx.Response:
        await asyncio.sleep(max(0.06 - now() % 4.987, 0.0))
        arrived.append(now())
        return await usual(platform, call)

    return act


# --- the scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How a sending went."""

    sender: Sender
    results: dict[int, tuple[str, str]]  # line -> outcome and code
    states: dict[int, InviteState]
    seconds: float
    seen_by_observer: Tally

    @property
    def outcomes(self) -> dict[int, str]:
        return {line: outcome for line, (outcome, _) in self.results.items()}


def key_of(line: int) -> bytes:
    return line.to_bytes(16, "big")


def play(  # noqa: PLR0913 - a scene has as many properties as a sending
    platform: Platform,
    lanes: Iterable[Lane],
    folder: Path,
    *,
    rate_per_min: float | None = None,
    concurrency: int = 4,
    limits: Limits = LIMITS,
    guards: SendLimits = GUARDS,
    auth: Auth | None = None,
    doubtful: dict[int, int] | None = None,
    may_send: Callable[[], str] = lambda: "",
    stop_at_s: float | None = None,
    ledger: SqliteLedger | None = None,
    on_settled: Callable[[Tally], None] = lambda _: None,
) -> Scene:
    store = ledger or SqliteLedger(folder / "ledger.sqlite3")
    store.begin(
        RunRecord(run_id="run-1", version="1", started_at=datetime.now(UTC), timezone="UTC",
                  state=RunState.SENDING, target="sandbox", organisation="sandbox")
    )  # fmt: skip
    observed: Tally = Counter()

    def observe(tally: Tally) -> None:
        observed.update(tally)
        on_settled(tally)

    async def scene() -> tuple[Sender, float]:
        async with (
            Client(base_url="https://eu.example.com", timeout_s=60.0, concurrency=concurrency,
                   auth=auth or BasicAuth(username="store123", password="Pass123"),
                   transport=httpx.MockTransport(platform)) as client,
            TimedJournal(store, "run-1") as journal,
        ):  # fmt: skip
            sender = Sender(
                client=client, journal=journal, pace=Pace(rate_per_min=rate_per_min),
                concurrency=concurrency, limits=limits, guards=guards, key_of=key_of,
                doubtful=doubtful or {}, may_send=may_send, observe=observe,
            )  # fmt: skip
            if stop_at_s is not None:
                stop = Stop(reason="The run was interrupted.", interrupted=True)
                asyncio.get_running_loop().call_later(stop_at_s, sender.stop, stop)
            await sender.send(iter(lanes))
            return sender, now()

    with closing(store):
        sender, seconds = run(scene())
        rows = store.results("run-1").to_pylist()
        known = store.invites([key_of(line) for line in range(1000)])
    return Scene(
        sender=sender,
        results={row["line"]: (row["outcome"], row["code"]) for row in rows},
        states={int.from_bytes(key, "big"): record.state for key, record in known.items()},
        seconds=seconds,
        seen_by_observer=observed,
    )


def lane(referrer: int, *sizes: int, first_line: int | None = None) -> Lane:
    """A lane of one referrer: requests of these sizes."""
    line = referrer * 10 if first_line is None else first_line
    requests = []
    for size in sizes:
        requests.append((part_of(size, referrer=f"9199{referrer:08d}", first_line=line),))
        line += size
    return tuple(requests)


def lanes_of(referrers: int, *sizes: int) -> list[Lane]:
    return [lane(number, *(sizes or (1,))) for number in range(referrers)]


def one_each(platform: Platform) -> None:
    """Assert that nothing stands twice on the platform."""
    assert set(platform.kept.values()) <= {1}


# --- the usual way


def test_every_invite_is_sent_once_and_accepted(tmp_path: Path) -> None:
    platform = Platform()
    scene = play(platform, lanes_of(20, 3, 2), tmp_path)
    assert len(scene.results) == 100
    assert set(scene.results.values()) == {("accepted", "1000")}
    assert set(scene.states.values()) == {InviteState.ACCEPTED}
    assert sum(platform.kept.values()) == 100
    one_each(platform)
    assert (scene.sender.figures.sent, scene.sender.figures.retried) == (40, 0)
    assert scene.seen_by_observer == scene.sender.settled == Counter({ACCEPTED: 100})
    assert scene.sender.stopped is None


def test_never_two_requests_for_one_referrer_are_under_way(tmp_path: Path) -> None:
    platform = Platform(
        *[answer(521)] * 5, lose(committed=True), lose(committed=False), answer(1222)
    )
    play(platform, lanes_of(6, 2, 2, 2), tmp_path, concurrency=16)
    assert platform.most_busy == 1
    assert platform.most_under_way == 6
    one_each(platform)


def test_no_more_requests_are_under_way_than_allowed(tmp_path: Path) -> None:
    platform = Platform()
    play(platform, lanes_of(30), tmp_path, concurrency=5)
    assert platform.most_under_way == 5


def test_a_referrers_requests_leave_in_order(tmp_path: Path) -> None:
    platform = Platform(None, answer(461))
    play(platform, [lane(1, 1, 1, 1)], tmp_path)
    assert [call.identifiers[0][-2:] for call in platform.sent] == ["10", "11", "11", "12"]


def test_requests_leave_at_the_rate(tmp_path: Path) -> None:
    scene = play(Platform(), lanes_of(100), tmp_path, rate_per_min=600, concurrency=16)
    assert scene.seconds == pytest.approx(10.0, rel=0.05)
    assert scene.sender.figures.throttled_s > 0


@pytest.mark.parametrize("looks", [False, True])
def test_no_second_holds_more_than_the_rate_where_the_platform_stands_still(
    tmp_path: Path,
    looks: bool,  # noqa: FBT001 - a table's column
) -> None:
    arrived: list[float] = []
    platform = Platform(always=stand_still(arrived, accept), always_get=stand_still(arrived, show))
    lanes = lanes_of(400)
    if looks:
        platform.kept.update(
            (one.referrer, each.identifier)
            for (parts,) in lanes
            for one in parts
            for each in one.invites
        )
    doubtful = {n * 10: 1 for n in range(400)} if looks else {}
    scene = play(platform, lanes, tmp_path, rate_per_min=600, concurrency=16, doubtful=doubtful)
    assert set(scene.outcomes.values()) == {"accepted"}
    assert len(platform.looked) == (400 if looks else 0)
    assert all(after - before >= 1.0 for before, after in zip(arrived, arrived[10:], strict=False))
    assert scene.seconds < 40 / 0.97


def test_a_refusal_of_what_was_looked_for_first_counts_from_when_it_left(tmp_path: Path) -> None:
    """What was in doubt has its turn, and is looked for; meanwhile another is refused."""
    refused: dict[str, float] = {}

    async def look_for_two_seconds(platform: Platform, call: Call) -> httpx.Response:
        await asyncio.sleep(2.0)
        return await show(platform, call)

    async def refuse_each_once(platform: Platform, call: Call) -> httpx.Response:
        (referrer,) = call.referrers
        if now() < 5.0 or referrer in refused:
            return await accept(platform, call)
        refused[referrer] = now()
        return await answer(429)(platform, call)

    platform = Platform(always=refuse_each_once, always_get=look_for_two_seconds)
    lanes = [lane(1, 1), lane(2, *[1] * 55)]
    limits = replace(LIMITS, max_looks=1, settle_s=0.0)
    scene = play(platform, lanes, tmp_path, rate_per_min=600, doubtful={10: 1}, limits=limits)
    doubted, other = lanes[0][0][0].referrer, lanes[1][0][0].referrer
    (*_, last_look) = [call.at for call in platform.looked if call.at < refused[doubted]]
    assert last_look < refused[other] < refused[doubted]
    assert scene.sender._throttle.pace.slowed_at == refused[doubted]


def test_nothing_to_send_ends_at_once(tmp_path: Path) -> None:
    scene = play(Platform(), [], tmp_path)
    assert (scene.results, scene.seconds) == ({}, 0.0)


# --- a lost answer


def test_a_timed_out_request_is_read_back_before_it_is_sent_again(tmp_path: Path) -> None:
    platform = Platform(lose(committed=False))
    scene = play(platform, [lane(1, 2)], tmp_path)
    assert [call.method for call in platform.calls] == ["POST", *["GET"] * 4, "POST"]
    lost, *_, again = platform.calls
    assert again.at - lost.at >= LIMITS.settle_s
    assert set(scene.outcomes.values()) == {"accepted"}
    assert (scene.sender.figures.retried, scene.sender.figures.read_back) == (1, 4)
    one_each(platform)


def test_what_a_read_back_finds_is_accepted_without_being_sent_again(tmp_path: Path) -> None:
    platform = Platform(lose(committed=True))
    scene = play(platform, [lane(1, 2)], tmp_path)
    assert [call.method for call in platform.calls] == ["POST", "GET"]
    assert set(scene.outcomes.values()) == {"accepted"}
    one_each(platform)


@pytest.mark.parametrize(
    "act",
    [
        answer(500, http=500),
        answer(500),
        answer(http=502, content=b"<html>Bad gateway</html>"),
        answer(http=503, content=b"-"),
        answer(http=504, content=b"-"),
        answer(content=b"<html>Sign in</html>"),
        answer(content=b'{"response": {"sta'),
        answer(201),
        answer(1222),
    ],
)
def test_an_answer_that_does_not_tell_is_read_back(tmp_path: Path, act: Act) -> None:
    async def commit_and_act(platform: Platform, call: Call) -> httpx.Response:
        platform.commit(call)
        return await act(platform, call)

    for first in (act, commit_and_act):
        folder = tmp_path / str(first is act)
        platform = Platform(first)
        scene = play(platform, [lane(1, 2)], folder)
        assert platform.calls[1].method == "GET"
        assert set(scene.outcomes.values()) == {"accepted"}
        one_each(platform)


def test_a_request_that_lands_late_is_found_and_not_sent_again(tmp_path: Path) -> None:
    async def land_late(platform: Platform, call: Call) -> httpx.Response:
        asyncio.get_running_loop().call_later(20.0, platform.commit, call)
        late = "late"
        raise httpx.ReadTimeout(late)

    platform = Platform(land_late)
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert len(platform.sent) == 1
    assert scene.outcomes == {10: "accepted"}
    one_each(platform)


def test_absence_before_the_settle_time_is_not_believed(tmp_path: Path) -> None:
    platform = Platform(lose(committed=False))
    play(platform, [lane(1, 1)], tmp_path)
    early, first, second, last = (call.at for call in platform.looked)
    lost_at = platform.sent[0].at + platform.latency_s
    assert early < lost_at + 1
    assert lost_at + 30 <= first < second <= last
    assert platform.sent[1].at == last + platform.latency_s  # nothing comes between look and act


def test_one_absence_is_not_believed(tmp_path: Path) -> None:
    """A read-back that lags once must not lead to a second invite."""
    blind = answer(content=seen(of=part(referrer="919900000001")))
    platform = Platform(lose(committed=True), gets=[blind, blind])
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert (len(platform.sent), len(platform.looked)) == (1, 3)
    assert scene.outcomes == {10: "accepted"}


def test_what_is_lost_each_time_is_sent_a_bounded_number_of_times(tmp_path: Path) -> None:
    platform = Platform(always=lose(committed=False))
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert len(platform.sent) == LIMITS.max_attempts
    assert scene.outcomes == {10: "failed"}
    assert scene.states == {10: InviteState.UNKNOWN}


@pytest.mark.parametrize(
    "get",
    [
        answer(http=500, content=b"-"),
        answer(500),
        answer(content=b"garbled"),
        lose(committed=False),
        answer(content=seen(of=part(referrer="919811111111"))),
    ],
)
def test_when_nothing_can_be_read_back_it_is_unknown_and_never_resent(
    tmp_path: Path, get: Act
) -> None:
    platform = Platform(lose(committed=False), always_get=get)
    scene = play(platform, [lane(1, 2)], tmp_path)
    assert len(platform.sent) == 1
    assert len(platform.looked) == LIMITS.max_looks
    assert scene.outcomes == {10: "unknown", 11: "unknown"}
    assert set(scene.states.values()) == {InviteState.UNKNOWN}


def test_a_platform_that_cannot_be_reached_has_not_been_asked(tmp_path: Path) -> None:
    platform = Platform(lose(committed=True), gets=[never_arrive] * (LIMITS.max_looks + 2))
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert scene.outcomes == {10: "accepted"}


def test_a_521_after_a_lost_answer_is_read_back_for_the_lost_one_may_be_under_way(
    tmp_path: Path,
) -> None:
    platform = Platform(lose(committed=False), answer(521))
    scene = play(platform, [lane(1, 1)], tmp_path)
    lost, refused, again = platform.sent
    assert refused.at - lost.at >= LIMITS.settle_s
    assert again.at - refused.at >= LIMITS.settle_s
    assert scene.outcomes == {10: "accepted"}


def test_an_outage_of_answers_does_not_leave_retries_waiting_for_ever(tmp_path: Path) -> None:
    platform = Platform(*[lose(committed=False)] * 45)
    scene = play(platform, lanes_of(30), tmp_path)
    assert set(scene.outcomes.values()) == {"accepted"}


def test_only_what_was_lost_is_read_back(tmp_path: Path) -> None:
    async def half(platform: Platform, call: Call) -> httpx.Response:
        (one,) = call.parts
        told = [
            {"identifier": one.invites[0].identifier, "status": status(1701)},
            {"identifier": one.invites[1].identifier, "status": status(1222)},
        ]
        del platform
        return httpx.Response(200, content=body(201, customer(one, told)))

    platform = Platform(half)
    scene = play(platform, [lane(1, 2)], tmp_path)
    assert [len(call.identifiers) for call in platform.sent] == [2, 1]
    assert scene.results == {10: ("failed", "1701"), 11: ("accepted", "1000")}


def test_what_an_earlier_sitting_left_in_doubt_is_read_back_first(tmp_path: Path) -> None:
    platform = Platform()
    platform.kept["919900000001", "919800000010"] = 1
    scene = play(platform, [lane(1, 3)], tmp_path, doubtful={10: 1, 11: 1})
    assert platform.calls[0].method == "GET"
    assert set(scene.outcomes.values()) == {"accepted"}
    assert sorted(each for call in platform.sent for each in call.identifiers) == [
        "919800000011",
        "919800000012",
    ]
    one_each(platform)


# --- refusals to listen


@pytest.mark.parametrize("act", [answer(521), answer(461), answer(461, http=461)])
def test_a_busy_platform_is_asked_again_without_reading_back(tmp_path: Path, act: Act) -> None:
    platform = Platform(act)
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert [call.method for call in platform.calls] == ["POST", "POST"]
    assert scene.outcomes == {10: "accepted"}


def test_a_platform_that_stays_busy_is_given_up_after_the_last_attempt(tmp_path: Path) -> None:
    platform = Platform(always=answer(521))
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert len(platform.sent) == LIMITS.max_attempts
    assert scene.results == {10: ("failed", "521")}
    assert scene.states == {10: InviteState.REFUSED}


@pytest.mark.parametrize(
    "act", [answer(429, http=429, retry_after="60"), answer(517, retry_after="60")]
)
def test_a_rate_limit_is_honoured_by_all_and_then_by_a_slower_pace(
    tmp_path: Path, act: Act
) -> None:
    platform = Platform(act)
    scene = play(platform, lanes_of(40), tmp_path, rate_per_min=600, concurrency=16)
    refused_at = platform.sent[0].at + platform.latency_s
    later = [call.at for call in platform.sent if call.at > refused_at]
    assert min(later) >= refused_at + 60
    assert later[4] - later[0] > 4 * 0.1 * 1.3
    assert set(scene.outcomes.values()) == {"accepted"}
    assert len(scene.results) == 40


def test_a_rate_limit_never_gives_a_row_up(tmp_path: Path) -> None:
    platform = Platform(*[answer(429, http=429, retry_after="1")] * 20)
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert len(platform.sent) == 21
    assert scene.outcomes == {10: "accepted"}


def test_too_large_a_request_is_halved_and_the_rest_learns_from_it(tmp_path: Path) -> None:
    async def at_most_two(platform: Platform, call: Call) -> httpx.Response:
        if len(call.identifiers) > 2:
            return await answer(1060)(platform, call)
        return await accept(platform, call)

    platform = Platform(always=at_most_two)
    scene = play(platform, [lane(1, 8), lane(2, 8)], tmp_path, concurrency=1)
    assert [len(call.identifiers) for call in platform.sent] == [8, 4, *[2] * 8]
    assert Counter(scene.outcomes.values()) == {"accepted": 16}
    one_each(platform)


def test_one_invite_that_is_too_large_is_refused_for_good(tmp_path: Path) -> None:
    platform = Platform(always=answer(1060))
    scene = play(platform, [lane(1, 2)], tmp_path)
    assert [len(call.identifiers) for call in platform.sent] == [2, 1, 1]
    assert set(scene.results.values()) == {("failed", "1060")}


def test_an_internal_error_is_read_back_and_tried_a_bounded_number_of_times(
    tmp_path: Path,
) -> None:
    platform = Platform(always=each_item(1222))
    scene = play(platform, [lane(1, 1)], tmp_path)
    methods = [call.method for call in platform.calls]
    looked, looked_a_last_time = ["GET"] * 3, ["GET"]
    again = ["POST", *looked, *looked_a_last_time] * (LIMITS.max_attempts - 1)
    assert methods == [*again, "POST", *looked]
    assert scene.results == {10: ("failed", "1222")}


def test_a_connection_that_was_never_made_is_tried_again_without_reading_back(
    tmp_path: Path,
) -> None:
    platform = Platform(*[never_arrive] * 5)
    scene = play(platform, [lane(1, 1)], tmp_path)
    assert platform.looked == []
    assert len(platform.sent) == 6
    assert scene.outcomes == {10: "accepted"}


# --- credentials


def oauth() -> OAuth:
    return OAuth(token_url=f"https://eu.example.com{TOKEN_PATH}", key="k", secret="s")


@pytest.mark.parametrize("act", [answer(401, http=401), answer(401)])
def test_a_refused_token_is_renewed_and_the_request_sent_again(tmp_path: Path, act: Act) -> None:
    platform = Platform(act)
    scene = play(platform, [lane(1, 1)], tmp_path, auth=oauth())
    assert [call.signed for call in platform.sent] == ["token-1", "token-2"]
    assert scene.outcomes == {10: "accepted"}
    assert scene.sender.stopped is None


def test_a_renewed_token_that_is_refused_stops_the_run(tmp_path: Path) -> None:
    platform = Platform(always=answer(401, http=401))
    scene = play(platform, lanes_of(9), tmp_path, auth=oauth(), concurrency=1)
    assert [call.signed for call in platform.sent] == ["token-1", "token-2"]
    assert scene.sender.stopped is not None
    assert "401" in scene.sender.stopped.reason
    assert scene.results == {}


@pytest.mark.parametrize("code", [401, 403, 404, 405, 415])
def test_what_no_other_request_can_better_stops_the_run(tmp_path: Path, code: int) -> None:
    platform = Platform(always=answer(code, http=code))
    scene = play(platform, lanes_of(9), tmp_path, concurrency=1)
    assert len(platform.sent) == 1
    assert scene.sender.stopped is not None
    assert str(code) in scene.sender.stopped.reason
    assert not scene.sender.stopped.interrupted
    assert scene.results == {}
    assert set(scene.states.values()) == {InviteState.REFUSED}


def test_a_redirect_stops_the_run(tmp_path: Path) -> None:
    scene = play(Platform(always=answer(http=302, content=b"-")), lanes_of(9), tmp_path)
    assert scene.sender.stopped is not None


def test_credentials_that_get_no_token_stop_the_run_before_anything_leaves(
    tmp_path: Path,
) -> None:
    class NoToken(Platform):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            assert request.url.path == TOKEN_PATH
            return httpx.Response(401)

    with pytest.raises(UsageError, match="No access token"):
        play(NoToken(), lanes_of(9), tmp_path, auth=oauth())


# --- guards


def test_a_campaign_is_held_after_three_refusals_in_a_row(tmp_path: Path) -> None:
    async def one_campaign(platform: Platform, call: Call) -> httpx.Response:
        bad = call.parts[0].campaign_token == "GONE"
        return await (each_item(1202) if bad else accept)(platform, call)

    gone = [((part(invite(line=n), referrer=f"9199{n:08d}", campaign="GONE"),),) for n in range(6)]
    good = lane(9, 1, first_line=90)
    platform = Platform(always=one_campaign)
    scene = play(platform, [*gone, good], tmp_path, concurrency=1)
    assert scene.results == {
        **dict.fromkeys(range(3), ("failed", "1202")),
        **dict.fromkeys(range(3, 6), ("not_sent", "campaign-held")),
        90: ("accepted", "1000"),
    }
    assert scene.sender.campaigns_held == 1


def test_refusals_that_are_not_in_a_row_hold_nothing(tmp_path: Path) -> None:
    refused = each_item(1203)
    platform = Platform(refused, refused, None, refused, refused)
    scene = play(platform, lanes_of(6), tmp_path, concurrency=1)
    assert scene.sender.campaigns_held == 0
    assert len(platform.sent) == 6


def test_more_failures_than_allowed_stop_the_run(tmp_path: Path) -> None:
    platform = Platform(always=each_item(1012))
    scene = play(platform, lanes_of(20), tmp_path, concurrency=1,
                 guards=SendLimits(max_failures=3))  # fmt: skip
    assert len(platform.sent) == 4
    assert scene.sender.stopped is not None
    assert "--max-failures" in scene.sender.stopped.reason


def test_a_larger_share_of_failures_than_allowed_stops_the_run(tmp_path: Path) -> None:
    platform = Platform(*[None, None, None, each_item(1012)] * 50)
    scene = play(platform, lanes_of(100), tmp_path, concurrency=1,
                 guards=SendLimits(max_failure_rate=0.2))  # fmt: skip
    assert scene.sender.stopped is not None
    assert "--max-failure-rate" in scene.sender.stopped.reason
    assert len(platform.sent) == 50


@pytest.mark.parametrize(
    "act",
    [
        never_arrive,
        lose(committed=False),
        answer(429, http=429),
        answer(http=502, content=b"<html>Bad gateway</html>"),
        answer(content=b"<html>Please sign in</html>"),
    ],
)
def test_an_outage_stops_the_run_and_is_not_answered_by_a_storm(tmp_path: Path, act: Act) -> None:
    platform = Platform(always=act, always_get=act)
    scene = play(platform, lanes_of(200), tmp_path, rate_per_min=600, concurrency=16)
    assert scene.sender.stopped is not None
    assert "has taken no request" in scene.sender.stopped.reason
    assert scene.seconds < 500
    assert len(platform.calls) < 0.5 * 10 * scene.seconds


def test_a_sentence_that_forbids_sending_stops_the_run(tmp_path: Path) -> None:
    platform = Platform()
    scene = play(platform, lanes_of(9), tmp_path, concurrency=1,
                 may_send=lambda: "Quiet." if len(platform.sent) == 4 else "")  # fmt: skip
    assert len(platform.sent) == 4
    assert scene.sender.stopped == Stop(reason="Quiet.")
    assert len(scene.results) == 4


# --- stopping


def test_a_stop_begins_nothing_more_and_awaits_what_is_under_way(tmp_path: Path) -> None:
    platform = Platform()
    platform.latency_s = 5.0
    scene = play(platform, lanes_of(30), tmp_path, concurrency=4, stop_at_s=7.0)
    assert len(platform.sent) == 8
    assert Counter(scene.outcomes.values()) == {"accepted": 8}
    assert scene.sender.stopped is not None
    assert scene.sender.stopped.interrupted
    assert scene.seconds == pytest.approx(10.0)


def test_a_request_that_waits_for_its_beat_does_not_leave_after_a_stop(tmp_path: Path) -> None:
    platform = Platform()
    scene = play(platform, lanes_of(9), tmp_path, rate_per_min=6, stop_at_s=1.0)
    assert len(platform.sent) == 1
    left = {line: state for line, state in scene.states.items() if line not in scene.results}
    assert set(left.values()) == {InviteState.REFUSED}  # known not to have left
    assert scene.seconds < 2.0


def test_a_stop_does_not_wait_for_what_is_to_be_tried_later(tmp_path: Path) -> None:
    platform = Platform(lose(committed=True))
    scene = play(platform, [lane(1, 1)], tmp_path, stop_at_s=0.2)
    assert scene.seconds < 1.0
    assert scene.results == {}
    assert scene.states == {10: InviteState.UNKNOWN}


# --- the order of the journal


def in_ledger(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as db:
        return db.execute(query).fetchall()


def test_the_intent_of_every_request_is_durable_before_it_leaves(tmp_path: Path) -> None:
    checked: list[str] = []

    def look(call: Call) -> None:
        rows = in_ledger(tmp_path, "SELECT key FROM invites WHERE state = 1")
        in_flight = {int.from_bytes(key, "big") for (key,) in rows}
        assert {int(each[5:]) for each in call.identifiers} <= in_flight
        checked.extend(call.identifiers)

    platform = Platform(answer(521), lose(committed=False), answer(1060))
    platform.at_post = look
    scene = play(platform, lanes_of(10, 2), tmp_path)
    assert set(scene.outcomes.values()) == {"accepted"}
    assert len(checked) > 20


def test_a_result_is_durable_before_it_is_counted(tmp_path: Path) -> None:
    counted: Tally = Counter()

    def look(tally: Tally) -> None:
        counted.update(tally)
        (durable,) = in_ledger(tmp_path, "SELECT count(*) FROM results")[0]
        assert durable >= counted.total()

    play(Platform(each_item(1012)), lanes_of(20), tmp_path, on_settled=look)
    assert counted == {ACCEPTED: 19, FAILED: 1}


class FailingLedger(SqliteLedger):
    """Fails at one write, and from then on at every one, as a full disk does."""

    def __init__(self, path: Path, *, at: int) -> None:
        super().__init__(path)
        self.left = at

    def write(self, run_id: str, entries: Sequence[Entry]) -> dict[bytes, Withheld]:
        self.left -= 1
        if self.left <= 0:
            full = "the disk is full"
            raise LedgerError(full)
        return super().write(run_id, entries)


@pytest.mark.parametrize("at", range(1, 14))
def test_nothing_that_is_not_journaled_leaves_when_the_ledger_fails(
    tmp_path: Path, at: int
) -> None:
    platform = Platform()
    ledger = FailingLedger(tmp_path / "ledger.sqlite3", at=at)
    with pytest.raises(LedgerError, match="full"):
        play(platform, lanes_of(20, 1, 1), tmp_path, ledger=ledger)
    journaled = {
        int.from_bytes(key, "big") for (key,) in in_ledger(tmp_path, "SELECT key FROM invites")
    }
    left = {int(each[5:]) for call in platform.sent for each in call.identifiers}
    assert left <= journaled
    assert len(left) < 40
    (accepted,) = in_ledger(tmp_path, "SELECT count(*) FROM invites WHERE state = 3")[0]
    assert accepted <= sum(platform.kept.values())
