"""The API's JSON: out exactly as its reference shows, in however it comes."""

from typing import Any

import orjson
import pytest
from exchange_factory import body, customer, done, invite, part, read, seen, status
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.exchange import Answer, Levels, ReadBack, Status
from bulk_referrals.wire import lists, payload, read_answer, read_back, same_mobile

DONE = Status(success=True, code="1000")
REFUSED = Status(success=False, code="1701", message="Invalid Identifier for the type")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["response", "status", "code", "success", "message", "customers", "customer",
                 "mobile", "email", "referrals", "referral_type", "type", "referral", "invitees",
                 "invitee", "identifier", "item_status", "referral_code"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=40,
)  # fmt: skip


def look(content: bytes, *, http_status: int = 200, of: str = "917999836466") -> ReadBack:
    return read_back(content, part(referrer=of), http_status=http_status, retry_after="")


def of_one(answer: Answer) -> tuple[Levels | None, ...]:
    """The levels of an answer about one part."""
    (levels,) = answer.levels
    assert levels is not None
    return levels


# --- out


def test_a_payload_is_the_reference_example_byte_for_byte() -> None:
    one = part(invite("7999836416", name="Shikhar"), referrer="7999836466")
    assert payload([one]) == (
        b'{"root":{"customer":[{"mobile":"7999836466","referrals":{"campaign_token":"J0H7Q",'
        b'"referral_type":{"type":"MOBILE","referral":[{"id":"",'
        b'"invited_on":"20240910T16:35:52.pV7BF","name":"Shikhar","identifier":"7999836416"}'
        b"]}}}]}}"
    )


def test_a_referrer_with_an_email_is_named_by_it() -> None:
    sent = orjson.loads(payload([part(referrer="ravi@example.com"), part()]))["root"]["customer"]
    assert [sorted(each) for each in sent] == [["email", "referrals"], ["mobile", "referrals"]]
    assert sent[0]["email"] == "ravi@example.com"


def test_text_of_any_script_leaves_as_it_is() -> None:
    one = part(invite(name='आशा "A" \\ \n 😀'))
    sent = orjson.loads(payload([one]))["root"]["customer"][0]
    assert sent["referrals"]["referral_type"]["referral"][0]["name"] == 'आशा "A" \\ \n 😀'


# --- in: the answer to a POST

REFERENCE_ANSWER = b"""
{"response": {"status": {"success": "true", "code": 200, "message": "SUCCESS"}, "customers":
  {"customer": [
  {"email": null, "mobile": "917999836466", "external_id": null, "firstname": "shikar",
   "lastname": "",
   "referrals": {"referral_type": [{"type": "MOBILE", "referral": [
     {"id": "", "name": "Shikhar", "identifier": "79998364",
      "invited_on": "20240910T16:35:52.pV7BF",
      "status": {"success": "false", "code": 1701,
                 "message": "Invalid Identifier for the type"}}]}]},
   "item_status": {"success": "true", "code": 1000,
                   "message": "Referrals are invited successfully"}}]}}}
"""


def test_the_reference_answer_gives_all_three_levels() -> None:
    answer = read(REFERENCE_ANSWER, part(invite("79998364"), referrer="7999836466"))
    assert answer.status == Status(success=True, code="200", message="SUCCESS")
    won = Status(success=True, code="1000", message="Referrals are invited successfully")
    assert answer.levels == ((Levels(referral=REFUSED, customer=won),),)


def test_headers_are_kept_as_they_came() -> None:
    answer = read_answer(
        b"", [part()], http_status=503, request_id="abc-1", retry_after="Wed, 21 Oct 2026"
    )
    assert (answer.http_status, answer.request_id) == (503, "abc-1")
    assert (answer.retry_after, answer.status, answer.levels) == ("Wed, 21 Oct 2026", None, ())


@pytest.mark.parametrize(
    ("success", "expected"),
    [("true", True), ("false", False), (" TRUE ", True), (True, True), (False, False),
     ("yes", None), (1, None), (None, None), ({}, None)],
)  # fmt: skip
def test_success_is_read_as_text_or_boolean(success: object, expected: bool | None) -> None:  # noqa: FBT001 - a table's column
    content = orjson.dumps(
        {"response": {"status": {"success": success, "code": 200}, "customers": None}}
    )
    assert read(content, part()).status == Status(success=expected, code="200")


@pytest.mark.parametrize("code", [1000, "1000", " 1000 ", 1000.0])
def test_a_code_is_read_as_number_or_text(code: object) -> None:
    one = part()
    content = body(200, customer(one, [{"identifier": "919800000001", "status": status(code)}]))
    (level,) = of_one(read(content, one))
    assert level is not None
    assert level.referral is not None
    assert level.referral.code == "1000"


def test_lone_objects_stand_where_arrays_are_due() -> None:
    one = part()
    entry = customer(one)
    entry["referrals"]["referral_type"] = entry["referrals"]["referral_type"][0]
    entry["referrals"]["referral_type"]["referral"] = {
        "identifier": "919800000001",
        "status": status(1701, success=False),
    }
    content = orjson.dumps({"response": {"status": status(200), "customers": {"customer": entry}}})
    (level,) = of_one(read(content, one))
    assert level == Levels(referral=Status(success=False, code="1701"), customer=DONE)


@pytest.mark.parametrize("empty", [[], "", None])
def test_an_empty_object_may_be_written_in_any_way(empty: object) -> None:
    answer = read(orjson.dumps({"response": {"status": status(517), "customers": empty}}), part())
    assert answer.status == Status(success=False, code="517")
    assert answer.levels == ((Levels(referral=None, customer=None),),)


def test_arrays_of_one_stand_where_objects_are_due() -> None:
    one = part()
    entry = customer(one) | {"item_status": [status(1000)]}
    entry["referrals"] = [entry["referrals"]]
    content = orjson.dumps(
        {"response": {"status": [status(200)], "customers": [{"customer": [entry]}]}}
    )
    assert read(content, one).levels == ((Levels(referral=DONE, customer=DONE),),)


def test_customers_are_matched_in_any_order_and_with_their_country_code() -> None:
    one = part(invite("1"), referrer="7999836466")
    two = part(invite("2"), referrer="ravi@example.com")
    three = part(invite("3"), referrer="919800000003")
    content = body(
        201,
        customer(three, item=status(1012)) | {"referrals": None},
        customer(two) | {"email": "Ravi@Example.com"},
        customer(one) | {"mobile": "+917999836466"},
    )
    levels = read(content, one, two, three).levels
    assert levels[:2] == ((Levels(referral=DONE, customer=DONE),),) * 2
    assert levels[2] == (Levels(referral=None, customer=Status(success=False, code="1012")),)


def test_one_mobile_that_ends_as_another_is_not_taken_for_it() -> None:
    german, american = part(referrer="4915112345678"), part(referrer="15112345678")
    content = body(
        201, customer(german), customer(american, item=status(1012)) | {"referrals": []}
    )
    levels = read(content, german, american).levels
    assert levels[0] == (Levels(referral=DONE, customer=DONE),)
    assert levels[1] == (Levels(referral=None, customer=Status(success=False, code="1012")),)


def test_an_identifier_sent_twice_takes_its_two_verdicts_in_order() -> None:
    one = part(invite("79998364", line=0), invite("79998364", line=1))
    referrals: list[dict[str, Any]] = [
        {"identifier": "79998364", "status": status(1000)},
        {"identifier": "79998364", "status": status(1701)},
    ]
    first, second = of_one(read(body(201, customer(one, referrals)), one))
    assert first == Levels(referral=DONE, customer=DONE)
    assert second == Levels(referral=Status(success=False, code="1701"), customer=DONE)


def test_a_verdict_of_another_type_is_not_taken() -> None:
    one = part(invite("1"))
    entry = customer(one, [{"identifier": "1", "status": status(1701)}])
    entry["referrals"]["referral_type"][0]["type"] = "EMAIL"
    assert read(body(200, entry), one).levels == ((None,),)


def test_a_referral_without_its_type_is_still_matched() -> None:
    one = part(invite("1"))
    entry = customer(one)
    del entry["referrals"]["referral_type"][0]["type"]
    assert read(body(200, entry), one).levels == ((Levels(referral=DONE, customer=DONE),),)


@pytest.mark.parametrize("spelled", ["+919800000001", "9800000001", "91 98000-00001"])
def test_an_identifier_in_another_spelling_is_matched(spelled: str) -> None:
    one = part(invite("919800000001"), invite("919800000002", line=1))
    referrals = [
        {"identifier": "919800000002", "status": status(1000)},
        {"identifier": spelled, "status": status(1701)},
    ]
    first, second = of_one(read(body(201, customer(one, referrals)), one))
    assert first == Levels(referral=Status(success=False, code="1701"), customer=DONE)
    assert second == Levels(referral=DONE, customer=DONE)


def test_nothing_is_told_of_an_invite_when_a_stranger_is_listed() -> None:
    one = part(invite("919800000001"), invite("919800000002", line=1))
    referrals = [
        {"identifier": "919800000002", "status": status(1000)},
        {"identifier": "999", "status": status(1701)},
    ]
    first, second = of_one(read(body(200, customer(one, referrals)), one))
    assert first is None
    assert second == Levels(referral=DONE, customer=DONE)


def test_an_invite_that_is_not_listed_has_its_customers_verdict() -> None:
    one = part(invite("1"), invite("2", line=1))
    content = body(201, customer(one, [{"identifier": "1", "status": status(1701)}]))
    first, second = of_one(read(content, one))
    assert first == Levels(referral=Status(success=False, code="1701"), customer=DONE)
    assert second == Levels(referral=None, customer=DONE)


def test_missing_levels_are_absent() -> None:
    one = part()
    bare = body(200, {"mobile": one.referrer, "referrals": {"referral_type": []}})
    assert read(bare, one).levels == ((Levels(referral=None, customer=None),),)
    listed = customer(one, [{"identifier": "919800000001"}])
    assert read(body(200, listed), one).levels == ((Levels(referral=None, customer=DONE),),)


def test_a_customer_that_was_not_asked_for_tells_nothing() -> None:
    one, other = part(), part(referrer="919811111111")
    assert read(done(other), one).levels == (None,)
    assert read(done(one), one, other).levels == (
        (Levels(referral=DONE, customer=DONE),),
        None,
    )


def test_a_lone_customer_without_a_name_is_the_one_that_was_sent() -> None:
    one = part()
    unnamed = customer(one) | {"mobile": None}
    assert read(body(200, unnamed), one).levels == ((Levels(referral=DONE, customer=DONE),),)
    assert read(body(200, unnamed), one, part(referrer="2")).levels == (None, None)


UNREADABLE = [
    b"",
    b"<html>Bad gateway</html>",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"NaN",
    b'{"response": null}',
    b'{"response": []}',
    b'{"response": {"status": "fine"}}',
    b'{"response": {"status": {"success": "maybe"}}}',
    b'{"response": {"status": {"code": NaN}}}',
    b'{"response": {"status": {"code": {"a": 1}}}}',
    b'{"response": {"status": {"code": 200}, "customers": "many"}}',
    b'{"response": {"status": {"code": 200}, "customers": {"customer": [7]}}}',
    b'{"response": {"status": {"code": 200}, "customers": {"customer": [',
    b"[" * 200_000,
    b'{"response":' * 100_000,
]


@pytest.mark.parametrize("content", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_not_an_answer_is_said_not_to_be_one(content: bytes) -> None:
    assert read(content, part()).status is None
    assert look(content).status is None


def test_a_huge_number_is_no_code_that_we_know() -> None:
    beyond = b'{"response": {"status": {"code": 1%s}}}'
    assert read(beyond % (b"0" * 400), part()).status is None
    large = read(beyond % (b"0" * 30), part()).status
    assert large is not None
    assert large.code.isdigit()
    assert len(large.code) == 31


# --- in: the answer to a GET

REFERENCE_READ_BACK = b"""
{"response": {"status": {"success": "true", "code": 200, "message": "SUCCESS"}, "customer": {
  "email": null, "mobile": "971544979350", "external_id": null, "firstname": "I", "lastname": "J",
  "referral_code": "1mba0dlo5",
  "invitees": {"referral_type": [{"type": "MOBILE", "invitee": [
    {"identifier": "971564265901", "name": "S", "invited_on": "2020-01-29 12:25:46.0",
     "till": {"code": "t", "name": "t"}},
    {"identifier": "971564265901", "name": "S", "invited_on": "2020-01-29 12:26:02.0",
     "till": {"code": "t", "name": "t"}}]}]},
  "referees": {"referee": []}, "incentives": [],
  "item_status": {"success": "true", "code": 1000,
                  "message": "Referral statistics retrieved successfully"}}}}
"""


def test_the_reference_read_back_lists_each_invite_as_often_as_it_stands() -> None:
    back = look(REFERENCE_READ_BACK, of="971544979350")
    assert back.matched
    assert back.status == Status(success=True, code="200", message="SUCCESS")
    assert back.item is not None
    assert back.item.code == "1000"
    assert back.invitees == (("MOBILE", "971564265901"),) * 2
    assert back.referral_code == "1mba0dlo5"


def test_a_read_back_of_somebody_else_does_not_match() -> None:
    assert not look(REFERENCE_READ_BACK).matched


def test_a_read_back_in_the_plural_is_read_too() -> None:
    content = orjson.loads(seen("919800000001"))
    content["response"]["customers"] = {"customer": [content["response"].pop("customer")]}
    back = look(orjson.dumps(content))
    assert (back.matched, back.invitees) == (True, (("MOBILE", "919800000001"),))


def test_a_read_back_of_several_customers_does_not_match() -> None:
    content = orjson.loads(seen("919800000001"))
    content["response"]["customer"] = [content["response"]["customer"]] * 2
    assert not look(orjson.dumps(content)).matched


@pytest.mark.parametrize("empty", [[], "", None, {"referral_type": []}, {"referral_type": ""}])
def test_a_read_back_with_nobody_invited_lists_nobody(empty: object) -> None:
    content = orjson.loads(seen())
    content["response"]["customer"]["invitees"] = empty
    back = look(orjson.dumps(content))
    assert (back.matched, back.invitees) == (True, ())


@pytest.mark.parametrize(
    ("kind", "identifier", "key", "listed"),
    [
        ("MOBILE", "919800000001", "919800000001", True),
        ("MOBILE", "9800000001", "919800000001", True),
        ("MOBILE", "+91 98000 00001", "919800000001", True),
        ("MOBILE", "919800000002", "919800000001", False),
        ("MOBILE", "000001", "919800000001", False),
        ("MOBILE", "+1 799 983 6416", "917999836416", False),  # the tail, but "9" is no code
        ("EMAIL", "Asha@Example.com", "asha@example.com", True),
        ("EMAIL", "asha@example.co", "asha@example.com", False),
    ],
)
def test_an_invitee_is_found_however_the_platform_spells_it(
    kind: str, identifier: str, key: str, *, listed: bool
) -> None:
    assert lists(look(seen(identifier, kind=kind)), kind, key) is listed


def test_an_invitee_is_not_found_under_another_type() -> None:
    assert not lists(look(seen("919800000001", kind="EMAIL")), "MOBILE", "919800000001")
    assert lists(look(seen("919800000001", kind="")), "MOBILE", "919800000001")


@settings(deadline=None, max_examples=100)
@given(number=st.from_regex(r"[1-9][0-9]{9}", fullmatch=True), code=st.sampled_from(["91", "971"]))
def test_a_mobile_is_the_same_with_and_without_its_country_code(number: str, code: str) -> None:
    assert same_mobile(f"+{code} {number}", number)
    assert same_mobile(f"00{code}{number}", f"{code}-{number}")
    other = str((int(number[-1]) + 1) % 10)
    assert not same_mobile(code + number, number[:-1] + other)


# --- in: anything


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=200))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    read(content, part())
    look(content)


@settings(deadline=None, max_examples=500)
@given(response=JSON, http_status=st.sampled_from([200, 201, 401, 500]))
def test_no_json_makes_reading_fail_and_every_invite_is_told_of(
    response: Any, http_status: int
) -> None:
    content = (
        orjson.dumps({"response": response}, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME)
        if _fits(response)
        else b"{}"
    )
    one, two = part(invite("1"), invite("2", line=1)), part(invite("3"), referrer="a@b.co")
    answer = read(content, one, two, http_status=http_status)
    sizes = [None if levels is None else len(levels) for levels in answer.levels]
    assert sizes in ([], [2, 1], [None, 1], [2, None], [None, None])
    back = look(content, http_status=http_status)
    assert lists(back, "MOBILE", "919800000001") in {True, False}


def _fits(value: Any) -> bool:
    """Tell whether orjson can write it: it takes integers of 64 bits only."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True
