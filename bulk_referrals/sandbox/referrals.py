"""What a request asks for, and the platform's verdict on it: pure, and crude on purpose.

Magic values reach every verdict:

| campaign token | verdict |
|---|---|
| `INVALID…`, `MISCONF…`, `BROKEN…` | the customer's: 1202, 1203, 1222 |
| `CODE` and a number below 1000, or 1060, such as `CODE461` | the request's: that code |
| `CODE` and another number, such as `CODE9999` | the customer's: that code |

| referrer | verdict on the customer |
|---|---|
| neither 10 to 15 digits nor an e-mail | 1011 |
| not among `customers`, where that option is given | `unknown_code` |
| a mobile ending in 001011, 001012, 001204, 001205, 001222 | the last four digits |
| `noid@…`, `unknown@…` | 1011, 1012 |
| `ineligible@…`, `outside@…`, `broken@…` | 1204, 1205, 1222 |

A mobile ending in 000404 and `nocode@…` are customers for whom GET tells no referral code.

| referral | verdict on the referral |
|---|---|
| of a type other than MOBILE or EMAIL | 1206 |
| a mobile that is not 10 to 15 digits | 1701 |
| an e-mail that is not `name@host.tld`, or over 100 characters | 1701 |

Everything else is accepted: there is no removal of duplicates. A body that lacks a required
field, or whose `invited_on` is malformed, is 400 as a whole.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bulk_referrals.sandbox.options import SandboxOptions

DONE: Final = 1000  # the item-level code of what was accepted
DEFAULT_CAMPAIGN: Final = "DEFAULT"
IDENTITIES: Final = ("mobile", "email", "external_id", "id")
_CAMPAIGNS: Final = (("INVALID", 1202), ("MISCONF", 1203), ("BROKEN", 1222))
_MOBILE_ENDINGS: Final = {f"00{code}": code for code in (1011, 1012, 1204, 1205, 1222)}
_EMAIL_NAMES: Final = {
    "noid": 1011,
    "unknown": 1012,
    "ineligible": 1204,
    "outside": 1205,
    "broken": 1222,
}
_MAGIC_CODE: Final = re.compile(r"CODE(\d{3,5})")
_TAKEN: Final = frozenset({200, 201, DONE})
_MOBILE: Final = re.compile(r"\+?[0-9]{10,15}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_INVITED_ON: Final = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([\w-]+)", re.ASCII
)
_IDENTIFIER_LENGTH: Final = 100  # varchar(100)


class BadRequestError(Exception):
    """The body is not what the API's reference asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A referrer.

    Attributes:
        field: by what it was named, one of `IDENTITIES`.
        sent: as sent.
        shown: as the platform shows it: a mobile as digits with country code, an e-mail in
            lower case, another identity as sent.
    """

    field: str
    sent: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One customer of a request.

    Attributes:
        customer: the referrer.
        campaign_token: `DEFAULT_CAMPAIGN` where none was sent.
        type: as sent.
        referrals: as sent; `id`, `identifier` and `invited_on` are there and text.
    """

    customer: Customer
    campaign_token: str
    type: str
    referrals: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the platform makes of one entry.

    Attributes:
        entry: what was asked.
        code: of the customer, 1000 if accepted.
        codes: one per referral; the customer's where that is not 1000.
    """

    entry: Entry
    code: int
    codes: tuple[int, ...]


class Numbering:
    """The brand's own rule for mobiles: the base country is tried first."""

    def __init__(self, options: SandboxOptions) -> None:
        """Take `base_mobile` and `country_code` of the options."""
        self._base = re.compile(options.base_mobile)
        self._country_code = options.country_code

    def canonical(self, mobile: str) -> str:
        """Return the digits with country code; what is no number stays as it is."""
        digits = mobile.removeprefix("+")
        return self._country_code + digits if self._base.fullmatch(digits) else digits

    def customer(self, field: str, sent: str) -> Customer:
        """Return the customer that `field` (one of `IDENTITIES`) names so."""
        if field == "mobile":
            return Customer(field=field, sent=sent, shown=self.canonical(sent))
        shown = sent.lower() if field == "email" else sent
        return Customer(field=field, sent=sent, shown=shown)


def read_request(body: object, numbering: Numbering) -> tuple[Entry, ...]:
    """Read a decoded body, strictly.

    Raises:
        BadRequestError: something is missing or of the wrong kind; the message says what.
    """
    customers = _at(_at(body, "root", dict), "customer", list)
    if not customers:
        msg = "customer: empty"
        raise BadRequestError(msg)
    return tuple(_entry(customer, numbering) for customer in customers)


def _at(value: object, key: str, kind: type) -> Any:  # noqa: ANN401 - the kind is the caller's
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        msg = f"{key}: {'missing' if found is None else 'of the wrong kind'}"
        raise BadRequestError(msg)
    return found


def _entry(value: object, numbering: Numbering) -> Entry:
    referrals = _at(value, "referrals", dict)
    of_type = _at(referrals, "referral_type", dict)
    listed = _at(of_type, "referral", list)
    if not listed:
        msg = "referral: empty"
        raise BadRequestError(msg)
    for referral in listed:
        _check_referral(referral)
    token = referrals.get("campaign_token") or DEFAULT_CAMPAIGN
    if not isinstance(token, str):
        msg = "campaign_token: of the wrong kind"
        raise BadRequestError(msg)
    return Entry(
        customer=_customer(value, numbering),
        campaign_token=token,
        type=_at(of_type, "type", str),
        referrals=tuple(listed),
    )


def _customer(value: object, numbering: Numbering) -> Customer:
    for field in IDENTITIES:
        sent = value.get(field) if isinstance(value, dict) else None
        if isinstance(sent, str) and sent:
            return numbering.customer(field, sent)
    msg = "mobile: missing"
    raise BadRequestError(msg)


def _check_referral(referral: object) -> None:
    for field in ("id", "identifier", "invited_on"):
        _at(referral, field, str)
    if not isinstance(referral, dict) or not isinstance(referral.get("name", ""), str):
        msg = "name: of the wrong kind"
        raise BadRequestError(msg)
    invited_at(referral["invited_on"])


def invited_at(invited_on: str) -> tuple[datetime, str]:
    """Split `YYYYMMDDTHH:MM:SS.CODE` into its time (naive: the cluster's own) and its code.

    Raises:
        BadRequestError: it is not of that form, or no such time exists.
    """
    match = _INVITED_ON.fullmatch(invited_on)
    try:
        if match is not None:
            *parts, code = match.groups()
            return datetime(*map(int, parts)), code  # type: ignore[arg-type]  # noqa: DTZ001 - the API ignores zones
    except ValueError:
        pass
    msg = "invited_on: not YYYYMMDDTHH:MM:SS.CODE"
    raise BadRequestError(msg)


def request_magic(entries: Iterable[Entry]) -> int:
    """Return the request-level code that a `CODE…` token asks for, or 0."""
    for entry in entries:
        code = _magic(entry.campaign_token)
        if code and (code < DONE or code == 1060):  # noqa: PLR2004 - the API's
            return code
    return 0


def _magic(token: str) -> int:
    match = _MAGIC_CODE.fullmatch(token)
    return 0 if match is None or int(match[1]) in _TAKEN else int(match[1])


def judge(entry: Entry, options: SandboxOptions) -> Verdict:
    """Return the verdict on one entry; 1701 and 1206 are the referrals' own."""
    code = customer_code(entry.customer, entry.campaign_token, options)
    if code != DONE:
        return Verdict(entry=entry, code=code, codes=(code,) * len(entry.referrals))
    codes = tuple(_referral_code(entry.type, one["identifier"]) for one in entry.referrals)
    return Verdict(entry=entry, code=DONE, codes=codes)


def customer_code(customer: Customer, campaign_token: str, options: SandboxOptions) -> int:
    """Return the code of a customer in a campaign: 1000, or the campaign's or its own fault."""
    for prefix, code in _CAMPAIGNS:
        if campaign_token.startswith(prefix):
            return code
    if magic := _magic(campaign_token):
        return magic
    return _own_code(customer, options)


def _own_code(customer: Customer, options: SandboxOptions) -> int:
    shown = customer.shown
    if customer.field == "mobile":
        well_formed = _MOBILE.fullmatch(shown) is not None
        magic = _MOBILE_ENDINGS.get(shown[-6:], 0)
    elif customer.field == "email":
        well_formed = _EMAIL.fullmatch(shown) is not None
        magic = _EMAIL_NAMES.get(shown.partition("@")[0], 0)
    else:
        well_formed, magic = True, 0
    if not well_formed:
        return 1011
    if options.customers and shown not in options.customers:
        return options.unknown_code
    return magic or DONE


def has_no_code(shown: str) -> bool:
    """Tell whether a customer, as shown, has no referral code."""
    return shown.endswith("000404") or shown.startswith("nocode@")


def _referral_code(kind: str, identifier: str) -> int:
    if kind not in ("MOBILE", "EMAIL"):
        return 1206
    pattern = _MOBILE if kind == "MOBILE" else _EMAIL
    valid = len(identifier) <= _IDENTIFIER_LENGTH and pattern.fullmatch(identifier)
    return DONE if valid else 1701
