"""Which column is which: one table of synonyms, the author's own map, and near misses.

Names are compared by their letters and digits alone, without case: `Referrer Mobile*`,
`referrer_mobile` and `REFERRER-MOBILE (required)` are one name.

Some words do not say whose they are: a bare `Mobile`, `Phone`, `Email` or `Name`. The rule:
where a referrer's column is named outright and no invitee's is, a bare contact is the invitee's;
where an invitee's is named and no referrer's is, nothing is guessed and the user is asked for
`--map`; where both are named, a bare one is left out and a notice says so. A bare `Name` is the
invitee's unless another column says so outright.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Final

from bulk_referrals.errors import UsageError
from bulk_referrals.model import FIELDS

REFERRER: Final = ("referrer_mobile", "referrer_email")
INVITEE: Final = ("identifier", "invitee_mobile", "invitee_email")
CONTACTS: Final = REFERRER + INVITEE

_PARTIES: Final = {
    "referrer": (
        "referrer referer referrers referring referredby inviter invitedby advocate member "
        "loyaltymember customer existingcustomer referringcustomer referrercustomer sender"
    ),
    "invitee": (
        "invitee invitees invited invitedperson friend friends referredfriend referred "
        "referredperson referral referee guest prospect lead recipient newcustomer newmember"
    ),
}
_WORDS: Final = {
    "mobile": (
        "mobile mobileno mobilenumber mobilenum mobilephone phone phoneno phonenumber phonenum "
        "cell cellphone cellno cellnumber contactno contactnumber telephone telephonenumber tel "
        "telno msisdn whatsapp whatsappno whatsappnumber handphone"
    ),
    "email": "email emailid emailaddress emailaddr mail mailid mailaddress",
}
_NAMES: Final = "name fullname firstname"
# Canonical field -> further names that say it outright.
_FURTHER: Final = {
    "campaign_token": "campaign token campaigncode campaigntokencode referralcampaigntoken",
    "type": "channel scope referraltype identifiertype invitetype contacttype",
    "identifier": "inviteeidentifier friendidentifier inviteecontact friendcontact "
    "friendscontact inviteemobileoremail friendmobileoremail mobileoremail emailormobile",
    "name": "inviteename friendname friendsname invitedname referredname guestname "
    "refereename inviteefullname friendfullname friendsfullname inviteefirstname "
    "friendfirstname friendsfirstname referredfriendname prospectname leadname recipientname",
    "invited_on": "invitedat inviteddate invitedon invitedtime invitedatetime invitedate "
    "invitationdate dateinvited dateofinvitation dateofinvite date datetime timestamp "
    "referredon referreddate referraldate",
    "referral_code": "code refcode referrercode referralcodes invitecode customerreferralcode "
    "memberreferralcode",
    "id": "userid inviteeid inviteeuserid frienduserid",
    "region": "country countrycode isocountry isocountrycode",
}
_BARE: Final = {
    **dict.fromkeys(_WORDS["mobile"].split(), "mobile"),
    **dict.fromkeys(_WORDS["email"].split(), "email"),
    **dict.fromkeys(_NAMES.split(), "name"),
}
_MARKS: Final = re.compile(r"[(\[]\s*(required|mandatory|optional|must)\s*[)\]]", re.IGNORECASE)
_BRACKETS: Final = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_NEAR: Final = 0.8
# Two texts as like as that differ in length by no more than half of one: 2 m / (m + n) >= 0.8.
_MOST_APART: Final = 0.5
_MOST_COMPARED: Final = 100  # names; each costs milliseconds


def _table() -> dict[str, str]:
    known = {name.replace("_", ""): name for name in FIELDS}
    for canonical, further in _FURTHER.items():
        known |= dict.fromkeys(further.split(), canonical)
    for party, channel in product(_PARTIES, _WORDS):
        for who, what in product(_PARTIES[party].split(), _WORDS[channel].split()):
            names = (
                who + what,
                f"{what}of{who}",
                f"{what}ofthe{who}",  # codespell:ignore
                what + who,
                f"{who}s{what}",
            )
            known |= dict.fromkeys(names, f"{party}_{channel}")
    return {key: canonical for key, canonical in known.items() if key not in _BARE}


SYNONYMS: Final = _table()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What one line of names, taken as a header, says.

    Attributes:
        columns: canonical field -> index of its column.
        clashes: canonical field -> the indices of all columns that mean it, where several do.
        bare: index -> what it may be (mobile, email), for names that do not say whose they are
            and were left out.
    """

    columns: dict[str, int]
    clashes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bare: dict[int, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether it names a referrer and an invitee."""
        return any(n in self.columns for n in REFERRER) and any(n in self.columns for n in INVITEE)

    @property
    def weight(self) -> int:
        """How much of a header it is: the columns that it explains."""
        return len(self.columns) + len(self.bare)


def key(name: str) -> str:
    """Return the name's letters and digits, without case, marks or "(required)"."""
    plain = unicodedata.normalize("NFKC", _MARKS.sub("", name)).casefold()
    return "".join(each for each in plain if each.isalnum())


def _keys(name: str) -> tuple[str, str]:
    """Return the name's key, and its key without what stands in brackets: "Mobile (10 digits)"."""
    return key(name), key(_BRACKETS.sub("", name))


def checked_map(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the author's map with canonical field names, however they were written.

    Raises:
        UsageError: a field is unknown, or two columns are mapped to one field.
    """
    fields = {name.replace("_", ""): name for name in FIELDS}
    chosen: dict[str, str] = {}
    for name, wanted in columns.items():
        canonical = fields.get(key(wanted))
        if canonical is None:
            near = difflib.get_close_matches(key(wanted), fields, n=1, cutoff=0.6)
            hint = f" Did you mean '{fields[near[0]]}'?" if near else ""
            known = ", ".join(FIELDS)
            msg = f"--map '{name}={wanted}': there is no field '{wanted}'.{hint} Fields: {known}."
            raise UsageError(msg)
        if canonical in chosen.values():
            other = next(n for n, c in chosen.items() if c == canonical)
            msg = f"--map: both '{other}' and '{name}' are mapped to {canonical}. Keep one."
            raise UsageError(msg)
        chosen[name] = canonical
    return chosen


def match(names: Sequence[str], columns: Mapping[str, str]) -> Match:
    """Return what the names say, taken as a header.

    Args:
        names: one line of cells, as typed.
        columns: the author's column name -> canonical field; these win over the synonyms.
    """
    present = {each for name in names for each in _keys(name)}
    mapped = {key(name): field for name, field in columns.items() if key(name) in present}
    meant: dict[str, list[int]] = {}
    bare: dict[int, str] = {}
    for index, name in enumerate(names):
        for each in _keys(name):
            canonical = mapped.get(each) or SYNONYMS.get(each)
            if canonical and (each in mapped or canonical not in mapped.values()):
                meant.setdefault(canonical, []).append(index)
                break
            if each in _BARE:
                bare[index] = _BARE[each]
                break
    _settle_bare(meant, bare)
    return Match(
        columns={name: meant[name][0] for name in FIELDS if name in meant},
        clashes={c: tuple(found) for c, found in meant.items() if len(found) > 1},
        bare=bare,
    )


def _settle_bare(meant: dict[str, list[int]], bare: dict[int, str]) -> None:
    """Move the bare names whose owner is beyond doubt from `bare` to `meant`."""
    invitee_is_named = any(name in meant for name in INVITEE)
    referrer_is_named = any(name in meant for name in REFERRER)
    if "name" not in meant:
        _claim(meant, bare, "name", "name")
    if referrer_is_named and not invitee_is_named:
        for channel in _WORDS:
            _claim(meant, bare, channel, f"invitee_{channel}")


def _claim(meant: dict[str, list[int]], bare: dict[int, str], what: str, canonical: str) -> None:
    found = [index for index, each in bare.items() if each == what]
    if found:
        meant[canonical] = found
    for index in found:
        del bare[index]


def near_misses(names: Sequence[str], missing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (the author's name, canonical field) for names that look like a missing field."""
    for name in names[:_MOST_COMPARED]:
        each = key(name)
        if each and each not in SYNONYMS and each not in _BARE:
            near = _nearest(each, tuple(missing))
            if near:
                yield name, SYNONYMS[near]


@cache
def _nearest(name: str, missing: tuple[str, ...]) -> str:
    """Return the likest synonym of a missing field; cached, for sheets are often alike."""
    wanted = [
        each
        for each, canonical in SYNONYMS.items()
        if canonical in missing and abs(len(each) - len(name)) <= _MOST_APART * len(name)
    ]
    near = difflib.get_close_matches(name, wanted, n=1, cutoff=_NEAR)
    return near[0] if near else ""
