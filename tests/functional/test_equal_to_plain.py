"""The columnar way gives what a plain reading of the rules gives, one cell after another.

The plain way here knows nothing of columns: the csv module reads, `contacts.mobile` and
`contacts.email` decide each cell, dicts group, json writes. Dates come from a small table of what
each means, so that no code is shared but the two exact definitions.
"""

import csv
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bulk_referrals import contacts, pipeline
from bulk_referrals.config import load_settings
from bulk_referrals.loader import load
from bulk_referrals.model import LoadOptions, MobileFormat, MobileRule

SAMPLE: Final = Path(__file__).parents[2] / "sample_data"
ROWS: Final = 4_000
BATCH_SIZE: Final = 3
FIRST: Final = 1_234_500  # numbers that end in zeros would be suspected of rounding

MOMENTS: Final = {
    "2024-09-10 16:35:52": ("20240910T16:35:52", ""),
    "2024-09-10": ("20240910T00:00:00", ""),
    "10 Sep 2024": ("20240910T00:00:00", ""),
    "Sep 10, 2024": ("20240910T00:00:00", ""),
    "2024-09-10T16:35:52Z": ("20240910T22:05:52", ""),
    "20240910T16:35:52.pV7BF": ("20240910T16:35:52", "pV7BF"),
    "soon": None,
    "2024-02-30": None,
}
TYPES: Final = {"MOBILE": "MOBILE", "mobile": "MOBILE", "Phone": "MOBILE", "E-mail": "EMAIL",
                "EMAIL": "EMAIL", "WhatsApp": None}  # fmt: skip
MOBILES: Final = (
    "98{:08d}", "+91 98{:08d}", "098{:08d}", "91-98{:08d}", "(+91) 97{:08d}", "9198{:08d}.0",
    "98{:08d} x", "9O{:08d}", "22{:08d}", "98{:05d}", "+971 50 {:07d}", "050{:07d}",
    "\N{FULLWIDTH DIGIT NINE}8{:08d}", "9\N{NO-BREAK SPACE}8{:08d}", "tel:+9198{:08d}",
    "9.19E+11", "98{:08d} / 97{:08d}", "+1 202 555 0123", "+44 7{:09d}", "919{:09d}000000",
)  # fmt: skip
EMAILS: Final = (
    "a{}@Example.ORG", "a.b{}@example.org", "a{}@localhost", "a{}@@example.org", "a{}@gmail.con",
    " a{}@example.org ", "a{}.@example.org", "ä{}@example.org", "a{}@bücher.example.com",
    "Asha <a{}@example.org>", "a{}", "mailto:a{}@example.org",
)  # fmt: skip
NAMES: Final = ("", "Asha", 'Zoë "Z" O\\Hara', "=1+1", "नाम", "a\tb", "</script>")

Cells = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row, as the plain way sees it."""

    outcome: str
    referrer: str = ""
    token: str = ""
    type: str = ""
    identifier: str = ""
    name: str = ""
    invited_on: str = ""
    id: str = ""


def varied_rows(count: int) -> Iterator[Cells]:
    """Yield rows of every kind, most of them right, always the same."""
    chance = random.Random(7)  # noqa: S311 - rows to test with
    for _ in range(count):
        number = FIRST + chance.randrange(400)
        mobile = chance.choice(MOBILES[:6] * 6 + MOBILES)
        email = chance.choice(EMAILS[:2] * 6 + EMAILS).format(number)
        by_email = chance.random() < 0.3
        referrer = FIRST + chance.randrange(60)
        yield {
            "referrer_mobile": chance.choice(MOBILES[:6] * 9 + MOBILES).format(referrer, 5)
            if chance.random() < 0.8
            else "",
            "referrer_email": f"r{referrer}@example.org" if chance.random() < 0.6 else "",
            "campaign_token": chance.choice(["J0H7Q"] * 20 + ["", "K2LM9", "no token"]),
            "type": chance.choice(
                (["EMAIL", "E-mail", ""] if by_email else ["MOBILE", "mobile", "Phone", ""]) * 8
                + list(TYPES)
            ),
            "identifier": ""
            if chance.random() < 0.02
            else email
            if by_email
            else mobile.format(number, 7),
            "name": chance.choice(NAMES),
            "invited_on": chance.choice([*list(MOMENTS)[:6]] * 6 + list(MOMENTS)),
            "referral_code": chance.choice(["pV7BF"] * 12 + ["", "no code"]),
            "id": chance.choice(["", "", "42"]),
            "region": chance.choice([""] * 9 + ["AE", "in", "Narnia"]),
        }


def plainly(rows: Iterable[Cells], suppressed: frozenset[str]) -> list[Line]:
    """Decide one row after another."""
    seen: set[tuple[str, ...]] = set()
    lines = []
    for row in rows:
        found = one_row({name: cell.strip() for name, cell in row.items()}, suppressed)
        if found.outcome == "not_sent":
            key = (found.token, found.referrer, found.type, found.identifier)
            found = Line(outcome="duplicate") if key in seen else found
            seen.add(key)
        lines.append(found)
    return lines


def one_row(row: Cells, suppressed: frozenset[str]) -> Line:
    region = row["region"].upper() or "IN"
    kind = type_of(row["type"], row["identifier"])
    moment = MOMENTS[row["invited_on"]]
    if kind is None or moment is None or not contacts.is_region(region):
        return Line(outcome="rejected")
    by_mobile = bool(row["referrer_mobile"])
    referrer = one_contact(
        row["referrer_mobile"] or row["referrer_email"], by_mobile=by_mobile, region=region
    )
    invitee = one_contact(row["identifier"], by_mobile=kind == "MOBILE", region=region)
    stamp, carried = moment
    code = carried or row["referral_code"]
    contradicted = carried and row["referral_code"] and carried != row["referral_code"]
    odd = " " in row["campaign_token"] or " " in code or contradicted
    if None in {referrer, invitee} or not row["campaign_token"] or not code or odd:
        return Line(outcome="rejected")
    assert referrer is not None
    assert invitee is not None
    if referrer.key == invitee.key:
        return Line(outcome="rejected")
    if invitee.key in suppressed:
        return Line(outcome="suppressed")
    return Line(
        outcome="not_sent",
        referrer=referrer.value or "",
        token=row["campaign_token"],
        type=kind,
        identifier=invitee.value or "",
        name=row["name"],
        invited_on=f"{stamp}.{code}",
        id=row["id"],
    )


def type_of(cell: str, identifier: str) -> str | None:
    shown = None
    if "@" in identifier:
        shown = "EMAIL"
    elif any(c.isdecimal() for c in identifier) and not any(c.isalpha() for c in identifier):
        shown = "MOBILE"
    if not cell:
        return shown
    declared = TYPES[cell]
    return declared if shown in {None, declared} else None


def one_contact(cell: str, *, by_mobile: bool, region: str) -> contacts.Contact | None:
    found = (
        contacts.mobile(cell, region=region, rule=MobileRule(), mobile_format=MobileFormat.DIGITS)
        if by_mobile
        else contacts.email(cell)
    )
    return found if found.key else None


def plain_payloads(lines: Sequence[Line]) -> list[str]:
    groups: dict[str, dict[tuple[str, str], list[dict[str, str]]]] = {}
    for line in lines:
        if line.outcome == "not_sent":
            invite = {"id": line.id, "invited_on": line.invited_on, "name": line.name,
                      "identifier": line.identifier}  # fmt: skip
            of_referrer = groups.setdefault(line.referrer, {})
            of_referrer.setdefault((line.token, line.type), []).append(invite)
    return [
        plain_payload(referrer, token, kind, invites[start : start + BATCH_SIZE])
        for referrer, of_referrer in groups.items()
        for (token, kind), invites in of_referrer.items()
        for start in range(0, len(invites), BATCH_SIZE)
    ]


def plain_payload(referrer: str, token: str, kind: str, invites: list[dict[str, str]]) -> str:
    customer = {
        "email" if "@" in referrer else "mobile": referrer,
        "referrals": {
            "campaign_token": token,
            "referral_type": {"type": kind, "referral": invites},
        },
    }
    return json.dumps(
        {"root": {"customer": [customer]}}, ensure_ascii=False, separators=(",", ":")
    )


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Line], Path]:
    """The plain way's lines, and the folder of the columnar way's report."""
    folder = tmp_path_factory.mktemp("equal")
    rows = list(varied_rows(ROWS))
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    left_out = folder / "left_out.csv"
    left_out.write_text("contact\n9801234507\na1234509@example.org\n", "utf-8")
    listed = [str(left_out)]
    flags = {"region": "IN", "reports": folder, "batch_size": BATCH_SIZE, "suppress": listed}
    finished = pipeline.check(
        [str(folder / "rows.csv")], load_settings(None, flags), payloads=True
    )
    suppressed = frozenset({"919801234507", "a1234509@example.org"})
    return plainly(rows, suppressed), folder / finished.report.run_id


def results(report: Path) -> list[Cells]:
    with (report / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_has_the_same_outcome(ways: tuple[list[Line], Path]) -> None:
    plain, report = ways
    columnar = [row["outcome"] for row in results(report)]
    differing = [
        (number, one, other.outcome)
        for number, (one, other) in enumerate(zip(columnar, plain, strict=True), start=2)
        if one != other.outcome
    ]
    assert differing == []
    assert {line.outcome for line in plain} == {"not_sent", "rejected", "duplicate", "suppressed"}


def test_every_ready_row_has_the_same_normalised_values(ways: tuple[list[Line], Path]) -> None:
    plain, report = ways
    names = ("referrer", "type", "identifier", "invited_on")
    columnar = [
        tuple(row[name] for name in names)
        for row in results(report)
        if row["outcome"] == "not_sent"
    ]
    assert columnar == [
        (line.referrer, line.type, line.identifier, line.invited_on)
        for line in plain
        if line.outcome == "not_sent"
    ]


def test_every_payload_is_the_same_byte_for_byte_and_in_the_same_order(
    ways: tuple[list[Line], Path],
) -> None:
    plain, report = ways
    written = (report / "payloads.jsonl").read_bytes()
    assert written == "".join(line + "\n" for line in plain_payloads(plain)).encode()


@pytest.mark.parametrize("source", ["nightly.csv", "campaign_launch.xlsx", "export_utf16.csv"])
def test_every_contact_of_the_sample_reads_alike_by_cell_and_by_column(source: str) -> None:
    rows = load([str(SAMPLE / source)], LoadOptions()).rows
    rule, form = MobileRule(), MobileFormat.DIGITS
    for field in ("referrer_mobile", "referrer_email", "identifier"):
        column = rows[field].drop_null()
        by_mobile = contacts.mobiles(column, region="IN", rule=rule, mobile_format=form)
        by_email = contacts.emails(column)
        for number, cell in enumerate(column.to_pylist()):
            mobile = contacts.mobile(cell, region="IN", rule=rule, mobile_format=form)
            assert by_mobile.value[number].as_py() == mobile.value
            assert by_mobile.problem[number].as_py() == mobile.problem
            assert by_email.value[number].as_py() == contacts.email(cell).value
            assert by_email.problem[number].as_py() == contacts.email(cell).problem
