"""Whether the settings work, tried without sending anything: `config check`.

Signing in is proven by a GET about somebody who cannot exist, an address under `.invalid`
(RFC 2606, 2): whatever the API says of them, it has let us in. No personal data leaves, unless
a referrer is named to ask for their code.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from bulk_referrals import contacts
from bulk_referrals.client import Client
from bulk_referrals.config import Effective, Settings, load_effective
from bulk_referrals.errors import (
    BulkReferralsError,
    ClientError,
    LedgerBusyError,
    LedgerError,
    UsageError,
)
from bulk_referrals.exchange import Part, ReadBack
from bulk_referrals.ledger import open_ledger
from bulk_referrals.model import ReferralType
from bulk_referrals.pipeline.credentials import with_credentials
from bulk_referrals.pipeline.sitting import endpoint, organisation, require_connection
from bulk_referrals.validator import is_referral_code

NOBODY: Final = "nobody@bulk-referrals.invalid"
_DONE: Final = "1000"
_LEAST_FREE_BYTES: Final = 256 << 20
_GIB: Final = 1 << 30
_SERVER_ERRORS: Final = range(500, 600)
# What ended the connection -> what to say of it; by the name of aiohttp's error.
_TROUBLES: Final = {
    "ClientConnectorDNSError": "there is no such host, or no network. Check the host",
    "ClientConnectorCertificateError": "its certificate is not trusted. Check the host, or "
    "whether this machine knows the authority that signed it (SSL_CERT_FILE)",
    "ClientConnectorSSLError": "it does not speak TLS there. Check the host and its port",
    "ClientHttpProxyError": "the proxy refused. Check the proxy",
    "ClientProxyConnectionError": "the proxy cannot be reached. Check the proxy",
}
_REFUSALS: Final = {
    "401": "refused the credentials (401). Check BULK_REFERRALS_USERNAME and "
    "BULK_REFERRALS_PASSWORD, or the key and secret",
    "403": "let us in, but these credentials may not read referrals (403). Ask the platform's "
    "administrator for the right",
    "404": "has no such API (404). Check the host",
    "405": "has no such API (405). Check the host",
    "415": "has no such API (415). Check the host",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried.

    Attributes:
        name: what it is about, a word or two.
        well: whether it works.
        sentence: what was found, and what to do where it does not work.
    """

    name: str
    well: bool
    sentence: str


def try_settings(
    file: Path | None, flags: Mapping[str, Any], *, referrer: str = ""
) -> tuple[Trial, ...]:
    """Try the settings: the file, signing in, the ledger, the folders, the clock.

    Args:
        file: as for `load_settings`.
        flags: as for `load_settings`.
        referrer: a mobile or e-mail to ask the referral code of; "" asks for nobody's.

    Raises:
        UsageError: a setting is wrong: one sentence per fault; nothing was tried.
    """
    effective = load_effective(file, flags)
    settings = effective.settings
    return (
        _settings(effective),
        *_platform(settings, referrer),
        Trial(name="rate", well=True, sentence=_rate(settings)),
        _ledger(settings),
        _reports(settings),
        _disk(settings),
        Trial(name="clock", well=True, sentence=_clock(settings)),
    )


def _settings(effective: Effective) -> Trial:
    layers = effective.layers
    place = f"The settings of {layers.file}" if layers.file else "The settings"
    profile = f", profile {layers.profile}," if layers.profile else ""
    others = [layer.name.removeprefix("profile ") for layer in layers.others]
    more = f", and so are the profiles not in use: {', '.join(others)}" if others else ""
    strays = "".join(f" {stray}" for stray in layers.strays)
    return Trial(
        name="settings", well=True, sentence=f"{place}{profile} are in order{more}.{strays}"
    )


def _platform(settings: Settings, referrer: str) -> Iterator[Trial]:
    try:
        settings = with_credentials(settings, sandbox=False)
        require_connection(settings, sandbox=False)
        part = _part(settings, referrer)
    except UsageError as error:
        yield Trial(name="platform", well=False, sentence=str(error))
        return
    host = settings.base_url
    try:
        seen = asyncio.run(_look(settings, part))
    except ClientError as error:
        yield Trial(name="platform", well=False, sentence=f"{host}: {_trouble(error)}.")
        return
    except UsageError as error:
        yield Trial(name="platform", well=False, sentence=f"{host}: {error}")
        return
    well, found = _let_in(seen)
    if not well:
        yield Trial(name="platform", well=False, sentence=f"{host} {found}.")
        return
    how = "OAuth" if settings.client_key.get_secret_value() else "a till's password (Basic)"
    known = organisation(settings, sandbox=False)
    sentence = f"{host} let us in, by {how}{found}. The ledger knows it as {known}."
    yield Trial(name="platform", well=True, sentence=sentence)
    if referrer:
        yield _referral_code(seen)


def _part(settings: Settings, referrer: str) -> Part:
    """Return what names whom to ask for.

    Raises:
        UsageError: the referrer cannot be read.
    """
    by_mail = "@" in (referrer or NOBODY)
    if not referrer:
        found = contacts.Contact(value=NOBODY, key=NOBODY)
    elif by_mail:
        found = contacts.email(referrer)
    else:
        found = contacts.mobile(
            referrer,
            region=settings.region,
            rule=settings.mobile,
            mobile_format=settings.mobile_format,
        )
    if found.value is None or found.key is None:
        message = f"--referrer: {found.problem}. {found.advice}"
        raise UsageError(message)
    return Part(
        referrer=found.value,
        referrer_key=found.key,
        referrer_type=ReferralType.EMAIL if by_mail else ReferralType.MOBILE,
        campaign_token=settings.campaign_token if referrer else "",
        type="",
        invites=(),
    )


async def _look(settings: Settings, part: Part) -> ReadBack:
    with endpoint(settings, sandbox=False) as place:
        async with Client(
            base_url=place.base_url,
            auth=place.auth,
            timeout_s=settings.timeout,
            concurrency=1,
            proxy=settings.proxy,
        ) as client:
            return await client.get(part, await client.sign(), only_code=True)


def _let_in(seen: ReadBack) -> tuple[bool, str]:
    """Tell from an answer whether we were let in, and what to say of it."""
    code = seen.status.code if seen.status else ""
    for stated in (str(seen.http_status), code):
        if stated in _REFUSALS:
            return False, _REFUSALS[stated]
    if {str(seen.http_status), code} & {"429", "517"}:
        return True, ", though its rate limit is met just now"
    if seen.http_status in _SERVER_ERRORS and seen.item is None:
        return False, f"is not well just now (HTTP {seen.http_status}). Try again later"
    if seen.status is None:
        return False, (
            f"answered with something else than the API (HTTP {seen.http_status}). Check the host"
        )
    return True, ""


def _trouble(error: BulkReferralsError) -> str:
    """Say why no answer came, by the foreign error at the bottom of it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        if said := _TROUBLES.get(type(cause).__name__):
            return said
    return f"{error}. Check the host, the network and the proxy"


def _referral_code(seen: ReadBack) -> Trial:
    item = seen.item.code if seen.item else ""
    if item == _DONE and is_referral_code(seen.referral_code):
        return Trial(name="referrer", well=True, sentence="It told the referrer's referral code.")
    words = seen.item.message if seen.item else "no answer about the referrer"
    why = "it has none in this campaign" if item == _DONE else f"{words} ({item or 'no code'})"
    sentence = f"It told no referral code: {why}. Check the referrer and --campaign-token."
    return Trial(name="referrer", well=False, sentence=sentence)


def _rate(settings: Settings) -> str:
    at_once = f"and {settings.concurrency:,} at once"
    if settings.rate is None:
        return f"Requests leave without a limit, {at_once}."
    return f"At most {settings.rate:g} requests leave a minute, {at_once}."


def _ledger(settings: Settings) -> Trial:
    place = settings.ledger
    if isinstance(place, Path) and not place.exists():
        trial = _writable(place.parent, "ledger", "The ledger will be made")
        return trial or Trial(
            name="ledger", well=True, sentence=f"The ledger {place} will be made by the first run."
        )
    try:
        ledger = open_ledger(place)
        try:
            number = len(ledger.runs())
        finally:
            ledger.close()
    except LedgerBusyError as error:
        return Trial(name="ledger", well=True, sentence=str(error))
    except LedgerError as error:
        return Trial(name="ledger", well=False, sentence=str(error))
    if isinstance(place, Path) and not os.access(place, os.W_OK):
        sentence = f"{place}: the ledger cannot be written. Check its rights."
        return Trial(name="ledger", well=False, sentence=sentence)
    held = f"{number:,} run{'' if number == 1 else 's'}"
    return Trial(
        name="ledger", well=True, sentence=f"The ledger {place} can be used; it holds {held}."
    )


def _reports(settings: Settings) -> Trial:
    trial = _writable(settings.reports, "reports", "Reports will be written")
    return trial or Trial(
        name="reports", well=True, sentence=f"Reports can be written to {settings.reports}."
    )


def _writable(folder: Path, name: str, purpose: str) -> Trial | None:
    """Return what keeps a folder from being written, or None; nothing is left in it."""
    there = _there(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        sentence = f"{purpose} in {folder}, but {there} cannot be written ({error.strerror})."
        return Trial(name=name, well=False, sentence=f"{sentence} Check the path and its rights.")


def _there(path: Path) -> Path:
    """Return the path, or the nearest above it that is there."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _disk(settings: Settings) -> Trial:
    places = [settings.reports]
    places += [settings.ledger] if isinstance(settings.ledger, Path) else []
    free = min(shutil.disk_usage(_there(place)).free for place in places)
    enough = free >= _LEAST_FREE_BYTES
    sentence = f"{free / _GIB:,.1f} GiB of disk space are free."
    return Trial(name="disk", well=enough, sentence=sentence + ("" if enough else " Make room."))


def _clock(settings: Settings) -> str:
    zone = settings.api_timezone
    there = datetime.now(ZoneInfo(zone))
    return f"Times are sent in {zone}, where it is {there:%Y-%m-%d %H:%M} by this machine's clock."
