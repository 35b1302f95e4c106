"""Who holds what: a lease per sitting, renewed while it lives, and a number that fences it.

A lease is a row with a number that is never given twice. Every transaction of its holder begins by
touching that row: where the row is gone, another has taken over, and nothing is written. The row
goes when its holder lets go; when the lease has run out and its grace, in which the last request
of the holder can still have been under way; or when the holder's process is known to be dead,
which only the same machine can know.

The holder counts its own lease from before it asked for it, by a clock that runs on while the
machine sleeps; so it stops believing in it before anybody else does.
"""

import os
import socket
import time
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, TypeVar
from uuid import uuid4

from bulk_referrals.database import DatabaseUrl
from bulk_referrals.errors import LedgerBusyError, LedgerError
from bulk_referrals.ledger.postgres.session import Connection, Session, Work

T = TypeVar("T")

_LEASE_S: Final = 30.0
_BEATS_PER_LEASE: Final = 6
_POLL_S: Final = 0.2
_LOCK: Final = 0x4252_4546_0000_0002  # one lease is given at a time

_TAKEN: Final = """
    SELECT run_id, host, EXTRACT(EPOCH FROM expires_at + grace - clock_timestamp())::float8
    FROM leases
    WHERE (run_id = %(run_id)s AND member = %(member)s) OR run_id = '' OR %(run_id)s = ''
    ORDER BY expires_at + grace DESC LIMIT 1
"""
_GIVE: Final = """
    INSERT INTO leases (nonce, run_id, member, host, machine, process, expires_at, grace)
    VALUES (%(nonce)s, %(run_id)s, %(member)s, %(host)s, %(machine)s, %(process)s,
            clock_timestamp() + %(lease)s, %(grace)s)
    RETURNING holder
"""
_RENEW: Final = """
    UPDATE leases SET expires_at = clock_timestamp() + %s WHERE holder = %s RETURNING holder
"""
_FENCE: Final = "UPDATE leases SET batch = %s WHERE holder = %s RETURNING holder"
# A row that is locked is its holder's, at work just now.
_REAP: Final = """
    DELETE FROM leases WHERE holder IN (
        SELECT holder FROM leases WHERE expires_at + grace < clock_timestamp()
        FOR UPDATE SKIP LOCKED
    )
"""
_NEIGHBOURS: Final = "SELECT holder, process FROM leases WHERE machine = %s AND process <> %s"


class Lease:
    """What one sitting holds; renewed by a thread of its own, over a connection of its own.

    Args:
        url: the database.
        run_id: the run; "" for the whole ledger.
        member: which of the run's senders.
        wait_s: how long to wait for whoever holds it, seconds.
        grace_s: longest time that a request of ours may be under way, seconds.

    Raises:
        LedgerBusyError: another holds it, or did until a moment ago.
    """

    def __init__(
        self, url: DatabaseUrl, run_id: str, member: str, *, wait_s: float, grace_s: float
    ) -> None:
        self._session = Session(url, "lease")
        self._until = float("-inf")
        self._ended = Event()
        self._lost = False
        self._batch = 0
        asked = {
            "nonce": uuid4().hex,
            "run_id": run_id,
            "member": member,
            "host": socket.gethostname(),
            "machine": _machine(),
            "process": _process(os.getpid()),
            "lease": timedelta(seconds=_LEASE_S),
            "grace": timedelta(seconds=grace_s),
        }
        try:
            self.holder = self._acquired(asked, time.monotonic() + wait_s)
        except LedgerError:
            self._session.close()
            raise
        self._thread = Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def is_held(self) -> bool:
        """Tell whether the lease certainly lasts: by our own clock, and without asking."""
        return not self._lost and _clock() < self._until

    def renew(self) -> None:
        """Make the lease last from now, and let go those who are no more.

        Raises:
            LedgerError: another has taken over, or the database cannot tell.
        """
        began = _clock()
        self._session.read(self._renewed)
        self._until = began + _LEASE_S

    def next_batch(self) -> int:
        """Return a number for a transaction that is about to begin."""
        self._batch += 1
        return self._batch

    def fenced(self, db: Connection, batch: int, work: Work[T]) -> T:
        """Do some work in a transaction of ours, numbered, so that its commit can be asked about.

        Raises:
            LedgerError: another has taken over; the transaction is to be undone.
        """
        ours = db.execute(_FENCE, (batch, self.holder))
        result = work(db)
        if ours.fetchone() is None:
            raise self._taken_over()
        return result

    def has_committed(self, db: Connection, batch: int) -> bool:
        """Tell whether a transaction was committed; waits for it where it may still be under way.

        Raises:
            LedgerError: another has taken over since, so that nobody can tell.
        """
        row = db.execute(
            "SELECT batch FROM leases WHERE holder = %s FOR UPDATE", (self.holder,)
        ).fetchone()
        if row is None:
            raise self._taken_over()
        return bool(row[0] == batch)

    def release(self) -> None:
        """Let go; what is still in flight is then in doubt, and anybody's to read back."""
        self._ended.set()
        self._thread.join()
        try:
            self._session.read(lambda db: _let_go(db, self.holder))
        except LedgerError:
            pass  # it runs out by itself
        finally:
            self._session.close()

    def _acquired(self, asked: dict[str, Any], deadline: float) -> int:
        while True:
            began = _clock()
            self._session.read(_reap)
            holder, busy = self._session.write(
                lambda db: _give(db, asked), is_done=lambda db: _is_given(db, asked)
            )
            if holder is not None:
                self._until = began + _LEASE_S
                return holder
            if time.monotonic() >= deadline:
                raise LedgerBusyError(busy)
            time.sleep(_POLL_S)

    def _beat(self) -> None:
        while not self._ended.wait(_LEASE_S / _BEATS_PER_LEASE):
            try:
                self.renew()
            except LedgerError:
                # Whoever is about to send asks `is_held`, and learns the reason from `renew`.
                if self._lost:
                    return

    def _renewed(self, db: Connection) -> None:
        if db.execute(_RENEW, (timedelta(seconds=_LEASE_S), self.holder)).fetchone() is None:
            raise self._taken_over()
        _reap(db)

    def _taken_over(self) -> LedgerError:
        self._lost = True
        return LedgerError(
            "The lease of this run has run out, and another may have taken it over, so this one "
            "has stopped. Whatever it had in flight is read back by the next."
        )


def _give(db: Connection, asked: dict[str, Any]) -> tuple[int | None, str]:
    """Give a lease; or None, and a sentence about whoever has it."""
    db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    taken = db.execute(_TAKEN, asked).fetchone()
    if taken is not None:
        return None, _busy(*taken)
    row = db.execute(_GIVE, asked).fetchone()
    return (int(row[0]) if row else None), ""


def _busy(run_id: str, host: str, left_s: float) -> str:
    who = f"Run {run_id}" if run_id else "Another command"
    return (
        f"{who} is using this ledger on {host}, or was until it was cut off. Wait for it to end, "
        "or give --wait SECONDS: unless it is heard of again, it is taken for dead in "
        f"{max(left_s, 0.0):.0f} s."
    )


def _is_given(db: Connection, asked: dict[str, Any]) -> bool:
    return db.execute("SELECT 1 FROM leases WHERE nonce = %(nonce)s", asked).fetchone() is not None


def _let_go(db: Connection, holder: int) -> None:
    db.execute("DELETE FROM leases WHERE holder = %s", (holder,))


def _reap(db: Connection) -> None:
    """Take away the leases of holders of which nothing can leave any more."""
    db.execute(_REAP)
    machine, here = _machine(), _process(os.getpid())
    if not machine:
        return
    for holder, process in db.execute(_NEIGHBOURS, (machine, here)).fetchall():
        if not _lives(process):
            _let_go(db, holder)


def _clock() -> float:
    """Return seconds by a clock that runs on while the machine sleeps, where there is one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def _machine() -> str:
    """Name this boot of this machine, and those of its processes that we can see; "" if unknown.

    Processes of other users may be hidden from us, and those of other containers are.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()} {os.getuid()}"
    except OSError:
        return ""


def _process(pid: int) -> str:
    """Name a process for good: a number may be given again, but not with the same start.

    Raises:
        OSError: it cannot be told.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return f"{pid}"
    state, started = after_name[0], after_name[19]  # fields 3 and 22 of proc(5)
    return f"{pid} dead" if state in {b"Z", b"X"} else f"{pid} {started.decode('ascii')}"


def _lives(process: str) -> bool:
    try:
        return _process(int(process.split(maxsplit=1)[0])) == process
    except OSError:
        return True
