"""The ledger's file: made and upgraded, locked, written to durably, and made compact again."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger import sqlite_schema as schema

_BUSY_TIMEOUT_S: Final = 10.0
_MAKING_TIMEOUT_S: Final = 10.0


class SqliteFile:
    """One SQLite file (WAL, synchronous=FULL) with the ledger's tables in their present version.

    One connection, used by one thread at a time.

    Args:
        path: the file; made with mode 0600 in a folder of mode 0700 where there is none.

    Raises:
        LedgerError: it cannot be opened, is not a ledger, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            _sync_folder(path.parent)
        except OSError as error:
            message = f"{path}: the ledger cannot be opened ({error.strerror}). Check the path."
            raise LedgerError(message) from error
        with self._translated():
            self._db = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            # Turning a file into a ledger is for one process at a time: SQLite does not wait then.
            # Its lock is not the runs' own: whoever came second would wait for a whole run.
            alone = nullcontext() if self._is_made() else self._alone("new", _MAKING_TIMEOUT_S)
            with self._translated(), alone:
                self._prepare()
        except LedgerError:
            self._db.close()
            raise

    @contextmanager
    def lock(
        self, run_id: str = "", *, member: str = "", wait_s: float, grace_s: float = 0.0
    ) -> Iterator[None]:
        """Hold the whole ledger, by a file lock beside it; the system frees what the dead held."""
        del run_id, member, grace_s
        with self._alone("lock", wait_s):
            yield

    def is_held(self) -> bool:
        """Return True: a lock on a file of this machine is not lost while its holder lives."""
        return True

    def renew(self) -> None:
        """Nothing to renew."""

    def compact(self) -> int:
        """Give disk space back, and leave nothing of what was deleted in the file or beside it.

        Deleted cells and pages are overwritten with zeros when they are deleted (`secure_delete`);
        here the zeros reach the file before its end is cut off, and the log is emptied.
        """
        before = self._size_bytes()
        with self._translated():
            self._empty_log()
            self._db.execute("VACUUM")
            self._empty_log()
        return max(before - self._size_bytes(), 0)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _empty_log(self) -> None:
        (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            message = (
                f"{self._path}: another command is reading this ledger, so what was deleted may "
                "still stand beside it. Wait for it to end, and prune again."
            )
            raise LedgerBusyError(message)

    def _size_bytes(self) -> int:
        beside = self._path.with_name(f"{self._path.name}-wal")
        return sum(each.stat().st_size for each in (self._path, beside) if each.exists())

    @contextmanager
    def _alone(self, purpose: str, wait_s: float) -> Iterator[None]:
        # Resolved: by whatever link the ledger is named, it is one ledger.
        lock = FileLock(f"{self._path.resolve()}.{purpose}", mode=0o600)
        try:
            with lock.acquire(timeout=wait_s):
                yield
        except Timeout as error:
            message = (
                f"{self._path}: another run is using this ledger. "
                "Wait for it to end, or give --wait SECONDS."
            )
            raise LedgerBusyError(message) from error

    def _is_made(self) -> bool:
        """Tell whether the file is in WAL mode already (the SQLite file format, 1.3.4)."""
        with self._path.open("rb") as stream:
            return stream.read(20)[18:] == b"\x02\x02"

    def _prepare(self) -> None:
        version = schema.version_of(self._db, self._path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves it in the drive
        self._db.execute("PRAGMA secure_delete = ON")
        if schema.is_current(version):
            return
        # A run of an earlier version of this package may be using the tables as they are.
        quiet = self._alone("lock", _MAKING_TIMEOUT_S) if version else nullcontext()
        try:
            with quiet, self._transaction():
                schema.upgrade(self._db)
        except LedgerBusyError:
            # Unless whoever holds it has brought them up to date before it began.
            if not schema.is_current(schema.version_of(self._db, self._path)):
                raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            message = (
                f"{self._path}: the ledger cannot be used ({error}). "
                "Check the disk's space and the file's rights, then resume."
            )
            raise LedgerError(message) from error


def _sync_folder(folder: Path) -> None:
    """Make a new file's name, and that of its folder, as durable as what will be in it."""
    for each in (folder, folder.parent):
        with suppress(PermissionError):  # a folder that we may not list is not new, nor ours
            name = os.open(each, os.O_RDONLY)
            try:
                os.fsync(name)
            finally:
                os.close(name)
