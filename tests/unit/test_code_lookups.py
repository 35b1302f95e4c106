"""What settles a question for a referral code, and how a row waits for one."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bulk_referrals.exchange import ReadBack, Status
from bulk_referrals.model import FIELDS, Rules
from bulk_referrals.policy import Effect, judge_code
from bulk_referrals.validator import is_referral_code, validate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DONE = Status(success=True, code="1000")


def answer(item: Status | None, *, request: str = "200", http: int = 200, matched: bool = True,
           code: str = "pV7BF") -> ReadBack:  # fmt: skip
    status = Status(success=request == "200", code=request) if request else None
    return ReadBack(
        http_status=http, matched=matched, status=status, item=item, referral_code=code
    )


@pytest.mark.parametrize("http", [200, 500])
@pytest.mark.parametrize("code", ["1011", "1012", "1202", "1203", "1204", "1205"])
def test_a_refusal_of_the_customer_settles_it_though_the_request_failed_for_it(
    http: int, code: str
) -> None:
    refused = Status(success=False, code=code)
    assert judge_code(answer(refused, request="500", http=http, code="")) is None


def test_a_done_customer_settles_it_with_a_code_or_without_one() -> None:
    assert judge_code(answer(DONE)) is None
    assert judge_code(answer(DONE, code="")) is None


@pytest.mark.parametrize(
    ("seen", "effect"),
    [
        (answer(DONE, matched=False), Effect.NONE),
        (answer(Status(success=False, code="1012"), matched=False), Effect.NONE),
        (answer(Status(success=False, code="1222")), Effect.NONE),
        (answer(None), Effect.NONE),
        (answer(DONE, http=502), Effect.AILING),
        (answer(None, request=""), Effect.AILING),
        (answer(None, request="500", http=500), Effect.AILING),
        (answer(None, request="429", http=429), Effect.SLOW),
        (answer(None, request="517"), Effect.SLOW),
        (answer(None, request="401", http=401), Effect.RENEW),
        (answer(None, request="403", http=403), Effect.STOP),
    ],
)
def test_anything_else_is_asked_again_or_ends_the_asking(seen: ReadBack, effect: Effect) -> None:
    assert judge_code(seen) is effect


@pytest.mark.parametrize(
    ("text", "can"),
    [("pV7BF", True), ("a_b~c-1", True), ("", False), ("a.b", False), ("a b", False),
     ("a\n", False), ("x" * 51, False)],
)  # fmt: skip
def test_a_code_that_would_break_what_is_sent_cannot_be_one(text: str, *, can: bool) -> None:
    assert is_referral_code(text) is can


def test_a_row_waits_for_its_code_only_where_that_is_asked_for() -> None:
    cells = {
        "referrer_mobile": "+919876000001", "identifier": "+919700000001",
        "campaign_token": "J0H7Q", "invited_on": "2026-01-02 10:00",
    }  # fmt: skip
    columns = {name: pa.array([cells.get(name)] * 2, pa.string()) for name in FIELDS}
    columns["referral_code"] = pa.array([None, "b.d"], pa.string())
    nothing = pa.nulls(2, pa.string())
    places = {"table": pa.array([0, 0], pa.int32()), "row": pa.array([2, 3])}
    rows = pa.table({**places, **columns, "fault": nothing, "fault_detail": nothing})
    waiting = validate(rows, Rules(now=NOW, lookup_codes=True), places=["a.csv"]).frame
    assert waiting["invited_on"][0].as_py() == "20260102T10:00:00."
    assert not waiting["outcome"][0].is_valid
    assert waiting["code"][1].as_py() == "bad-referral-code"
    refused = validate(rows, Rules(now=NOW), places=["a.csv"]).frame
    assert refused["code"][0].as_py() == "missing-referral-code"
