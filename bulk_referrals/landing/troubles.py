"""What the libraries of stores raise, in words; by the names of the errors, never by their text.

Their own text may hold a link that is signed, a user or a password.
"""

import errno
from typing import Final

_SIGN_IN: Final = "Set them up as the guide on where exports land says."
_LATER: Final = "Try again; if it stays so, ask whoever runs it."

_BY_NAME: Final = {
    "HostKeyNotVerifiable": (
        "the host's key is not a known one",
        "Make sure that it is the host it claims to be, and add its key to known_hosts.",
    ),
    "NoCredentialsError": ("there are no credentials for it", _SIGN_IN),
    "PartialCredentialsError": ("its credentials are incomplete", _SIGN_IN),
    "CredentialRetrievalError": ("its credentials could not be had", _SIGN_IN),
    "DefaultCredentialsError": ("there are no credentials for it", _SIGN_IN),
    "RefreshError": ("its credentials are no longer good", _SIGN_IN),
    "ClientAuthenticationError": ("signing in was refused", _SIGN_IN),
    "ProfileNotFound": ("the profile of its credentials does not exist", _SIGN_IN),
    "KeyImportError": (
        "a key or the known_hosts file cannot be understood",
        "Check known_hosts and the key that signs in.",
    ),
    "ConnectionLost": ("the connection was lost", _LATER),
    "EndpointConnectionError": ("it cannot be reached", "Check the network and the endpoint."),
    "gaierror": ("there is no such host", "Check the name of the host."),
    "SFTPPermissionDenied": ("access to it is denied", "Ask for the right to read it."),
}


def sentence_of(error: BaseException) -> tuple[str, str]:
    """Return what went wrong, and what to do, of an error that a store's library raised."""
    for each in _chain(error):
        name = type(each).__name__
        if name in _BY_NAME:
            return _BY_NAME[name]
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "it did not answer in time", f"{_LATER} The setting remote_timeout allows it more."
    if isinstance(error, FileNotFoundError):
        return "it is not there any more", "Check the folder and the name."
    if isinstance(error, PermissionError):
        return "access to it is denied", f"Check the credentials and their rights. {_SIGN_IN}"
    if isinstance(error, ConnectionError) or _errno(error) in _UNREACHABLE:
        return "it cannot be reached", "Check the network, the host and the port."
    return f"it cannot be read ({type(error).__name__})", _LATER


_UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED)


def _errno(error: BaseException) -> int:
    return error.errno or 0 if isinstance(error, OSError) else 0


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
