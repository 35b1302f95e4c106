import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bulk_referrals.sandbox import SandboxOptions
from bulk_referrals.sandbox.access import basic_header
from bulk_referrals.sandbox.app import REFERRALS_PATH, TOKEN_PATH, SandboxApp

CODE = "20240910T16:35:52.pV7BF"
BASIC = {"Authorization": basic_header("store123", "Pass123")}


class Clock:
    """Seconds since the epoch, which pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Platform:
    """The sandbox in process, called as a client would."""

    def __init__(self, runner: asyncio.Runner, **options: Any) -> None:
        self.clock = Clock()
        self._app = SandboxApp(SandboxOptions(**options), clock=self.clock)
        self._runner = runner

    def call(self, method: str, path: str = REFERRALS_PATH, **kwargs: Any) -> httpx.Response:
        return self._runner.run(self._call(method, path, **kwargs))

    async def _call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        kwargs.setdefault("headers", BASIC)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return await client.request(method, path, **kwargs)

    def post(self, *customers: dict[str, Any], **kwargs: Any) -> httpx.Response:
        return self.call("POST", json={"root": {"customer": list(customers)}}, **kwargs)

    def get(self, **params: str) -> httpx.Response:
        return self.call("GET", params={"mobile": "7999836466", **params})

    def invites(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/_sandbox/invites").json()["invites"]
        return found

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "/_sandbox/stats").json()
        return found

    def listed(self, **params: str) -> list[str]:
        customer = self.get(**params).json()["response"]["customer"]
        groups = customer["invitees"]["referral_type"]
        return [one["identifier"] for group in groups for one in group["invitee"]]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def platform(runner: asyncio.Runner) -> Platform:
    return Platform(runner)


def referral(identifier: str = "7999836416", **more: str) -> dict[str, str]:
    named = {"id": "", "invited_on": CODE, "name": "Shikhar", "identifier": identifier}
    return named | more


def customer(
    *identifiers: str, mobile: str = "7999836466", campaign: str = "J0H7Q", kind: str = "MOBILE"
) -> dict[str, Any]:
    listed = [referral(identifier) for identifier in identifiers or ("7999836416",)]
    return {
        "mobile": mobile,
        "referrals": {
            "campaign_token": campaign,
            "referral_type": {"type": kind, "referral": listed},
        },
    }


def verdicts(response: httpx.Response) -> tuple[int, list[int], list[int | None]]:
    """The codes of the request, of its customers, and of its referrals."""
    answer = response.json()["response"]
    customers = answer["customers"]["customer"]
    referrals = [
        one.get("status", {}).get("code")
        for each in customers
        for group in each["referrals"]["referral_type"]
        for one in group["referral"]
    ]
    return answer["status"]["code"], [one["item_status"]["code"] for one in customers], referrals


# --- shapes


def test_a_post_is_answered_in_the_shape_of_the_reference(platform: Platform) -> None:
    response = platform.post(customer("79998364"))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-cap-requestid"]
    assert response.json() == {
        "response": {
            "status": {"success": "true", "code": 200, "message": "SUCCESS"},
            "customers": {
                "customer": [
                    {
                        "email": None,
                        "mobile": "917999836466",
                        "external_id": None,
                        "firstname": "Sandbox",
                        "lastname": "",
                        "referrals": {
                            "referral_type": [
                                {
                                    "type": "MOBILE",
                                    "referral": [
                                        {
                                            "id": "",
                                            "name": "Shikhar",
                                            "identifier": "79998364",
                                            "invited_on": CODE,
                                            "status": {
                                                "success": "false",
                                                "code": 1701,
                                                "message": "Invalid Identifier for the type",
                                            },
                                        }
                                    ],
                                }
                            ]
                        },
                        "item_status": {
                            "success": "true",
                            "code": 1000,
                            "message": "Referrals are invited successfully",
                        },
                    }
                ]
            },
        }
    }


def test_a_get_is_answered_in_the_shape_of_the_reference(platform: Platform) -> None:
    platform.post(customer())
    response = platform.get(campaign_token="J0H7Q")
    assert response.headers["x-cap-requestid"]
    assert response.json() == {
        "response": {
            "status": {"success": "true", "code": 200, "message": "SUCCESS"},
            "customer": {
                "email": None,
                "mobile": "917999836466",
                "external_id": None,
                "firstname": "Sandbox",
                "lastname": "",
                "referral_code": "pV7BF",
                "invitees": {
                    "referral_type": [
                        {
                            "type": "MOBILE",
                            "invitee": [
                                {
                                    "identifier": "917999836416",
                                    "name": "Shikhar",
                                    "invited_on": "2024-09-10 16:35:52.0",
                                    "till": {"code": "store123", "name": "store123"},
                                }
                            ],
                        }
                    ]
                },
                "referees": {"referee": []},
                "incentives": [],
                "item_status": {
                    "success": "true",
                    "code": 1000,
                    "message": "Referral statistics retrieved successfully",
                },
            },
        }
    }


def test_a_terse_server_leaves_out_the_status_of_what_it_accepts(runner: asyncio.Runner) -> None:
    response = Platform(runner, terse=True).post(customer("7999836416", "1"))
    assert verdicts(response) == (200, [1000], [None, 1701])


def test_a_loose_server_writes_booleans_text_codes_and_lone_objects(
    runner: asyncio.Runner,
) -> None:
    loose = Platform(runner, loose=True)
    answer = loose.post(customer()).json()["response"]
    assert answer["status"] == {"success": True, "code": "200", "message": "SUCCESS"}
    only = answer["customers"]["customer"]["referrals"]["referral_type"]["referral"]
    assert only["status"]["code"] == "1000"
    both = loose.post(customer(), customer(mobile="7999836467")).json()["response"]
    order = [one["mobile"] for one in both["customers"]["customer"]]
    assert order == ["917999836467", "917999836466"]


# --- verdicts


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        (customer(), (200, [1000], [1000])),
        (customer("917999836416", "+971564265901"), (200, [1000], [1000, 1000])),
        (customer("1", "7999836416"), (200, [1000], [1701, 1000])),
        (customer("1"), (200, [1000], [1701])),
        (customer("a@b.in", "a@b", "7999836416", kind="EMAIL"), (200, [1000], [1000, 1701, 1701])),
        (
            customer("x" * 95 + "@b.in", "x" * 96 + "@b.in", kind="EMAIL"),
            (200, [1000], [1000, 1701]),
        ),
        (customer(kind="WHATSAPP"), (200, [1000], [1206])),
        (customer(campaign="INVALID1"), (500, [1202], [None])),
        (customer(campaign="MISCONF"), (500, [1203], [None])),
        (customer(campaign="BROKEN2"), (500, [1222], [None])),
        (customer(campaign="CODE9999"), (500, [9999], [None])),
        (customer(mobile="abc"), (500, [1011], [])),
        (customer(mobile="9876001011"), (500, [1011], [])),
        (customer(mobile="9876001012"), (500, [1012], [])),
        (customer(mobile="9876001204"), (500, [1204], [None])),
        (customer(mobile="9876001205"), (500, [1205], [None])),
        (customer(mobile="9876001222"), (500, [1222], [None])),
    ],
)
def test_every_verdict_of_an_item_can_be_reached(
    platform: Platform, asked: dict[str, Any], codes: tuple[int, list[int], list[int | None]]
) -> None:
    assert verdicts(platform.post(asked)) == codes
    assert len(platform.invites()) == codes[2].count(1000)


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("Asha@Example.in", 1000),
        ("noid@example.in", 1011),
        ("unknown@example.in", 1012),
        ("ineligible@example.in", 1204),
        ("outside@example.in", 1205),
        ("broken@example.in", 1222),
        ("asha@example", 1011),
    ],
)
def test_a_referrer_may_be_named_by_email(platform: Platform, email: str, code: int) -> None:
    asked = customer()
    del asked["mobile"]
    response = platform.post(asked | {"email": email})
    assert verdicts(response)[1] == [code]
    assert [one["referrer"] for one in platform.invites()] == (
        ["asha@example.in"] if code == 1000 else []
    )


@pytest.mark.parametrize("field", ["external_id", "id"])
def test_a_referrer_may_be_named_by_another_identity(platform: Platform, field: str) -> None:
    asked = customer()
    del asked["mobile"]
    assert verdicts(platform.post(asked | {field: "C-17"}))[1] == [1000]
    assert platform.invites()[0]["referrer"] == "C-17"


@pytest.mark.parametrize(("code", "http"), [(517, 200), (521, 200), (1060, 200)])
def test_codes_that_travel_in_a_body_with_http_200(
    platform: Platform, code: int, http: int
) -> None:
    response = platform.post(customer(campaign=f"CODE{code}"))
    assert (response.status_code, response.json()["response"]["status"]["code"]) == (http, code)
    assert response.json()["response"]["status"]["success"] == "false"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 415, 429, 461, 500, 502, 503, 504])
def test_every_code_of_a_request_can_be_reached_and_commits_nothing(
    platform: Platform, code: int
) -> None:
    response = platform.post(customer(campaign=f"CODE{code}"))
    assert response.status_code == code
    assert response.json()["response"]["status"]["code"] == code
    assert "customers" not in response.json()["response"]
    assert response.headers["x-cap-requestid"]
    assert platform.invites() == []


def test_some_failed_customers_give_201_and_all_of_them_500_with_items(platform: Platform) -> None:
    unknown = customer(mobile="9876001012")
    assert verdicts(platform.post(customer(), unknown))[:2] == (201, [1000, 1012])
    response = platform.post(unknown, unknown)
    assert verdicts(response)[:2] == (500, [1012, 1012])
    assert response.status_code == 200


def test_totals_may_count_referrals_and_be_mirrored_in_http(runner: asyncio.Runner) -> None:
    strict = Platform(runner, totals="referrals", mirror=True)
    some, none = strict.post(customer("1", "7999836416")), strict.post(customer("1"))
    assert (some.status_code, verdicts(some)) == (201, (201, [1000], [1701, 1000]))
    assert (none.status_code, verdicts(none)) == (500, (500, [1000], [1701]))


def test_only_the_listed_customers_are_known_where_there_is_a_list(runner: asyncio.Runner) -> None:
    closed = Platform(runner, customers=frozenset({"917999836466"}), unknown_code=1011)
    codes = [verdicts(closed.post(customer(mobile=m)))[1] for m in ("7999836466", "7999836467")]
    assert codes == [[1000], [1011]]


# --- what is stored


def test_a_referrer_comes_back_with_its_country_code_however_it_was_sent(
    platform: Platform,
) -> None:
    for mobile in ("7999836466", "917999836466", "+917999836466"):
        platform.post(customer(mobile=mobile))
    assert {one["referrer"] for one in platform.invites()} == {"917999836466"}
    assert len(platform.listed(campaign_token="J0H7Q")) == 3


def test_a_foreign_mobile_of_ten_digits_is_not_taken_for_one_of_the_base_country(
    platform: Platform,
) -> None:
    platform.post(customer("4791234567"))
    assert platform.invites()[0]["identifier"] == "4791234567"


def test_the_same_invite_again_is_a_second_invite(platform: Platform) -> None:
    platform.post(customer("7999836416", "7999836416"))
    platform.post(customer("7999836416"))
    assert platform.listed(campaign_token="J0H7Q") == ["917999836416"] * 3


def test_an_invite_is_told_as_it_was_committed(platform: Platform) -> None:
    asked = customer()
    asked["referrals"]["referral_type"]["referral"] = [referral(name="N" * 25, id="u1")]
    response = platform.post(asked)
    assert platform.invites() == [
        {
            "campaign_token": "J0H7Q",
            "referrer": "917999836466",
            "type": "MOBILE",
            "identifier": "917999836416",
            "sent_as": "7999836416",
            "name": "N" * 20,
            "id": "u1",
            "invited_on": CODE,
            "till": "store123",
            "committed_at": platform.clock.now,
            "request_id": response.headers["x-cap-requestid"],
        }
    ]


def test_without_a_campaign_token_the_default_campaign_is_meant(platform: Platform) -> None:
    asked = customer()
    del asked["referrals"]["campaign_token"]
    platform.post(asked)
    assert platform.invites()[0]["campaign_token"] == "DEFAULT"
    assert platform.listed() == ["917999836416"]
    assert platform.listed(campaign_token="J0H7Q") == []


# --- reading back


def test_a_get_shows_only_the_current_store_unless_all_are_asked_for(
    runner: asyncio.Runner,
) -> None:
    two = Platform(runner, tills={"store123": "Pass123", "other": "word"})
    two.post(customer(), headers={"Authorization": basic_header("other", "word")})
    assert two.listed(campaign_token="J0H7Q") == []
    assert two.listed(campaign_token="J0H7Q", store_code="all") == ["917999836416"]
    assert two.listed(campaign_token="J0H7Q", store_code="other") == ["917999836416"]


def test_a_get_goes_by_days_both_included(platform: Platform) -> None:
    platform.post(customer())
    day = {"campaign_token": "J0H7Q", "start_date": "2024-09-10", "end_date": "2024-09-10"}
    assert len(platform.listed(**day)) == 1
    assert platform.listed(**day | {"start_date": "2024-09-11", "end_date": "2024-09-12"}) == []
    assert platform.listed(**day | {"end_date": "2024-09-09", "start_date": "2024-09-01"}) == []


def test_a_limit_keeps_the_newest(platform: Platform) -> None:
    platform.post(customer("7999836411", "7999836412", "7999836413"))
    assert platform.listed(campaign_token="J0H7Q", limit="2") == [
        "917999836412",
        "917999836413",
    ]


def test_types_are_listed_apart(platform: Platform) -> None:
    platform.post(customer("7999836411"))
    platform.post(customer("Asha@Example.in", kind="EMAIL"))
    assert platform.listed(campaign_token="J0H7Q") == ["917999836411", "Asha@Example.in"]


def test_a_referral_code_is_one_per_referrer_and_campaign(platform: Platform) -> None:
    def code(**params: str) -> str:
        answer = platform.get(only_referral_code="true", **params).json()["response"]["customer"]
        assert "invitees" not in answer
        return str(answer["referral_code"])

    assert code(campaign_token="A") == code(campaign_token="A")
    assert code(campaign_token="A") != code(campaign_token="B")
    assert code(campaign_token="A") != code(campaign_token="A", mobile="7999836467")


def test_a_get_for_nobody_says_so(platform: Platform) -> None:
    answer = platform.get(mobile="9876001012").json()["response"]
    assert answer["status"]["code"] == 500
    assert answer["customer"]["item_status"]["code"] == 1012


@pytest.mark.parametrize(
    "params", [{"mobile": ""}, {"start_date": "10-09-2024"}, {"limit": "few"}, {"end_date": "x"}]
)
def test_a_get_that_makes_no_sense_is_400(platform: Platform, params: dict[str, str]) -> None:
    assert platform.get(**params).status_code == 400


# --- what is not processed


@pytest.mark.parametrize(
    "invited_on",
    [
        "",
        "2024-09-10T16:35:52.pV7BF",
        "20240910T16:35:52",
        "20240910T16:35:52.",
        "20240910T16:35.pV7BF",
        "20240231T16:35:52.pV7BF",
        "20240910T24:35:52.pV7BF",
        "20240910T16:35:52+05:30.pV7BF",
        "20240910T16:35:52.pV7BF\n",
    ],
)
def test_a_malformed_time_is_400_for_the_whole_request(
    platform: Platform, invited_on: str
) -> None:
    asked = customer("7999836411")
    asked["referrals"]["referral_type"]["referral"].append(referral(invited_on=invited_on))
    assert platform.post(asked).status_code == 400
    assert platform.invites() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"root": {"customer": []}}',
        b'{"root": {"customer": {"mobile": "7999836466"}}}',
        b'{"root": {"customer": [{"mobile": 7999836466, "referrals": {}}]}}',
        b'{"root": {"customer": ["7999836466"]}}',
    ],
)
def test_a_body_that_is_not_a_request_is_400(platform: Platform, body: bytes) -> None:
    headers = BASIC | {"content-type": "application/json"}
    assert platform.call("POST", content=body, headers=headers).status_code == 400


def test_the_array_of_the_answer_is_not_taken_for_the_object_of_the_request(
    platform: Platform,
) -> None:
    asked = customer()
    asked["referrals"]["referral_type"] = [asked["referrals"]["referral_type"]]
    assert platform.post(asked).status_code == 400


@pytest.mark.parametrize("missing", ["id", "identifier", "invited_on"])
def test_a_required_field_may_not_be_missing(platform: Platform, missing: str) -> None:
    asked = customer()
    del asked["referrals"]["referral_type"]["referral"][0][missing]
    assert platform.post(asked).status_code == 400


def test_a_wrong_address_method_or_media_type_is_refused(platform: Platform) -> None:
    assert platform.call("GET", "/v2/customer/referrals").status_code == 404
    refused = platform.call("PUT")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST, GET")
    plain = BASIC | {"content-type": "text/plain"}
    assert platform.call("POST", content=b"{}", headers=plain).status_code == 415


def test_a_batch_over_the_limit_is_1060_and_commits_nothing(runner: asyncio.Runner) -> None:
    small = Platform(runner, max_referrals=2, max_customers=1)
    of_two, of_three = customer("7999836411", "7999836412"), customer(*["7999836411"] * 3)
    codes = [
        small.post(*asked).json()["response"]["status"]["code"]
        for asked in ([of_two], [of_three], [customer(), customer(mobile="7999836467")])
    ]
    assert codes == [200, 1060, 1060]
    assert len(small.invites()) == 2


# --- signing in


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic c3RvcmUxMjM6UGFzczEyMw=="},
        {"Authorization": basic_header("store123", "wrong")},
        {"Authorization": basic_header("other", "Pass123")},
        {"X-CAP-API-OAUTH-TOKEN": "made-up"},
    ],
)
def test_wrong_credentials_are_401(platform: Platform, headers: dict[str, str]) -> None:
    response = platform.call("GET", params={"mobile": "7999836466"}, headers=headers)
    assert response.status_code == 401
    assert response.json()["response"]["status"]["code"] == 401


def test_basic_is_the_till_and_the_hashed_password() -> None:
    # base64("store123:" + md5_hex("Pass123")), reckoned by hand
    assert BASIC["Authorization"] == (
        "Basic c3RvcmUxMjM6MmYyM2ZhMzU3OWYzZjc1MTc1NzkzNjQ5MTE1YzFiMjU="
    )


def test_credentials_without_the_right_are_403(runner: asyncio.Runner) -> None:
    closed = Platform(runner, forbid=True)
    assert closed.get().status_code == 403
    assert closed.call("GET", headers={}).status_code == 401


def issue(platform: Platform, **wrong: str) -> httpx.Response:
    asked = {"key": "sandbox-key", "secret": "sandbox-secret"} | wrong
    return platform.call("POST", TOKEN_PATH, json=asked, headers={})


def signed(response: httpx.Response, **more: str) -> dict[str, str]:
    return {"X-CAP-API-OAUTH-TOKEN": response.json()["data"]["accessToken"], **more}


def test_a_token_opens_the_door_until_its_time_is_over(runner: asyncio.Runner) -> None:
    platform = Platform(runner, token_ttl_s=300.0)
    answer = issue(platform)
    assert answer.json()["data"]["ttlSeconds"] == 300
    assert answer.json()["errors"] is None
    platform.clock.now += 299.9
    assert platform.post(customer(), headers=signed(answer)).status_code == 200
    platform.clock.now += 0.1
    assert platform.post(customer(), headers=signed(answer)).status_code == 401


def test_a_wrong_secret_gets_no_token(platform: Platform) -> None:
    answer = issue(platform, secret="wrong")
    assert answer.status_code == 401
    assert answer.json() == {
        "data": None,
        "errors": [{"code": 401, "message": "Invalid key or secret"}],
    }


def test_all_tokens_can_be_ended_at_once(platform: Platform) -> None:
    answer = issue(platform)
    platform.call("POST", "/_sandbox/expire")
    assert platform.post(customer(), headers=signed(answer)).status_code == 401


def test_a_token_may_act_for_a_store(platform: Platform) -> None:
    answer = issue(platform)
    store = {
        "X-CAP-API-ATTRIBUTION-ENTITY-TYPE": "STORE_CODE",
        "X-CAP-API-ATTRIBUTION-ENTITY-CODE": "mumbai-1",
    }
    platform.post(customer(), headers=signed(answer, **store))
    platform.post(customer(), headers=signed(answer))
    assert [one["till"] for one in platform.invites()] == ["mumbai-1", "oauth"]
    wrong = store | {"X-CAP-API-ATTRIBUTION-ENTITY-TYPE": "SHOP"}
    assert platform.post(customer(), headers=signed(answer, **wrong)).status_code == 400


# --- the rate


def test_posts_and_gets_share_one_rate(runner: asyncio.Runner) -> None:
    platform = Platform(runner, rate_per_min=3)
    codes = [platform.post(customer()).status_code, platform.get().status_code]
    platform.clock.now += 20.5
    codes += [platform.get().status_code]
    refused = platform.post(customer())
    assert (codes, refused.status_code) == ([200, 200, 200], 429)
    assert refused.headers["retry-after"] == "40"
    platform.clock.now += 39.5
    assert platform.post(customer()).status_code == 200
    assert len(platform.invites()) == 2
    stats = platform.stats()
    assert (stats["limited"], stats["rate_peak"]) == (1, 4)


def test_a_limit_may_be_517_in_a_body(runner: asyncio.Runner) -> None:
    platform = Platform(runner, rate_per_min=1, limit_code=517, retry_after="none")
    platform.get()
    refused = platform.get()
    assert (refused.status_code, refused.json()["response"]["status"]["code"]) == (200, 517)
    assert "retry-after" not in refused.headers


def test_a_retry_after_may_be_a_date(runner: asyncio.Runner) -> None:
    platform = Platform(runner, rate_per_min=1, retry_after="date")
    platform.get()
    assert platform.get().headers["retry-after"] == "Tue, 14 Nov 2023 22:14:20 GMT"


# --- faults that need no connection


def test_a_late_commit_lands_when_its_time_has_come(runner: asyncio.Runner) -> None:
    platform = Platform(runner, plan=("late", None), late_s=0.01)
    assert platform.post(customer("7999836411")).status_code == 504
    assert platform.invites() == []
    platform.post(customer("7999836412"))
    runner.run(asyncio.sleep(0.03))
    assert [one["sent_as"] for one in platform.invites()] == ["7999836412", "7999836411"]


def test_late_commits_can_be_landed_at_once(runner: asyncio.Runner) -> None:
    platform = Platform(runner, plan_each=("late", "late"), late_s=3600.0)
    platform.post(customer())
    platform.post(customer())
    assert platform.stats()["late_pending"] == 2
    assert platform.call("POST", "/_sandbox/settle").json() == {"landed": 2}
    assert (platform.stats()["late_pending"], len(platform.invites())) == (0, 2)


def test_a_reset_cancels_what_was_still_to_land(runner: asyncio.Runner) -> None:
    platform = Platform(runner, plan=("late",), late_s=3600.0)
    platform.post(customer())
    platform.call("POST", "/_sandbox/reset")
    assert platform.call("POST", "/_sandbox/settle").json() == {"landed": 0}
    assert platform.post(customer()).status_code == 504  # the plan begins again


@pytest.mark.parametrize(("name", "commits"), [("1222-before", 0), ("1222-after", 1)])
def test_1222_tells_nothing_of_the_commit(runner: asyncio.Runner, name: str, commits: int) -> None:
    platform = Platform(runner, plan=(name,))
    assert verdicts(platform.post(customer())) == (500, [1222], [None])
    assert len(platform.invites()) == commits


def test_a_lagging_get_hides_the_young(runner: asyncio.Runner) -> None:
    platform = Platform(runner, faults="get-lag=1", lag_s=2.0)
    platform.post(customer())
    assert platform.listed(campaign_token="J0H7Q") == []
    platform.clock.now += 2.0
    assert platform.listed(campaign_token="J0H7Q") == ["917999836416"]


def test_a_stale_get_shows_what_the_first_could_see(runner: asyncio.Runner) -> None:
    platform = Platform(runner, get_plan_each=(None, "get-stale"))
    platform.post(customer("7999836411"))
    assert platform.listed(campaign_token="J0H7Q") == ["917999836411"]
    platform.clock.now += 100.0
    platform.post(customer("7999836412"))
    assert platform.listed(campaign_token="J0H7Q") == ["917999836411"]
    assert platform.listed(campaign_token="J0H7Q") == ["917999836411", "917999836412"]


def test_in_process_a_broken_connection_is_an_exception(runner: asyncio.Runner) -> None:
    platform = Platform(runner, plan=("reset-after",))
    with pytest.raises(ConnectionResetError):
        platform.post(customer())
    assert len(platform.invites()) == 1


def test_faults_can_be_changed_in_mid_run(platform: Platform) -> None:
    changed = platform.call("POST", "/_sandbox/faults", json={"plan": ["461"]})
    assert changed.status_code == 200
    assert platform.post(customer()).status_code == 461
    wrong = platform.call("POST", "/_sandbox/faults", json={"faults": "reset=1"})
    assert wrong.status_code == 400
    assert "it does not say whether" in wrong.json()["response"]["status"]["message"]


# --- figures


def test_figures_tell_what_was_seen(runner: asyncio.Runner) -> None:
    platform = Platform(runner, plan=("500-after", "garbage-before"))
    for _ in range(3):
        platform.post(customer("7999836416", "1"))
    platform.get(campaign_token="J0H7Q")
    platform.call("GET", headers={})
    issue(platform)
    assert platform.stats() == {
        "posts": 3,
        "gets": 2,
        "tokens": 1,
        "limited": 0,
        "elsewhere": 0,
        "elsewhere_signed": 0,
        "faults": {"500-after": 1, "garbage-before": 1},
        "codes": {"500": 1, "200": 3, "401": 1},
        "item_codes": {"1000": 2, "1701": 2},
        "in_flight_max": 1,
        "in_flight_per_referrer_max": 1,
        "rate_peak": 5,
        "late_pending": 0,
        "invites": 2,
    }


def test_a_second_request_for_a_busy_customer_is_521(runner: asyncio.Runner) -> None:
    platform = Platform(runner, latency_s=0.02)

    async def together(*asked: dict[str, Any]) -> list[int]:
        bodies = [{"root": {"customer": [one]}} for one in asked]
        calls = [platform._call("POST", REFERRALS_PATH, json=body) for body in bodies]
        answers = await asyncio.gather(*calls)
        return [answer.json()["response"]["status"]["code"] for answer in answers]

    same = runner.run(together(customer(), customer(mobile="917999836466", campaign="OTHER")))
    assert same == [200, 521]
    assert (len(platform.invites()), platform.stats()["in_flight_per_referrer_max"]) == (1, 2)
    apart = runner.run(together(customer(), customer(mobile="7999836467")))
    assert apart == [200, 200]
    assert platform.stats()["in_flight_max"] == 2
