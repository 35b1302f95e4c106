"""What is signed, what is sent, and what every way of not answering says."""

import asyncio
import contextlib
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest
from exchange_factory import body, done, part, seen
from virtual_time import run

from bulk_referrals import client as client_module
from bulk_referrals.client import Auth, BasicAuth, Client, OAuth
from bulk_referrals.errors import ClientError, MaybeSentError, NotSentError, UsageError
from bulk_referrals.exchange import Answer
from bulk_referrals.wire import payload

HOST = "https://eu.intouch.capillarytech.com"
TOKEN_URL = "https://tokens.example.com/v3/oauth/token/generate"
BASIC = BasicAuth(username="store123", password="Pass123")
ONE = part()
REFERRER = ONE.referrer

Answering = Callable[[httpx.Request], httpx.Response]


def client_of(answering: Answering, auth: Auth = BASIC) -> Client:
    return Client(
        base_url=HOST,
        auth=auth,
        timeout_s=5.0,
        concurrency=4,
        transport=httpx.MockTransport(answering),
    )


async def sent(client: Client) -> Answer:
    return await client.post([ONE], payload([ONE]), await client.sign())


def exchanged(answering: Answering, auth: Auth = BASIC) -> Answer:
    async def scene() -> Answer:
        async with client_of(answering, auth) as client:
            return await sent(client)

    return run(scene())


# --- what leaves


def test_basic_authentication_is_the_till_and_the_md5_of_its_password() -> None:
    async def header(password: str) -> str:
        one = BasicAuth(username="store123", password=password)
        async with client_of(lambda _: httpx.Response(200), one) as client:
            return (await client.sign())["Authorization"]

    # base64("store123:" + md5_hex("Pass123")), reckoned by hand
    assert run(header("Pass123")) == (
        "Basic c3RvcmUxMjM6MmYyM2ZhMzU3OWYzZjc1MTc1NzkzNjQ5MTE1YzFiMjU="
    )
    # The example of the API's reference; it prints another password beside it, by mistake.
    assert run(header("password1234")) == (
        "Basic c3RvcmUxMjM6YmRjODdiOWM4OTRkYTUxNjgwNTllMDBlYmZmYjkwNzc="
    )


def test_a_request_leaves_signed_as_json_and_its_id_comes_back() -> None:
    requests: list[httpx.Request] = []

    def answering(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=done(ONE), headers={"X-Cap-Requestid": "r-1"})

    answer = exchanged(answering)
    (request,) = requests
    assert request.headers["authorization"].startswith("Basic ")
    assert request.headers["accept"] == "application/json"
    assert request.headers["content-type"] == "application/json"
    assert (request.method, str(request.url)) == ("POST", f"{HOST}/v1.1/customer/referrals")
    assert request.content == payload([ONE])
    assert answer.request_id == "r-1"


@pytest.mark.parametrize("referrer", ["917999836466", "ravi+x@example.com"])
def test_a_read_back_asks_for_all_stores_and_the_campaign(referrer: str) -> None:
    requests: list[httpx.Request] = []
    of = part(referrer=referrer)

    def answering(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=seen("919800000001", of=of))

    async def scene() -> None:
        async with client_of(answering) as client:
            back = await client.get(of, await client.sign())
            assert back.invitees == (("MOBILE", "919800000001"),)

    run(scene())
    (request,) = requests
    name = "email" if "@" in referrer else "mobile"
    assert (request.method, request.content) == ("GET", b"")
    assert dict(request.url.params) == {
        name: referrer,
        "campaign_token": "J0H7Q",
        "store_code": "all",
        "limit": "10000",
    }


def test_a_redirect_is_not_followed() -> None:
    hosts: list[str] = []

    def answering(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.example.com/"})

    assert exchanged(answering).http_status == 307
    assert hosts == ["eu.intouch.capillarytech.com"]


def test_a_cookie_is_not_kept() -> None:
    cookies: list[str | None] = []

    def answering(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("cookie"))
        return httpx.Response(200, content=done(ONE), headers={"Set-Cookie": "session=1; Path=/"})

    async def scene() -> None:
        async with client_of(answering) as client:
            await sent(client)
            await sent(client)

    run(scene())
    assert cookies == [None, None]


def test_an_answer_beyond_the_bound_may_have_been_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_ANSWER_BYTES", 1000)
    with pytest.raises(MaybeSentError, match="larger than 1000 bytes"):
        exchanged(lambda _: httpx.Response(200, content=b" " * 1001))


# --- OAuth


class Tokens:
    """A token host that counts, and an API that knows which tokens are good."""

    def __init__(self, *, ttl_s: float = 300.0) -> None:
        self.ttl_s = ttl_s
        self.granted = 0
        self.refused: set[str] = set()
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if str(request.url) == TOKEN_URL:
            self.granted += 1
            token = {"accessToken": f"token-{self.granted}", "ttlSeconds": self.ttl_s}
            return httpx.Response(200, content=orjson.dumps({"data": token, "errors": None}))
        if request.headers["x-cap-api-oauth-token"] in self.refused:
            return httpx.Response(401, content=body(401))
        return httpx.Response(200, content=done(ONE))

    def used(self) -> list[str]:
        return [
            request.headers["x-cap-api-oauth-token"]
            for request in self.asked
            if str(request.url) != TOKEN_URL
        ]


def oauth() -> OAuth:
    return OAuth(
        token_url=TOKEN_URL,
        key="key-1",
        secret="hush-hush",
        attribution={"X-CAP-API-ATTRIBUTION-ENTITY-TYPE": "TILL",
                     "X-CAP-API-ATTRIBUTION-ENTITY-CODE": "till.01"},
    )  # fmt: skip


def test_a_token_is_asked_for_with_key_and_secret_and_signs_with_attribution() -> None:
    tokens = Tokens()
    exchanged(tokens, oauth())
    grant, post = tokens.asked
    assert (grant.method, orjson.loads(grant.content)) == (
        "POST",
        {"key": "key-1", "secret": "hush-hush"},
    )
    assert "authorization" not in grant.headers
    assert post.headers["x-cap-api-oauth-token"] == "token-1"
    assert post.headers["x-cap-api-attribution-entity-type"] == "TILL"
    assert post.headers["x-cap-api-attribution-entity-code"] == "till.01"
    assert "authorization" not in post.headers


@pytest.mark.parametrize(("ttl_s", "renewed_at_s"), [(300.0, 270.0), (20.0, 10.0)])
def test_a_token_is_renewed_before_it_ends(ttl_s: float, renewed_at_s: float) -> None:
    tokens = Tokens(ttl_s=ttl_s)

    async def scene() -> None:
        async with client_of(tokens, oauth()) as client:
            await sent(client)
            await asyncio.sleep(renewed_at_s - 0.1)
            await sent(client)
            await asyncio.sleep(0.2)
            await sent(client)

    run(scene())
    assert tokens.used() == ["token-1", "token-1", "token-2"]


def test_many_at_once_fetch_one_token() -> None:
    tokens = Tokens()

    async def scene() -> None:
        async with client_of(tokens, oauth()) as client:
            await asyncio.gather(*(sent(client) for _ in range(20)))

    run(scene())
    assert tokens.granted == 1
    assert tokens.used() == ["token-1"] * 20


def test_a_refused_token_is_renewed_once_for_all_who_held_it() -> None:
    tokens = Tokens()

    async def scene() -> list[bool]:
        async with client_of(tokens, oauth()) as client:
            held = [await client.sign() for _ in range(10)]
            tokens.refused.add("token-1")
            return await asyncio.gather(*(client.renew(signed) for signed in held))

    assert run(scene()) == [True] * 10
    assert tokens.granted == 2


def test_a_new_token_that_is_refused_at_once_is_not_renewed_again() -> None:
    tokens = Tokens()
    tokens.refused = {"token-1", "token-2"}

    async def scene() -> list[bool]:
        async with client_of(tokens, oauth()) as client:
            told = []
            for _ in range(2):
                signed = await client.sign()
                assert (await client.post([ONE], payload([ONE]), signed)).http_status == 401
                told.append(await client.renew(signed))
            return told

    assert run(scene()) == [True, False]
    assert tokens.granted == 2


def test_a_token_that_has_worked_may_be_renewed_again() -> None:
    tokens = Tokens()
    tokens.refused = {"token-1"}

    async def scene() -> bool:
        async with client_of(tokens, oauth()) as client:
            assert await client.renew(await client.sign())
            await sent(client)
            return await client.renew(await client.sign())

    assert run(scene())
    assert tokens.granted == 3


def test_a_password_that_was_refused_stays_refused() -> None:
    async def scene() -> bool:
        async with client_of(lambda _: httpx.Response(401)) as client:
            return await client.renew(await client.sign())

    assert run(scene()) is False


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (401, b'{"data": null, "errors": [{"message": "hush-hush is wrong"}]}', UsageError),
        (400, b"", UsageError),
        (200, b"{}", UsageError),
        (200, b'{"data": {"accessToken": "t", "ttlSeconds": "soon"}}', UsageError),
        (200, b'{"data": {"accessToken": null, "ttlSeconds": 300}}', UsageError),
        (200, b'{"data": {"accessToken": "", "ttlSeconds": 300}}', UsageError),
        (200, b"[]", UsageError),
        (302, b"", UsageError),
        (429, b"", NotSentError),
        (500, b"", NotSentError),
        (503, b"<html>", NotSentError),
    ],
)
def test_without_a_token_nothing_is_sent(
    status: int, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        exchanged(lambda _: httpx.Response(status, content=content), oauth())
    assert "hush-hush" not in "".join(traceback.format_exception(caught.value))


def test_a_token_host_that_cannot_be_reached_means_that_nothing_was_sent() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        late = "late"
        raise httpx.ReadTimeout(late, request=request)

    with pytest.raises(NotSentError, match="no access token"):
        exchanged(answering, oauth())


def test_a_token_of_any_life_is_used_and_renewed() -> None:
    for ttl_s in (0.0, -5.0, 1e9):
        tokens = Tokens(ttl_s=ttl_s)
        exchanged(tokens, oauth())
        assert tokens.used() == ["token-1"]


def test_no_secret_shows_in_the_text_of_a_signer() -> None:
    signers = repr(oauth()) + repr(BASIC)
    assert not any(secret in signers for secret in ("hush-hush", "key-1", "Pass123"))


# --- errors over the mock: each sorted by whether it can have left

NEVER_LEFT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
              httpx.UnsupportedProtocol]  # fmt: skip
MAY_HAVE_LEFT = [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout,
                 httpx.CloseError, httpx.RemoteProtocolError, httpx.LocalProtocolError,
                 httpx.DecodingError]  # fmt: skip


@pytest.mark.parametrize("kind", [*NEVER_LEFT, *MAY_HAVE_LEFT])
def test_an_error_is_sorted_by_whether_the_request_can_have_left(
    kind: type[httpx.RequestError],
) -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        words = f"cannot reach {request.url} for {REFERRER}"
        raise kind(words, request=request)

    with pytest.raises(ClientError) as caught:
        exchanged(answering)
    assert type(caught.value) is (NotSentError if kind in NEVER_LEFT else MaybeSentError)
    assert kind.__name__ in str(caught.value)
    assert REFERRER not in str(caught.value)


def test_an_answer_that_never_comes_is_given_up_in_time() -> None:
    async def answering(request: httpx.Request) -> httpx.Response:
        del request
        await asyncio.Event().wait()
        raise AssertionError

    async def scene() -> float:
        async with Client(base_url=HOST, auth=BASIC, timeout_s=30.0, concurrency=1,
                          transport=httpx.MockTransport(answering)) as client:  # fmt: skip
            heartbeat = asyncio.create_task(asyncio.sleep(1000))
            with pytest.raises(MaybeSentError, match="within 30 s"):
                await sent(client)
            heartbeat.cancel()
            return asyncio.get_running_loop().time()

    assert run(scene()) == pytest.approx(30.0)


# --- errors over real sockets, with the real transport

Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serving: Serving) -> AsyncIterator[str]:
    """A server of raw connections on this machine."""

    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serving(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await asyncio.gather(*served)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
         if line.startswith(b"content-length")), 0
    )  # fmt: skip
    return head + await reader.readexactly(length)


def real(url: str, *, timeout_s: float = 5.0, proxy: str = "") -> Client:
    return Client(base_url=url, auth=BASIC, timeout_s=timeout_s, concurrency=4, proxy=proxy)


async def trouble(client: Client, *, reading: bool = False) -> ClientError:
    """The error of one exchange, which tells nobody's mobile."""
    async with client:
        signed = await client.sign()
        asked = client.get(ONE, signed) if reading else client.post([ONE], b"{}", signed)
        with pytest.raises(ClientError) as caught:
            await asked
    assert REFERRER not in str(caught.value)
    assert "Basic" not in str(caught.value)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


@pytest.mark.parametrize("reading", [False, True])
def test_a_refused_connection_was_not_sent(*, reading: bool) -> None:
    async def scene() -> ClientError:
        return await trouble(real(f"http://127.0.0.1:{free_port()}"), reading=reading)

    assert type(asyncio.run(scene())) is NotSentError


def test_a_host_that_is_not_there_was_not_sent() -> None:
    async def scene() -> ClientError:
        return await trouble(real("https://no-such-host.invalid"))

    assert type(asyncio.run(scene())) is NotSentError


@pytest.mark.parametrize("answering", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_server_that_closes_after_reading_may_have_taken_it_and_is_not_asked_twice(
    answering: bytes,
) -> None:
    requests: list[bytes] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(answering)

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url))

    assert type(asyncio.run(scene())) is MaybeSentError
    (request,) = requests
    assert request.endswith(b"{}")


def test_a_server_that_closes_a_kept_connection_after_reading_may_have_taken_it() -> None:
    requests: list[bytes] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        requests.append(await read_request(reader))

    async def scene() -> None:
        async with server(serving) as url, real(url) as client:
            assert (await sent(client)).http_status == 200
            with pytest.raises(MaybeSentError):
                await sent(client)

    asyncio.run(scene())
    assert len(requests) == 2


def test_an_answer_cut_in_its_body_may_have_been_sent() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"response": ')

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url))

    assert type(asyncio.run(scene())) is MaybeSentError


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_server_that_never_answers_may_have_taken_it(begun: bytes) -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(begun)
        await reader.read()  # until the client goes

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url, timeout_s=0.2))

    assert type(asyncio.run(scene())) is MaybeSentError


def test_a_server_that_does_not_speak_http_may_have_taken_it() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"220 mail.example.com ESMTP\r\n")

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url))

    assert type(asyncio.run(scene())) is MaybeSentError


def test_a_server_without_tls_was_sent_nothing() -> None:
    read: list[bytes] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.read(65_536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url.replace("http:", "https:")))

    assert type(asyncio.run(scene())) is NotSentError
    assert not any(b"POST" in each for each in read)


def test_a_proxy_that_refuses_the_tunnel_was_sent_nothing() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(HOST, proxy=url))

    assert type(asyncio.run(scene())) is NotSentError


def test_an_answer_over_the_wire_beyond_the_bound_may_have_been_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_ANSWER_BYTES", 100_000)

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
        writer.write(b" " * 9_000_000)
        await writer.drain()

    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(real(url))

    error = asyncio.run(scene())
    assert type(error) is MaybeSentError
    assert "larger" in str(error)


def test_a_good_answer_over_the_wire_is_read() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        content = done(ONE)
        head = f"HTTP/1.1 200 OK\r\nX-Cap-Requestid: r-7\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)

    async def scene() -> Answer:
        async with server(serving) as url, real(url) as client:
            return await sent(client)

    answer = asyncio.run(scene())
    assert (answer.http_status, answer.request_id) == (200, "r-7")
    assert answer.levels != ()


def test_certificates_are_checked() -> None:
    context = client_module._transport(1, "").ssl_context
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
