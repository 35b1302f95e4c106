"""Read and check: what every command does before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from bulk_referrals.config import Settings
from bulk_referrals.loader import load, load_list
from bulk_referrals.model import Arrival, Loaded, LoadOptions, Rules, SourceTable
from bulk_referrals.pipeline.ahead import import_ahead
from bulk_referrals.pipeline.arriving import twins, with_etags


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The sources, read and checked.

    Attributes:
        loaded: the sources.
        checked: the checked frame (see `model`).
        notices: sentences that the user should see.
        fetched: path of a source -> where its bytes lie, for those from elsewhere.
    """

    loaded: Loaded
    checked: pa.Table
    notices: tuple[str, ...]
    fetched: Mapping[str, Path] = field(default_factory=dict)


def prepare(
    arrival: Arrival, settings: Settings, *, now: datetime, stdin: BinaryIO | None
) -> Prepared:
    """Read the files and check every row.

    Args:
        arrival: the files.
        settings: what the user set.
        now: the run's start, aware.
        stdin: what "-" reads.

    Raises:
        UsageError: a setting or a source cannot be used; nothing was sent.
    """
    options = load_options(settings)
    import_ahead()
    loaded = load(arrival.paths, options, stdin=stdin, fetched=arrival.fetched)
    loaded = replace(loaded, sources=with_etags(loaded.sources, arrival))
    from bulk_referrals.validator import validate  # noqa: PLC0415 - see `ahead`

    rules, told = rules_of(settings, options, now)
    checked = validate(loaded.rows, rules, places=_places(loaded))
    return Prepared(
        loaded=loaded,
        checked=checked.frame,
        notices=(
            *arrival.notices,
            *loaded.notices,
            *twins(loaded.sources),
            *told,
            *checked.notices,
        ),
        fetched=arrival.fetched,
    )


def load_options(settings: Settings) -> LoadOptions:
    """Return what the user says about the sources."""
    return LoadOptions(
        columns=settings.columns,
        sheets=settings.sheets,
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        max_memory_bytes=settings.max_memory,
        read_timeout_s=settings.read_timeout,
        allow_empty=settings.allow_empty,
    )


def _places(loaded: Loaded) -> list[str]:
    def place(table: SourceTable) -> str:
        path = loaded.sources[table.source].path
        return f"{path} [{table.sheet}]" if table.sheet else path

    return [place(table) for table in loaded.tables]


def rules_of(settings: Settings, options: LoadOptions, now: datetime) -> tuple[Rules, list[str]]:
    """Return what the validator goes by, and sentences on the suppression lists."""
    rules = Rules(
        now=now,
        campaign_token=settings.campaign_token,
        region=settings.region.upper(),
        invited_on=settings.invited_on,
        timezone=settings.timezone,
        cluster_timezone=settings.api_timezone,
        day_first=settings.day_first,
        mobile=settings.mobile,
        mobile_format=settings.mobile_format,
        lookup_codes=settings.lookup_codes,
    )
    if not settings.suppress:
        return rules, []
    from bulk_referrals.validator import suppression_keys  # noqa: PLC0415 - see `ahead`

    suppressed: frozenset[str] = frozenset()
    told: list[str] = []
    for path in settings.suppress:
        keys, unread = suppression_keys(load_list(path, options), rules)
        suppressed |= keys
        told.append(f"{path}: {len(keys)} contacts are never invited.")
        if unread:
            told.append(
                f"{path}: {unread} cells that look like contacts could not be read, so nobody "
                "is kept from being invited by them. Correct them."
            )
    return replace(rules, suppressed=suppressed), told
