"""Several real runs at once, each a process with a file of its own, on one ledger."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bulk_referrals.sandbox import Sandbox

_PATIENCE_S = 180.0


@dataclass(kw_only=True)
class Fleet:
    """Workers that send to one platform at one rate.

    Attributes:
        folder: for their files.
        platform: judges them.
        ledger: its address.
        rate: as `--rate` takes it.
    """

    folder: Path
    platform: Sandbox
    ledger: str
    rate: str
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self._stack.close()

    def begin(self, requests: int) -> int:
        """Begin a run of so many requests, and return its number."""
        number = len(self.workers)
        home = self.folder / f"worker-{number}"
        home.mkdir()
        rows = (
            f"9190{number:02d}{line:06d},W{number},MOBILE,9191{number:02d}{line:06d},"
            "20251122T08:17:00,QWCSKU\n"
            for line in range(1, requests + 1)
        )
        head = "referrer_mobile,campaign_token,type,identifier,invited_on,referral_code\n"
        (home / "in.csv").write_text(head + "".join(rows), "utf-8")
        log = self._stack.enter_context((home / "told.txt").open("wb"))
        command = [sys.executable, "-m", "bulk_referrals", "run", "in.csv", "--yes", "--quiet",
                   "--host", self.platform.url, "--rate", self.rate]  # fmt: skip
        ours = {"USERNAME": "store123", "PASSWORD": "Pass123", "LEDGER": self.ledger}
        env = os.environ | {f"BULK_REFERRALS_{name}": value for name, value in ours.items()}
        self.workers.append(subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log))
        return number

    def sent(self, number: int | None = None) -> list[float]:
        """When the invites of a worker, or of all, were taken: seconds, in order."""
        invites: list[dict[str, Any]] = list(self.platform.invites())
        mine = (one for one in invites if number is None or one["campaign_token"] == f"W{number}")
        return sorted(float(one["committed_at"]) for one in mine)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition holds."""
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.05)

    def wait(self) -> list[int]:
        """Return the exit codes when all have ended."""
        return [worker.wait(_PATIENCE_S) for worker in self.workers]
