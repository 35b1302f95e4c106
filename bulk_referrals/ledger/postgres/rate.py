"""The beats of an organisation's rate, dealt out by the database's clock to all who send.

A row holds when the next free beat is. To take beats is to move it on, in one statement that is
durable when it returns: whatever dies, no beat is dealt out twice.
"""

from datetime import timedelta
from typing import Final

from bulk_referrals.database import DatabaseUrl
from bulk_referrals.ledger.postgres.session import Connection, Session

_TAKE: Final = """
    INSERT INTO rates (organisation, next_at)
    VALUES (%(organisation)s, clock_timestamp() + %(span)s)
    ON CONFLICT (organisation) DO UPDATE
        SET next_at = greatest(rates.next_at, clock_timestamp()) + %(span)s
    RETURNING extract(epoch FROM next_at - %(span)s - clock_timestamp())::float8
"""
_HOLD: Final = """
    INSERT INTO rates (organisation, next_at)
    VALUES (%(organisation)s, clock_timestamp() + %(wait)s)
    ON CONFLICT (organisation) DO UPDATE SET next_at = greatest(rates.next_at, excluded.next_at)
"""


class PostgresRate:
    """One organisation's rate (see the port), over a connection of its own.

    Args:
        url: the database.
        organisation: whose.
    """

    def __init__(self, url: DatabaseUrl, organisation: str) -> None:
        self._session = Session(url, "rate")
        self._organisation = organisation

    def take(self, count: int, interval_s: float) -> float:
        """Take the next beats; one whose answer is lost is nobody's."""
        span = timedelta(seconds=count * interval_s)

        def taken(db: Connection) -> float:
            row = db.execute(_TAKE, {"organisation": self._organisation, "span": span}).fetchone()
            return max(float(row[0]), 0.0) if row else 0.0

        return self._session.read(taken)

    def hold(self, wait_s: float) -> None:
        """Let no beat that is not taken yet fall within the next so many seconds."""
        asked = {"organisation": self._organisation, "wait": timedelta(seconds=wait_s)}
        self._session.read(lambda db: db.execute(_HOLD, asked))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()
