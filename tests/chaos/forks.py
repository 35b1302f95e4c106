"""A server that forks a real process per sitting, so that a start costs milliseconds.

It imports the importer once and starts no thread; each child makes its own. Orders and endings
go over its standard input and output, one JSON object a line, any number at a time.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos import strikes

_TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sitting.

    Attributes:
        argv: of the command line, without the program.
        folder: its working folder.
        env: added to the environment.
        kind: what strikes.
        when: at which step; 0 for never.
        variant: a negative control; "" for the right program.
        inject: what strace injects, such as `pwrite64:signal=KILL:when=3`; "" for nothing.
        when_sending: it injects, and counts, from when the journal is begun.
        largest_file_bytes: RLIMIT_FSIZE; 0 for none.
    """

    argv: tuple[str, ...]
    folder: str
    env: dict[str, str] = field(default_factory=dict)
    kind: str = "kill"
    when: int = 0
    variant: str = ""
    inject: str = ""
    when_sending: bool = False
    largest_file_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a sitting ended.

    Attributes:
        code: the exit code; the signal, negative, where one ended it.
        steps: taken.
        struck: the strike fell.
        place: of the last step.
    """

    code: int
    steps: int
    struck: bool
    place: str

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL


class Forks:
    """The server's other end; for any number of threads."""

    def __init__(self) -> None:
        env = dict(os.environ)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_TESTS), env.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,
        )
        self._waiting: dict[int, Future[Ending]] = {}
        self._lock = threading.Lock()
        self._orders = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def sit(self, order: Order) -> Ending:
        """Play a sitting to its end."""
        return self.begin(order).result(timeout=120)

    def begin(self, order: Order) -> "Future[Ending]":
        """Begin a sitting."""
        ending: Future[Ending] = Future()
        assert self._process.stdin is not None
        with self._lock:
            self._orders += 1
            self._waiting[self._orders] = ending
            self._process.stdin.write(json.dumps({"number": self._orders, **asdict(order)}) + "\n")
            self._process.stdin.flush()
        return ending

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            with self._lock:
                ending = self._waiting.pop(told.pop("number"))
            ending.set_result(Ending(**told))
        for ending in self._waiting.values():
            ending.set_exception(RuntimeError("the fork server ended"))


# --- the server's own side


def _serve() -> None:
    import chaos.sitting  # noqa: PLC0415 - with it the whole importer, which the other end is not to wait for

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    chaos.sitting.warm_up()
    chooser = selectors.DefaultSelector()
    chooser.register(0, selectors.EVENT_READ)
    under_way: dict[int, tuple[int, int, strikes.Board]] = {}
    unread = b""
    while True:
        for key, _ in chooser.select():
            if key.fd == 0:
                more = os.read(0, 1 << 16)
                if not more:
                    return
                *lines, unread = (unread + more).split(b"\n")
                for line in lines:
                    asked = json.loads(line)
                    number = asked.pop("number")
                    asked["argv"] = tuple(asked["argv"])
                    board = strikes.Board()
                    pid = os.fork()
                    if not pid:
                        chooser.close()
                        chaos.sitting.sit(Order(**asked), board)
                    pidfd = os.pidfd_open(pid)
                    chooser.register(pidfd, selectors.EVENT_READ)
                    under_way[pidfd] = (number, pid, board)
            else:
                chooser.unregister(key.fd)
                assert isinstance(key.fd, int)
                number, pid, board = under_way.pop(key.fd)
                os.close(key.fd)
                _tell(number, pid, board)


def _tell(number: int, pid: int, board: strikes.Board) -> None:
    _, status = os.waitpid(pid, 0)
    steps, struck, place = board.read()
    board.close()
    ending = {"number": number, "code": os.waitstatus_to_exitcode(status), "steps": steps,
              "struck": struck, "place": place}  # fmt: skip
    sys.stdout.write(json.dumps(ending) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
