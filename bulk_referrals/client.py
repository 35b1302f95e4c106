"""One exchange with the API at a time: authentication, POST, GET, and its errors translated.

httpx is the interface; aiohttp is the transport under it, because httpx's own connection pool
collapses under concurrency. That transport maps a connection which the server cut *after* the
request was written to `httpx.ConnectTimeout`, which reads as "never left". What decides here is
therefore the aiohttp error underneath: only what cannot have left is `NotSentError`, and
everything else is `MaybeSentError`.
"""

import asyncio
import base64
import hashlib
import ssl
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import aiohttp
import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from bulk_referrals import wire
from bulk_referrals.errors import ClientError, MaybeSentError, NotSentError, UsageError
from bulk_referrals.exchange import Answer, Part, ReadBack
from bulk_referrals.model import ReferralType

REFERRALS_PATH: Final = "/v1.1/customer/referrals"
TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - a path, not a secret

READ_BACK_LIMIT: Final = 10_000

_LARGEST_ANSWER_BYTES: Final = 32 * 1024 * 1024
_PACKINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_CONNECT_TIMEOUT_S: Final = 10.0
_KEEP_ALIVE_S: Final = 15.0
# A token is renewed this long before it ends, or at half its life if it is short.
_RENEW_EARLY_S: Final = 30.0
# A token host that answers so has said nothing of the credentials.
_TRY_LATER: Final = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)

_NEVER_LEFT_AIOHTTP: Final = (
    aiohttp.ClientConnectorError,  # DNS, refused, unreachable, TLS
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,  # the proxy refused the tunnel
    aiohttp.InvalidURL,
)
_NEVER_LEFT_HTTPX: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_FOREIGN: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError)


class Auth(Protocol):
    """How requests are signed."""

    async def headers(self, http: httpx.AsyncClient) -> Mapping[str, str]:
        """Return the headers that sign a request, fetching a token if need be."""

    async def renew(self, http: httpx.AsyncClient, refused: Mapping[str, str]) -> bool:
        """Answer a 401: True when the request may be signed and sent again."""

    def worked(self) -> None:
        """Note that a signed request was not refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """`Authorization: Basic base64(till_id:md5_hex(password))`, by the API's reference."""

    username: str
    password: str = field(repr=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work the header out, once."""
        digest = hashlib.md5(self.password.encode(), usedforsecurity=False).hexdigest()
        token = base64.b64encode(f"{self.username}:{digest}".encode()).decode("ascii")
        object.__setattr__(self, "_headers", {"Authorization": f"Basic {token}"})

    async def headers(self, http: httpx.AsyncClient) -> Mapping[str, str]:
        """Return the header; it never changes."""
        del http
        return self._headers

    async def renew(self, http: httpx.AsyncClient, refused: Mapping[str, str]) -> bool:
        """Return False: a password that was refused stays refused."""
        del http, refused
        return False

    def worked(self) -> None:
        """Nothing to note."""


@dataclass(slots=True, kw_only=True)
class OAuth:
    """`X-CAP-API-OAUTH-TOKEN`, renewed before it ends, and once when it is refused.

    Attributes:
        token_url: where tokens come from; may be another host than the API's.
        key: the client's key.
        secret: the client's secret.
        attribution: the attribution headers, which only OAuth takes.
    """

    token_url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    attribution: Mapping[str, str] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    _good_until: float = field(default=float("-inf"), repr=False)
    _fresh: bool = field(default=False, repr=False)

    async def headers(self, http: httpx.AsyncClient) -> Mapping[str, str]:
        """Return the headers, with a token that has some life left."""
        if asyncio.get_running_loop().time() >= self._good_until:
            async with self._lock:  # one fetch, however many are waiting
                if asyncio.get_running_loop().time() >= self._good_until:
                    await self._fetch(http)
        return self._headers

    async def renew(self, http: httpx.AsyncClient, refused: Mapping[str, str]) -> bool:
        """Fetch a new token after a 401, unless the refused one was itself unproven."""
        async with self._lock:
            if refused is not self._headers:
                return True  # another request has renewed it meanwhile
            if self._fresh:
                return False
            await self._fetch(http)
            self._fresh = True
            return True

    def worked(self) -> None:
        """Note that the present token is good."""
        self._fresh = False

    async def _fetch(self, http: httpx.AsyncClient) -> None:
        body = orjson.dumps({"key": self.key, "secret": self.secret})
        status, _, content = await _exchange(
            http, http.build_request("POST", self.token_url, content=body)
        )
        if (granted := _granted(content)) is None:
            if status < 500 and status not in _TRY_LATER:  # noqa: PLR2004 - HTTP's own line
                message = (
                    f"No access token was granted (HTTP {status}). "
                    "Check BULK_REFERRALS_CLIENT_KEY and BULK_REFERRALS_CLIENT_SECRET."
                )
                raise UsageError(message)
            message = f"no access token could be had (HTTP {status})"
            raise NotSentError(message)
        token, ttl_s = granted
        self._headers = {"X-CAP-API-OAUTH-TOKEN": token, **self.attribution}
        early_s = min(_RENEW_EARLY_S, ttl_s / 2)
        self._good_until = asyncio.get_running_loop().time() + ttl_s - early_s


def _granted(content: bytes) -> tuple[str, float] | None:
    """Read a token and its life, seconds; None where the answer grants none."""
    try:
        granted = orjson.loads(content)["data"]
        token, ttl_s = granted["accessToken"], float(granted["ttlSeconds"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    return (token, ttl_s) if token and isinstance(token, str) else None


class _NoCookies(httpx.Cookies):
    """A jar that stays empty."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave what the answer would set."""


class _Http(httpx.AsyncClient):
    """Keeps no cookies: the API needs none, each would be one more thing to leak.

    A jar that is asked and refuses would take an eighth of the time of a request.
    """

    @property
    def cookies(self) -> httpx.Cookies:
        """The empty jar."""
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """Leave them."""


_NO_COOKIES: Final = _NoCookies()


class Client:
    """The API, one exchange at a time; safe for many at once within one event loop.

    Args:
        base_url: scheme and host, such as `https://eu.intouch.capillarytech.com`.
        auth: how requests are signed.
        timeout_s: longest time for one whole exchange, seconds.
        concurrency: most connections at once.
        proxy: URL of an HTTP proxy, or "".
        transport: in place of the network, for tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        auth: Auth,
        timeout_s: float,
        concurrency: int,
        proxy: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = httpx.URL(base_url.rstrip("/") + REFERRALS_PATH)
        self._auth = auth
        self._timeout_s = timeout_s
        self._http = _Http(
            transport=transport or _transport(concurrency, proxy),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small answer may unpack to any size
                "Content-Type": "application/json",
            },
            follow_redirects=False,
            trust_env=False,  # no .netrc: credentials come from our settings alone
        )
        self._signed: tuple[Mapping[str, str], httpx.Headers] = ({}, self._http.headers)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def sign(self) -> Mapping[str, str]:
        """Return the headers that sign a request; a failure here means that nothing left.

        Raises:
            NotSentError: no token could be had just now.
            UsageError: the credentials were refused.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._auth.headers(self._http)
        except (TimeoutError, MaybeSentError) as error:
            message = "no access token could be had in time"
            raise NotSentError(message) from error

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Answer a 401: True when the request may be signed and sent again."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._auth.renew(self._http, refused)
        except (TimeoutError, MaybeSentError) as error:
            message = "no access token could be had in time"
            raise NotSentError(message) from error

    async def post(self, parts: Sequence[Part], body: bytes, signed: Mapping[str, str]) -> Answer:
        """Send referrals.

        Args:
            parts: what `body` holds, to match the answer to.
            body: from `wire.payload`.
            signed: from `sign`.

        Raises:
            NotSentError: it cannot have left.
            MaybeSentError: it may have arrived.
        """
        status, headers, content = await self._within_time(
            "POST", self._url, content=body, headers=signed
        )
        answer = wire.read_answer(
            content,
            parts,
            http_status=status,
            request_id=headers.get("x-cap-requestid", ""),
            retry_after=headers.get("retry-after", ""),
        )
        if status != httpx.codes.UNAUTHORIZED:
            self._auth.worked()
        return answer

    async def get(
        self, part: Part, signed: Mapping[str, str], *, only_code: bool = False
    ) -> ReadBack:
        """Read back all invites of one referrer in one campaign, over all stores.

        Args:
            part: names the referrer and the campaign; without a token, the default campaign.
            signed: from `sign`.
            only_code: ask for the referrer's code alone.

        Raises:
            ClientError: no answer; a GET changes nothing, so it may simply be asked again.
        """
        by_mobile = part.referrer_type == ReferralType.MOBILE
        asked = {"mobile" if by_mobile else "email": part.referrer, "store_code": "all"}
        if part.campaign_token:
            asked["campaign_token"] = part.campaign_token
        more = {"only_referral_code": "true"} if only_code else {"limit": str(READ_BACK_LIMIT)}
        url = httpx.URL(self._url, params=asked | more)
        status, headers, content = await self._within_time("GET", url, headers=signed)
        if status != httpx.codes.UNAUTHORIZED:
            self._auth.worked()
        return wire.read_back(
            content, part, http_status=status, retry_after=headers.get("retry-after", "")
        )

    async def _within_time(
        self,
        method: str,
        url: httpx.URL,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str],
    ) -> tuple[int, httpx.Headers, bytes]:
        request = httpx.Request(method, url, headers=self._merged(headers), content=content)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _exchange(self._http, request)
        except TimeoutError as error:
            message = f"no answer within {self._timeout_s:g} s"
            raise MaybeSentError(message) from error

    def _merged(self, signed: Mapping[str, str]) -> httpx.Headers:
        """Return all headers of a request; merged once for as long as the signature stays."""
        if signed is not self._signed[0]:
            merged = httpx.Headers(self._http.headers)
            merged.update(signed)
            self._signed = (signed, merged)
        return self._signed[1]


async def _exchange(
    http: httpx.AsyncClient, request: httpx.Request
) -> tuple[int, httpx.Headers, bytes]:
    """Send one request and read its answer, bounded in size; translate what goes wrong."""
    try:
        response = await http.send(request, stream=True)
        try:
            # httpx would unpack without a bound.
            packing = response.headers.pop("content-encoding", "identity").strip().lower()
            chunks: list[bytes] = []
            size_bytes = 0
            async for chunk in response.aiter_bytes():
                size_bytes += len(chunk)
                if size_bytes > _LARGEST_ANSWER_BYTES:
                    raise _too_large()
                chunks.append(chunk)
            body = _unpacked(b"".join(chunks), packing)
            return response.status_code, response.headers, body
        finally:
            await response.aclose()
    except _FOREIGN as error:
        raise _translated(error) from error


def _unpacked(body: bytes, packing: str) -> bytes:
    """Unpack an answer that came packed though that was not asked for, bounded in size."""
    if packing == "identity" or not body:
        return body
    if packing not in _PACKINGS:
        message = "the answer is packed in a way that was not asked for"
        raise MaybeSentError(message)
    try:
        unpacked = zlib.decompressobj(_ZLIB_OR_GZIP).decompress(body, _LARGEST_ANSWER_BYTES + 1)
    except zlib.error as error:
        message = "the answer is garbled"
        raise MaybeSentError(message) from error
    if len(unpacked) > _LARGEST_ANSWER_BYTES:
        raise _too_large()
    return unpacked


def _too_large() -> MaybeSentError:
    return MaybeSentError(f"the answer is larger than {_LARGEST_ANSWER_BYTES} bytes")


def _translated(error: Exception) -> ClientError:
    """Sort a foreign error by whether the request can have left.

    The text names the kind of error only: a foreign message may hold the URL and, in a GET, the
    referrer.
    """
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientError | TimeoutError | OSError):
        left = not isinstance(cause, _NEVER_LEFT_AIOHTTP)
        kind = type(cause).__name__
    else:
        left = not isinstance(error, (*_NEVER_LEFT_HTTPX, *_NEVER_LEFT_AIOHTTP))
        kind = type(error).__name__
    return MaybeSentError(f"no answer ({kind})") if left else NotSentError(f"not sent ({kind})")


def _transport(concurrency: int, proxy: str) -> AiohttpTransport:
    """Build the transport lazily within the event loop, without a cookie jar."""
    context = ssl.create_default_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=concurrency, ssl=context, keepalive_timeout=_KEEP_ALIVE_S
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return AiohttpTransport(
        client=session, verify=context, proxy=httpx.Proxy(proxy) if proxy else None
    )
