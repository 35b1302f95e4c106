"""The address of a database: what connects is kept to itself, what is shown holds no password."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_SCHEMES: Final = ("postgresql", "postgres")
_START: Final = re.compile(r"postgres(?:ql)?:/", re.IGNORECASE)
_SECRET_PARAMETERS: Final = frozenset({"password", "sslpassword", "oauth_client_secret"})
_HOW: Final = "write it as postgresql://USER@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL of PostgreSQL, as libpq reads it (its manual, 34.1.1.2).

    Attributes:
        secret: the URL in full; it may hold a password.
    """

    secret: str = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a URL.

        Raises:
            ValueError: it would be misread, and a part of its password taken for its host.
        """
        try:
            parts = urlsplit(text)
            names = [name for name, _ in parse_qsl(parts.query, strict_parsing=bool(parts.query))]
        except ValueError:
            raise ValueError(_HOW) from None
        if parts.scheme.lower() not in _SCHEMES or not text[len(parts.scheme) :].startswith("://"):
            raise ValueError(_HOW)
        if parts.fragment or "@" in f"{parts.path}{parts.query}" or parts.netloc.count("@") > 1:
            message = f"{_HOW}; in a password write %40 for @, %2F for /, %23 for #, %3F for ?"
            raise ValueError(message)
        if not all(names):
            raise ValueError(_HOW)
        return cls(text)

    @property
    def passwords(self) -> tuple[str, ...]:
        """What must never be shown, as it is written and as it is meant."""
        parts = urlsplit(self.secret)
        userinfo = parts.netloc.rpartition("@")[0]
        written = [userinfo.partition(":")[2]]
        written += [value for name, value in parse_qsl(parts.query) if name in _SECRET_PARAMETERS]
        return tuple({each for one in written for each in (one, unquote(one)) if each})

    def __str__(self) -> str:
        """Return the URL without its password, which is to come from elsewhere."""
        parts = urlsplit(self.secret)
        userinfo, at, place = parts.netloc.rpartition("@")
        user = userinfo.partition(":")[0]
        asked = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if name not in _SECRET_PARAMETERS
        ]
        query = f"?{urlencode(asked, quote_via=quote)}" if asked else ""
        return f"{parts.scheme}://{user}{at}{place}{parts.path}{query}"


def path_or_url(place: object) -> object:
    """Return the `DatabaseUrl` of a text that is one; anything else as it is.

    Raises:
        ValueError: it begins like such a URL, and is none.
    """
    if isinstance(place, str) and _START.match(place):
        return DatabaseUrl.read(place)
    return place


LedgerPlace = Path | DatabaseUrl
