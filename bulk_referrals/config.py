"""Settings: a TOML file < its profile < environment < flags, checked as a whole, frozen.

Every setting is a field here, and its environment variable is `BULK_REFERRALS_` and the field's
name in capitals. Credentials come from the environment, the file or the keyring (which `pipeline`
asks), never from a flag; a file that holds one must be readable by its owner only. `layering`
puts the layers together.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    field_validator,
)

from bulk_referrals.database import LedgerPlace, path_or_url
from bulk_referrals.layering import Layers, check_layers, read_layers
from bulk_referrals.model import MobileFormat, MobileRule

Cluster = Literal["apac", "eu", "us", "sea"]
# Of a run's report, what may leave the machine when it is asked to.
Attachment = Literal[
    "report.xlsx", "report.html", "to_fix.xlsx", "to_fix.csv", "results.csv", "run.json"
]

# The hosts of the API's reference.
CLUSTER_HOSTS: Final[dict[str, str]] = {
    "apac": "https://apac.intouch.capillarytech.com",
    "eu": "https://eu.intouch.capillarytech.com",
    "us": "https://ushc.intouch.capillarytech.com",
    "sea": "https://sea.intouch.capillarytech.com",
}
# The zone that the API assumes for `invited_on`: India and Singapore clusters IST, EU UTC. The
# reference does not say for the US; UTC is the assumption, `--cluster-timezone` overrides it.
CLUSTER_TIMEZONES: Final[dict[str, str]] = {
    "apac": "Asia/Kolkata",
    "sea": "Asia/Kolkata",
    "eu": "UTC",
    "us": "UTC",
}
DEFAULT_TIMEZONE: Final = "Asia/Kolkata"
DEFAULT_LEDGER: Final = Path(".bulk_referrals/ledger.sqlite3")
SANDBOX_TARGET: Final = "sandbox"

# A name or an address, and perhaps a port: no credentials, which would leave with a redirect.
_NETLOC: Final = re.compile(r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SECRETS: Final = (
    "username",
    "password",
    "client_key",
    "client_secret",
    "notify",
    "sftp_password",
)
_RATE: Final = re.compile(
    r"(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|m|min|minute|h|hour)", re.IGNORECASE | re.ASCII
)
_PER_MIN: Final = {"s": 60.0, "m": 1.0, "h": 1 / 60}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_ROWS: Final = re.compile(r"(\d*)\s*\.\.\s*(\d*)", re.ASCII)
# Addresses may hold commas: only one before the next address parts them.
_BETWEEN_URLS: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)|\s+")
_OFF: Final = frozenset({"", "off", "none"})
_HOURS: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


def parse_rate(text: object) -> object:
    """Read "300/min", "5/s" or "unlimited"; return requests per minute, or None for no limit.

    Raises:
        ValueError: it is none of these.
    """
    if not isinstance(text, str):
        return text
    if text.strip().lower() in {"unlimited", "none"}:
        return None
    match = _RATE.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        message = "write a rate as 300/min, 5/s or unlimited"
        raise ValueError(message)
    return float(match[1]) * _PER_MIN[match[2][0].lower()]


def parse_size(text: object) -> object:
    """Read "4GiB", "512MB" or a number of bytes; return bytes. K, M, G, T are powers of 1,024.

    Raises:
        ValueError: it is none of these.
    """
    if not isinstance(text, str):
        return text
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        message = "write a size as 4GiB or 512MiB"
        raise ValueError(message)
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def _split(value: object) -> object:
    """Take "A,B" from the environment for a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _addresses(value: object) -> object:
    """Take several addresses from the environment for a list."""
    if isinstance(value, str):
        return tuple(part for part in _BETWEEN_URLS.split(value.strip(" ,")) if part)
    return value


def _off(value: object) -> object:
    """Take "off" for None, so that a flag can undo what a file sets."""
    return None if isinstance(value, str) and value.strip().lower() in _OFF else value


class Settings(BaseModel):
    """All settings of a command, checked and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    # --- where things are
    config: Path | None = Field(None, description="The TOML file that these settings are from.")
    profile: str = Field("", description="The profile of that file that is used.")
    ledger: Annotated[
        LedgerPlace, BeforeValidator(path_or_url), PlainSerializer(str, return_type=str)
    ] = Field(
        Path(".bulk_referrals/ledger.sqlite3"),
        description="The ledger's file, made where missing, or postgresql://….",
    )
    reports: Path = Field(Path("reports"), description="The folder of the reports.")
    wait_s: float = Field(0.0, ge=0, description="Seconds to wait for another run to end.")

    # --- reading
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Your column names and the fields they mean.",
        examples=[{"Your column": "identifier"}],
    )
    sheets: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (), description="The sheets to read; none means every visible one."
    )
    encoding: str = Field("", description="Of text files; empty means detect.")
    delimiter: str = Field("", description="Of text files; empty means detect.")
    max_memory: Annotated[int, BeforeValidator(parse_size)] = Field(
        4 << 30, ge=256 << 20, description="Memory that reading one file may take: 4GiB."
    )
    read_timeout: float = Field(
        300.0, gt=0, le=86_400, description="Seconds that reading one workbook may take."
    )

    # --- by parts
    engine: Literal["auto", "memory", "local", "dask"] = Field(
        "auto",
        description="Work in memory, by parts on this machine (local) or on a cluster (dask); "
        "auto: by parts where the files are over a sixteenth of max_memory.",
    )
    scheduler: str = Field("", description="Of the Dask cluster: tcp://HOST:8786.")
    partition_size: Annotated[int, BeforeValidator(parse_size)] = Field(
        32 << 20, ge=1 << 10, description="Text in a part: 32MiB."
    )
    work: Path = Field(
        Path(".bulk_referrals/work"),
        description="The folder through which parts are handed on; all workers must reach it.",
    )

    # --- validating
    campaign_token: str = Field("", description="For rows that have none.")
    region: str = Field("", description="Country (IN, AE, …) of mobiles without a country code.")
    invited_on: str = Field("", description="For rows that have none; empty means now.")
    timezone: str = Field("", description="Zone of the dates in your files; empty: the cluster's.")
    cluster_timezone: str = Field("", description="Zone that the cluster assumes.")
    day_first: bool | None = Field(None, description="Read 03/04 as 3 April (true) or March 4.")
    mobile_format: MobileFormat = Field(
        MobileFormat.DIGITS, description="How mobiles are sent: digits, e164 or national."
    )
    mobile: MobileRule = Field(
        default_factory=MobileRule,
        description="The brand's own rule.",
        examples=[{"country_codes": ["91"]}],
    )
    lookup_codes: bool = Field(
        default=False,
        description="Ask the platform for the referral codes that rows do not have.",
    )
    suppress: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (), description="Files of contacts that are never invited."
    )

    # --- connecting
    host: str = Field("", description="The API's address, https://….")
    cluster: Cluster | None = Field(None, description="The API's cluster: apac, eu, us or sea.")
    organisation: str = Field(
        "", description="Names your organisation in the ledger; empty means the host."
    )
    proxy: str = Field("", repr=False, description="Address of an HTTP proxy.")
    username: str = Field("", description="Till for Basic authentication.")
    password: SecretStr = Field(SecretStr(""), description="Password for Basic authentication.")
    client_key: SecretStr = Field(SecretStr(""), description="Key for OAuth.")
    client_secret: SecretStr = Field(SecretStr(""), description="Secret for OAuth.")
    token_host: str = Field("", description="Where OAuth tokens come from; empty: the host.")
    attribution_type: str = Field("", description="OAuth only: TILL, STORE_CODE, ….")
    attribution_code: str = Field("", description="OAuth only: the till or store itself.")

    # --- sending
    rate: Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(parse_rate)] = Field(
        300.0, description="Requests a minute: 300/min, 5/s or unlimited."
    )
    concurrency: int = Field(16, ge=1, le=1000, description="Most requests under way at once.")
    timeout: float = Field(30.0, gt=0, description="Seconds for one request and its answer.")
    batch_size: int = Field(50, ge=1, description="Most invites of one referrer in a request.")
    customers_per_request: int = Field(1, ge=1, description="Most referrers in a request.")
    max_attempts: int = Field(5, ge=1, description="Most times that an invite is sent.")
    settle_s: float = Field(
        30.0, ge=0, description="Seconds before a lost request is believed not to have arrived."
    )
    outage_s: float = Field(
        300.0, ge=0, description="Seconds without any answer after which the run stops."
    )
    max_failures: int | None = Field(None, ge=0, description="Stop after so many failed rows.")
    max_failure_rate: float | None = Field(
        None, gt=0, le=1, description="Stop when this share of the rows has failed (0.2 = 20 %)."
    )
    canary: int | None = Field(None, ge=1, description="Send this many referrers first.")
    limit: int | None = Field(None, ge=0, description="Send at most so many rows.")
    quiet_hours: str = Field("", description="Send nothing in these hours: 21:00-09:00.")

    # --- where exports land
    new_only: bool = Field(
        False,  # noqa: FBT003 - pydantic takes defaults so
        description="Leave out files whose content an earlier run has taken.",
    )
    unchanged_for_s: float = Field(
        0.0, ge=0, le=86_400, description="Seconds that a file must not have changed for."
    )
    afterwards: Literal["leave", "move"] = Field(
        "leave",
        description="Leave files where they are, or move them once they were taken.",
    )
    done_folder: str = Field(
        "done", min_length=1, description="Beside a file: where it is moved to once taken."
    )
    failed_folder: str = Field(
        "failed", min_length=1, description="Beside a file: where it is moved to if unreadable."
    )
    remote_timeout: float = Field(
        60.0, gt=0, le=86_400, description="Seconds for one exchange with a store of files."
    )
    known_hosts: Path = Field(
        Path("~/.ssh/known_hosts"), description="The keys of the SFTP hosts that are trusted."
    )
    sftp_password: SecretStr = Field(
        SecretStr(""), description="For SFTP hosts, where no key or agent signs in."
    )

    # --- expecting
    expect_rows: str = Field(
        "", description="How many rows the sources should hold together: 1000..50000."
    )
    expect_growth: Annotated[Annotated[float, Field(gt=1)] | None, BeforeValidator(_off)] = Field(
        None,
        description="Refuse more than so many times the usual rows, or fewer than that part of "
        "them; the usual is the median of the last seven finished runs.",
    )
    allow_empty: bool = Field(
        False,  # noqa: FBT003 - pydantic takes defaults so
        description="No file, no row or nothing new is well, too: end with 0.",
    )

    # --- telling
    log_file: Path | None = Field(None, description="What happens, line by line; - is stderr.")
    log_format: Literal["plain", "json"] = Field("plain", description="Of the log.")
    notify: Annotated[tuple[SecretStr, ...], BeforeValidator(_addresses)] = Field(
        (), description="Addresses that are told how a run ended, as apprise writes them."
    )
    notify_on: Literal["failure", "always"] = Field(
        "failure", description="When to tell: unless the exit code is 0, or always."
    )
    notify_attach: Annotated[tuple[Attachment, ...], BeforeValidator(_split)] = Field(
        (), description="Files of the report to attach; they hold contacts."
    )
    metrics: Path | None = Field(
        None, description="A file of figures for Prometheus's node_exporter, ending in .prom."
    )

    @field_validator("host", "token_host")
    @classmethod
    def _over_tls(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value if "://" in value else f"https://{value}")
        scheme = "http" if parts.scheme == "http" and parts.hostname in _LOOPBACK else "https"
        if parts.scheme != scheme or _NETLOC.fullmatch(parts.netloc) is None:
            message = "write it as https://HOST (http only on this machine)"
            raise ValueError(message)
        return f"{scheme}://{parts.netloc}"

    @field_validator("timezone", "cluster_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (KeyError, OSError, ValueError) as error:
                message = "write a time zone as Asia/Kolkata or UTC"
                raise ValueError(message) from error
        return value

    @field_validator("mobile")
    @classmethod
    def _compiles(cls, value: MobileRule) -> MobileRule:
        try:
            re.compile(value.pattern)
        except re.error as error:
            message = f"its pattern is not a regular expression ({error.msg})"
            raise ValueError(message) from error
        return value

    @field_validator("expect_rows")
    @classmethod
    def _known_rows(cls, value: str) -> str:
        parse_rows(value)
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _known_hours(cls, value: str) -> str:
        if value:
            parse_quiet_hours(value)
        return value

    @property
    def base_url(self) -> str:
        """The API's address; "" where neither host nor cluster is set."""
        return self.host or (CLUSTER_HOSTS[self.cluster] if self.cluster else "")

    @property
    def api_timezone(self) -> str:
        """The IANA zone that the API assumes."""
        return self.cluster_timezone or CLUSTER_TIMEZONES.get(self.cluster or "", DEFAULT_TIMEZONE)

    def public(self) -> dict[str, Any]:
        """Return all settings as plain JSON values, without secrets: enough to resume with.

        A proxy that is named with its credentials is left out too: it comes again from where it
        came.
        """
        kept = self.model_dump(mode="json", exclude=set(_SECRETS))
        if "@" in self.proxy:
            del kept["proxy"]
        return kept


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return `Settings.public` as text for people; settings left at their default are left out."""
    usual = Settings.model_construct().public()
    return {
        name: _as_text(value)
        for name, value in settings.items()
        if value != usual.get(name) and value not in (None, "", [], {})
    }


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={part}" for name, part in value.items() if part)
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


def parse_quiet_hours(text: str) -> tuple[time, time]:
    """Read "21:00-09:00".

    Raises:
        ValueError: it is not two times of day with a dash between them.
    """
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        message = "write quiet hours as 21:00-09:00"
        raise ValueError(message)
    return time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))


def parse_rows(text: str) -> tuple[int, int | None]:
    """Read "1000..50000", "1000..", "..50000" or "off".

    Returns:
        The least and the most; None for no end.

    Raises:
        ValueError: it is none of these.
    """
    match = _ROWS.fullmatch(".." if text.strip().lower() in _OFF else text.strip())
    if match is not None:
        least, most = int(match[1] or 0), int(match[2]) if match[2] else None
    if match is None or (most is not None and least > most):
        message = "write a number of rows as 1000..50000, 1000.., ..50000 or off"
        raise ValueError(message)
    return least, most


def in_quiet_hours(text: str, moment: datetime) -> bool:
    """Tell whether a moment, in the cluster's zone, lies within hours such as 21:00-09:00."""
    if not text:
        return False
    start, end = parse_quiet_hours(text)
    now = moment.timetz().replace(tzinfo=None)
    return start <= now < end if start <= end else (now >= start or now < end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """Settings, and where each comes from.

    Attributes:
        settings: checked.
        layers: what they were put together from.
    """

    settings: Settings
    layers: Layers

    def origin(self, name: str) -> str:
        """Return where a setting comes from: default, file, profile NAME, environment, flag."""
        return self.layers.origins().get(name, "default")


def load_settings(file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Put the settings together: file < profile < environment < flags.

    Args:
        file: a TOML file; None takes `config` of the flags or the environment, if any.
        flags: setting -> value, only those that were given.

    Raises:
        UsageError: one sentence per fault, all at once.
    """
    return load_effective(file, flags).settings


def load_effective(file: Path | None, flags: Mapping[str, Any]) -> Effective:
    """Put the settings together as `load_settings` does, and tell where each comes from.

    Raises:
        UsageError: one sentence per fault, all at once.
    """
    layers = read_layers(Settings, file, flags, os.environ, secrets=_SECRETS)
    check_layers(layers, Settings, Settings.model_validate)
    chosen = {"config": layers.file, "profile": layers.profile}
    return Effective(settings=Settings.model_validate(layers.merged() | chosen), layers=layers)


def is_secret(name: str) -> bool:
    """Tell whether a setting's value is never shown."""
    field = Settings.model_fields[name]
    return name in _SECRETS or not field.repr or field.annotation is SecretStr
