"""A PostgreSQL server of the tests' own: made, started, killed and started again.

It runs in a temporary folder, over a socket there, as a user who is not root; nothing of the
system's own servers is touched. It writes as durably as one that keeps something.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from bulk_referrals.database import DatabaseUrl

_PATIENCE_S: Final = 60.0
_NAMES: Final[Iterator[int]] = count(1)


@cache
def programs() -> Path | None:
    """The folder of the server's programs, which Debian keeps off the PATH; None without it."""
    on_path = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    return Path(on_path).parent if on_path else places[-1].parent if places else None


def _version(initdb: Path) -> float:
    return float(initdb.parts[-3])


class Server:
    """A server, running from enter to exit."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None
        self._programs = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Short: the name of a socket has 107 bytes at most.
        self._home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if os.geteuid() == 0:
            os.chown(self._home, *_somebody())
        subprocess.run(
            [self._programs / "initdb", "-D", self._home / "db", "-U", "importer", "-A", "trust",
             "-E", "UTF8", "--locale=C.UTF-8"],
            check=True, capture_output=True, **_as_somebody(),
        )  # fmt: skip
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._home / "db", "-k", self._home,
                 "-c", "listen_addresses=", "-c", "max_connections=200"],
                stdout=log, stderr=log, start_new_session=True, **_as_somebody(),
            )  # fmt: skip
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._url("postgres")).close()
                return
            assert self._process.poll() is None, (self._home / "log").read_text("utf-8")
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.02)

    def stop(self) -> None:
        """Have it close all connections and end."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all its processes at once, as a machine that goes off would."""
        strike_down(self._home, whole=True)
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def database(self) -> DatabaseUrl:
        """Make an empty database, and say where it is."""
        name = f"ledger_{next(_NAMES)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return DatabaseUrl.read(self._url(name))

    def _url(self, name: str) -> str:
        return f"postgresql://importer@/{name}?host={self._home}"


class Guarded(Server):
    """A server that is started again whenever it is killed."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._leaving = Event()
        self._guard = Thread(target=self._watch, daemon=True)
        self._guard.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leaving.set()
        self._guard.join()
        super().__exit__(kind, error, traceback)

    def _watch(self) -> None:
        while not self._leaving.wait(0.02):
            if self._process is not None and self._process.poll() is not None:
                self.start()


def strike_down(home: Path, *, whole: bool) -> None:
    """Kill a server that lives in a folder, with all its processes; or one that serves a client.

    The server itself then ends all others, and recovers as after a crash of its machine.
    """
    try:
        postmaster = int((home / "db" / "postmaster.pid").read_text("utf-8").split()[0])
        listed = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return  # it is down already
    children = [int(pid) for pid in listed.split()]
    serving = [pid for pid in children if b"importer" in _words(pid)]
    doomed = [postmaster, *children] if whole else serving[-1:]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if whole:
        _gone(children)


def _words(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _somebody() -> tuple[int, int]:
    """A user who is not root, as the server demands."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            one = pwd.getpwnam(name)
            return one.pw_uid, one.pw_gid
    message = "there is nobody here but root"
    raise LookupError(message)


def _as_somebody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user, group = _somebody()
    return {"user": user, "group": group, "extra_groups": ()}


def _gone(pids: list[int]) -> None:
    """Wait until none of these is left: a new server would not start beside one."""
    deadline = time.monotonic() + _PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, "a process of the server outlives its death"
        time.sleep(0.01)
