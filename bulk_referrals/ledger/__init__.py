"""The durable memory that makes every invite leave at most once: a port and its store."""

from bulk_referrals.database import DatabaseUrl, LedgerPlace
from bulk_referrals.errors import LedgerError
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


def open_ledger(place: LedgerPlace) -> Ledger:
    """Open the ledger at a place, making it where there is none.

    Args:
        place: a file's path (made with mode 0600, its folder 0700), or a database's address.

    Raises:
        LedgerError: it cannot be opened, is not a ledger, or is of a newer version; or what a
            database needs is not installed.
    """
    if isinstance(place, DatabaseUrl):
        return _on_postgres(place)
    from bulk_referrals.ledger.sqlite import SqliteLedger  # noqa: PLC0415 - start-up time

    return SqliteLedger(place)


def _on_postgres(url: DatabaseUrl) -> Ledger:
    try:
        from bulk_referrals.ledger.postgres import PostgresLedger  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = "A ledger on PostgreSQL needs an extra: pip install 'bulk-referrals[postgres]'"
        raise LedgerError(message) from error
    return PostgresLedger(url)
