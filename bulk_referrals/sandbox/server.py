"""The stand-in on a port: in this process, or in one of its own."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self

from bulk_referrals.sandbox.options import SandboxOptions

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 2048
_CONTROL_TIMEOUT_S: Final = 60.0


def serve(
    options: SandboxOptions,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        options: how to behave.
        host: address to listen on; nobody but this machine reaches the default one.
        port: 0 for a free one.
        announce: called with the URL once connections are taken.

    Raises:
        OSError: the port is taken, or the journal cannot be read or written.
        ValueError: the journal holds something else.
    """
    import uvicorn  # noqa: PLC0415 - whoever only starts the process does without

    from bulk_referrals.sandbox.app import SandboxApp  # noqa: PLC0415 - as uvicorn
    from bulk_referrals.sandbox.protocol import BreakableProtocol  # noqa: PLC0415 - as uvicorn

    app = SandboxApp(options)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
        # Connections inherit it. asyncio does not set it on a socket of protocol 0, and then each
        # answer, written as head and body, waits 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            http=BreakableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=options.keep_alive_s,
            timeout_graceful_shutdown=1,
        )
        if announce is not None:
            shown = f"[{host}]" if ":" in host else host
            announce(f"http://{shown}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


class Sandbox:
    """The stand-in in a process of its own, which ends when this one does.

    ```python
    with Sandbox(SandboxOptions(faults="reset-after=0.1", seed=7)) as sandbox:
        send_to(sandbox.url)
        committed = sandbox.invites()
    ```
    """

    def __init__(
        self, options: SandboxOptions | None = None, *, host: str = LOOPBACK, port: int = 0
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            options: how to behave; the defaults without.
            host: address to listen on.
            port: 0 for a free one.
        """
        self._options = options or SandboxOptions()
        self._host = host
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Start, see `start`."""
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End, see `stop`."""
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running process; 0 if there is none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> str:
        """Start the process and return its URL, which takes connections by then.

        Raises:
            RuntimeError: it did not start; its last line says why.
        """
        # A session of its own: Ctrl-C in our terminal must not take the platform from under
        # a run that is winding down.
        with tempfile.TemporaryFile("w+") as complaints:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bulk_referrals.sandbox", "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,
            )
            assert process.stdin is not None  # noqa: S101 - for mypy: it is a pipe
            assert process.stdout is not None  # noqa: S101 - as above
            self._process = process
            asked = {"options": self._options.to_json(), "host": self._host, "port": self._port}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            self.url = process.stdout.readline().strip()
            if not self.url:
                self.stop()
                complaints.seek(0)
                why = complaints.read().strip().rpartition("\n")[2]
                msg = f"the sandbox did not start: {why or 'it said nothing'}"
                raise RuntimeError(msg)
        return self.url

    def stop(self) -> None:
        """End the process at once; what its journal holds stays. Without one: no effect."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process = None

    def stats(self) -> dict[str, Any]:
        """Return the figures, see `Tally.as_json`; also `invites` and `late_pending`."""
        return self._control("GET", "stats")

    def invites(self) -> list[dict[str, Any]]:
        """Return every invite committed, in the order of the commits, see `Invite`."""
        found: list[dict[str, Any]] = self._control("GET", "invites")["invites"]
        return found

    def reset(self) -> None:
        """Forget all invites and figures and begin the faults again."""
        self._control("POST", "reset")

    def settle(self) -> int:
        """Land every late commit now and return how many there were."""
        landed: int = self._control("POST", "settle")["landed"]
        return landed

    def expire_tokens(self) -> None:
        """End every OAuth token that is out."""
        self._control("POST", "expire")

    def set_faults(
        self,
        faults: str = "",
        *,
        seed: int = 0,
        plan: Iterable[str | None] = (),
        plan_each: Iterable[str | None] = (),
        get_plan: Iterable[str | None] = (),
        get_plan_each: Iterable[str | None] = (),
    ) -> None:
        """Replace all faults by these and count the calls from 1 again.

        Raises:
            ValueError: a fault is not known; a sentence.
        """
        asked = {
            "faults": faults,
            "seed": seed,
            "plan": list(plan),
            "plan_each": list(plan_each),
            "get_plan": list(get_plan),
            "get_plan_each": list(get_plan_each),
        }
        self._control("POST", "faults", asked)

    def _control(
        self, method: str, name: str, asked: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        # No proxy of the environment may come between, so not urllib.
        address = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=_CONTROL_TIMEOUT_S)
        try:
            connection.request(method, f"/_sandbox/{name}", body=json.dumps(asked or {}))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(answer["response"]["status"]["message"])
        return answer
