"""The guide to the input: what it says of columns and cells is what becomes of them."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bulk_referrals import contacts
from bulk_referrals.contacts import Contact
from bulk_referrals.loader.files import PARQUET_SUFFIXES, TEXT_SUFFIXES, WORKBOOK_SUFFIXES
from bulk_referrals.loader.grid import HEADER_SEARCH_ROWS
from bulk_referrals.loader.headers import match
from bulk_referrals.model import FIELDS, MobileFormat, MobileRule
from bulk_referrals.validator import dateforms

GUIDE = (Path(__file__).parents[2] / "docs" / "input.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def examples(heading: str) -> list[tuple[str, str]]:
    found = re.findall(r"^\| `(.+?)` \| (.+?) \|$", section(heading), re.MULTILINE)
    assert len(found) >= 5
    return found


def mobile(cell: str) -> Contact:
    return contacts.mobile(cell, region="IN", rule=MobileRule(), mobile_format=MobileFormat.DIGITS)


@pytest.mark.parametrize(("cell", "told"), examples("Mobiles"))
def test_a_mobile_becomes_what_the_guide_says(cell: str, told: str) -> None:
    found = mobile(cell)
    assert told == (found.value or found.problem)


@pytest.mark.parametrize(("cell", "told"), examples("E-mail addresses"))
def test_an_address_becomes_what_the_guide_says(cell: str, told: str) -> None:
    found = contacts.email(cell)
    if found.warning:
        assert told == f"sent, with a warning: {found.warning}"
    else:
        assert told == (found.value or f"refused: {found.problem}")


@pytest.mark.parametrize(("cell", "told"), examples("Dates"))
def test_a_date_is_read_as_the_guide_says(cell: str, told: str) -> None:
    readings = dateforms.read(pa.array([cell]))
    assert {str(told)} == {
        str(moment)
        for moment in (readings.day_first[0], readings.month_first[0])
        if not np.isnat(moment)
    }


def test_every_column_is_explained_once() -> None:
    table = section("The columns").partition("\n### ")[0]
    firsts = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(firsts))) == sorted(FIELDS)


@pytest.mark.parametrize("name", ["Friend's phone", "Phone of friend", "friend_phone"])
def test_a_contact_is_known_by_whose_it_is_in_any_order(name: str) -> None:
    assert f"`{name}`" in GUIDE
    assert match([name], {}).columns == {"invitee_mobile": 0}


@pytest.mark.parametrize("mark", ["*", " (required)", " (10 digits)"])
def test_marks_behind_a_name_make_no_difference(mark: str) -> None:
    assert f"`{mark.strip()}`" in GUIDE
    assert match([f"REFERRER.Mobile{mark}"], {}).columns == {"referrer_mobile": 0}


def test_a_bare_contact_is_the_invitees_where_the_referrers_is_named() -> None:
    assert match(["Referrer mobile", "Mobile", "Email", "Name"], {}).columns == {
        "referrer_mobile": 0, "invitee_mobile": 1, "invitee_email": 2, "name": 3,
    }  # fmt: skip
    assert "referrer_mobile" not in match(["Mobile", "Friend's phone"], {}).columns


def test_the_kinds_of_files_and_the_place_of_the_header_are_so() -> None:
    files = section("Files")
    for suffix in (*WORKBOOK_SUFFIXES, *TEXT_SUFFIXES[:2]):
        assert suffix[1:].upper() in files
    for suffix in PARQUET_SUFFIXES:
        assert f"`{suffix}`" in files
    assert f"first\n  {HEADER_SEARCH_ROWS} rows" in files
