"""The three waves of a campaign launch, with every fault that people make in a workbook."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from making.cast import Cast, Person
from making.table import (
    ACCEPTED,
    DUPLICATE,
    SUPPRESSED,
    WARNED,
    Cell,
    Formula,
    Link,
    Rich,
    Table,
    failed,
    lines_from,
    odd,
    rejected,
)

SOURCE = "campaign_launch.xlsx"
INDIA, EMIRATES, SINGAPORE = "DW25N", "EID7K", "SGX4P"
STORES = ("Andheri West", "Koramangala", "Salt Lake", "T. Nagar", "Banjara Hills", "Connaught Pl.")
CALLING_CODE_DIGITS = 2


def wave_1(cast: Cast) -> Table:
    """Return the sheet of the first wave: India, one line per invitee."""
    return Table(
        source=SOURCE,
        sheet="Wave 1",
        columns={
            "S.No": "serial",
            "Store": "store",
            "Referrer Mobile": "referrer_mobile",
            "Referral Code": "referral_code",
            "Campaign Token": "campaign_token",
            "Type": "type",
            "Identifier": "identifier",
            "Name": "name",
            "Invited On": "invited_on",
            "Country": "region",
            "Consent": "consent",
        },
        lines=lines_from(
            _wave_1(cast, 160), WAVE_1, first_row=5, blank_rows=frozenset({60, 61, 118})
        ),
    )


def wave_2(cast: Cast) -> Table:
    """Return the sheet of the second wave: the Emirates, a mobile and an e-mail side by side."""
    return Table(
        source=SOURCE,
        sheet="Wave 2 (UAE)",
        columns={
            "Friend Name": "name",
            "Friend Mobile": "invitee_mobile",
            "Friend Email": "invitee_email",
            "Referrer Mobile ": "referrer_mobile",
            "Referral\nCode": "referral_code",
            "Campaign": "campaign_token",
            "Date of invite": "invited_on",
            "Region": "region",
        },
        lines=lines_from(_wave_2(cast, 90), WAVE_2, first_row=4, blank_rows=frozenset({93})),
    )


def wave_3(cast: Cast) -> Table:
    """Return the sheet of the third wave: Singapore, referrers by e-mail, no type."""
    return Table(
        source=SOURCE,
        sheet="Wave 3",
        columns={
            "referral_code": "referral_code",
            "REFERRER_EMAIL": "referrer_email",
            "Remarks": "remarks",
            "identifier": "identifier",
            "invitee name": "name",
            "invited-on": "invited_on",
            "campaign.token": "campaign_token",
            "customer id": "customer",
            "ID": "id",
        },
        lines=lines_from(_wave_3(cast, 60), WAVE_3, first_row=2),
    )


def _wave_1(cast: Cast, count: int) -> Iterator[dict[str, Cell]]:
    chance = cast.chance
    sent = datetime(2025, 10, 12, 9, 30)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    for serial, (referrer, invitee) in enumerate(_pairs(cast, "IN", count), 1):
        sent += timedelta(minutes=chance.randrange(1, 40), seconds=chance.randrange(60))
        by_email = chance.random() < 0.25  # noqa: PLR2004 - a quarter, said here only
        yield {
            "serial": serial,
            "store": STORES[int(referrer.mobile) % len(STORES)],
            "referrer_mobile": int(referrer.mobile),
            "referral_code": referrer.code,
            "campaign_token": INDIA,
            "type": "EMAIL" if by_email else "MOBILE",
            "identifier": Link(invitee.email) if by_email else _indian(cast, invitee.mobile),
            "name": invitee.name,
            "invited_on": sent,
            "region": "IN",
            "consent": True,
        }


def _wave_2(cast: Cast, count: int) -> Iterator[dict[str, Cell]]:
    chance = cast.chance
    sent = datetime(2025, 10, 19, 17, 5)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    for referrer, invitee in _pairs(cast, "AE", count):
        sent += timedelta(minutes=chance.randrange(5, 90))
        filled = chance.choice(("mobile", "mobile", "email", "both"))
        national = invitee.mobile.removeprefix("971")
        spaced = f"+971 {national[:2]} {national[2:5]} {national[5:]}"
        mobile = chance.choice((spaced, f"0{national}"))
        yield {
            "name": invitee.name,
            "invitee_mobile": None if filled == "email" else mobile,
            "invitee_email": None if filled == "mobile" else invitee.email,
            "referrer_mobile": f"+{referrer.mobile}",
            "referral_code": referrer.code,
            "campaign_token": Formula("=$C$1", EMIRATES),
            "invited_on": f"{sent:%d/%m/%Y %H:%M}",
            "region": "AE",
        }


def _wave_3(cast: Cast, count: int) -> Iterator[dict[str, Cell]]:
    chance = cast.chance
    sent = datetime(2025, 10, 26, 10, 0)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    for referrer, invitee in _pairs(cast, "SG", count):
        sent += timedelta(minutes=chance.randrange(5, 120))
        number = invitee.mobile.removeprefix("65")
        yield {
            "referral_code": referrer.code,
            "referrer_email": referrer.email,
            "identifier": chance.choice((f"+65 {number[:4]} {number[4:]}", invitee.email)),
            "name": invitee.name,
            "invited_on": f"{sent:%Y-%m-%dT%H:%M:%S}+08:00",
            "campaign_token": SINGAPORE,
            "customer": f"SG-{int(referrer.mobile) % 100_000:05}",
        }


def _pairs(cast: Cast, region: str, count: int) -> Iterator[tuple[Person, Person]]:
    """Yield so many (referrer, invitee), one to five invitees to each referrer in a row."""
    left = count
    while left:
        referrer = cast.person(region)
        for _ in range(min(left, cast.chance.choice((1, 1, 2, 3, 3, 5)))):
            left -= 1
            yield referrer, cast.person(region)


def _indian(cast: Cast, mobile: str) -> Cell:
    """Return the mobile in one of the forms in which people write it."""
    national = mobile[CALLING_CODE_DIGITS:]
    spaced = f"{national[:5]} {national[5:]}"
    return cast.chance.choice(
        (
            int(mobile),
            int(mobile),
            int(national),
            int(national),
            mobile,
            f"+91 {spaced}",
            f"+91-{national[:5]}-{national[5:]}",
            spaced,
            f"0{national}",
        )
    )


def full_width(text: str) -> str:
    """Return the text in the full-width forms of its characters."""
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


def arabic_indic(digits: str) -> str:
    """Return the digits in their Arabic-Indic forms."""
    return "".join(chr(0x660 + int(each)) for each in digits)


# fmt: off
WAVE_1 = (
    odd(7, "a mobile that a conversion left with .0", ACCEPTED, type="MOBILE",
        identifier="919000000107.0"),
    odd(9, "a mobile cut down to E-notation", rejected("1701"), type="MOBILE",
        identifier="9.19E+11"),
    odd(12, "the letter O for a zero", rejected("1701"), type="MOBILE",
        identifier="+91 9OOO0 00112"),
    odd(14, "two mobiles run together, their end rounded to zeros by the spreadsheet",
        rejected("damaged-number"), type="MOBILE", identifier=9.1900000011491900000e18),
    odd(16, "three digits short", rejected("1701"), type="MOBILE", identifier="+91 90000 16"),
    odd(18, "a digit too many", rejected("1701"), type="MOBILE", identifier=9190000001180),
    odd(20, "a landline", rejected("1701"), type="MOBILE", identifier="+91 22 2000 0120"),
    odd(22, "a toll-free number", rejected("1701"), type="MOBILE", identifier="1800 200 0122"),
    odd(24, "an extension", rejected("1701"), type="MOBILE", identifier="90000 00124 ext 12"),
    odd(26, "two mobiles in one cell", rejected("1701"), type="MOBILE",
        identifier="90000 00126 / 90000 00226"),
    odd(28, "two mobiles in one cell, one under the other", rejected("1701"), type="MOBILE",
        identifier="90000 00128\n90000 00228"),
    odd(30, "a masked mobile", rejected("1701"), type="MOBILE", identifier="90000XXXXX"),
    odd(32, "a word instead of a mobile", rejected("1701"), type="MOBILE", identifier="NA"),
    odd(34, "a fraction", rejected("1701"), type="MOBILE", identifier=919000000134.5),
    odd(36, "an error cell", rejected("error-cell"), type="MOBILE",
        identifier=Formula('=VLOOKUP("Arun",A$1:B$3,2,FALSE)', "#N/A")),
    odd(38, "a checkbox instead of a mobile", rejected("1701"), type="MOBILE", identifier=True),
    odd(40, "a mobile made by a formula", ACCEPTED, type="MOBILE",
        identifier=Formula('="+91"&9000000140', "+919000000140")),
    odd(42, "a mobile partly in bold", ACCEPTED, type="MOBILE",
        identifier=Rich(("+91 90000 ", "00142"))),
    odd(44, "no-break spaces", ACCEPTED, type="MOBILE", identifier="+91\xa090000\xa000144"),
    odd(46, "invisible marks, copied from a chat", ACCEPTED, type="MOBILE",
        identifier="\u202a+91 90000\u200b 00146\u202c"),
    odd(48, "full-width digits", ACCEPTED, type="MOBILE",
        identifier=full_width("+919000000148")),
    odd(50, "the prefix 0091 for +91", ACCEPTED, type="MOBILE", identifier="0091 90000 00150"),
    odd(52, "brackets round the country code", ACCEPTED, type="MOBILE",
        identifier="(+91) 90000 00152"),
    odd(54, "a comma in the domain", rejected("1701"), type="EMAIL",
        identifier="asha.rao54@example,com"),
    odd(56, "a space within the address", rejected("1701"), type="EMAIL",
        identifier="asha rao56@example.com"),
    odd(58, "no @", rejected("1701"), type="EMAIL", identifier="asha.rao58.example.com"),
    odd(62, "two addresses in one cell", rejected("1701"), type="EMAIL",
        identifier="asha.rao62@example.com; kiran62@example.org"),
    odd(64, "@ twice", rejected("1701"), type="EMAIL", identifier="asha.rao64@@example.com"),
    odd(66, "a domain without its ending", rejected("1701"), type="EMAIL",
        identifier="asha.rao66@example"),
    odd(68, "two dots in the domain", rejected("1701"), type="EMAIL",
        identifier="asha.rao68@example..com"),
    odd(70, "a name around the address", rejected("1701"), type="EMAIL",
        identifier="Asha Rao <asha.rao70@example.com>"),
    odd(72, "capitals, and spaces around the address", ACCEPTED, type="EMAIL",
        identifier="\xa0Asha.Rao72@Example.COM "),
    odd(74, "a type that the platform does not support", rejected("1206"), type="WHATSAPP",
        identifier="+91 90000 00174"),
    odd(76, "type EMAIL on a mobile", rejected("1701"), type="EMAIL", identifier=919000000176),
    odd(78, "type MOBILE on an e-mail", rejected("1701"), type="MOBILE",
        identifier="asha.rao78@example.com"),
    odd(80, "no type: it follows from the identifier", ACCEPTED, type=None,
        identifier="+91 90000 00180"),
    odd(82, "no invitee", rejected("missing-invitee"), identifier=None),
    odd(84, "no referrer", rejected("1012"), referrer_mobile=None),
    odd(86, "words instead of a referrer", rejected("1012"), referrer_mobile="same as above"),
    odd(88, "a referrer's mobile that is cut short", rejected("1012"), referrer_mobile=9190000),
    odd(90, "no campaign token", rejected("missing-campaign-token"), campaign_token=None),
    odd(92, "no referral code", rejected("missing-referral-code"), referral_code=None),
    odd(94, "a referral code that a look-up did not find", rejected("error-cell"),
        referral_code=Formula('=VLOOKUP("Arun",A$1:B$3,2,FALSE)', "#N/A")),
    odd(96, "a word instead of a date", rejected("bad-invited-on"), invited_on="last Tuesday"),
    odd(98, "a day that does not exist", rejected("bad-invited-on"),
        invited_on="31/02/2025 10:00"),
    odd(100, "a date as text, the day first", ACCEPTED, invited_on="25/10/2025 18:05"),
    odd(102, "a date as text that could be read both ways: the column decides", ACCEPTED,
        invited_on="05/11/2025 09:20"),
    odd(104, "a date with the month's name", ACCEPTED, invited_on="14 Oct 2025 4:35 PM"),
    odd(106, "no date: the time of the run", ACCEPTED, invited_on=None),
    odd(108, "a stamp that holds the referral code already", ACCEPTED,
        invited_on="20251013T16:35:52.pV7BF", referral_code=None),
    odd(110, "a name over 20 characters", WARNED, name="Venkata Subrahmanyam Iyengar"),
    odd(112, "an invitee whom the next row's referrer invites too", WARNED, type="MOBILE",
        identifier="+91 90000 00112", name="Tara Menon"),
    odd(113, "the invitee of the row above, from another referrer", WARNED, like=112,
        referrer_mobile=919000000113, referral_code="mN4tQz"),
    odd(115, "a referrer who invites themselves", rejected("self-referral"),
        referrer_mobile=919000000115, referral_code="kW8dRp", type="MOBILE",
        identifier="090000 00115"),
    odd(117, "the same invite as row 112, written otherwise", DUPLICATE, like=112,
        identifier=9000000112),
    odd(120, "an invitee by e-mail", ACCEPTED, type="EMAIL", identifier="divya120@example.org"),
    odd(121, "the same invite as the row above, in capitals", DUPLICATE, like=120,
        identifier="DIVYA120@EXAMPLE.ORG"),
    odd(123, "an invitee on the suppression list", SUPPRESSED, type="MOBILE",
        identifier="90000 00123"),
    odd(125, "an e-mail on the suppression list", SUPPRESSED, type="EMAIL",
        identifier="No.More@example.com"),
    odd(127, "a country by its name instead of its two letters", rejected("bad-region"),
        type="MOBILE", identifier=9000000127, region="Bharat"),
    odd(129, "a code that looks like a number with zeros in front", ACCEPTED,
        referrer_mobile=919000000129, referral_code="00417"),
    odd(131, "a code that looks like E-notation", ACCEPTED, referrer_mobile=919000000131,
        referral_code="1E527"),
    odd(133, "a name that looks like a missing value", ACCEPTED, name="NA"),
    odd(135, "a name in Arabic, from right to left", ACCEPTED,
        name="\u0641\u0627\u0637\u0645\u0629"),
    odd(137, "a name in Devanagari", ACCEPTED, name="\u0936\u093f\u0916\u0930"),
    odd(139, "an emoji in the name", ACCEPTED, name="Riya \U0001f389"),
    odd(141, "a name that looks like a formula", ACCEPTED, name="=SUM(1,2)"),
    odd(143, "the same invitee in another campaign", ACCEPTED, like=80,
        campaign_token=SINGAPORE, referral_code="hV3sXa"),
    odd(146, "a referrer who may not refer in this campaign, says the platform", failed("1204"),
        referrer_mobile=919000001204, referral_code="bT6cYe"),
    odd(149, "a referrer outside the campaign, says the platform", failed("1205"),
        referrer_mobile="+91 90000 01205", referral_code="fJ9gMu"),
    odd(152, "a referrer whom the platform does not know", failed("1012"),
        referrer_mobile=9000001012, referral_code="wK2nZr"),
    odd(155, "a campaign token that the platform does not know", failed("1202"),
        campaign_token="INVALID25"),
    odd(158, "a code that the platform's reference does not list", failed("9999"),
        campaign_token="CODE9999"),
)

WAVE_2 = (
    odd(8, "Arabic-Indic digits", ACCEPTED, invitee_email=None,
        invitee_mobile=arabic_indic("0500000108")),
    odd(12, "a good mobile beside an e-mail with a fault", rejected("1701"), only="invitee_email",
        invitee_mobile="+971 50 000 0112", invitee_email="noor@example"),
    odd(16, "a good e-mail beside a mobile with a fault", rejected("1701"), only="invitee_mobile",
        invitee_mobile="+971 50 000", invitee_email="noor16@example.com"),
    odd(20, "neither mobile nor e-mail", rejected("missing-invitee"), invitee_mobile=None,
        invitee_email=None),
    odd(24, "a landline", rejected("1701"), only="invitee_mobile",
        invitee_mobile="+971 4 200 0124", invitee_email=None),
    odd(28, "dashes and brackets", ACCEPTED, invitee_mobile="(050) 000-0128"),
    odd(32, "an Indian mobile with its country code", ACCEPTED, invitee_mobile="+91 90000 00232"),
    odd(36, "an invite of an earlier sheet", DUPLICATE, referrer_mobile="+91 90000 00113",
        referral_code="mN4tQz", campaign_token=INDIA, invitee_mobile="+91 90000 00112",
        invitee_email=None),
    odd(40, "a referrer's mobile with a word", rejected("1012"),
        referrer_mobile="0500000140 (Reem)"),
    odd(44, "a name over 20 characters", WARNED, name="Abdulrahman bin Khalid Al Marri"),
    odd(48, "an e-mail on the suppression list", SUPPRESSED, only="invitee_email",
        invitee_mobile=None, invitee_email="unsubscribed@example.org"),
    odd(52, "a month that does not exist", rejected("bad-invited-on"),
        invited_on="19/19/2025 10:00"),
    odd(56, "a campaign token of blanks only", rejected("missing-campaign-token"),
        campaign_token="  "),
    odd(94, "a total under the list", rejected("missing-invitee"),
        name="Total: 89", invitee_mobile=None, invitee_email=None, referrer_mobile=None,
        referral_code=None, campaign_token=None, invited_on=None, region=None),
)

WAVE_3 = (
    odd(6, "a referrer's e-mail with a fault", rejected("1012"),
        referrer_email="adeline.tan@example"),
    odd(10, "a mobile without its country code, and no country", rejected("1701"),
        identifier="9000 0110"),
    odd(14, "a user ID that looks like a date", ACCEPTED, id="1-2"),
    odd(18, "a referrer who invites themselves", rejected("self-referral"),
        referrer_email="grace.lim18@example.com", referral_code="yB7jLs",
        identifier="Grace.Lim18@example.com"),
    odd(22, "neither a mobile nor an e-mail", rejected("1701"), identifier="via Instagram"),
    odd(26, "no referrer", rejected("1012"), referrer_email=None),
    odd(31, "a referrer outside the campaign, says the platform", failed("1205"),
        referrer_email="outside@example.com", referral_code="cD5vHq"),
)
# fmt: on
