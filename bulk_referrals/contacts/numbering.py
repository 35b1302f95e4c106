"""What the installed numbering plans (libphonenumber's metadata) say of a country.

Only the plans of the countries that turn up are loaded: all 245 take longer than a small run.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    PhoneMetadata,
    country_code_for_region,
    region_code_for_country_code,
)

# phonenumberutil.UNKNOWN_REGION and REGION_CODE_FOR_NON_GEO_ENTITY
NOWHERE: Final = frozenset({"ZZ", "001"})


def is_region(region: str) -> bool:
    """Tell whether numbering plans know the ISO 3166 alpha-2 code, in capitals."""
    return region in SUPPORTED_REGIONS


def main_region(country_code: str) -> str:
    """Return the main region of a calling code, "" for none (unknown or not of a country)."""
    region = region_code_for_country_code(int(country_code)) if country_code.isdecimal() else ""
    return "" if region in NOWHERE else region


def calling_code(region: str) -> str:
    """Return the calling code of a known region, digits."""
    return str(country_code_for_region(region))


def split_code(digits: str) -> tuple[str, str]:
    """Return (calling code, rest) of digits with country code; ("", digits) for no known code."""
    lengths = () if digits.startswith("0") else (1, 2, 3)
    known = (one for one in lengths if int(digits[:one] or "0") in COUNTRY_CODE_TO_REGION_CODE)
    length = next(known, 0)
    return digits[:length], digits[length:]


def plan(country_code: str) -> PhoneMetadata | None:
    """Return the numbering plan by which a calling code's numbers are read."""
    code = int(country_code)
    return PhoneMetadata.metadata_for_region_or_calling_code(
        code, region_code_for_country_code(code)
    )


def mobile_lengths(country_code: str) -> tuple[int, ...]:
    """Return how many digits a mobile has after the calling code; () where none are known."""
    found = plan(country_code)
    if found is None or found.mobile is None:
        return ()
    return tuple(length for length in found.mobile.possible_length if length > 0)


@cache
def _country_names() -> dict[str, str]:
    """Return region -> English name, from the time zone database's copy of ISO 3166."""
    table = files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {region: name.strip() for region, name in lines}


def country_name(region: str) -> str:
    """Return a region's English name, its code where it has none, "" for no country."""
    return "" if region in NOWHERE else _country_names().get(region, region)
