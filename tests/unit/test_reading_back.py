"""Reading back without sending: one GET each, in the rate, until an answer can be relied on."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import httpx
import orjson
import pytest
from exchange_factory import part, seen, status
from virtual_time import now, run

from bulk_referrals.client import Auth, BasicAuth, Client, OAuth
from bulk_referrals.errors import LedgerError
from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.ledger import RateSource
from bulk_referrals.policy import Pace
from bulk_referrals.sender import Limits, Reading, may_be_cut, read_each, reading_back

HOST = "https://eu.intouch.capillarytech.com"
TOKEN_URL = "https://tokens.example.com/v3/oauth/token/generate"
BASIC = BasicAuth(username="store123", password="Pass123")
PEOPLE = [part(referrer=f"9179998364{n:02d}") for n in range(12)]

Answering = Callable[[httpx.Request], httpx.Response]


class Platform:
    """Lists one invitee for everybody, after what it is told to do first to each referrer."""

    def __init__(self, *first: Answering) -> None:
        self.first = first
        self.asked: list[tuple[float, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        who = request.url.params["mobile"]
        self.asked.append((now(), who))
        times = sum(name == who for _, name in self.asked)
        if times <= len(self.first):
            return self.first[times - 1](request)
        return httpx.Response(200, content=seen("917000000001", of=part(referrer=who)))

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.asked]


def refusing(http_status: int, **headers: str) -> Answering:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(http_status, headers=named)


def breaking_off(request: httpx.Request) -> httpx.Response:
    message = "cut"
    raise httpx.ReadError(message, request=request)


def read(
    platform: Answering,
    people: list[Part] | None = None,
    *,
    auth: Auth = BASIC,
    rate_per_min: float | None = None,
    max_looks: int = 3,
    rate: RateSource | None = None,
) -> tuple[Mapping[int, ReadBack | None], Reading]:
    answers: dict[int, ReadBack | None] = {}

    async def scene() -> Reading:
        transport = httpx.MockTransport(platform)
        async with Client(
            base_url=HOST, auth=auth, timeout_s=5.0, concurrency=4, transport=transport
        ) as client:
            return await read_each(
                client,
                PEOPLE if people is None else people,
                answers.__setitem__,
                pace=Pace(rate_per_min=rate_per_min),
                rate=rate,
                concurrency=4,
                limits=Limits(max_looks=max_looks),
                outage_s=60.0,
            )

    return answers, run(scene())


def test_everybody_is_asked_for_once_and_nothing_is_sent() -> None:
    platform = Platform()
    answers, reading = read(platform)
    assert sorted(platform.names) == [each.referrer for each in PEOPLE]
    assert sorted(answers) == list(range(12))
    assert all(
        each and each.invitees == (("MOBILE", "917000000001"),) for each in answers.values()
    )
    assert reading == Reading(asked=12, throttled_s=reading.throttled_s, stop_reason="")


def test_an_answer_goes_with_the_one_it_is_about() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        who = request.url.params["mobile"]
        return httpx.Response(200, content=seen(who[::-1], of=part(referrer=who)))

    answers, _ = read(answering)
    for place, answer in answers.items():
        assert answer is not None
        assert answer.invitees[0][1] == PEOPLE[place].referrer[::-1]


def test_nobody_to_ask_for_is_done_at_once() -> None:
    assert read(Platform(), []) == ({}, Reading(asked=0, throttled_s=0.0, stop_reason=""))


def test_the_rate_is_kept() -> None:
    platform = Platform()
    _, reading = read(platform, rate_per_min=60)
    times = [at for at, _ in platform.asked]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 1.0
    assert reading.throttled_s > 0


@pytest.mark.parametrize(
    "fault",
    [refusing(503), refusing(500), refusing(200), breaking_off],
    ids=["503", "500", "empty", "cut"],
)
def test_what_may_pass_is_asked_again_after_a_while(fault: Answering) -> None:
    platform = Platform(fault, fault)
    answers, reading = read(platform, PEOPLE[:1])
    assert answers[0] is not None
    assert reading.asked == 3
    assert platform.asked[0][0] < platform.asked[1][0] < platform.asked[2][0]


@pytest.mark.parametrize("fault", [refusing(503), breaking_off], ids=["503", "cut"])
def test_one_who_cannot_be_read_is_given_up_and_the_others_are_not(fault: Answering) -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        who = request.url.params["mobile"]
        if who == PEOPLE[3].referrer:
            return fault(request)
        return httpx.Response(200, content=seen(of=part(referrer=who)))

    answers, reading = read(answering, max_looks=4)
    assert [place for place, answer in sorted(answers.items()) if answer is None] == [3]
    assert reading.asked == 11 + 4
    assert reading.stop_reason == ""


def test_who_asks_for_patience_gets_it_and_it_is_no_look_at_all() -> None:
    platform = Platform(*[refusing(429, retry_after="7")] * 9)
    answers, _ = read(platform, PEOPLE[:1], max_looks=1)
    times = [at for at, _ in platform.asked]
    assert answers[0] is not None
    assert all(later - earlier >= 7 for earlier, later in pairwise(times))


def test_a_platform_that_says_nothing_for_long_ends_it() -> None:
    answers, reading = read(refusing(503), max_looks=100)
    assert answers == {}
    assert "no answer for" in reading.stop_reason


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_refusal_of_all_requests_ends_it(code: int) -> None:
    answers, reading = read(refusing(code))
    assert answers == {}
    assert f"(code {code})" in reading.stop_reason
    assert reading.asked <= 4


def test_credentials_that_get_no_token_end_it_without_their_secret() -> None:
    oauth = OAuth(token_url=TOKEN_URL, key="key-1", secret="hush-hush")
    _, reading = read(refusing(401), auth=oauth)
    assert reading.asked == 0
    assert "BULK_REFERRALS_CLIENT_SECRET" in reading.stop_reason
    assert "hush" not in reading.stop_reason


def test_a_token_that_has_ended_is_renewed_and_the_question_asked_again() -> None:
    tokens: list[str] = []

    def answering(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/generate"):
            tokens.append(f"token-{len(tokens)}")
            granted = {"data": {"accessToken": tokens[-1], "ttlSeconds": 300}}
            return httpx.Response(200, content=orjson.dumps(granted))
        if request.headers["X-CAP-API-OAUTH-TOKEN"] == "token-0":
            return httpx.Response(401)
        return httpx.Response(200, content=seen(of=part(referrer=request.url.params["mobile"])))

    answers, reading = read(answering, auth=OAuth(token_url=TOKEN_URL, key="k", secret="s"))
    assert all(answers.values())
    assert (len(answers), len(tokens), reading.stop_reason) == (12, 2, "")


def test_a_list_as_long_as_was_asked_for_is_said_to_be_perhaps_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_back, "READ_BACK_LIMIT", 1)
    answers, reading = read(Platform(), PEOPLE[:1])
    assert answers[0] is not None
    assert may_be_cut(answers[0])
    assert reading.asked == 1


def test_nobody_there_is_an_answer() -> None:
    nobody = {"customer": {"item_status": status(1012)}, "status": status(200)}
    content = orjson.dumps({"response": nobody})
    answers, reading = read(lambda _: httpx.Response(200, content=content), PEOPLE[:1])
    assert answers[0] is not None
    assert not may_be_cut(answers[0])
    assert reading.asked == 1


def test_a_shared_rate_that_is_lost_ends_it_in_its_own_words() -> None:
    class Lost:
        def take(self, count: int, interval_s: float) -> float:
            del count, interval_s
            message = "The ledger cannot be reached."
            raise LedgerError(message)

        def hold(self, wait_s: float) -> None: ...
        def close(self) -> None: ...

    _, reading = read(Platform(), rate_per_min=60, rate=Lost())
    assert (reading.asked, reading.stop_reason) == (0, "The ledger cannot be reached.")
