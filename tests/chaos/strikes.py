"""Where a sitting can be struck, and what strikes it.

A step is every moment before and after a statement that writes to the ledger, before and after
bytes are handed to a socket, after each POST and GET, and around the report. A strike falls on the
n-th step of a sitting.
"""

import mmap
import os
import signal
import sqlite3
import struct
import threading
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from postgres_server import strike_down

from chaos.patches import put

_HEAD: Final = struct.Struct("<q?")
_PLACE: Final = slice(_HEAD.size, 120)
_WRITES: Final = ("CREATE", "BEGIN", "COMMIT", "ROLLBACK", "INSERT", "UPDATE", "DELETE")


class Kind(StrEnum):
    """What a strike does."""

    KILL = "kill"  # SIGKILL: nothing more is done
    TERM = "term"  # SIGTERM: the sitting is to end cleanly
    LOCK = "lock"  # another connection takes the ledger's write lock and keeps it
    FULL = "full"  # from now on no transaction can be made durable
    BLINK = "blink"  # the next transaction cannot be made durable, later ones can
    BACKEND = "backend"  # SIGKILL to a process of the database's: all its connections are lost
    SERVER = "server"  # SIGKILL to the whole database, which comes again


class Board:
    """What a sitting tells whoever forked it, even by dying: shared memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 128)

    def tell(self, steps: int, place: str, *, struck: bool) -> None:
        self._memory[: _HEAD.size] = _HEAD.pack(steps, struck)
        self._memory[_PLACE] = place.encode()[: _PLACE.stop - _PLACE.start].ljust(
            _PLACE.stop - _PLACE.start, b"\0"
        )

    def read(self) -> tuple[int, bool, str]:
        steps, struck = _HEAD.unpack(self._memory[: _HEAD.size])
        return steps, struck, self._memory[_PLACE].rstrip(b"\0").decode(errors="replace")

    def close(self) -> None:
        self._memory.close()


class Strikes:
    """Counts the steps of a sitting and strikes at one of them.

    Args:
        board: told of every step.
        kind: what to do.
        when: at which step, from 1; 0 for never.
    """

    def __init__(self, board: Board, kind: Kind, when: int) -> None:
        self._board = board
        self._kind = kind
        self._when = when
        self._steps = 0
        self._lock = threading.Lock()
        self._fell = False
        self._other: sqlite3.Connection | None = None
        self.armed = False

    def step(self, place: str) -> None:
        with self._lock:
            self._steps += 1
            struck = self._steps == self._when
            self._fell = self._fell or struck
            self._board.tell(self._steps, place, struck=self._fell)
            self.armed = self.armed or struck
        if struck and self._kind is Kind.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # the signal is on its way: nothing more is to happen here
        if struck and self._kind is Kind.TERM:
            os.kill(os.getpid(), signal.SIGTERM)
        if struck and self._kind in {Kind.BACKEND, Kind.SERVER}:
            home = urlsplit(os.environ["BULK_REFERRALS_LEDGER"]).query.partition("=")[2]
            strike_down(Path(home), whole=self._kind is Kind.SERVER)

    def statement(self, path: str, verb: str) -> None:
        """Let an armed strike bear on a statement."""
        if not self.armed:
            return
        if self._kind is Kind.LOCK and verb == "BEGIN" and self._other is None:
            self._other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._other.execute("BEGIN IMMEDIATE")
        if verb == "COMMIT" and self._kind in {Kind.FULL, Kind.BLINK}:
            self.armed = self._kind is Kind.FULL
            message = "database or disk is full"
            raise sqlite3.OperationalError(message)

    def install(self) -> None:
        """Put the steps in place, in this process."""
        _into_ledger(self)
        _into_database(self)
        _into_sockets(self)
        _into_exchanges(self)
        _into_report(self)


def _into_ledger(strikes: Strikes) -> None:
    original = sqlite3.connect

    class Traced(sqlite3.Connection):
        def __init__(self, path: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(path, *args, **kwargs)
            self._path = str(path)

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return self._traced(sql, super().execute, *args)

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return self._traced(sql, super().executemany, *args)

        def executescript(self, sql: str) -> sqlite3.Cursor:
            return self._traced(sql, super().executescript)

        def _traced(self, sql: str, run: Any, *args: Any) -> sqlite3.Cursor:
            verb = next(iter(sql.split(None, 1)), "")
            if verb not in _WRITES:
                return run(sql, *args)  # type: ignore[no-any-return]
            strikes.step(f"before {verb}")
            strikes.statement(self._path, verb)
            cursor = run(sql, *args)
            strikes.step(f"after {verb}")
            return cursor  # type: ignore[no-any-return]

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return original(*args, factory=Traced, **kwargs)

    strikes.step("opening the ledger")
    from bulk_referrals.ledger import sqlite_file  # noqa: PLC0415 - in the forked child only

    put(sqlite_file, sqlite3=_Module(sqlite3, connect))


def _into_database(strikes: Strikes) -> None:
    import psycopg  # noqa: PLC0415 - in the forked child only

    execute, leave = psycopg.Connection.execute, psycopg.Transaction.__exit__

    def traced(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        verb = next(iter(text.split(None, 1)), "")
        if verb not in _WRITES:
            return execute(self, query, *args, **kwargs)
        strikes.step(f"before {verb}")
        cursor = execute(self, query, *args, **kwargs)
        strikes.step(f"after {verb}")
        return cursor

    def left(self: Any, *exc: Any) -> Any:
        strikes.step("before COMMIT")
        ended = leave(self, *exc)
        strikes.step("after COMMIT")
        return ended

    put(psycopg.Connection, execute=traced)
    put(psycopg.Transaction, __exit__=left)


class _Module:
    """The module `sqlite3`, with a `connect` of our own; other connections stay untraced."""

    def __init__(self, module: Any, connect: Any) -> None:
        self._module = module
        self.connect = connect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _into_sockets(strikes: Strikes) -> None:
    from asyncio import selector_events  # noqa: PLC0415 - in the forked child only

    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    for name in ("write", "writelines"):
        original = getattr(transport, name)

        def traced(self: Any, payload: Any, *, original: Any = original) -> None:
            strikes.step("before bytes leave")
            original(self, payload)
            strikes.step("after bytes left")

        put(transport, **{name: traced})


def _into_exchanges(strikes: Strikes) -> None:
    from bulk_referrals.client import Client  # noqa: PLC0415 - in the forked child only

    for name in ("post", "get"):
        original = getattr(Client, name)

        async def traced(*args: Any, original: Any = original, name: str = name) -> Any:
            try:
                return await original(*args)
            finally:
                strikes.step(f"after {name}")

        put(Client, **{name: traced})


def _into_report(strikes: Strikes) -> None:
    from bulk_referrals.pipeline import running  # noqa: PLC0415 - in the forked child only

    def publish(original: Any, *args: Any) -> Any:
        strikes.step("before the report")
        finished = original(*args)
        strikes.step("after the report")
        return finished

    put(running, publish=partial(publish, vars(running)["publish"]))
