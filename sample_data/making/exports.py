"""The two text exports, nightly and UTF-16, and the suppression list."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from making.cast import Cast
from making.table import (
    ACCEPTED,
    DUPLICATE,
    SUPPRESSED,
    Cell,
    Table,
    lines_from,
    odd,
    rejected,
)

NIGHTLY, UTF16 = "nightly.csv", "export_utf16.csv"
ALWAYS_ON, WINTER = "J0H7Q", "WNT5R"
SUPPRESSED_CONTACTS = (
    "+91 90000 00123",
    "no.more@example.com",
    "UNSUBSCRIBED@EXAMPLE.ORG",
    "919000000321",
    "+971-50-000-0999",
    "leave.me.alone@example.net",
    "+65 9000 0999",
)


def nightly(cast: Cast) -> Table:
    """Return the nightly export: canonical columns, mobiles as digits with country code."""
    columns = ("referrer_mobile", "campaign_token", "type", "identifier", "name", "invited_on")
    further = ("referral_code", "id", "remarks")
    return Table(
        source=NIGHTLY,
        sheet="",
        columns={name: name for name in columns + further},
        lines=lines_from(_nightly(cast, 60), NIGHTLY_ODDITIES, first_row=2),
    )


def utf16(cast: Cast) -> Table:
    """Return the export of another tool: semicolons, dates with dots, two invitee columns."""
    return Table(
        source=UTF16,
        sheet="",
        columns={
            "Referrer Mobile": "referrer_mobile",
            "Campaign Token": "campaign_token",
            "Invitee Mobile": "invitee_mobile",
            "Invitee Email": "invitee_email",
            "Invitee Name": "name",
            "Invited On": "invited_on",
            "Referral Code": "referral_code",
        },
        lines=lines_from(_utf16(cast, 40), UTF16_ODDITIES, first_row=2),
    )


def _nightly(cast: Cast, count: int) -> Iterator[dict[str, Cell]]:
    sent = datetime(2025, 11, 22, 8, 0)  # noqa: DTZ001 - an export's dates have no zone
    referrers = cast.people("IN", 24)
    for _ in range(count):
        referrer, invitee = cast.chance.choice(referrers), cast.person("IN")
        by_email = cast.chance.random() < 0.2  # noqa: PLR2004 - a fifth, said here only
        sent += timedelta(minutes=cast.chance.randrange(1, 25))
        yield {
            "referrer_mobile": referrer.mobile,
            "campaign_token": ALWAYS_ON,
            "type": "EMAIL" if by_email else "MOBILE",
            "identifier": invitee.email if by_email else invitee.mobile,
            "name": invitee.name,
            "invited_on": f"{sent:%Y-%m-%d %H:%M:%S}",
            "referral_code": referrer.code,
            "id": "",
            "remarks": "",
        }


def _utf16(cast: Cast, count: int) -> Iterator[dict[str, Cell]]:
    sent = datetime(2025, 11, 20, 9, 15)  # noqa: DTZ001 - an export's dates have no zone
    referrers = cast.people("IN", 15)
    names = ("Zoë", "André", "Jürgen", "Łucja", "Søren", "José", "Chloé", "Nuñez", "Ömer", "Anaïs")
    for place in range(count):
        referrer, invitee = cast.chance.choice(referrers), cast.person("IN")
        filled = cast.chance.choice(("mobile", "mobile", "email", "both"))
        sent += timedelta(minutes=cast.chance.randrange(1, 90))
        surname = invitee.name.split()[-1]
        yield {
            "referrer_mobile": f"+{referrer.mobile}",
            "campaign_token": WINTER,
            "invitee_mobile": None if filled == "email" else f"+{invitee.mobile}",
            "invitee_email": None if filled == "mobile" else invitee.email,
            "name": f"{names[place % len(names)]} {surname}",
            "invited_on": f"{sent:%d.%m.%Y %H:%M}",
            "referral_code": referrer.code,
        }


# fmt: off
NIGHTLY_ODDITIES = (
    odd(6, "a remark over two lines and with a comma: one row all the same", ACCEPTED,
        remarks="call back,\nafter six"),
    odd(11, "a mobile cut down to E-notation", rejected("1701"), type="MOBILE",
        identifier="9.19E+11"),
    odd(16, "an e-mail without its ending", rejected("1701"), type="EMAIL",
        identifier="priya16@example"),
    odd(21, "digits with a plus, as another export writes them", ACCEPTED, type="MOBILE",
        identifier="+919000000322"),
    odd(25, "a comma in an unquoted name: more cells than the header", rejected("ragged-row"),
        name="Menon, Latha", remarks="asked in the shop"),
    odd(28, "the same, where only an empty cell is left over", rejected("ragged-row"),
        name="Pillai, Arjun"),
    odd(30, "no referral code", rejected("missing-referral-code"), referral_code=None),
    odd(36, "a stamp that holds the referral code already", ACCEPTED,
        invited_on="20251122T16:35:52.pV7BF", referral_code=None),
    odd(41, "an invitee", ACCEPTED, type="MOBILE", identifier="919000000341"),
    odd(42, "the row above once more", DUPLICATE, like=41),
    odd(47, "an invitee on the suppression list", SUPPRESSED, type="MOBILE",
        identifier="919000000321"),
    odd(52, "a name in quotes", ACCEPTED, name='Riya "Ri" Das'),
    odd(57, "a name that looks like a formula", ACCEPTED, name="=1+1"),
)

UTF16_ODDITIES = (
    odd(5, "a semicolon within quotes", ACCEPTED, name="Das; Riya"),
    odd(9, "a good mobile beside an e-mail with a fault", rejected("1701"), only="invitee_email",
        invitee_mobile="+91 90000 00409", invitee_email="zoe@example,com"),
    odd(14, "neither mobile nor e-mail", rejected("missing-invitee"), invitee_mobile=None,
        invitee_email=None),
    odd(19, "a date that decides: the day comes first", ACCEPTED, invited_on="25.11.2025 10:00"),
    odd(23, "an invitee by mobile and by e-mail: two referrals", ACCEPTED,
        invitee_mobile="+91 90000 00423", invitee_email="lucja23@example.org"),
    odd(24, "the same two invites once more", DUPLICATE, like=23),
    odd(29, "a landline", rejected("1701"), only="invitee_mobile",
        invitee_mobile="+91 11 2000 0129", invitee_email=None),
    odd(34, "a name in Chinese", ACCEPTED, name="\u9648\u6653\u660e"),
)
# fmt: on
