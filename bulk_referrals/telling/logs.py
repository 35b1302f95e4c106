"""The log of a run: one line per event, plain or JSON, each with the run's id.

The file is only ever appended to, and opened again when it was moved away, so that logrotate may
turn it over in the middle of a run.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final, Literal

from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

from bulk_referrals.errors import UsageError
from bulk_referrals.events import LISTENER, LOGGER
from bulk_referrals.telling.masking import masked

STDERR: Final = "-"

# Made by ourselves, and full of digits.
_AS_THEY_ARE: Final = frozenset({"timestamp", "run_id", "level", "event"})


@contextmanager
def log_to(place: Path, form: Literal["plain", "json"]) -> Iterator[list[str]]:
    """Write the events of what runs in this context, and in no other, until it ends.

    Args:
        place: the file, appended to, made (0600) where missing; "-" is standard error.
        form: one JSON object a line, or plain lines.

    Yields:
        A list that takes a sentence once the log could not be written.

    Raises:
        UsageError: the file cannot be written.
    """
    lost: list[str] = []
    try:
        handler = _Stream(lost) if str(place) == STDERR else _File(place, lost)
    except OSError as error:
        message = f"{place}: the log cannot be written ({error.strerror}). Check --log-file."
        raise UsageError(message) from error
    handler.setFormatter(_Json(json_ensure_ascii=False) if form == "json" else _Plain())
    handler.addFilter(lambda record: getattr(record, "listener", None) is handler)
    token = LISTENER.set(handler)
    try:
        with _listening(handler):
            yield lost
    finally:
        LISTENER.reset(token)
        handler.close()


_LOCK: Final = Lock()
# The level that our logger had before the first of the logs that are open; runs in threads of one
# process may open several.
_LEVEL_BEFORE: Final[list[int]] = []


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    with _LOCK:
        _LEVEL_BEFORE.append(_LEVEL_BEFORE[0] if _LEVEL_BEFORE else LOGGER.level)
        LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(handler)
    try:
        yield
    finally:
        with _LOCK:
            LOGGER.removeHandler(handler)
            before = _LEVEL_BEFORE.pop()
            if not _LEVEL_BEFORE:
                LOGGER.setLevel(before)


class _File(WatchedFileHandler):
    """A file for its owner only; a full disk is told once, and ends nothing."""

    def __init__(self, path: Path, lost: list[str]) -> None:
        super().__init__(path, encoding="utf-8")
        self._lost = lost

    def _open(self) -> IO[str]:  # type: ignore[override]  # any text stream will do
        return open(self.baseFilename, "a", encoding="utf-8", opener=_private)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; opening a file that was moved away may fail as well."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Let go of the file, whatever still waits to be written."""
        try:
            super().close()
        except OSError:
            _tell_once(self._lost, self.baseFilename)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        del record
        _tell_once(self._lost, self.baseFilename)


class _Stream(logging.StreamHandler[Any]):
    """Standard error; nobody reading on ends nothing."""

    def __init__(self, lost: list[str]) -> None:
        super().__init__(sys.stderr)
        self._lost = lost

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        del record
        _tell_once(self._lost, STDERR)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _tell_once(lost: list[str], place: str) -> None:
    if not lost:
        error = sys.exc_info()[1]
        why = getattr(error, "strerror", None) or type(error).__name__
        lost.append(f"{place}: the log could not be written to its end ({why}).")


class _Json(JsonFormatter):
    """`{"timestamp", "level", "event", "run_id", …}`, and the event's figures beside them."""

    def process_log_record(self, log_data: LogData) -> LogData:
        """Let the figures stand beside the rest, masked."""
        return {name: _clean(name, value) for name, value in log_data.items()}

    def add_fields(
        self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Take what we say, and none of the rest."""
        del message_dict
        log_data |= _fields(record)


class _Plain(logging.Formatter):
    """`timestamp LEVEL run_id event name=value …`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; values with blanks or quotes are written as JSON text."""
        fields = _fields(record)
        head = f"{fields.pop('timestamp')} {fields.pop('level').upper()} {fields.pop('run_id')}"
        told = [f"{name}={_plain(_clean(name, it))}" for name, it in fields.items()
                if name != "event" and it not in ("", {}, [])]  # fmt: skip
        return " ".join((head, fields["event"], *told))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    at = datetime.fromtimestamp(record.created, UTC)
    return {
        "timestamp": at.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        "run_id": getattr(record, "run_id", "-"),
        **getattr(record, "figures", {}),
    }


def _clean(name: str, value: Any) -> Any:  # noqa: ANN401 - any figure
    if name in _AS_THEY_ARE:
        return value
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {masked(str(key)): _clean("", each) for key, each in value.items()}
    return [_clean("", each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> str:  # noqa: ANN401 - any figure
    if isinstance(value, dict):
        return ",".join(f"{key}:{each}" for key, each in value.items()) or "-"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    quoted = not text or any(sign in text for sign in ' "=\n\r\t') or not text.isprintable()
    return json.dumps(text, ensure_ascii=False) if quoted else text
