"""The durable memory that makes every invite leave at most once: a port and its store."""

from pathlib import Path

from bulk_referrals.ledger.port import (
    BY_WEIGHT,
    CODES,
    INVITES,
    Entry,
    Intent,
    InviteKeys,
    InviteRecord,
    InviteState,
    Ledger,
    LineResult,
    Merged,
    RateSource,
    Result,
    RunRecord,
    Withheld,
)

__all__ = [
    "BY_WEIGHT",
    "CODES",
    "INVITES",
    "Entry",
    "Intent",
    "InviteKeys",
    "InviteRecord",
    "InviteState",
    "Ledger",
    "LineResult",
    "Merged",
    "RateSource",
    "Result",
    "RunRecord",
    "Withheld",
    "open_ledger",
]


def open_ledger(path: Path) -> Ledger:
    """Open the ledger at a path, making it (0600, its folder 0700) where there is none.

    Raises:
        LedgerError: it cannot be opened, is not a ledger, or is of a newer version.
    """
    from bulk_referrals.ledger.sqlite import SqliteLedger  # noqa: PLC0415 - start-up time

    return SqliteLedger(path)
