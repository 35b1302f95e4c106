"""Messages about how a run ended, through apprise: mail, Slack, Teams and what else it knows.

An address holds credentials, so it is never shown: it is told by its place in the list.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import SecretStr

from bulk_referrals.errors import UsageError
from bulk_referrals.telling.ending import Ending
from bulk_referrals.telling.masking import masked

_WORDS: Final = {
    0: "all well",
    1: "some rows need a person",
    2: "nothing was sent",
    3: "stopped early",
    130: "interrupted",
}
_KINDS: Final = {0: "success", 1: "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Tells addresses how a run ended.

    Attributes:
        channels: one of apprise's per address.
        when: tell of failures only (any exit code but 0), or always.
        attached: names of the report's files that go along where the channel takes files.
    """

    channels: tuple[Any, ...]
    when: Literal["failure", "always"]
    attached: tuple[str, ...]

    def tell(self, ending: Ending) -> tuple[int, list[str]]:
        """Tell all addresses, one after another.

        Returns:
            How many were told, and a sentence for each that was not.
        """
        if self.when == "failure" and ending.exit_code == 0:
            return 0, []
        wrong = []
        for number, channel in enumerate(self.channels, start=1):
            if trouble := self._tell(channel, ending):
                wrong.append(
                    f"notify: address {number} of {len(self.channels)} was not told how the run "
                    f"ended ({trouble}). The run itself is not touched by that."
                )
        return len(self.channels) - len(wrong), wrong

    def _tell(self, channel: Any, ending: Ending) -> str:  # noqa: ANN401 - apprise's own
        """Return "" or what went wrong, never with the address."""
        try:
            told = channel.notify(
                title=title(ending),
                body=body(ending),
                notify_type=_KINDS.get(ending.exit_code, "failure"),
                body_format="text",
                attach=self._files(ending),
            )
        except Exception as error:  # noqa: BLE001 - whatever a channel does, the run stands
            return type(error).__name__
        return "" if told else "the channel refused or could not be reached"

    def _files(self, ending: Ending) -> Any:  # noqa: ANN401 - apprise's own
        paths = [ending.outputs[name] for name in self.attached if name in ending.outputs]
        if not any(Path(path).is_file() for path in paths):
            return None
        from apprise import AppriseAttachment  # noqa: PLC0415 - an extra
        from apprise.attachment.file import AttachFile  # noqa: PLC0415 - an extra

        attached: Any = AttachFile  # untyped there
        return AppriseAttachment([attached(path) for path in paths if Path(path).is_file()])


def notifier(
    addresses: Sequence[SecretStr], when: Literal["failure", "always"], attached: Sequence[str]
) -> Notifier:
    """Return who tells the addresses.

    Raises:
        UsageError: apprise is not installed, or does not know what to do with an address.
    """
    if not addresses:
        return Notifier(channels=(), when=when, attached=())
    try:
        from apprise import Apprise  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        message = "notify needs an extra: pip install 'bulk-referrals[notify]'"
        raise UsageError(message) from None
    _hush()
    channels = []
    for number, address in enumerate(addresses, start=1):
        channel = Apprise()
        if not channel.add(address.get_secret_value()):
            message = (
                f"notify: address {number} of {len(addresses)} is none that apprise knows. Write "
                "it as its documentation says, such as mailtos://… or slack://…."
            )
            raise UsageError(message)
        channels.append(channel)
    return Notifier(channels=tuple(channels), when=when, attached=tuple(attached))


def _hush() -> None:
    """Keep the library from logging, as it may name addresses."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def title(ending: Ending) -> str:
    """Return a line such as `bulk-referrals (prod): some rows need a person`."""
    whose = f" ({ending.name})" if ending.name else ""
    return f"bulk-referrals{whose}: {_WORDS.get(ending.exit_code, 'failed')}"


def body(ending: Ending) -> str:
    """Return what happened, the figures, what to do and where the report is; no contact."""
    rows = [f"{number:,} {outcome.replace('_', ' ')}"
            for outcome, number in ending.outcomes.items() if number]  # fmt: skip
    requests = ending.requests
    facts = {
        "Rows": ", ".join(rows),
        "Requests": f"{requests.sent:,} sent, {requests.retried:,} retried, "
        f"{requests.read_back:,} read back" if requests.sent else "",
        "Took": _span(ending.duration_s),
        "Run": ending.run_id,
        "Report": str(Path(next(iter(ending.outputs.values()))).parent) if ending.outputs else "",
        "Exit code": str(ending.exit_code),
    }  # fmt: skip
    tasks = [f"- {task}" for task in ending.tasks]
    figures = [f"{name}: {told}" for name, told in facts.items() if told]
    parts = [[masked(ending.headline)], [masked(task) for task in tasks], figures]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
