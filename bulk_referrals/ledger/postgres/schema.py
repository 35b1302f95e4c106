"""The tables of the PostgreSQL ledger, and the way to them from any earlier version.

They stand in a schema of their own, `bulk_referrals`. Whoever may create one needs to do nothing;
otherwise an administrator makes it (see `docs/postgresql.md`).
"""

import secrets
from typing import Final

from psycopg import errors

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger.postgres.session import Connection, Session

# Each script takes the ledger from the version of its index to the next. Never change one that
# has been released: add another.
_MIGRATIONS: Final = (
    """
    CREATE TABLE meta (name text PRIMARY KEY, value bytea NOT NULL);
    CREATE TABLE runs (
        run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run_id text NOT NULL UNIQUE, record text NOT NULL
    );
    CREATE TABLE frames (
        run bigint NOT NULL, name text NOT NULL, part integer NOT NULL, ipc bytea NOT NULL,
        PRIMARY KEY (run, name, part)
    );
    ALTER TABLE frames ALTER COLUMN ipc SET STORAGE EXTERNAL;
    CREATE TABLE leases (
        holder bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        nonce text NOT NULL UNIQUE, run_id text NOT NULL, member text NOT NULL,
        host text NOT NULL, machine text NOT NULL, process text NOT NULL,
        batch bigint NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL, grace interval NOT NULL
    );
    CREATE TABLE invites (
        key bytea PRIMARY KEY, state smallint NOT NULL, run bigint NOT NULL,
        attempts integer NOT NULL, holder bigint
    ) WITH (fillfactor = 80);
    CREATE TABLE requests (
        run bigint NOT NULL, holder bigint NOT NULL, request bigint NOT NULL,
        attempt integer NOT NULL, invites integer NOT NULL, sent_at timestamptz NOT NULL,
        answered_at timestamptz, http_status integer, code text, request_id text,
        PRIMARY KEY (run, request, holder)
    ) WITH (fillfactor = 80);
    CREATE TABLE results (
        run bigint NOT NULL, line bigint NOT NULL, outcome text NOT NULL, code text NOT NULL,
        message text NOT NULL, attempts integer NOT NULL, sent_at text, request_id text NOT NULL,
        PRIMARY KEY (run, line)
    );
    CREATE TABLE codes (key bytea PRIMARY KEY, code text NOT NULL);
    CREATE TABLE rates (organisation text PRIMARY KEY, next_at timestamptz NOT NULL);
    """,
)
_LOCK: Final = 0x4252_4546_0000_0001  # "BREF": one at a time, whoever starts at once


def prepare(session: Session) -> None:
    """Bring the tables to the present version, making them where there are none.

    Raises:
        LedgerError: they are of a newer version, or may not be made.
    """
    version = session.read(_version)
    if version > len(_MIGRATIONS):
        message = (
            "This ledger was written by a newer version of bulk-referrals. "
            "Upgrade bulk-referrals to use it."
        )
        raise LedgerError(message)
    if version < len(_MIGRATIONS):
        session.write(_upgrade, is_done=lambda db: _version(db) == len(_MIGRATIONS))


def _version(db: Connection) -> int:
    try:
        row = db.execute("SELECT coalesce(max(version), 0) FROM versions").fetchone()
    except errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def _upgrade(db: Connection) -> None:
    db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    there = db.execute("SELECT to_regnamespace('bulk_referrals') IS NOT NULL").fetchone()
    if there and not there[0]:
        db.execute("CREATE SCHEMA bulk_referrals")
        # What was kept stays with its owner until the owner says otherwise.
        db.execute("REVOKE ALL ON SCHEMA bulk_referrals FROM PUBLIC")
    db.execute(
        "CREATE TABLE IF NOT EXISTS versions"
        " (version integer PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())"
    )
    # Read again under the lock: another process may have been opening it too.
    version = _version(db)
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        for statement in filter(str.strip, script.split(";")):
            db.execute(statement.encode())
        db.execute("INSERT INTO versions (version) VALUES (%s)", (number,))
    db.execute(
        "INSERT INTO meta VALUES ('secret', %s) ON CONFLICT DO NOTHING",
        (secrets.token_bytes(32),),
    )
