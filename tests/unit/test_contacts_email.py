import pytest

from bulk_referrals.contacts import Contact, email


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ravi@example.com", "ravi@example.com"),
        ("Ravi.Kumar@Example.COM", "Ravi.Kumar@example.com"),
        ("Info@Example.com", "Info@example.com"),
        ("  ravi@example.com\n", "ravi@example.com"),
        ("'ravi@example.com", "ravi@example.com"),
        ("o'brien+x@example.co.in", "o'brien+x@example.co.in"),
        ("ravi\N{FULLWIDTH COMMERCIAL AT}example.com", "ravi@example.com"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}b@example.com", "ab@example.com"),
        ("ra\N{ZERO WIDTH SPACE}vi@example.com\N{NO-BREAK SPACE}", "ravi@example.com"),
        ("ravi@m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen.de", "ravi@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_keeps_its_local_part_and_gets_a_lower_case_ascii_domain(
    text: str, value: str
) -> None:
    assert email(text) == Contact(value=value, key=value.lower())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ravi", "no @ in it"),
        ("9876543210", "no @ in it"),
        ("#N/A", "a spreadsheet's error, not an address"),
        ("ravi@@example.com", "more than one @, so perhaps two addresses"),
        ("a@example.com; b@example.com", "more than one @, so perhaps two addresses"),
        ("a@example.com\nb@example.com", "more than one @, so perhaps two addresses"),
        ("mailto:ravi@example.com", "a mailto: link"),
        ("Ravi <ravi@example.com>", "a name around the address"),
        ("ra vi@example.com", "a space in it"),
        ("ravi@example.com.", "a full stop at its end"),
        ("ravi@example.com,", "a comma or the like at its end"),
        (
            "jos\N{LATIN SMALL LETTER E WITH ACUTE}@example.com",
            "letters before the @ that few mail systems take",
        ),
        ("r" * 64 + "@" + "example" * 5 + ".com", "104 characters, the platform stores 100"),
    ],
)
def test_what_may_be_meant_otherwise_is_refused(text: str, problem: str) -> None:
    found = email(text)
    assert (found.value, found.key, found.problem) == (None, None, problem)
    assert found.advice is not None
    assert found.advice.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "@example.com",
        "ravi@",
        "ravi@gmail",
        "ravi@localhost",
        "ravi@example.test",
        "ravi@example..com",
        "ravi@-example.com",
        ".ravi@example.com",
        "ra..vi@example.com",
        '"ravi"@example.com',
        "ravi@[192.0.2.1]",
        "ravi@exa_mple.com",
    ],
)
def test_the_librarys_reasons_become_clauses_without_the_address(text: str) -> None:
    problem = email(text).problem
    assert problem is not None
    assert problem[0].islower()
    assert not problem.endswith(".")
    assert "ravi" not in problem
    assert "@-sign" not in problem


def test_an_address_of_a_hundred_characters_is_accepted() -> None:
    text = "r" * 60 + "@" + "e" * 35 + ".com"
    assert len(text) == 100
    assert email(text).value == text


@pytest.mark.parametrize("text", ["", "  ", "\N{ZERO WIDTH SPACE}", "'"])
def test_a_cell_without_a_visible_character_is_empty(text: str) -> None:
    assert email(text) == Contact()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("GAMIL.com", "gmail.com"),
        ("yahooo.com", "yahoo.com"),
        ("gmail.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
    ],
)
def test_a_mistyped_domain_is_accepted_with_a_warning(typed: str, meant: str) -> None:
    found = email(f"ravi@{typed}")
    assert found.value == f"ravi@{typed.lower()}"
    assert found.warning == f"{typed.lower()} looks like {meant}"
