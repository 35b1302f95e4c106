"""Credentials from the system's keyring, where neither the environment nor the file gives any.

They are kept there under the service `bulk-referrals`, each under the name of its setting:
`keyring set bulk-referrals password`. The library is an extra, and is asked only by a command
that is about to connect.
"""

from typing import Final

from pydantic import SecretStr

from bulk_referrals.config import Settings
from bulk_referrals.errors import UsageError

SERVICE: Final = "bulk-referrals"
_PAIRS: Final = (("username", "password"), ("client_key", "client_secret"))


def with_credentials(settings: Settings, *, sandbox: bool) -> Settings:
    """Return the settings, with credentials of the keyring where they have none.

    Both of a pair come from one place: what is incomplete is completed from the keyring, and
    what the environment or the file gives is never replaced.

    Raises:
        UsageError: there is a keyring, but it cannot be read.
    """
    if sandbox or any(all(_given(settings, name) for name in pair) for pair in _PAIRS):
        return settings
    begun = [pair for pair in _PAIRS if any(_given(settings, name) for name in pair)]
    for pair in begun or _PAIRS:
        found = {name: _given(settings, name) or _kept(name) for name in pair}
        if all(found.values()):
            return settings.model_copy(
                update={name: _kind(name, value) for name, value in found.items()}
            )
    return settings


def _kind(name: str, value: str) -> str | SecretStr:
    return SecretStr(value) if Settings.model_fields[name].annotation is SecretStr else value


def _given(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _kept(name: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - an extra, and seldom needed
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415 - as above
    except ImportError:
        return ""
    try:
        return keyring.get_password(SERVICE, name) or ""
    except NoKeyringError:
        return ""
    except KeyringError as error:
        message = (
            f"The keyring cannot be read ({type(error).__name__}). Unlock it, or set "
            "the credentials in the environment."
        )
        raise UsageError(message) from None
