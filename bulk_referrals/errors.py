"""What can stop a run, and nothing else: a bad row is data, never an exception.

BulkReferralsError
├── UsageError              wrong flags, settings or credentials; nothing was sent (exit 2)
│   └── InputError          a source that cannot be read as it stands (exit 2)
│       └── NothingToDoError  no file, no row, or nothing new (exit 2; 0 where that is allowed)
├── StoppedError            the run ended after it began to send; it can be gone on with (exit 3)
├── LedgerError             the ledger cannot be opened, read or written
│   └── LedgerBusyError     another run holds the ledger
└── ClientError             one exchange with the API failed; see `client`
    ├── NotSentError        the request cannot have left this machine
    └── MaybeSentError      the request may have arrived: unknown until read back

Every message is a sentence for the person at the keyboard: where, what was found, what to do.
It never holds a mobile, an e-mail address, a token or a secret.
"""

from typing import Any


class BulkReferralsError(Exception):
    """The root of all errors that this package raises on purpose."""


class UsageError(BulkReferralsError):
    """The command, a setting or a credential is wrong; nothing was sent."""


class InputError(UsageError):
    """A source cannot be read as it stands; nothing was sent."""

    def __init__(
        self, path: str, problem: str, *, sheet: str = "", found: str = "", advice: str
    ) -> None:
        """Say `{path} [{sheet}]: {problem}; found {found}. {advice}`.

        Args:
            path: the source as the user named it.
            problem: what is wrong, without a full stop.
            sheet: the sheet's name, where there is one.
            found: the fact that shows it, if it helps.
            advice: what to do, as a sentence with its full stop.
        """
        self.path = path
        place = f"{path} [{sheet}]" if sheet else path
        fact = f"; found {found}" if found else ""
        super().__init__(f"{place}: {problem}{fact}. {advice}")

    def __reduce__(self) -> "tuple[Any, ...]":
        """Let it come back from another process as it is."""
        return _as_it_was, (type(self), self.path, self.args)


def _as_it_was(kind: "type[InputError]", path: str, args: tuple[str, ...]) -> "InputError":
    error = kind.__new__(kind)
    error.path, error.args = path, args
    return error


class NothingToDoError(InputError):
    """There is nothing to read: no file, no row, or nothing that is new; nothing was sent."""

    def as_fault(self) -> InputError:
        """Return the same for a source that must never be missing."""
        return _as_it_was(InputError, self.path, self.args)


class StoppedError(BulkReferralsError):
    """The run ended early and without its report, after something may have been sent."""


class LedgerError(BulkReferralsError):
    """The ledger cannot be opened, read or written; sending stops at once."""


class LedgerBusyError(LedgerError):
    """Another run holds the ledger."""


class ClientError(BulkReferralsError):
    """One exchange with the API failed before an answer could be read."""


class NotSentError(ClientError):
    """The request cannot have left: name not resolved, no connection, TLS refused."""


class MaybeSentError(ClientError):
    """The request may have arrived: cut, timed out or garbled after writing began."""
