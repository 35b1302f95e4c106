"""What each code means, at each level, and how fast and how often to go on."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from exchange_factory import answer, body, invite, part, read, seen, status
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.exchange import Answer, Levels, ReadBack, Status
from bulk_referrals.policy import (
    CAMPAIGN_CODES,
    Effect,
    RetryBudget,
    Verdict,
    backoff_s,
    judge,
    judge_read_back,
    retry_after_s,
)
from bulk_referrals.wire import read_back

NONE, SLOW, RENEW, STOP = Effect.NONE, Effect.SLOW, Effect.RENEW, Effect.STOP
AILING = Effect.AILING
ACCEPTED, REFUSED, AGAIN = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.AGAIN
SPLIT, READ_BACK = Verdict.SPLIT, Verdict.READ_BACK

# code -> (as the request's: verdict, effect; as a customer's or referral's: verdict, effect)
CODES = {
    "400": (REFUSED, NONE, REFUSED, NONE),
    "401": (AGAIN, RENEW, REFUSED, NONE),
    "403": (AGAIN, STOP, REFUSED, NONE),
    "404": (AGAIN, STOP, REFUSED, NONE),
    "405": (AGAIN, STOP, REFUSED, NONE),
    "415": (AGAIN, STOP, REFUSED, NONE),
    "429": (AGAIN, SLOW, AGAIN, SLOW),
    "517": (AGAIN, SLOW, AGAIN, SLOW),
    "461": (AGAIN, NONE, AGAIN, NONE),
    "521": (AGAIN, NONE, AGAIN, NONE),
    "500": (READ_BACK, AILING, REFUSED, NONE),
    "502": (READ_BACK, AILING, REFUSED, NONE),
    "503": (READ_BACK, AILING, REFUSED, NONE),
    "504": (READ_BACK, AILING, REFUSED, NONE),
    "201": (READ_BACK, NONE, READ_BACK, NONE),
    "1060": (SPLIT, NONE, SPLIT, NONE),
    "1011": (REFUSED, NONE, REFUSED, NONE),
    "1012": (REFUSED, NONE, REFUSED, NONE),
    "1202": (REFUSED, NONE, REFUSED, NONE),
    "1203": (REFUSED, NONE, REFUSED, NONE),
    "1204": (REFUSED, NONE, REFUSED, NONE),
    "1205": (REFUSED, NONE, REFUSED, NONE),
    "1206": (REFUSED, NONE, REFUSED, NONE),
    "1222": (READ_BACK, NONE, READ_BACK, NONE),
    "1701": (REFUSED, NONE, REFUSED, NONE),
    "9999": (REFUSED, NONE, REFUSED, NONE),
    "E-17": (REFUSED, NONE, REFUSED, NONE),
}
TRANSPORT = {"400", "401", "403", "404", "405", "415", "429", "500", "502", "503", "504"}


def told(given: Answer, *sizes: int) -> tuple[list[list[Verdict]], Effect]:
    """The verdicts and the effect of an answer on parts of these sizes."""
    parts = [part(*(invite(line=n) for n in range(size))) for size in sizes or (1,)]
    judged = judge(given, parts)
    return [[finding.verdict for finding in one] for one in judged.findings], judged.effect


# --- every code at every level


@pytest.mark.parametrize("code", CODES)
def test_a_code_in_the_body_of_the_request_means_what_the_table_says(code: str) -> None:
    verdict, effect, *_ = CODES[code]
    given = read(body(code), part())
    assert told(given) == ([[verdict]], effect)
    assert judge(given, [part()]).code == code


@pytest.mark.parametrize("code", sorted(TRANSPORT))
@pytest.mark.parametrize("content", [b"", b"<html>", body(200), body(201)])
def test_a_code_of_http_means_the_same_whatever_the_body(code: str, content: bytes) -> None:
    verdict, effect, *_ = CODES[code]
    given = read(content, part(), http_status=int(code))
    assert told(given) == ([[verdict]], effect)
    assert judge(given, [part()]).code == code


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("level", ["customer", "referral"])
@pytest.mark.parametrize("around", ["200", "201", "500"])
def test_a_code_of_an_item_means_what_the_table_says(code: str, level: str, around: str) -> None:
    *_, verdict, effect = CODES[code]
    codes = (code, "1000") if level == "referral" else (None, code)
    given = answer([codes], code=around)
    assert told(given) == ([[verdict]], effect)
    (finding,) = judge(given, [part()]).findings[0]
    assert finding.code == code


def test_done_is_accepted_at_every_level() -> None:
    assert told(answer([("1000", None)])) == ([[ACCEPTED]], NONE)
    assert told(answer([(None, "1000")])) == ([[ACCEPTED]], NONE)
    assert told(answer([(None, None)], code="200")) == ([[ACCEPTED]], NONE)


@pytest.mark.parametrize("code", ["408", "413", "302", "307", "418", "599"])
def test_what_only_http_can_say_is_judged_too(code: str) -> None:
    expected = {
        "408": (READ_BACK, NONE),
        "413": (SPLIT, NONE),
        "302": (AGAIN, STOP),
        "307": (AGAIN, STOP),
        "418": (REFUSED, NONE),
        "599": (READ_BACK, AILING),
    }
    verdict, effect = expected[code]
    assert told(read(b"", part(), http_status=int(code))) == ([[verdict]], effect)


def test_codes_that_condemn_a_campaign_are_those_of_the_reference() -> None:
    assert {"1202", "1203"} == CAMPAIGN_CODES


# --- levels that contradict each other


def test_only_the_referrals_own_status_decides() -> None:
    """The reference's own example: success, done, and within it a referral refused."""
    assert told(answer([("1701", "1000")], code="200"))[0] == [[REFUSED]]
    assert told(answer([("1000", "1012")], code="500"))[0] == [[ACCEPTED]]


def test_where_the_referral_says_nothing_its_customer_decides() -> None:
    assert told(answer([(None, "1012")], code="200"))[0] == [[REFUSED]]
    assert told(answer([(None, "1000")], code="500"))[0] == [[ACCEPTED]]


def test_each_invite_of_a_request_has_its_own_verdict() -> None:
    given = answer([("1000", "1000"), ("1701", "1000"), (None, "1000"), ("1222", "1000")])
    assert told(given, 4)[0] == [[ACCEPTED, REFUSED, ACCEPTED, READ_BACK]]


def test_a_server_error_with_items_is_judged_by_them() -> None:
    given = answer([("1701", "1000")], code="500", http_status=500)
    assert told(given) == ([[REFUSED]], NONE)
    assert told(answer([(None, None)], code="500"))[0] == [[READ_BACK]]


def test_done_that_is_said_to_have_failed_is_read_back() -> None:
    given = Answer(
        http_status=200,
        status=Status(success=True, code="200"),
        levels=((Levels(referral=Status(success=False, code="1000"), customer=None),),),
    )
    assert told(given)[0] == [[READ_BACK]]


@pytest.mark.parametrize(("success", "verdict"), [(True, ACCEPTED), (False, REFUSED)])
def test_an_item_without_a_code_is_judged_by_its_success(
    success: bool,  # noqa: FBT001 - a table's column
    verdict: Verdict,
) -> None:
    level = Levels(referral=Status(success=success), customer=None)
    given = Answer(http_status=200, status=Status(success=True, code="200"), levels=((level,),))
    assert told(given)[0] == [[verdict]]


def test_a_request_that_says_both_success_and_failure_is_read_back() -> None:
    assert told(read(body(200, status=status(200, success=False)), part()))[0] == [[READ_BACK]]


def test_an_answer_about_somebody_else_is_read_back() -> None:
    assert told(answer(None))[0] == [[READ_BACK]]
    assert told(answer(None, [("1000", "1000")]), 1, 1)[0] == [[READ_BACK], [ACCEPTED]]


def test_an_invite_that_the_answer_may_list_under_another_name_is_read_back() -> None:
    known = Levels(referral=Status(success=True, code="1000"), customer=None)
    given = Answer(http_status=200, status=Status(code="200"), levels=((known, None),))
    assert told(given, 2)[0] == [[ACCEPTED, READ_BACK]]


def test_an_answer_that_cannot_be_read_is_read_back() -> None:
    given = read(b"<html>Please sign in</html>", part())
    assert told(given) == ([[READ_BACK]], AILING)
    assert judge(given, [part()]).code == "no-answer"


def test_one_refusal_for_the_rate_slows_all_down() -> None:
    given = answer([("1000", "1000")], [("429", None)], code="201")
    assert told(given, 1, 1) == ([[ACCEPTED], [AGAIN]], SLOW)


def test_the_words_of_the_platform_are_kept() -> None:
    given = read(body(400, status=status(400, "Invalid input")), part())
    assert judge(given, [part()]).findings[0][0].message == "Invalid input"


@settings(deadline=None, max_examples=300)
@given(
    codes=st.lists(
        st.tuples(st.none() | st.sampled_from([*CODES, "1000"]), st.none() | st.text(max_size=4)),
        min_size=1,
        max_size=4,
    ),
    code=st.text(max_size=5) | st.sampled_from([*CODES, "200"]),
    http_status=st.integers(100, 599),
)
def test_nothing_is_accepted_unless_some_level_said_so(
    codes: list[tuple[str | None, str | None]], code: str, http_status: int
) -> None:
    given = answer(codes, code=code, http_status=http_status)
    verdicts, _ = told(given, len(codes))
    for (referral, customer), verdict in zip(codes, verdicts[0], strict=True):
        nearest = referral or customer
        overall = code in {"200", ""} and http_status // 100 == 2
        assert verdict is not ACCEPTED or nearest == "1000" or (not nearest and overall)


# --- reading back


def back(content: bytes, *, http_status: int = 200) -> ReadBack:
    return read_back(content, part(), http_status=http_status, retry_after="")


def test_a_read_back_that_shows_the_referrers_invites_can_be_relied_on() -> None:
    assert judge_read_back(back(seen("919800000001")), longest=10) is None
    assert judge_read_back(back(seen()), longest=10) is None


@pytest.mark.parametrize("code", ["1011", "1012"])
def test_nobody_there_means_that_no_invite_is_there(code: str) -> None:
    shown = body(200, customer={"mobile": None, "item_status": status(code)})
    assert judge_read_back(back(shown), longest=10) is None


@pytest.mark.parametrize(
    ("content", "http_status", "effect"),
    [
        (b"", 200, AILING),
        (b"<html>", 200, AILING),
        (b"", 500, AILING),
        (b"", 502, AILING),
        (seen("919800000001"), 500, AILING),
        (b"", 429, SLOW),
        (body(517), 200, SLOW),
        (body(429), 500, SLOW),
        (b"", 401, RENEW),
        (body(401), 200, RENEW),
        (b"", 403, STOP),
        (b"", 404, STOP),
        (b"", 302, STOP),
        (body(500), 200, AILING),
        (body(201), 200, NONE),
        (body(200), 200, NONE),
        (seen(of=part(referrer="919811111111")), 200, NONE),
        (body(200, customer={"mobile": "917999836466", "item_status": status(1222)}), 200, NONE),
        (body(200, customer={"mobile": "917999836466"}), 200, NONE),
        (seen(*(f"9198{n:08d}" for n in range(10))), 200, NONE),
    ],
)
def test_a_read_back_that_cannot_tell_shows_nothing_absent(
    content: bytes, http_status: int, effect: Effect
) -> None:
    assert judge_read_back(back(content, http_status=http_status), longest=10) is effect


# --- waiting


@pytest.mark.parametrize(
    ("attempt", "wait_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (10_000, 30.0)]
)
def test_backoff_doubles_up_to_its_cap(attempt: int, wait_s: float) -> None:
    assert backoff_s(attempt, base_s=0.5, cap_s=30.0, jitter=1.0) == wait_s
    assert backoff_s(attempt, base_s=0.5, cap_s=30.0, jitter=0.25) == wait_s / 4
    assert backoff_s(attempt, base_s=0.5, cap_s=30.0, jitter=0.0) == 0.0


def test_backoff_before_the_first_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="starts at 1"):
        backoff_s(0, base_s=1, cap_s=2, jitter=1)


NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("", None),
        ("  ", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("901", 900.0),
        ("99999999999999999999", 900.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
        ("120, 120", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Mon, 23 Nov 2026 20:01:00 +0130", 60.0),
        ("Mon, 23 Nov 2026 18:31:00 -0000", 60.0),
        ("Mon, 23 Nov 9999 18:31:00 GMT", 900.0),
        ("Mon, 99 Nov 2026 18:31:00 GMT", None),
        ("Mon, 23 Nov 2026 18:31:00 +9999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(
    header: str, wait_s: float | None
) -> None:
    assert retry_after_s(header, now=NOW) == wait_s


@settings(deadline=None, max_examples=300)
@given(header=st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\w+"))
def test_no_retry_after_makes_reading_fail_or_waits_too_long(header: str) -> None:
    wait_s = retry_after_s(header, now=NOW)
    assert wait_s is None or 0.0 <= wait_s <= 900.0


# --- the retry budget


def test_retries_are_spent_and_earned_back_by_answers() -> None:
    budget = RetryBudget(saved=2.0)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(4):
        budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()


def test_only_so_many_retries_can_be_saved() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(1000)) == 100
