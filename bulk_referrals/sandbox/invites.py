"""The invites that the platform holds: a list, kept in the order of their commits."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import orjson

from bulk_referrals.sandbox.referrals import (
    DONE,
    Numbering,
    Verdict,
    has_no_code,
    invited_at,
)

_NAME_LENGTH: Final = 20  # varchar(20)
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """One invite, committed. There is no unique key: the same may stand here twice.

    Attributes:
        campaign_token: as sent, or the default campaign's.
        referrer: canonical: digits with country code, lower-cased e-mail.
        type: MOBILE or EMAIL.
        identifier: as GET shows it: a mobile as digits with country code, an e-mail as sent.
        sent_as: the identifier as sent.
        name: cut to 20 characters.
        id: as sent.
        invited_on: as sent.
        till: to which the invite is attributed.
        committed_at: seconds since the epoch.
        request_id: the `X-Cap-Requestid` of the request that brought it.
    """

    campaign_token: str
    referrer: str
    type: str
    identifier: str
    sent_as: str
    name: str
    id: str
    invited_on: str
    till: str
    committed_at: float
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a GET asks for.

    Attributes:
        campaign_token: of the invites.
        till: whose invites; "" for all tills.
        start: first day of `invited_on`.
        end: last day of `invited_on`.
        limit: at most so many, the newest; 0 for all.
        committed_by: seconds since the epoch; younger invites are not seen.
    """

    campaign_token: str
    till: str = ""
    start: date = date.min
    end: date = date.max
    limit: int = 0
    committed_by: float = float("inf")


class InviteBook:
    """All invites, by referrer; optionally in a journal that outlives the process."""

    def __init__(self, journal: str = "") -> None:
        """Start empty, or with what the journal holds.

        Args:
            journal: path of a file of JSON lines, made if absent; "" for none.

        Raises:
            OSError: the journal cannot be read or written.
            ValueError: the journal holds something else.
        """
        self.invites: list[Invite] = []
        self._by_referrer: dict[str, list[Invite]] = {}
        self._journal_fd = -1
        if journal:
            self._reload(Path(journal))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._journal_fd = os.open(journal, flags, mode=0o600)

    def _reload(self, path: Path) -> None:
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        if lines[-1]:
            # A line that its process did not live to finish was never answered for.
            os.truncate(path, path.stat().st_size - len(lines[-1]))
        for line in lines[:-1]:
            self._add(Invite(**orjson.loads(line)))

    def _add(self, invite: Invite) -> None:
        self.invites.append(invite)
        self._by_referrer.setdefault(invite.referrer, []).append(invite)

    def commit(self, invites: Iterable[Invite]) -> None:
        """Add the invites; they are in the journal when this returns."""
        committed = tuple(invites)
        if self._journal_fd >= 0 and committed:
            lines = b"".join(
                orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in committed
            )
            os.write(self._journal_fd, lines)
        for invite in committed:
            self._add(invite)

    def clear(self) -> None:
        """Forget everything, in the journal too."""
        self.invites.clear()
        self._by_referrer.clear()
        if self._journal_fd >= 0:
            os.ftruncate(self._journal_fd, 0)

    def seen_by(self, referrer: str, question: Question) -> list[Invite]:
        """Return the referrer's invites that answer the question, in the order of commits."""
        found = [
            invite
            for invite in self._by_referrer.get(referrer, ())
            if invite.campaign_token == question.campaign_token
            and (not question.till or invite.till == question.till)
            and invite.committed_at <= question.committed_by
            and question.start <= invited_at(invite.invited_on)[0].date() <= question.end
        ]
        return found[-question.limit :] if question.limit else found

    def referral_code(self, referrer: str, campaign_token: str) -> str:
        """Return the referrer's code in the campaign.

        That of its first invite there, or else one made from both, always the same; "" for a
        customer who is to have none (see `referrals`).
        """
        if has_no_code(referrer):
            return ""
        for invite in self._by_referrer.get(referrer, ()):
            if invite.campaign_token == campaign_token:
                return invited_at(invite.invited_on)[1]
        digest = hashlib.blake2b(f"{campaign_token}|{referrer}".encode(), digest_size=9).digest()
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)


def accepted(
    verdict: Verdict, numbering: Numbering, *, till: str, request_id: str, now: float
) -> list[Invite]:
    """Return the invites that a verdict accepts, in the order of the request."""
    entry = verdict.entry
    mobile = entry.type == "MOBILE"
    return [
        Invite(
            campaign_token=entry.campaign_token,
            referrer=entry.customer.shown,
            type=entry.type,
            identifier=numbering.canonical(one["identifier"]) if mobile else one["identifier"],
            sent_as=one["identifier"],
            name=one.get("name", "")[:_NAME_LENGTH],
            id=one["id"],
            invited_on=one["invited_on"],
            till=till,
            committed_at=now,
            request_id=request_id,
        )
        for one, code in zip(entry.referrals, verdict.codes, strict=True)
        if code == DONE
    ]


def invitees(invites: Iterable[Invite]) -> list[dict[str, Any]]:
    """Return the invites as GET lists them: a group per type, times `2020-01-29 12:25:46.0`."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for invite in invites:
        groups.setdefault(invite.type, []).append(
            {
                "identifier": invite.identifier,
                "name": invite.name,
                "invited_on": f"{invited_at(invite.invited_on)[0]}.0",
                "till": {"code": invite.till, "name": invite.till},
            }
        )
    return [{"type": kind, "invitee": listed} for kind, listed in groups.items()]
