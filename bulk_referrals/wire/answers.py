"""What comes back: the answers of the API, read liberally.

Answers differ from the API's reference and from each other: a boolean or a string `success`, a
code as number or text, a single object where an array is due, customers in another order, a
referrer with its country code.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Annotated, Final

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bulk_referrals.contacts.numbering import split_code
from bulk_referrals.exchange import Answer, Invite, Levels, Part, ReadBack, Status
from bulk_referrals.model import ReferralType

_DIGITS_MATCHED: Final = 7  # fewer digits in common do not show that two mobiles are the same

# (type, identifier) -> the verdicts that an answer lists on it, in order.
_Listed = dict[tuple[str, str], deque[Status | None]]


def _as_list(value: object) -> object:
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _as_object(value: object) -> object:
    # Servers in PHP write an empty object as [] or "", and a lone one may stand in an array.
    if value in ("", []):
        return None
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _as_text(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


def _as_success(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


Text = Annotated[str, BeforeValidator(_as_text)]
Lone = BeforeValidator(_as_object)


class _Read(BaseModel):
    # A check reads no answer, so it need not wait until this is ready to.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class _Status(_Read):
    success: Annotated[bool | None, BeforeValidator(_as_success)] = None
    code: Text = ""
    message: Text = ""

    def plain(self) -> Status:
        return Status(success=self.success, code=self.code.strip(), message=self.message)


def _plain(status: _Status | None) -> Status | None:
    if status is None or (status.success is None and not status.code.strip()):
        return None
    return status.plain()


class _Referral(_Read):
    identifier: Text = ""
    status: Annotated[_Status | None, Lone] = None


class _ReferralType(_Read):
    type: Text = ""
    referral: Annotated[list[_Referral], BeforeValidator(_as_list)] = Field(default_factory=list)
    invitee: Annotated[list[_Referral], BeforeValidator(_as_list)] = Field(default_factory=list)


class _ReferralTypes(_Read):
    referral_type: Annotated[list[_ReferralType], BeforeValidator(_as_list)] = Field(
        default_factory=list
    )


class _Customer(_Read):
    mobile: Text = ""
    email: Text = ""
    referral_code: Text = ""
    referrals: Annotated[_ReferralTypes | None, Lone] = None
    invitees: Annotated[_ReferralTypes | None, Lone] = None
    item_status: Annotated[_Status | None, Lone] = None


class _Customers(_Read):
    customer: Annotated[list[_Customer], BeforeValidator(_as_list)] = Field(default_factory=list)


class _Response(_Read):
    status: Annotated[_Status | None, Lone] = None
    customers: Annotated[_Customers | None, Lone] = None
    customer: Annotated[list[_Customer], BeforeValidator(_as_list)] = Field(default_factory=list)


class _Envelope(_Read):
    response: _Response


def _envelope(body: bytes) -> _Response | None:
    """Return the response object, or None for anything that is not one."""
    try:
        return _Envelope.model_validate(orjson.loads(body)).response
    except (orjson.JSONDecodeError, ValidationError, RecursionError):
        return None


def read_answer(
    body: bytes, parts: Sequence[Part], *, http_status: int, request_id: str, retry_after: str
) -> Answer:
    """Read the answer to a POST and match it to what was sent.

    Args:
        body: the response's body, of any content.
        parts: the customer entries that were sent.
        http_status: of the response.
        request_id: `X-Cap-Requestid`, or "".
        retry_after: `Retry-After`, or "".

    Returns:
        The answer; its `status` is None when the body is not an answer of the API.
    """
    response = _envelope(body)
    status = _plain(response.status) if response else None
    if response is None or (status is None and response.customers is None):
        return Answer(http_status=http_status, request_id=request_id, retry_after=retry_after)
    customers = response.customers.customer if response.customers else []
    return Answer(
        http_status=http_status,
        request_id=request_id,
        retry_after=retry_after,
        status=status or Status(),
        levels=tuple(_match(part, customers, alone=len(parts) == 1) for part in parts),
    )


def _match(
    part: Part, customers: Sequence[_Customer], *, alone: bool
) -> tuple[Levels | None, ...] | None:
    """Return the lower levels for one part; None when others are named and this one is not."""
    if not customers:
        return tuple(Levels(referral=None, customer=None) for _ in part.invites)
    mine = [customer for customer in customers if _same_referrer(part, customer)]
    if len(mine) > 1:  # one mobile may be the tail of another country's
        mine = [c for c in mine if _digits(c.mobile) == _digits(part.referrer_key)] or mine
    if not mine and alone and len(customers) == 1 and not _named(customers[0]):
        mine = [customers[0]]
    if not mine:
        return None
    listed: _Listed = defaultdict(deque)
    for customer in mine:
        for kind in customer.referrals.referral_type if customer.referrals else []:
            for referral in kind.referral:
                key = (kind.type.strip().upper(), referral.identifier.strip())
                listed[key].append(_plain(referral.status))
    own = next((status for c in mine if (status := _plain(c.item_status))), None)
    levels = [_take(listed, part, invite, own) for invite in part.invites]
    strangers = [key for key, verdicts in listed.items() if verdicts]
    if not strangers:
        return tuple(level or Levels(referral=None, customer=own) for level in levels)
    if len(strangers) > len(part.invites):
        return tuple(levels)  # not an answer to this request: no use comparing each with each
    return tuple(
        level or _take_respelled(listed, part, invite, own)
        for level, invite in zip(levels, part.invites, strict=True)
    )


def _take(listed: _Listed, part: Part, invite: Invite, own: Status | None) -> Levels | None:
    """Take the next verdict on an invite that came back as sent: sent twice, answered twice."""
    for key in ((part.type, invite.identifier), ("", invite.identifier)):
        if listed.get(key):
            return Levels(referral=listed[key].popleft(), customer=own)
    return None


def _take_respelled(
    listed: _Listed, part: Part, invite: Invite, own: Status | None
) -> Levels | None:
    """Take the verdict on an invite that came back in another spelling.

    None where there is none: a stranger is listed that may be this invite, so its customer's
    verdict cannot be taken for its own.
    """
    for (kind, identifier), verdicts in listed.items():
        same = kind in {part.type, ""} and _same_invitee(
            part.type, invite.identifier_key, identifier
        )
        if verdicts and same:
            return Levels(referral=verdicts.popleft(), customer=own)
    return None


def _same_invitee(kind: str, identifier_key: str, listed: str) -> bool:
    if kind == ReferralType.MOBILE:
        return same_mobile(identifier_key, listed)
    return listed.casefold() == identifier_key.casefold()


def _named(customer: _Customer) -> bool:
    return bool(customer.mobile.strip() or customer.email.strip())


def _same_referrer(part: Part, customer: _Customer) -> bool:
    """Tell whether an answer's customer is the one that was sent.

    Mobiles come back with their country code even when sent without, so one may be the tail of
    the other.
    """
    if part.referrer_type == ReferralType.MOBILE:
        return same_mobile(part.referrer_key, customer.mobile)
    return customer.email.strip().casefold() == part.referrer_key.casefold()


def same_mobile(one: str, other: str) -> bool:
    """Tell whether two spellings are one mobile: equal digits, but for a calling code.

    What one has more must be a calling code, and not just any digits: +91 7999836416 ends in the
    digits of +1 799 983 6416, and is another mobile.
    """
    left, right = (_digits(text) for text in (one, other))
    shorter, longer = sorted((left, right), key=len)
    return len(shorter) >= _DIGITS_MATCHED and shorter in {longer, split_code(longer)[1]}


def _digits(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9").lstrip("0")


def read_back(body: bytes, part: Part, *, http_status: int, retry_after: str) -> ReadBack:
    """Read the answer to a GET about one part's referrer.

    Returns:
        What it shows; its `status` is None when the body is not an answer of the API.
    """
    response = _envelope(body)
    status = _plain(response.status) if response else None
    if response is None or status is None:
        return ReadBack(http_status=http_status, retry_after=retry_after)
    customers = response.customer or (response.customers.customer if response.customers else [])
    one = customers[0] if len(customers) == 1 else _Customer()
    return ReadBack(
        http_status=http_status,
        matched=len(customers) == 1 and (_same_referrer(part, one) or not _named(one)),
        status=status,
        item=_plain(one.item_status),
        invitees=tuple(
            (kind.type.strip().upper(), invitee.identifier.strip())
            for kind in (one.invitees.referral_type if one.invitees else [])
            for invitee in kind.invitee
        ),
        referral_code=one.referral_code,
        retry_after=retry_after,
    )


def lists(seen: ReadBack, kind: str, identifier_key: str) -> bool:
    """Tell whether a read-back lists an invitee, however the platform spells it."""
    return any(
        of in {kind, ""} and _same_invitee(kind, identifier_key, listed)
        for of, listed in seen.invitees
    )


def times_listed(seen: ReadBack, kind: str, identifier_key: str) -> int:
    """Return how often a read-back lists an invitee: the platform keeps whatever it is sent."""
    return sum(
        of in {kind, ""} and _same_invitee(kind, identifier_key, listed)
        for of, listed in seen.invitees
    )
