"""An event loop whose clock jumps to the next timer when nothing else is to be done.

What waits for another thread (the journal's) is waited for in real time: whoever uses such a
thread says so with `VirtualLoop.outside`.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

from bulk_referrals.ledger import Entry, Withheld
from bulk_referrals.sender import Journal

T = TypeVar("T")
Args = TypeVarTuple("Args")

_PATIENCE_S = 10.0


class _JumpingSelector(selectors.DefaultSelector):
    """Lets the clock jump in place of waiting, unless somebody outside is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.outside or timeout is None:
            events = super().select(_PATIENCE_S)
            assert events, "everything waits, and nothing will happen any more"
            return events
        self.now += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's docstring."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Hold the clock while another thread is at work for us."""
        self.jumping.outside += 1
        try:
            yield
        finally:
            self.jumping.outside -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args
    ) -> asyncio.Future[T]:
        self.jumping.outside += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back)
        return future

    def _back(self, _: asyncio.Future[Any]) -> None:
        self.jumping.outside -= 1


class TimedJournal(Journal):
    """The journal, whose thread takes no virtual time."""

    async def write(self, entry: Entry) -> Mapping[bytes, Withheld]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.outside():
            return await super().write(entry)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    """The virtual seconds since the loop began."""
    return asyncio.get_running_loop().time()
