from pathlib import Path

import pytest

from bulk_referrals.errors import InputError, UsageError
from bulk_referrals.loader import headers, load
from bulk_referrals.model import FIELDS, Loaded, LoadOptions


def read(tmp_path: Path, header: str, columns: dict[str, str] | None = None) -> Loaded:
    path = tmp_path / "invites.csv"
    cells = ",".join(str(n) for n in range(header.count(",") + 1))
    path.write_text(f"{header}\n{cells}\n", encoding="utf-8")
    return load([str(path)], LoadOptions(columns=columns or {}))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("style", [str.upper, str.title, lambda s: s.replace("_", " ")])
def test_canonical_names_are_known_however_they_are_written(field: str, style: object) -> None:
    written = style(field)  # type: ignore[operator]
    for name in (written, written.replace("_", "."), written.replace("_", "-"), f" {written} *"):
        assert headers.match([name, "referrer mobile", "invitee mobile"], {}).columns[field] in (
            0,
            *(range(1, 3) if "mobile" in field else ()),
        )


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Referrer Phone", "referrer_mobile"),
        ("referrerMobile", "referrer_mobile"),
        ("Referrer's mobile no.", "referrer_mobile"),
        ("Member Phone Number (required)", "referrer_mobile"),
        ("Mobile (referrer)", "referrer_mobile"),
        ("Mobile of the referrer", "referrer_mobile"),
        ("Customer E-mail", "referrer_email"),
        ("friend mobile", "invitee_mobile"),
        ("Friend's Mobile", "invitee_mobile"),
        ("Friend\u2019s phone", "invitee_mobile"),
        ("friend\u00a0email", "invitee_email"),
        ("Invitee Mobile (10 digits)", "invitee_mobile"),
        ("Invitee Name", "name"),
        ("Code", "referral_code"),
        ("Referral\nCode", "referral_code"),
        ("Campaign", "campaign_token"),
        ("Token", "campaign_token"),
        ("Date", "invited_on"),
        ("Invited at", "invited_on"),
        ("User ID", "id"),
        ("Country", "region"),
        ("Channel", "type"),
    ],
)
def test_synonyms_in_plain_english(name: str, field: str) -> None:
    assert headers.match([name], {}).columns == {field: 0}


@pytest.mark.parametrize(
    "name", ["Referrer Name", "Customer ID", "Member number", "Campaign name", "Notes", "Store"]
)
def test_names_that_only_look_alike_are_left_alone(name: str) -> None:
    assert headers.match([name], {}).weight == 0


def test_no_synonym_has_two_meanings() -> None:
    assert not set(headers.SYNONYMS) & {"mobile", "phone", "email", "name"}
    assert set(headers.SYNONYMS.values()) == set(FIELDS)


def test_a_bare_contact_is_the_invitee_s_where_only_the_referrer_is_named(tmp_path: Path) -> None:
    loaded = read(tmp_path, "Mobile,Email,Name,Referrer mobile")
    assert loaded.tables[0].columns == {
        "referrer_mobile": 3,
        "invitee_mobile": 0,
        "invitee_email": 1,
        "name": 2,
    }


def test_a_bare_contact_is_never_guessed_to_be_the_referrer_s(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "mobile,identifier,name")
    assert str(caught.value).endswith(
        "no column names the referrer (referrer_mobile or referrer_email); found the columns"
        " 'mobile', 'identifier', 'name'. 'mobile' does not say whose it is: add"
        ' --map "mobile=referrer_mobile".'
    )


def test_a_bare_contact_beside_both_is_left_out_and_said_so(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,identifier,Email")
    assert list(loaded.tables[0].columns) == ["referrer_mobile", "identifier"]
    assert loaded.notices[0].endswith(
        "'Email' does not say whose email it is; it was not used. Use --map if it should be."
    )


def test_the_friend_s_name_wins_over_a_bare_one(tmp_path: Path) -> None:
    loaded = read(tmp_path, "Name,referrer_mobile,Friend name,Friend mobile")
    assert loaded.tables[0].columns["name"] == 2
    assert len(loaded.notices) == 1


def test_a_map_wins_over_the_synonyms(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,identifier,Phone 2", {"phone_2": "identifier"})
    assert loaded.tables[0].columns["identifier"] == 2


def test_a_map_to_an_unknown_field_is_answered_with_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'identifier'"):
        read(tmp_path, "a,b", {"a": "identifer"})  # codespell:ignore
    with pytest.raises(UsageError, match="both 'a' and 'b' are mapped to name"):
        read(tmp_path, "a,b", {"a": "name", "b": "Name"})


def test_a_mapped_column_that_is_not_there_is_answered_with_a_near_one(tmp_path: Path) -> None:
    header = "referrer_mobile,Freind phone"  # codespell:ignore
    with pytest.raises(InputError, match="Did you mean 'Freind phone'"):  # codespell:ignore
        read(tmp_path, header, {"Friend's phone": "identifier"})


def test_a_mapped_column_may_be_absent_where_another_names_the_field(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,identifier", {"Friend's phone": "identifier"})
    assert loaded.tables[0].columns["identifier"] == 1


def test_two_columns_with_one_meaning_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "referrer_mobile,Friend mobile,Invitee phone")
    assert "found 'Friend mobile' and 'Invitee phone'" in str(caught.value)
    assert '--map "NAME=invitee_mobile"' in str(caught.value)


def test_a_map_settles_which_of_two_is_meant(tmp_path: Path) -> None:
    columns = {"Invitee phone": "invitee_mobile"}
    loaded = read(tmp_path, "referrer_mobile,Friend mobile,Invitee phone", columns)
    assert loaded.tables[0].columns["invitee_mobile"] == 2


def test_a_near_miss_is_suggested_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "Refferer mobile,identifier")  # codespell:ignore
    assert str(caught.value).endswith(
        "'Refferer mobile' looks like 'referrer_mobile': rename it, or add"  # codespell:ignore
        ' --map "Refferer mobile=referrer_mobile".'  # codespell:ignore
    )
