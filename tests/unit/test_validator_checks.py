"""What becomes of a row: its invites, its verdict, and what its author is told."""

from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pytest

from bulk_referrals.codes import CODES
from bulk_referrals.model import CHECKED_TEXT, FIELDS, Rules
from bulk_referrals.validator import Checked, suppression_keys, validate

PLACES: Final = ("nightly.csv", "launch.xlsx [Wave 1]")
GOOD: Final[dict[str, str | None]] = {
    "referrer_mobile": "7999836466",
    "campaign_token": "J0H7Q",
    "identifier": "7999836416",
    "name": "Shikhar",
    "invited_on": "20240910T16:35:52",
    "referral_code": "pV7BF",
}


def rows(*given: dict[str, str | int | None]) -> pa.Table:
    """Return the rows frame of these rows, the first in row 2."""
    columns = {
        "table": pa.array([row.get("table", 0) for row in given], pa.int32()),
        "row": pa.array([row.get("row", at) for at, row in enumerate(given, 2)], pa.int64()),
    }
    for name in (*FIELDS, "fault", "fault_detail"):
        columns[name] = pa.array([row.get(name) for row in given], pa.string())
    return pa.table(columns)


def checked(*given: dict[str, str | int | None], **rules: Any) -> Checked:
    settings = {"now": datetime(2024, 9, 20, tzinfo=UTC), "region": "IN", **rules}
    return validate(rows(*given), Rules(**settings), places=PLACES)


def lines(*given: dict[str, str | int | None], **rules: Any) -> list[dict[str, object]]:
    told: list[dict[str, object]] = checked(*given, **rules).frame.to_pylist()
    return told


def good(**changes: str | int | None) -> dict[str, str | int | None]:
    return {**GOOD, **changes}


def test_a_good_row_is_ready_and_holds_all_that_is_sent() -> None:
    (line,) = lines(good(id="42", type="Mobile"))
    assert line == {
        "line": 0,
        "table": 0,
        "row": 2,
        "referrer": "917999836466",
        "referrer_key": "917999836466",
        "referrer_type": "MOBILE",
        "campaign_token": "J0H7Q",
        "type": "MOBILE",
        "identifier": "917999836416",
        "identifier_key": "917999836416",
        "name": "Shikhar",
        "id": "42",
        "invited_on": "20240910T16:35:52.pV7BF",
        **dict.fromkeys(("outcome", "code", "field", "reason", "advice", "warning")),
        "duplicate_of": None,
    }


@pytest.mark.parametrize("given", [(), (good(),), (good(identifier=None), good())])
def test_the_checked_frame_has_the_columns_of_the_model(
    given: tuple[dict[str, str | int | None], ...],
) -> None:
    frame = checked(*given).frame
    assert frame.column_names == ["line", "table", "row", *CHECKED_TEXT, "duplicate_of"]
    assert dict(zip(frame.column_names, frame.schema.types, strict=True)) == {
        **dict.fromkeys(("line", "row", "duplicate_of"), pa.int64()),
        "table": pa.int32(),
        **dict.fromkeys(CHECKED_TEXT, pa.string()),
    }
    assert len(frame) == len(given)


def test_surrounding_blanks_and_invisible_marks_are_no_part_of_a_cell() -> None:
    (line,) = lines(good(campaign_token="\u00a0J0H7Q\u200b", referral_code=" pV7BF\n", type="  "))
    assert (line["outcome"], line["campaign_token"]) == (None, "J0H7Q")
    assert line["invited_on"] == "20240910T16:35:52.pV7BF"


# --- who is invited


def test_a_mobile_and_an_email_in_one_row_are_two_invites_in_that_order() -> None:
    both = good(identifier=None, invitee_mobile="9876543210", invitee_email="Asha@Example.COM")
    found = lines(both, good())
    assert [(line["line"], line["type"], line["identifier"]) for line in found] == [
        (0, "MOBILE", "919876543210"),
        (0, "EMAIL", "Asha@example.com"),
        (1, "MOBILE", "917999836416"),
    ]
    assert [line["outcome"] for line in found] == [None] * 3


def test_an_invitee_named_twice_in_one_row_is_invited_once() -> None:
    (line,) = lines(good(identifier="98765-43210", invitee_mobile="98765 43210"))
    assert (line["identifier"], line["outcome"]) == ("919876543210", None)


def test_another_invitee_beside_the_identifier_is_an_invite_of_its_own() -> None:
    found = lines(good(invitee_email="asha@example.com"))
    assert [line["identifier"] for line in found] == ["917999836416", "asha@example.com"]


def test_a_row_that_names_nobody_keeps_its_line() -> None:
    (line,) = lines(good(identifier=" "))
    assert (line["outcome"], line["code"], line["field"]) == (
        "rejected",
        "missing-invitee",
        "identifier",
    )
    assert line["reason"] == "The row names nobody to invite."


@pytest.mark.parametrize(
    ("type_", "identifier", "sent_as"),
    [
        ("MOBILE", "9876543210", "MOBILE"),
        ("sms", "9876543210", "MOBILE"),
        ("Phone No.", "9876543210", "MOBILE"),
        ("e-mail", "a@example.com", "EMAIL"),
        ("Mail", "a@example.com", "EMAIL"),
        ("E-Mail Address", "a@example.com", "EMAIL"),
        (None, "9876543210", "MOBILE"),
        (None, "a@example.com", "EMAIL"),
    ],
)
def test_the_type_is_understood_or_follows_from_the_invitee(
    type_: str | None, identifier: str, sent_as: str
) -> None:
    (line,) = lines(good(type=type_, identifier=identifier))
    assert (line["type"], line["outcome"]) == (sent_as, None)


@pytest.mark.parametrize(
    ("row", "code", "field", "reason"),
    [
        (
            good(type="WHATSAPP"),
            "1206",
            "type",
            "'WHATSAPP' is not a type that the platform supports.",
        ),
        (
            good(type="EMAIL"),
            "1701",
            "type",
            "The type is 'EMAIL', but '7999836416' is a number.",
        ),
        (
            good(type="mobile", identifier="asha@example.com"),
            "1701",
            "type",
            "The type is 'mobile', but 'asha@example.com' is an e-mail address.",
        ),
        (
            good(type="EMAIL", identifier=None, invitee_mobile="9876543210"),
            "1701",
            "type",
            "The type is 'EMAIL', but '9876543210' stands in the column of the invitee's mobile.",
        ),
        (
            good(identifier="ravi"),
            "1701",
            "identifier",
            "'ravi' is neither a mobile nor an e-mail address.",
        ),
        (
            good(identifier=None, invitee_mobile="98-76"),
            "1701",
            "invitee_mobile",
            "'98-76' is not a valid mobile: 4 digits, ",
        ),
        (
            good(referrer_mobile=None),
            "1012",
            "referrer_mobile",
            "The row names no referrer, so the platform could match no customer.",
        ),
        (
            good(referrer_mobile="12", referrer_email="asha@example.com"),
            "1012",
            "referrer_mobile",
            "The platform could match no customer: the referrer's mobile '12' is not valid (",
        ),
        (
            good(referrer_mobile=None, referrer_email="asha@"),
            "1012",
            "referrer_email",
            "The platform could match no customer: the referrer's e-mail address 'asha@' is not",
        ),
        (
            good(campaign_token=None),
            "missing-campaign-token",
            "campaign_token",
            "The row has no campaign token.",
        ),
        (
            good(campaign_token="J0 H7Q"),
            "1202",
            "campaign_token",
            "'J0 H7Q' cannot be a campaign token: it holds a space.",
        ),
        (
            good(region="IND"),
            "bad-region",
            "region",
            "'IND' is not the two-letter code of a country.",
        ),
        (
            good(invited_on="soon"),
            "bad-invited-on",
            "invited_on",
            "'soon' is not a date that can be read.",
        ),
        (
            good(referral_code=None),
            "missing-referral-code",
            "referral_code",
            "The row has no referral code.",
        ),
        (
            good(referral_code="p.V"),
            "bad-referral-code",
            "referral_code",
            "'p.V' cannot be a referral code: it holds the character '.'.",
        ),
        (
            good(referral_code="x" * 51),
            "bad-referral-code",
            "referral_code",
            f"'{'x' * 51}' cannot be a referral code: it has 51 characters.",
        ),
        (
            good(invited_on="20240910T16:35:52.other"),
            "bad-referral-code",
            "referral_code",
            "The date of the invitation carries the code 'other', but the row's own code is",
        ),
        (
            good(identifier="+91 79998 36466"),
            "self-referral",
            "identifier",
            "The referrer and the invitee are the same person.",
        ),
        (
            good(fault="ragged-row", fault_detail="14 cells, the header has 9"),
            "ragged-row",
            None,
            "The row has more cells than the header: 14 cells, the header has 9.",
        ),
    ],
)
def test_a_fault_is_told_by_its_code_its_field_and_a_sentence(
    row: dict[str, str | int | None], code: str, field: str | None, reason: str
) -> None:
    (line,) = lines(row)
    assert (line["outcome"], line["code"], line["field"]) == ("rejected", code, field)
    assert str(line["reason"]).startswith(reason)
    assert line["advice"]
    assert code in CODES


def test_a_refused_row_shows_what_was_typed_and_has_no_keys() -> None:
    typed = good(type="sms", identifier="98-76", invited_on="10 Sep 2024", referrer_mobile="+91 7")
    (line,) = lines(typed)
    assert [line[name] for name in ("referrer", "type", "identifier", "invited_on")] == [
        "+91 7",
        "sms",
        "98-76",
        "10 Sep 2024",
    ]
    assert (line["referrer_key"], line["identifier_key"]) == (None, None)


def test_all_faults_of_a_row_are_told_at_once_the_first_by_its_code() -> None:
    (line,) = lines(good(identifier="ravi", campaign_token=None, referral_code=None))
    assert line["code"] == "1701"
    assert line["reason"] == (
        "'ravi' is neither a mobile nor an e-mail address; also: the row has no campaign token; "
        "also: the row has no referral code."
    )
    assert line["advice"] == (
        "Ask for the invitee's full mobile or e-mail address and write that. Fill in the campaign "
        "token, or give it with --campaign-token. Fill in the referrer's referral code for this "
        "campaign."
    )


def test_the_cells_of_a_row_that_the_loader_found_damaged_are_not_judged() -> None:
    damaged = good(fault="ragged-row", identifier="98-76", invitee_email="x", campaign_token=None)
    (line,) = lines(damaged)
    assert line["reason"] == "The row has more cells than the header."


def test_a_region_that_cannot_be_read_is_the_only_fault_of_its_mobiles() -> None:
    (line,) = lines(good(region="Emirates", identifier="501234567"))
    assert line["reason"] == "'Emirates' is not the two-letter code of a country."


def test_the_rows_own_region_and_token_come_before_the_settings() -> None:
    given = good(region="ae", referrer_mobile="+917999836466", identifier="501234567")
    first, second = lines(given, good(campaign_token=None), campaign_token="DFLT1")
    assert (first["identifier"], first["campaign_token"]) == ("971501234567", "J0H7Q")
    assert (second["outcome"], second["campaign_token"]) == (None, "DFLT1")


def test_an_identifier_longer_than_the_platform_keeps_is_refused() -> None:
    domain = ".".join(["example" * 5] * 3) + ".com"
    (line,) = lines(good(identifier=f"asha@{domain}"))
    assert line["code"] == "1701"
    assert "116 characters, the platform stores 100" in str(line["reason"])


def test_a_referrer_may_be_named_by_email_alone_and_the_mobile_counts_beside_it() -> None:
    by_email = good(referrer_mobile=None, referrer_email="Asha@Example.com")
    both = good(referrer_email="asha@example.com", identifier="9876543210")
    found = lines(by_email, both)
    assert [(line["referrer"], line["referrer_type"]) for line in found] == [
        ("Asha@example.com", "EMAIL"),
        ("917999836466", "MOBILE"),
    ]
    assert found[0]["referrer_key"] == "asha@example.com"


# --- suppression, duplicates, warnings


def test_the_suppression_list_comes_before_duplicates() -> None:
    found = lines(good(), good(), good(identifier="9876543210"), suppressed={"917999836416"})
    assert [line["outcome"] for line in found] == ["suppressed", "suppressed", None]
    assert found[0]["reason"] == "The invitee is on the suppression list."


def test_a_refused_row_on_the_suppression_list_is_refused() -> None:
    (line,) = lines(good(referral_code=None), suppressed={"917999836416"})
    assert line["outcome"] == "rejected"


def test_a_repeat_points_at_the_first_such_invite_and_names_its_place() -> None:
    found = lines(
        good(row=14),
        good(identifier="9876543210"),
        good(table=1, identifier="+91 79998-36416", invited_on="2024-09-11", type="mobile"),
        good(table=1, referrer_mobile="09999836466"[1:]),
        good(campaign_token="K1"),
        good(),
    )
    assert [line["outcome"] for line in found] == [
        None,
        None,
        "duplicate",
        None,
        None,
        "duplicate",
    ]
    assert [line["duplicate_of"] for line in found] == [None, None, 0, None, None, 0]
    assert found[2]["reason"] == "The same invite stands in nightly.csv, row 14."
    assert found[2]["code"] == "duplicate"
    assert found[2]["identifier_key"] == "917999836416"


def test_a_repeat_of_a_refused_row_is_not_one() -> None:
    found = lines(good(referral_code=None), good())
    assert [line["outcome"] for line in found] == ["rejected", None]


def test_an_email_repeats_in_any_case() -> None:
    found = lines(good(identifier="asha@example.com"), good(identifier="ASHA@EXAMPLE.com"))
    assert [line["outcome"] for line in found] == [None, "duplicate"]


def test_what_deserves_a_look_warns_and_stops_nothing() -> None:
    found = lines(
        good(name="A name of twenty-six chars"),
        good(referrer_mobile="9876500000"),
        good(referrer_mobile="9876500000", campaign_token="K1"),
        good(),
    )
    shared = "2 referrers invite the same person to this campaign"
    assert [line["warning"] for line in found] == [
        f"the name has 26 characters, and the platform keeps 20; {shared}",
        shared,
        None,
        None,
    ]
    assert [line["outcome"] for line in found] == [None, None, None, "duplicate"]


def test_a_name_of_twenty_characters_is_no_warning() -> None:
    assert lines(good(name="x" * 20))[0]["warning"] is None


def test_notices_say_what_was_decided_for_a_column() -> None:
    (notice,) = checked(good(invited_on="03/04/2024")).notices
    assert notice.startswith("nightly.csv: dates such as 03/04/2024 were read with the day first")


def test_a_suppression_list_mixes_mobiles_and_emails_and_counts_what_cannot_be_read() -> None:
    cells = ["98765 43210", "ASHA@example.com", "contact", None, " ", "+971 50 123 4567"]
    keys, unreadable = suppression_keys(pa.chunked_array([pa.array(cells)]), Rules(region="IN"))
    assert keys == {"919876543210", "asha@example.com", "971501234567"}
    assert unreadable == 1


def test_an_empty_suppression_list_suppresses_nobody() -> None:
    assert suppression_keys(pa.chunked_array([[]], pa.string()), Rules()) == (frozenset(), 0)


def test_a_mobile_that_may_have_lost_its_plus_deserves_a_look() -> None:
    home = [good(identifier=f"9198765432{n:02}") for n in range(20)]
    lost = good(identifier="6583123456")  # +65 8312 3456, or an Indian mobile
    found = lines(*home, lost, good(identifier="09876543255"), good(identifier="9876543299"))
    assert [line["outcome"] for line in found] == [None] * 23
    assert found[20]["warning"] == (
        "the invitee's mobile: it was read as +916583123456, but nearly all others here have a "
        "country code, and with one it would be +6583123456: if its plus was lost, write it again "
        "as text"
    )
    assert [line["warning"] for line in (*found[:20], *found[21:])] == [None] * 22


def test_without_a_custom_of_country_codes_no_plus_is_missed() -> None:
    national = [good(identifier=f"98765432{n:02}") for n in range(20)]
    home = [good(identifier=f"9198765433{n:02}") for n in range(20)]
    for given in (national, [*national, *home], home[:5]):
        found = lines(*given, good(identifier="6583123456"))
        assert found[-1]["warning"] is None
