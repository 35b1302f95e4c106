"""The fast ways say exactly what the exact ones say, of anything."""

import random
from collections.abc import Callable, Iterator
from functools import partial

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from bulk_referrals.contacts import Contact, Contacts, email, emails, mobile, mobiles
from bulk_referrals.contacts import readings as readings_module
from bulk_referrals.model import MobileFormat, MobileRule

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPES = sorted(set(PhoneNumberType.values()) - {PhoneNumberType.UNKNOWN})
RULES = (
    MobileRule(),
    MobileRule(country_codes=("91", "971", "1", "44")),
    MobileRule(country_codes=("54", "55", "7", "39")),
    MobileRule(lengths=(11, 12)),
    MobileRule(country_codes=("91",), pattern=r"91[1-9]\d{9}"),
    MobileRule(pattern=r"(?=\d{11,13}$)[1-7]\d+", lengths=(12,)),
)
# What people and spreadsheets put around, between and in place of digits.
MARKS = [
    " ",
    "-",
    ".",
    "(",
    ")",
    "/",
    "+",
    "'",
    "\u00a0",
    "\u200b",
    "\u2013",
    "\uff0b",
    "tel:",
    ".0",
]
DAMAGE = ["O", "x", "ext 5", ",", "*", "E+11", "?", "#", "\n", "\0", " / ", "é", "½", "\ufeff"]


@pytest.fixture(autouse=True)
def _every_code_by_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no calling code to the exact way for being rare."""
    monkeypatch.setattr(readings_module, "_WORTHWHILE", 0)


def lines(found: Contacts) -> list[Contact]:
    columns = (found.value, found.key, found.problem, found.advice, found.warning)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        Contact(value=value, key=key, problem=problem, advice=advice, warning=warning)
        for value, key, problem, advice, warning in rows
    ]


def assert_alike(cells: list[str], found: Contacts, exact: Callable[[str], Contact]) -> None:
    wrong = [
        (cell, fast, slow)
        for cell, fast, slow in zip(cells, lines(found), map(exact, cells), strict=True)
        if fast != slow
    ]
    assert wrong == []


def assert_read_alike(
    cells: list[str], region: str, rule: MobileRule, mobile_format: MobileFormat
) -> None:
    exact = partial(mobile, region=region, rule=rule, mobile_format=mobile_format)
    column = pa.chunked_array([cells], pa.string())
    found = mobiles(column, region=region, rule=rule, mobile_format=mobile_format)
    assert_alike(cells, found, exact)


def national_numbers(region: str, chance: random.Random) -> Iterator[str]:
    """Yield numbers of the region, near the true ones and beside them."""
    for kind in TYPES:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        digits = phonenumbers.national_significant_number(example)
        yield digits
        places = [chance.randrange(len(digits)) for _ in range(2)]
        yield from (digits[:at] + str(chance.randrange(10)) + digits[at + 1 :] for at in places)
        yield digits[:-1]
        yield digits[-7:]  # without the area code, which some plans put in front
        yield f"{digits[1:3]}15{digits[3:]}"  # a mobile as dialled in Argentina
        yield digits + str(chance.randrange(10))
    yield "".join(chance.choices("0123456789", k=chance.randrange(3, 16)))


def written_ways(national: str, region: str, chance: random.Random) -> Iterator[str]:
    """Yield the number as people write it, and as they should not."""
    code = str(phonenumbers.country_code_for_region(region))
    trunk = chance.choice(["0", "1", "8", "90", "015", "021", code])
    idd = chance.choice(["00", "011", "001", "0011", "810", "0"])
    yield from (national, f"+{code}{national}", f"{code}{national}")
    yield from (f"{trunk}{national}", f"{idd}{code}{national}", f"+{code}0{national}")
    cell = chance.choice([national, f"+{code}{national}", f"{code}{national}"])
    for marks in (MARKS, MARKS, DAMAGE):
        at = chance.randrange(len(cell) + 1)
        cell = cell[:at] + chance.choice(marks) + cell[at:]
        yield cell


def cells_of(region: str, chance: random.Random) -> list[str]:
    numbers = national_numbers(region, chance)
    return [cell for number in numbers for cell in written_ways(number, region, chance)]


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_mobiles_of_every_region_are_read_as_one_by_one(rule: MobileRule) -> None:
    chance = random.Random(20261123)  # noqa: S311 - repeatable, no secret
    for region in REGIONS if rule == MobileRule() else chance.sample(REGIONS, 25):
        cells = cells_of(region, chance)
        asked = chance.choice([region, region, region.lower(), "", "IN", "XX"])
        assert_read_alike(cells, asked, rule, chance.choice([*MobileFormat]))


@pytest.mark.parametrize("region", ["IN", "US", "GB", "AE", "BR", "AR", "JP", "ID", "CA", "DE"])
def test_random_digits_are_read_as_one_by_one(region: str) -> None:
    chance = random.Random(region)  # noqa: S311 - repeatable, no secret
    code = str(phonenumbers.country_code_for_region(region))
    heads = ["", "+", "0", "00", code, f"+{code}", f"00{code}", f"+{code}0", "1", "+1", "+7"]
    cells = [
        chance.choice(heads) + "".join(chance.choices("0123456789", k=chance.randrange(6, 12)))
        for _ in range(2_000)
    ]
    assert_read_alike(cells, region, MobileRule(), MobileFormat.DIGITS)


texts = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.text(alphabet="0123456789+()-./ '\u00a0\u200b\uff19\uff10E.", max_size=25),
        st.from_regex(r"\A\+?[0-9]{4,17}(?:\.0{0,3})?\Z"),
        st.from_regex(r"\A[0-9]{1,9}[,/;][ ]?[0-9]{1,9}\Z"),
    ),
    max_size=20,
)


@settings(deadline=None, max_examples=60)
@given(
    cells=texts,
    region=st.sampled_from(["", "IN", "us", "AE", "AR", "XX"]),
    rule=st.sampled_from(RULES),
    mobile_format=st.sampled_from(MobileFormat),
)
def test_any_texts_are_read_as_mobiles_as_one_by_one(
    cells: list[str], region: str, rule: MobileRule, mobile_format: MobileFormat
) -> None:
    assert_read_alike(cells, region, rule, mobile_format)


@settings(deadline=None, max_examples=40)
@given(cells=texts)
def test_no_text_is_accepted_as_a_mobile_without_all_its_digits(cells: list[str]) -> None:
    found = mobiles(
        pa.chunked_array([cells], pa.string()),
        region="IN",
        rule=MobileRule(),
        mobile_format=MobileFormat.DIGITS,
    )
    for cell, key in zip(cells, found.key.to_pylist(), strict=True):
        assert key is None or not any(char.isalpha() for char in cell.removeprefix("tel:"))


LOCALS = ["ravi", "Ravi.K", "a+b", "o'brien", "'ravi", "#ravi", ".a", "a..b", "é", "x" * 65, ""]
DOMAINS = [
    "example.com",
    "Example.COM",
    "gmial.com",
    "a.test",
    "localhost",
    "a_b.com",
    "-a.com",
    "a-.com",
    "ab--c.com",
    "xn--mnchen-3ya.de",
    "XN--MNCHEN-3YA.de",
    "xn--a.com",
    "münchen.de",
    "a.c",
    "a.com.",
    "a..com",
    "a.123",
    "x" * 64 + ".com",
    "y" * 60 + "." + "z" * 30 + ".com",
    "[1.2.3.4]",
    "",
]
addresses = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.emails(),
        st.builds("{}@{}".format, st.sampled_from(LOCALS), st.sampled_from(DOMAINS)),
        st.builds(
            "{}{}@{}{}".format,
            st.sampled_from(["", " ", "mailto:", "\u200b", "<"]),
            st.text(alphabet="abcXYZ019._%+-'\"\uff41 ,", max_size=12),
            st.text(alphabet="abcXYZ019.-_\uff45\uff20", max_size=15),
            st.sampled_from(["", ".com", ".", ",", " ", "\n", ".com;b@c.de", "\u00a0"]),
        ),
    ),
    max_size=20,
)


@settings(deadline=None, max_examples=150)
@given(cells=addresses)
def test_any_texts_are_read_as_emails_as_one_by_one(cells: list[str]) -> None:
    assert_alike(cells, emails(pa.chunked_array([cells], pa.string())), email)


def test_every_pair_of_parts_is_read_as_an_email_as_one_by_one() -> None:
    cells = [f"{local}@{domain}" for local in LOCALS for domain in DOMAINS]
    assert_alike(cells, emails(pa.chunked_array([cells])), email)
