"""What an engine is: it takes one step for each of many tasks, here or elsewhere.

An engine knows nothing of invites. A step is a function of a module, and its task and its result
are small values: what is large lies in files that every worker can reach.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Takes steps."""

    def each(self, step: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Take a step for each task, and yield the results in the order of the tasks.

        A worker may die and its task be given to another one. So a step comes to the same however
        often it is begun, and what it writes appears whole or not at all.

        Raises:
            BulkReferralsError: what the step raised.
            StoppedError: workers died again and again over one task.
        """

    def close(self) -> None:
        """Let go of it."""
