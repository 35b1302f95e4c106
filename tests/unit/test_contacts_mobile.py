import re

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from bulk_referrals.contacts import Contact, is_region, mobile
from bulk_referrals.model import MobileFormat, MobileRule


def read(text: str, region: str = "IN", rule: MobileRule | None = None) -> Contact:
    return mobile(
        text, region=region, rule=rule or MobileRule(), mobile_format=MobileFormat.DIGITS
    )


def as_typed(text: str) -> str:
    """Return the text with its escapes and wide digits written out, for the names of tests."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


@pytest.mark.parametrize(
    "text",
    [
        "7999836466",
        "917999836466",
        "917999836466.0",
        "917999836466.00",
        "+917999836466",
        "+91 79998 36466",
        "+91-79998-36466",
        "+91 (0) 79998 36466",
        "(+91) 79998 36466",
        "0091 79998 36466",
        "07999836466",
        "79998-36466",
        "7.999.836.466",
        "79998/36466",
        "  7999836466  ",
        "'7999836466",
        "\N{RIGHT SINGLE QUOTATION MARK}7999836466",
        "tel:+917999836466",
        "\N{FULLWIDTH PLUS SIGN}917999836466",
        "".join(chr(0xFF10 + int(digit)) for digit in "7999836466"),
        "".join(chr(0x0966 + int(digit)) for digit in "7999836466"),
        "".join(chr(0x0660 + int(digit)) for digit in "7999836466"),
        "+91\N{NO-BREAK SPACE}79998\N{NARROW NO-BREAK SPACE}36466",
        "\N{LEFT-TO-RIGHT EMBEDDING}+917999836466\N{POP DIRECTIONAL FORMATTING}",
        "\N{ZERO WIDTH NO-BREAK SPACE}79998\N{ZERO WIDTH SPACE}36466",
        "79998\N{EN DASH}36466",
        "79998\N{MINUS SIGN}36466",
    ],
    ids=as_typed,
)
def test_a_mobile_is_the_same_however_it_is_written(text: str) -> None:
    assert read(text) == Contact(value="917999836466", key="917999836466")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("9.19E+11", "shortened by a spreadsheet, its last digits are lost"),
        ("9.19876E11", "shortened by a spreadsheet, its last digits are lost"),
        ("9,19E+11", "shortened by a spreadsheet, its last digits are lost"),
        ("9.19876543210", "a decimal number, so digits may be lost"),
        ("98765.43210", "a decimal number, so digits may be lost"),
        ("919876543210.5", "a decimal number, so digits may be lost"),
        ("+91.9876543210", "a decimal number, so digits may be lost"),
        ("9876543210.", "a decimal number, so digits may be lost"),
        ("919000000000", "only zeros after its first 6 digits, as a spreadsheet leaves them"),
        ("919877000000", "only zeros after its first 6 digits, as a spreadsheet leaves them"),
        ("91987654321012345", "17 digits, no number has more than 15"),
        ("98765O43210", "the letter O among the digits"),
        ("98765HELLO", "letters among the digits"),
        ("Ravi 9876543210", "letters among the digits"),
        ("9876543210 ext 5", "an extension, which no mobile has"),
        ("9876543210x5", "an extension, which no mobile has"),
        ("98765 43210 / 98765 43211", "two numbers in one cell"),
        ("9876543210/9876543211", "two numbers in one cell"),
        ("9876543210, 9876543211", "two numbers in one cell"),
        ("9876543210;9876543211", "two numbers in one cell"),
        ("9876543210 or 9876543211", "two numbers in one cell"),
        ("9876543210\n9876543211", "two numbers in one cell"),
        ("98765 43210 98765 43211", "20 digits, no number has more than 15"),
        ("98765 43210 / 11", "a slash, so perhaps two numbers"),
        ("98XXXX3210", "some digits are hidden"),
        ("98****3210", "some digits are hidden"),
        ("98765?3210", "some digits are hidden"),
        ("#N/A", "a spreadsheet's error, not a number"),
        ("########", "a spreadsheet's error, not a number"),
        ("9,876,543,210", "commas between its thousands"),
        ("9876+543210", "a + that is not in front"),
        ("++919876543210", "a + that is not in front"),
        ("(98765 43210", "a bracket without its partner"),
        ("-9876543210", "punctuation that no number has"),
        ("98765--43210", "punctuation that no number has"),
        ("n/a", "no digit in it"),
        ("-", "no digit in it"),
        ("ravi1@example.com", "an e-mail address, not a mobile"),
        ("call me on 9876543210 " * 4, "too long a text for a number"),
        ("9" * 40 + " " + "9" * 15 + "x", "letters among the digits"),
    ],
)
def test_what_may_be_damaged_or_meant_otherwise_is_refused(text: str, problem: str) -> None:
    found = read(text)
    assert (found.value, found.key, found.problem) == (None, None, problem)
    assert found.advice is not None
    assert found.advice.endswith(".")


def test_a_round_number_is_accepted_where_a_plus_says_that_it_is_meant() -> None:
    assert read("+919000000000").key == "919000000000"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("98-76", "4 digits, a mobile of India (+91) has 10"),
        ("987654321", "9 digits, a mobile of India (+91) has 10"),
        ("98765432101", "11 digits, a mobile of India (+91) has 10"),
        ("9198765432101", "11 digits, a mobile of India (+91) has 10"),
        ("+91987654321", "9 digits, a mobile of India (+91) has 10"),
        ("7", "1 digit, a mobile of India (+91) has 10"),
        ("02223456789", "a landline of India (+91)"),
        ("1800123456", "a toll-free number of India (+91)"),
        ("+9991234567", "an unknown country code"),
        ("+0919876543210", "an unknown country code"),
        ("0123456789", "9 digits, a mobile of India (+91) has 10"),
    ],
)
def test_the_reason_of_a_wrong_number_is_precise(text: str, problem: str) -> None:
    assert read(text).problem == problem


def test_a_country_whose_mobiles_have_several_lengths_names_them() -> None:
    found = read("+49151", region="")
    assert found.problem is not None
    assert re.fullmatch(
        r"\d digits, a mobile of Germany \(\+49\) has \d+(, \d+)* (or|to) \d+", found.problem
    )


@pytest.mark.parametrize("text", ["", "   ", "\N{ZERO WIDTH SPACE}", "'", "\N{NO-BREAK SPACE}"])
def test_a_cell_without_a_visible_character_is_empty(text: str) -> None:
    assert read(text) == Contact()


def test_without_region_the_platforms_own_form_is_read() -> None:
    assert read("917999836466", region="").key == "917999836466"


def test_without_region_a_national_number_is_refused_with_the_way_out() -> None:
    found = read("7999836466", region="")
    assert found.problem == "no country code that makes it a mobile, and no region is set"
    assert found.advice is not None
    assert "--region" in found.advice


def test_a_plus_makes_the_region_irrelevant() -> None:
    assert read("+971 50 123 4567", region="XX").key == "971501234567"
    assert read("+971 50 123 4567", region="IN").key == "971501234567"


def test_an_unknown_region_is_said_to_be_so() -> None:
    found = read("7999836466", region="Bharat")
    assert found.problem == "no country code, and its region is not a country's code"


@pytest.mark.parametrize("region", ["in", " IN ", "IN"])
def test_the_case_of_a_region_does_not_matter(region: str) -> None:
    assert read("7999836466", region=region).key == "917999836466"


def test_regions_are_known_by_their_capital_letters() -> None:
    assert is_region("IN")
    assert not is_region("in")
    assert not is_region("ZZ")


@pytest.mark.parametrize(
    ("mobile_format", "value"),
    [
        (MobileFormat.DIGITS, "917999836466"),
        (MobileFormat.E164, "+917999836466"),
        (MobileFormat.NATIONAL, "7999836466"),
    ],
)
def test_a_mobile_is_written_as_asked_and_its_key_stays(
    mobile_format: MobileFormat, value: str
) -> None:
    found = mobile("07999836466", region="IN", rule=MobileRule(), mobile_format=mobile_format)
    assert found == Contact(value=value, key="917999836466")


def test_a_region_that_shares_its_calling_code_is_read() -> None:
    assert read("204-234-5678", region="CA").key == "12042345678"
    assert read("8 701 234 5678", region="KZ").key == "77012345678"


def test_the_example_mobiles_of_all_countries_are_accepted() -> None:
    refused = []
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if example is not None:
            text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            refused += [region] if read(text).key != text[1:] else []
    assert refused == []


BRAND = MobileRule(country_codes=("91", "971"))


def test_the_brands_countries_are_tried_in_their_order() -> None:
    assert read("7999836466", region="", rule=BRAND).key == "917999836466"
    assert read("0501234567", region="", rule=BRAND).key == "971501234567"
    assert read("971501234567", region="", rule=BRAND).key == "971501234567"


def test_the_rows_region_is_tried_before_the_brands_countries() -> None:
    assert read("0501234567", region="AE", rule=BRAND).key == "971501234567"


def test_a_country_that_the_brand_does_not_serve_is_refused() -> None:
    assert read("+44 7911 123456", rule=BRAND).problem == (
        "a number of Britain (UK) (+44), and only +91, +971 can be invited"
    )


def test_the_brands_pattern_accepts_what_the_library_refuses() -> None:
    assert read("1234567890").key is None
    assert read("1234567890", rule=MobileRule(pattern=r"911\d{9}")).key == "911234567890"
    assert read("+911234567890", rule=MobileRule(pattern=r"911\d{9}")).key == "911234567890"
    assert read("911234567890", rule=MobileRule(pattern=r"911\d{9}")).key == "911234567890"


def test_the_brands_pattern_refuses_what_the_library_accepts() -> None:
    found = read("7999836466", rule=MobileRule(pattern=r"919\d{9}"))
    assert found.problem == "not a mobile by the brand's own rule"


def test_the_brands_pattern_must_match_the_whole() -> None:
    assert read("7999836466", rule=MobileRule(pattern=r"917\d{8}")).key is None


def test_the_brands_pattern_does_not_excuse_damage() -> None:
    assert read("98765O43210", rule=MobileRule(pattern=r".*")).key is None


def test_the_brands_lengths_count_the_country_code() -> None:
    assert read("7999836466", rule=MobileRule(lengths=(12,))).key == "917999836466"
    assert read("7999836466", rule=MobileRule(lengths=(11, 13))).problem == (
        "12 digits with the country code, the brand's rule wants 11 or 13"
    )
