"""One connection that is made again when it is lost, and the errors of the driver translated.

Whether a transaction was committed whose answer was lost is never guessed: whoever writes says
how to find out, and what cannot be found out is an error.
"""

import time
from collections.abc import Callable
from random import random
from threading import RLock
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

from bulk_referrals.database import DatabaseUrl
from bulk_referrals.errors import LedgerError

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]
Work = Callable[[Connection], T]

# How long a lost connection is tried for again: longer than a server takes to come back.
_PERSISTENCE_S: Final = 60.0
_CONNECT_S: Final = 10
_LONGEST_WAIT_S: Final = 2.0
_MOST_CLASHES: Final = 20
_LOST_IN_COMMIT: Final = "the connection was lost while it was being written"
# Half a connection is found out about in a minute: libpq's keepalives, and unsent bytes.
_KEEPALIVES: Final = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3,
                      "tcp_user_timeout": 30_000}  # fmt: skip
# What a connection that was cut unnoticed holds, it holds no longer than this.
_SETTINGS: Final = """
    SELECT set_config('search_path', 'bulk_referrals, pg_temp', false),
           set_config('idle_in_transaction_session_timeout', '20s', false),
           set_config('lock_timeout', '40s', false),
           set_config('synchronous_commit', -- weaker than "on", a commit may be lost
               CASE current_setting('synchronous_commit')
                   WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
# Two transactions met, and this one was undone: it is simply done again.
_CLASHES: Final = (errors.DeadlockDetected, errors.SerializationFailure)


class Session:
    """A connection to the ledger's database; several threads take turns.

    Args:
        url: where, and as whom.
        purpose: what the server shows it as.
    """

    def __init__(self, url: DatabaseUrl, purpose: str) -> None:
        self._url = url
        self._purpose = purpose
        self._db: Connection | None = None
        self._turn = RLock()
        self._greeted = False
        self._persistence_s = _PERSISTENCE_S

    def read(self, work: Work[T]) -> T:
        """Do what changes nothing, or what may be done twice; again where the connection is lost.

        Raises:
            LedgerError: the database cannot do it.
        """
        return self._persistently(work)

    def write(self, work: Work[T], *, is_done: Callable[[Connection], bool] | None = None) -> T:
        """Do something in one transaction: all of it, or none.

        Args:
            work: called again where the transaction was undone.
            is_done: tells, when the answer to a commit was lost, whether it was committed.

        Raises:
            LedgerError: the database cannot do it, or nobody can tell whether it was done.
        """
        come_to: list[T] = []

        def attempt(db: Connection) -> T:
            if come_to and is_done is None:
                raise self._said(_LOST_IN_COMMIT)
            if come_to and is_done is not None and is_done(db):
                return come_to[0]
            come_to.clear()
            with db.pipeline(), db.transaction():
                result = work(db)
                come_to.append(result)
            return result

        return self._persistently(attempt, come_to.clear)

    def once(self, work: Work[T]) -> T:
        """Do something in one transaction that cannot be begun again: all of it, or none.

        Raises:
            LedgerError: the database cannot do it, or nobody can tell whether it was done.
        """
        with self._turn:
            try:
                db = self._connected()
                with db.transaction():
                    return work(db)
            except psycopg.Error as error:
                raise self._translated(error) from error

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _persistently(self, attempt: Work[T], undone: Callable[[], None] = lambda: None) -> T:
        clashes = losses = 0
        with self._turn:
            deadline = time.monotonic() + self._persistence_s
            while True:
                try:
                    result = attempt(self._connected())
                except psycopg.Error as error:
                    if _is_clash(error) and clashes < _MOST_CLASHES:
                        clashes += 1
                        undone()
                        continue
                    if not self._is_lost(error):
                        raise self._translated(error) from error
                    if time.monotonic() >= deadline:
                        self._persistence_s = 0.0  # it is down: what ends the run asks but once
                        raise self._translated(error) from error
                    losses += 1
                    self.close()
                    _pause(losses)
                else:
                    self._persistence_s = _PERSISTENCE_S
                    return result

    def _connected(self) -> Connection:
        if self._db is None or self._db.closed:
            keepalives: dict[str, Any] = dict(_KEEPALIVES)
            db = psycopg.connect(
                self._url.secret,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                application_name=f"bulk-referrals {self._purpose}",
                prepare_threshold=2,
                **keepalives,
            )
            try:
                db.execute(_SETTINGS)
            except psycopg.Error:
                db.close()
                raise
            self._db, self._greeted = db, True
        return self._db

    def _is_lost(self, error: psycopg.Error) -> bool:
        """Tell whether it is the connection that failed, of a server that was there once."""
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return True  # a standby: the one that takes over may be elsewhere
        if not self._greeted or not isinstance(
            error, (psycopg.OperationalError, psycopg.InterfaceError)
        ):
            return False
        refused = isinstance(
            error, (errors.InvalidPassword, errors.InvalidAuthorizationSpecification)
        )
        if refused or self._db is None or self._db.closed or self._db.broken:
            return not refused
        # What the driver says of itself, and no server said: a pipeline that the loss has left in
        # disorder cannot even be seen to be broken.
        return isinstance(error, psycopg.OperationalError) and error.sqlstate is None

    def _translated(self, error: psycopg.Error) -> LedgerError:
        """Say what the server said, and nothing of what was asked: a detail may quote values."""
        told = error.diag.message_primary
        if told is None:
            told = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
        for password in self._url.passwords:
            told = told.replace(password, "***")
        return self._said(told)

    def _said(self, told: str) -> LedgerError:
        return LedgerError(
            f"{self._url}: the ledger cannot be used ({told}). "
            "Check the database and your rights in it, then resume."
        )


def _pause(losses: int) -> None:
    chance = 0.5 + random() / 2  # noqa: S311 - spreads them out; nothing secret rests on it
    time.sleep(min(0.05 * 2.0**losses, _LONGEST_WAIT_S) * chance)


def _is_clash(error: psycopg.Error) -> bool:
    """Tell whether two transactions met, of which this one was undone."""
    met_over_invites = (
        isinstance(error, errors.UniqueViolation) and error.diag.table_name == "invites"
    )
    return met_over_invites or isinstance(error, _CLASHES)
