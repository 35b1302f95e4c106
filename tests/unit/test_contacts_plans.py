"""Each step on columns does what the library's own step does to one number."""

import pyarrow as pa
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberDesc, PhoneNumberType, phonenumberutil

from bulk_referrals.contacts.plans import Plan

MOBILES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def metadata(prefix: str = "", transform: str | None = None) -> PhoneMetadata:
    """Return a plan that has what no true one needs to have: types that overlap."""
    return PhoneMetadata(
        id="QQ",
        country_code=99,
        general_desc=PhoneNumberDesc(
            national_number_pattern=r"[1-9]\d{3,7}", possible_length=(4, 5, 6, 7, 8)
        ),
        mobile=PhoneNumberDesc(national_number_pattern=r"7\d{4}", possible_length=(5,)),
        fixed_line=PhoneNumberDesc(national_number_pattern=r"[37]\d{4}", possible_length=(5,)),
        pager=PhoneNumberDesc(national_number_pattern=r"77\d{3}", possible_length=(5,)),
        voip=PhoneNumberDesc(national_number_pattern=r"78\d{3}", possible_length=(6,)),
        national_prefix_for_parsing=prefix or None,
        national_prefix_transform_rule=transform,
        register=False,
    )


NUMBERS = ["70123", "77123", "78123", "30123", "7012", "701234", "00123", "90123", "071234"]


def test_a_type_looked_for_earlier_takes_the_number_from_the_mobiles() -> None:
    plan = metadata()
    expected = [phonenumberutil._number_type_helper(one, plan) in MOBILES for one in NUMBERS]
    assert Plan(plan).is_mobile(pa.array(NUMBERS)).to_pylist() == expected
    assert expected[:4] == [True, False, True, False]


def test_equal_signatures_mean_equal_types() -> None:
    plan = metadata()
    types: dict[int, set[int]] = {}
    for one, signature in zip(NUMBERS, Plan(plan).signature(pa.array(NUMBERS)), strict=True):
        types.setdefault(signature, set()).add(phonenumberutil._number_type_helper(one, plan))
    assert all(len(found) == 1 for found in types.values())
    assert len(types) > 2


@pytest.mark.parametrize(
    ("prefix", "transform"),
    [
        ("", None),
        ("0", None),
        ("[07]", None),
        ("0|180", None),
        ("0(1[25])?", None),
        ("(0)?", None),
        (r"([37]\d{3})$|0", r"9\1"),
        (r"0?(?:(70)1)?", r"9\1"),
        (r"(7?)", r"9\1"),
    ],
)
def test_prefixes_are_taken_off_as_the_library_does_or_left_undecided(
    prefix: str, transform: str | None
) -> None:
    plan = metadata(prefix, transform)
    numbers = [*NUMBERS, "012345", "0152345", "18070123", "7", "0", "3012", "70170123"]
    for number, found in zip(
        numbers, Plan(plan).without_prefix(pa.array(numbers)).to_pylist(), strict=True
    ):
        if found is None:
            assert transform, number
        else:
            strip = phonenumberutil._maybe_strip_national_prefix_carrier_code
            assert found == strip(number, plan)[1], number
