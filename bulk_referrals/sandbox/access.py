"""Who may come in: Basic with a till's hashed password, or an OAuth token that ends."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from bulk_referrals.sandbox.answers import RefusalError
from bulk_referrals.sandbox.options import SandboxOptions

# The till of calls with a token and no attribution header.
OAUTH_TILL: Final = "oauth"
_ENTITY_TYPES: Final = frozenset(
    {
        "TILL",
        "STORE_CODE",
        "STORE_NAME",
        "STORE_EXTERNAL_ID",
        "STORE_EXTERNAL_ID_1",
        "STORE_EXTERNAL_ID_2",
    }
)


def basic_header(till: str, password: str) -> str:
    """Return the `Authorization` of a till: Basic base64(till:md5_hex(password))."""
    hashed = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return "Basic " + base64.b64encode(f"{till}:{hashed}".encode()).decode()


class Access:
    """The doorkeeper: knows the tills and the tokens that it gave out."""

    def __init__(self, options: SandboxOptions, clock: Callable[[], float]) -> None:
        """Know the tills of the options; no token is out yet."""
        self._options = options
        self._clock = clock
        self._tills = {
            basic_header(till, password).encode(): till for till, password in options.tills.items()
        }
        self._ends: dict[bytes, float] = {}

    def issue(self, asked: object) -> dict[str, object]:
        """Return the answer to a token request, and remember the token.

        Args:
            asked: the decoded body, `{"key": …, "secret": …}`.

        Raises:
            RefusalError: 401, wrong key or secret.
        """
        wanted = (self._options.client_key, self._options.client_secret)
        given = (asked.get("key"), asked.get("secret")) if isinstance(asked, dict) else None
        if given != wanted:
            raise RefusalError(401, "Invalid key or secret")
        token = secrets.token_urlsafe(24)
        self._ends[token.encode()] = self._clock() + self._options.token_ttl_s
        return {
            "data": {"accessToken": token, "ttlSeconds": int(self._options.token_ttl_s)},
            "errors": None,
        }

    def expire_all(self) -> None:
        """End every token that is out."""
        self._ends.clear()

    def admit(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the till in whose name the call comes.

        Args:
            headers: names in lower case.

        Raises:
            RefusalError: 401 without valid credentials, 403 where the options forbid, 400 for an
                attribution of no known type.
        """
        token = headers.get(b"x-cap-api-oauth-token")
        till = (
            self._tills.get(headers.get(b"authorization", b""))
            if token is None
            else self._till_of(token, headers)
        )
        if till is None:
            raise RefusalError(401, "Authentication failed")
        if self._options.forbid:
            raise RefusalError(403, "Access denied")
        return till

    def _till_of(self, token: bytes, headers: Mapping[bytes, bytes]) -> str | None:
        if self._ends.get(token, 0.0) <= self._clock():
            return None
        kind = headers.get(b"x-cap-api-attribution-entity-type")
        if kind is None:
            return OAUTH_TILL
        code = headers.get(b"x-cap-api-attribution-entity-code", b"").decode("latin-1")
        if kind.decode("latin-1") not in _ENTITY_TYPES or not code:
            raise RefusalError(400, "Invalid attribution entity")
        return code
