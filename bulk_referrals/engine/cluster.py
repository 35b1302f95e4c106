"""The engine of a cluster: Dask's scheduler deals the tasks out to its workers."""

from asyncio import CancelledError as LoopCancelledError
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

from distributed import Client, Future
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from bulk_referrals.engine.port import Result, Task
from bulk_referrals.errors import StoppedError, UsageError

_REACHED_WITHIN_S: Final = 30
_OTHERWISE_INSTALLED: Final = (
    "The scheduler does not know this version of bulk-referrals. Install the same one, with its "
    "extra dask, on the scheduler and on every worker."
)


class DaskEngine:
    """Takes steps on the workers of a Dask cluster.

    Args:
        scheduler: its address, such as tcp://10.0.0.5:8786 or tls://….

    Raises:
        UsageError: it cannot be reached.
    """

    def __init__(self, scheduler: str) -> None:
        self._lost = (
            f"The scheduler {scheduler} is gone. Start it and its workers again; what was begun "
            "can then be gone on with: bulk-referrals resume"
        )
        try:
            self._client = Client(  # type: ignore[no-untyped-call]
                scheduler, timeout=_REACHED_WITHIN_S, set_as_default=False
            )
        except (OSError, ValueError) as error:
            message = (
                f"The scheduler {scheduler} cannot be reached. Give its address as "
                "--scheduler tcp://HOST:8786, and see that it runs."
            )
            raise UsageError(message) from error

    def each(self, step: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Take a step for each task on any worker, many at once."""
        # A step acts (it writes files, it sends), so that Dask must not take it for a pure one.
        futures: list[Future[Any]] = self._client.map(step, tasks, pure=False)
        try:
            for future in futures:
                yield future.result()
        except KilledWorker as error:
            message = (
                "Workers of the cluster died again and again over the same part, perhaps for want "
                "of memory. Give them more, or make the parts smaller with --partition-size."
            )
            raise StoppedError(message) from error
        except (CancelledError, LoopCancelledError, CommClosedError) as error:
            raise StoppedError(self._lost) from error
        except RuntimeError as error:
            if "deserialization" not in str(error):
                raise
            raise UsageError(_OTHERWISE_INSTALLED) from error
        finally:
            if self._client.status == "running":
                left = [each for each in futures if not each.done()]  # type: ignore[no-untyped-call]
                self._client.cancel(left)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Let go of the scheduler, which goes on for others."""
        self._client.close()  # type: ignore[no-untyped-call]
