"""Who watches a command, as the use cases see them."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from bulk_referrals.model import Outcome


class Watch(Protocol):
    """Whoever watches a command: shows progress, and answers the one question."""

    def notice(self, sentence: str) -> None:
        """Take a sentence that the user should see now."""

    def warn(self, sentence: str) -> None:
        """Take a sentence that must be seen, however quiet it is."""

    def confirm(self, question: str) -> bool:
        """Tell whether to send outside the sandbox."""

    def sending(self, rows: int) -> None:
        """Take note that so many rows are about to be sent."""

    def settled(self, tally: Counter[Outcome]) -> None:
        """Take note of newly settled rows."""

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Take what ends the sending cleanly, as Ctrl-C does, from any thread."""

    def draining(self) -> None:
        """Take note that a signal asked to end, and what is in flight is awaited."""

    def sent(self) -> None:
        """Take note that sending has ended."""
