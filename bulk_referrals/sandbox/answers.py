"""The API's answers: messages and JSON shapes, exactly as its reference shows them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bulk_referrals.sandbox.referrals import DONE, Customer, Verdict

Json = dict[str, Any]

MESSAGES: Final = {
    200: "SUCCESS",
    201: "Some of the requests have failed",
    400: "Invalid input",
    401: "Authentication failed",
    403: "Access denied",
    404: "Resource not found",
    405: "Method not allowed",
    415: "Unsupported media type",
    429: "Too many requests",
    461: "Search engine is busy, try again later",
    500: "All requests have failed due to errors",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
    517: "Rate limit exceeded",
    521: "Another action is running for the same customer",
    1000: "Referrals are invited successfully",
    1011: "Customer not found for the given identifier",
    1012: "No customer is registered with the given identifier",
    1060: "Batch limit exceeded",
    1202: "Invalid campaign token",
    1203: "Campaign is not configured properly",
    1204: "Customer is not eligible for the campaign",
    1205: "Referrer is not part of the campaign",
    1206: "Referral type is not supported",
    1222: "Internal error of the referral system",
    1701: "Invalid Identifier for the type",
}
_SUCCESSES: Final = frozenset({200, 201, DONE})
# Codes that the platform puts into a body with HTTP 200.
_BODY_ONLY: Final = frozenset({517, 521})


class RefusalError(Exception):
    """The request is refused as a whole; nothing of it was processed."""

    def __init__(
        self, code: int, message: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse with that code.

        Args:
            code: of the body; also the HTTP status where it is one (see `http_status`).
            message: instead of the code's usual one.
            headers: to add to the answer.
        """
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def http_status(code: int) -> int:
    """Return the HTTP status under which a request-level code travels."""
    return 200 if code in _BODY_ONLY or code >= 600 else code  # noqa: PLR2004 - not HTTP's


def status(code: int, message: str = "") -> Json:
    """Return a status object: `success` is text, the code an integer."""
    return {
        "success": "true" if code in _SUCCESSES else "false",
        "code": code,
        "message": message or MESSAGES.get(code, "Unexpected error"),
    }


def error_answer(code: int, message: str = "") -> Json:
    """Return a body without items."""
    return {"response": {"status": status(code, message)}}


def request_code(verdicts: Iterable[Verdict], *, totals: str) -> int:
    """Return 200, 201 (some failed) or 500 (all failed).

    Args:
        verdicts: of all customers of the request.
        totals: "customers" counts failed customers, so that a success can stand around a
            referral that failed, as in the reference's sample; "referrals" counts those.
    """
    if totals == "customers":
        good = [verdict.code == DONE for verdict in verdicts]
    else:
        good = [code == DONE for verdict in verdicts for code in verdict.codes]
    return 200 if all(good) else 201 if any(good) else 500


def _identity(customer: Customer, *, known: bool) -> Json:
    shown = customer.shown if known else customer.sent
    return {
        "email": shown if customer.field == "email" else None,
        "mobile": shown if customer.field == "mobile" else None,
        "external_id": shown if customer.field == "external_id" else None,
        "firstname": "Sandbox" if known else "",
        "lastname": "",
    }


def _customer(verdict: Verdict, *, terse: bool) -> Json:
    accepted = verdict.code == DONE
    known = verdict.code not in (1011, 1012)
    echoed = []
    for sent, code in zip(verdict.entry.referrals, verdict.codes, strict=True):
        one: Json = {
            "id": sent["id"],
            "name": sent.get("name", ""),
            "identifier": sent["identifier"],
            "invited_on": sent["invited_on"],
        }
        if accepted and not (terse and code == DONE):
            one["status"] = status(code)
        echoed.append(one)
    types = [{"type": verdict.entry.type, "referral": echoed}] if known else []
    return {
        **_identity(verdict.entry.customer, known=known),
        "referrals": {"referral_type": types},
        "item_status": status(verdict.code),
    }


def post_answer(verdicts: Iterable[Verdict], *, code: int, terse: bool, loose: bool) -> Json:
    """Return the answer to a POST: verdicts at three levels, `referral_type` an ARRAY.

    Args:
        verdicts: one per customer, in the order of the request.
        code: of the request, see `request_code`.
        terse: leave the status out of accepted referrals.
        loose: write it as a less careful server might, see `_loosened`.
    """
    customers = [_customer(verdict, terse=terse) for verdict in verdicts]
    if loose:
        customers.reverse()
    answer: Json = {"response": {"status": status(code), "customers": {"customer": customers}}}
    return _loosened(answer) if loose else answer


def _loosened(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Booleans for `success`, text for codes, the lone object in place of its array."""
    if isinstance(value, list):
        items = [_loosened(item) for item in value]
        return items[0] if len(items) == 1 else items
    if not isinstance(value, dict):
        return value
    changed = {key: _loosened(item) for key, item in value.items()}
    if "success" in changed:
        changed["success"] = changed["success"] == "true"
        changed["code"] = str(changed["code"])
    return changed


def get_answer(
    customer: Customer, *, code: int, referral_code: str, invitees: list[Json] | None
) -> Json:
    """Return the answer to a GET: `customer` is an OBJECT.

    Args:
        customer: who was asked for.
        code: of the customer.
        referral_code: the customer's code in the campaign.
        invitees: per type, or None where only the referral code was asked for.
    """
    found = code == DONE
    body = _identity(customer, known=found)
    if found:
        body["referral_code"] = referral_code
        if invitees is not None:
            body["invitees"] = {"referral_type": invitees}
            body["referees"] = {"referee": []}
            body["incentives"] = []
    message = "Referral statistics retrieved successfully" if found else ""
    body["item_status"] = status(code, message)
    return {"response": {"status": status(200 if found else 500), "customer": body}}
