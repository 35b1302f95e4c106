"""The tables of the SQLite ledger, and the way to them from any earlier version.

An upgrade is one transaction: whatever ends it, the disk full or the machine off, the ledger is
as it was before. That is why no copy is made first.
"""

import secrets
import sqlite3
from pathlib import Path
from typing import Final

from bulk_referrals.errors import LedgerError

# Each script takes the ledger from the version of its index to the next. Never change one that
# has been released: add another.
MIGRATIONS: Final = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, record TEXT NOT NULL
    );
    CREATE TABLE frames (
        run INTEGER NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, ipc BLOB NOT NULL,
        PRIMARY KEY (run, name, part)
    );
    CREATE TABLE invites (
        key BLOB PRIMARY KEY, state INTEGER NOT NULL, run INTEGER NOT NULL,
        attempts INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE requests (
        run INTEGER NOT NULL, request INTEGER NOT NULL, attempt INTEGER NOT NULL,
        invites INTEGER NOT NULL, sent_at REAL NOT NULL, answered_at REAL,
        http_status INTEGER, code TEXT, request_id TEXT,
        PRIMARY KEY (run, request)
    ) WITHOUT ROWID;
    CREATE TABLE results (
        run INTEGER NOT NULL, line INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL,
        message TEXT NOT NULL, attempts INTEGER NOT NULL, sent_at TEXT, request_id TEXT NOT NULL,
        PRIMARY KEY (run, line)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE codes (key BLOB PRIMARY KEY, code TEXT NOT NULL) WITHOUT ROWID;
    """,
)

_APPLICATION_ID: Final = 0x42524546  # "BREF": tells our file from another SQLite database


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Return the version of a ledger's tables; 0 where there are none yet.

    Raises:
        LedgerError: it is another program's database, or of a newer version than this.
    """
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if tables and application != _APPLICATION_ID:
        message = f"{path}: this is a database, but not a ledger. Give another --ledger."
        raise LedgerError(message)
    if version > len(MIGRATIONS):
        message = (
            f"{path}: this ledger was written by a newer version of bulk-referrals. "
            "Upgrade bulk-referrals to use it."
        )
        raise LedgerError(message)
    return int(version)


def is_current(version: int) -> bool:
    """Tell whether tables of this version are as this package uses them."""
    return version == len(MIGRATIONS)


def upgrade(db: sqlite3.Connection) -> None:
    """Bring the tables to the present version, within the caller's transaction."""
    # Asked within the transaction: another process may be opening it too.
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for script in MIGRATIONS[version:]:
        for statement in script.split(";"):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    db.execute("INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (secrets.token_bytes(32),))
