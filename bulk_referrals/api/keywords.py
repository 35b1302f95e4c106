"""All settings, as `docs/make_reference.py` writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from pydantic import SecretStr

from bulk_referrals.model import MobileFormat, MobileRule


class Keywords(TypedDict, total=False):
    """Every setting, none of them needed; see the configuration reference."""

    profile: str
    ledger: str | Path
    reports: str | Path
    wait_s: float
    columns: Mapping[str, str]
    sheets: Sequence[str]
    encoding: str
    delimiter: str
    max_memory: int | str
    read_timeout: float
    engine: Literal["auto", "memory", "local", "dask"]
    scheduler: str
    partition_size: int | str
    work: str | Path
    campaign_token: str
    region: str
    invited_on: str
    timezone: str
    cluster_timezone: str
    day_first: bool | None
    mobile_format: MobileFormat | str
    mobile: MobileRule | Mapping[str, object]
    lookup_codes: bool
    suppress: Sequence[str]
    host: str
    cluster: Literal["apac", "eu", "us", "sea"] | None
    organisation: str
    proxy: str
    username: str
    password: str | SecretStr
    client_key: str | SecretStr
    client_secret: str | SecretStr
    token_host: str
    attribution_type: str
    attribution_code: str
    rate: float | str | None
    concurrency: int
    timeout: float
    batch_size: int
    customers_per_request: int
    max_attempts: int
    settle_s: float
    outage_s: float
    max_failures: int | None
    max_failure_rate: float | None
    canary: int | None
    limit: int | None
    quiet_hours: str
    new_only: bool
    unchanged_for_s: float
    afterwards: Literal["leave", "move"]
    done_folder: str
    failed_folder: str
    remote_timeout: float
    known_hosts: str | Path
    sftp_password: str | SecretStr
    expect_rows: str
    expect_growth: float | None
    allow_empty: bool
    log_file: str | Path | None
    log_format: Literal["plain", "json"]
    notify: Sequence[str]
    notify_on: Literal["failure", "always"]
    notify_attach: Sequence[str]
    metrics: str | Path | None
