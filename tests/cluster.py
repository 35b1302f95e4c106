"""A Dask cluster of two workers on this machine, for the tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest
from distributed import Client, LocalCluster

_PATIENCE_S: Final = 120.0
_WORKERS: Final = 2


@contextmanager
def cluster() -> Iterator[str]:
    """Start it, and give its scheduler's address; its workers have credentials of their own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BULK_REFERRALS_USERNAME", "store123")
        patched.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
        with LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as started:
            yield started.scheduler_address


class Killable:
    """A cluster whose scheduler is a process of its own, which can be killed and started again.

    Args:
        folder: for what its processes say.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self._folder = folder
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.kill_scheduler()
        with ExitStack() as stack:
            for each in self._workers:
                stack.enter_context(each)
                each.kill()

    def start(self) -> None:
        """Start a scheduler and its workers, and return when they have found each other."""
        port = self.address.rpartition(":")[2]
        self._scheduler = self._started(
            "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"
        )
        for _ in range(_WORKERS):
            words = ("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
            self._workers.append(self._started(*words))
        with Client(self.address, timeout=_PATIENCE_S, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(_WORKERS, timeout=_PATIENCE_S)

    def kill_scheduler(self) -> None:
        """Kill the scheduler alone; its workers learn of it as they would of a lost machine."""
        if self._scheduler is not None:
            self._scheduler.kill()
            self._scheduler.wait(_PATIENCE_S)
            self._scheduler = None

    def workers_end(self) -> None:
        """Wait until no worker is left of a scheduler that is gone."""
        deadline = time.monotonic() + _PATIENCE_S
        while any(each.poll() is None for each in self._workers):
            assert time.monotonic() < deadline, "a worker outlives its scheduler"
            time.sleep(0.05)

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        credentials = {"BULK_REFERRALS_USERNAME": "store123", "BULK_REFERRALS_PASSWORD": "Pass123"}
        with (self._folder / "cluster.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=self._folder, stdout=log, stderr=log, env={**os.environ, **credentials},
            )  # fmt: skip
