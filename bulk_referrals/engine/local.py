"""The engine of this machine: one task after another, so that one part is in memory at a time."""

from collections.abc import Callable, Iterator, Sequence

from bulk_referrals.engine.port import Result, Task


class LocalEngine:
    """Takes steps here. A step may use all cores itself."""

    def each(self, step: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Take a step for each task, when its result is asked for."""
        return map(step, tasks)

    def close(self) -> None:
        """Let go of nothing."""
