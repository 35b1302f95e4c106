"""What the tests of sending build on: requests, and answers as the API gives them."""

from collections.abc import Sequence
from typing import Any

import orjson

from bulk_referrals.exchange import Answer, Invite, Levels, Part, Status
from bulk_referrals.wire import read_answer

CODE = "20240910T16:35:52.pV7BF"


def invite(identifier: str = "919800000001", *, line: int = 0, name: str = "Asha") -> Invite:
    return Invite(
        line=line,
        identifier=identifier,
        identifier_key=identifier,
        name=name,
        invited_on=CODE,
        id="",
    )


def part(
    *invites: Invite,
    referrer: str = "917999836466",
    campaign: str = "J0H7Q",
    kind: str = "MOBILE",
) -> Part:
    return Part(
        referrer=referrer,
        referrer_key=referrer,
        referrer_type="EMAIL" if "@" in referrer else "MOBILE",
        campaign_token=campaign,
        type=kind,
        invites=invites or (invite(),),
    )


def part_of(size: int, *, referrer: str = "917999836466", first_line: int = 0) -> Part:
    return part(
        *(invite(f"91980{first_line + n:07d}", line=first_line + n) for n in range(size)),
        referrer=referrer,
    )


def status(code: object, message: str = "", *, success: object = None) -> dict[str, Any]:
    fine = code in (200, 1000) if success is None else success
    shown = {True: "true", False: "false"}[fine] if isinstance(fine, bool) else fine
    return {"success": shown, "code": code, "message": message}


def customer(
    of: Part,
    referrals: Sequence[dict[str, Any]] | None = None,
    *,
    item: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A customer entry of an answer; each referral done unless said otherwise."""
    listed = referrals
    if listed is None:
        listed = [{"identifier": one.identifier, "status": status(1000)} for one in of.invites]
    by_mobile = of.referrer_type == "MOBILE"
    return {
        "mobile": of.referrer if by_mobile else None,
        "email": None if by_mobile else of.referrer,
        "referrals": {"referral_type": [{"type": of.type, "referral": listed}]},
        "item_status": item or status(1000),
    }


def body(code: object = 200, *customers: dict[str, Any], **more: Any) -> bytes:
    response: dict[str, Any] = {"status": status(code), **more}
    if customers:
        response["customers"] = {"customer": list(customers)}
    return orjson.dumps({"response": response})


def done(*parts: Part) -> bytes:
    return body(200, *(customer(one) for one in parts))


def seen(*identifiers: str, of: Part | None = None, kind: str = "MOBILE") -> bytes:
    """The body of a GET that lists these invitees."""
    one = of or part()
    by_mobile = one.referrer_type == "MOBILE"
    invitees = [{"identifier": each, "name": "S"} for each in identifiers]
    shown = {
        "mobile": one.referrer if by_mobile else None,
        "email": None if by_mobile else one.referrer,
        "referral_code": "1mba0dlo5",
        "invitees": {"referral_type": [{"type": kind, "invitee": invitees}]},
        "item_status": status(1000),
    }
    return orjson.dumps({"response": {"status": status(200), "customer": shown}})


def read(content: bytes, *parts: Part, http_status: int = 200) -> Answer:
    return read_answer(content, parts, http_status=http_status, request_id="", retry_after="")


def answer(
    *levels: Sequence[tuple[str | None, str | None]] | None,
    code: str = "200",
    http_status: int = 200,
) -> Answer:
    """An answer from codes: per part, per invite, (referral's, customer's)."""
    return Answer(
        http_status=http_status,
        status=_said(code),
        levels=tuple(
            None
            if one is None
            else tuple(Levels(referral=_said(low), customer=_said(high)) for low, high in one)
            for one in levels
        ),
    )


def _said(code: str | None) -> Status | None:
    return None if code is None else Status(success=code in {"200", "1000"}, code=code)
