"""One exchange with the API as values: what leaves, and what comes back.

Shapes as the house uses them; `wire` alone knows the JSON, `policy` alone what it means.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """One invite as it leaves.

    Attributes:
        line: its position in the checked frame.
        identifier: the invitee as sent.
        identifier_key: the invitee, canonical.
        name: as typed; "" where there is none.
        invited_on: `YYYYMMDDTHH:MM:SS.CODE`.
        id: the invitee's user ID; "" where there is none.
    """

    line: int
    identifier: str
    identifier_key: str
    name: str
    invited_on: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One customer entry of a request: one referrer, campaign and type."""

    referrer: str
    referrer_key: str
    referrer_type: str
    campaign_token: str
    type: str
    invites: tuple[Invite, ...]


ReferralRequest = tuple[Part, ...]
Lane = tuple[ReferralRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One level's verdict as it came.

    Attributes:
        success: None where the answer does not say.
        code: as text; "" where absent.
        message: the API's own words; "" where absent.
    """

    success: bool | None = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The verdicts that bear on one invite, the nearest first; None where a level is absent."""

    referral: Status | None
    customer: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to a POST, read.

    Attributes:
        http_status: of the response.
        request_id: `X-Cap-Requestid`; "" where absent.
        retry_after: the header as it came; "" where absent.
        status: the request's own verdict; None when the body could not be read.
        levels: for each part, for each of its invites, what the lower levels say; None for a part
            when the answer names customers, but not this one, and for an invite when it lists
            others in its place.
    """

    http_status: int
    request_id: str = ""
    retry_after: str = ""
    status: Status | None = None
    levels: tuple[tuple[Levels | None, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What a GET says about one referrer in one campaign.

    Attributes:
        http_status: of the response.
        matched: the answer is about one customer, and it is the one asked for.
        status: the request's verdict; None when the body could not be read.
        item: the customer's verdict; None where absent.
        invitees: (type, identifier) pairs, as listed, repeats and all.
        referral_code: "" where absent.
        retry_after: the header as it came; "" where absent.
    """

    http_status: int
    matched: bool = False
    status: Status | None = None
    item: Status | None = None
    invitees: tuple[tuple[str, str], ...] = ()
    referral_code: str = ""
    retry_after: str = ""
