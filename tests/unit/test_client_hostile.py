"""A hostile server over real sockets: bounded in size, depth and time, told no secret."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Callable

import pytest
from exchange_factory import done, part
from test_client import BASIC, Serving, read_request, server, trouble

from bulk_referrals import client as client_module
from bulk_referrals.client import Client
from bulk_referrals.errors import ClientError, MaybeSentError
from bulk_referrals.exchange import Answer
from bulk_referrals.wire import payload

ONE = part()
Packing = Callable[[bytes], bytes]


def client_of(url: str, *, timeout_s: float = 5.0) -> Client:
    return Client(base_url=url, auth=BASIC, timeout_s=timeout_s, concurrency=4)


def answering(content: bytes, *headers: str) -> Serving:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + content)
        await writer.drain()

    return serving


def error_of(serving: Serving, *, timeout_s: float = 5.0) -> ClientError:
    async def scene() -> ClientError:
        async with server(serving) as url:
            return await trouble(client_of(url, timeout_s=timeout_s))

    return asyncio.run(scene())


def answer_of(serving: Serving) -> Answer:
    async def scene() -> Answer:
        async with server(serving) as url, client_of(url) as client:
            return await client.post([ONE], payload([ONE]), await client.sign())

    return asyncio.run(scene())


def test_no_packed_answer_is_asked_for() -> None:
    asked: list[bytes] = []

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    answer_of(serving)
    assert b"accept-encoding: identity\r\n" in asked[0].lower()


@pytest.mark.parametrize(
    ("packing", "name"), [(gzip.compress, "gzip"), (zlib.compress, "deflate")]
)
def test_a_packed_answer_is_read_and_a_bomb_is_not(packing: Packing, name: str) -> None:
    read = answer_of(answering(packing(done(ONE)), f"Content-Encoding: {name}"))
    assert read.status is not None
    bomb = packing(bytes(64 << 20))
    error = error_of(answering(bomb, f"Content-Encoding: {name}"))
    assert type(error) is MaybeSentError
    assert "larger than" in str(error)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (gzip.compress(gzip.compress(bytes(1 << 20))), "gzip, gzip", "not asked for"),
        (b"\x1f\x8b garbage", "gzip", "garbled"),
        (b"x", "br", "not asked for"),
    ],
)
def test_what_cannot_be_unpacked_may_have_been_sent(content: bytes, name: str, words: str) -> None:
    error = error_of(answering(content, f"Content-Encoding: {name}"))
    assert type(error) is MaybeSentError
    assert words in str(error)


@pytest.mark.parametrize("content", [b"[" * 1_000_000, b'{"response":' * 200_000, b"\xff" * 9999])
def test_an_answer_of_any_depth_is_no_answer(content: bytes) -> None:
    assert answer_of(answering(content)).status is None


def test_an_answer_within_the_bounds_of_depth_is_read() -> None:
    deep = b"[" * 500 + b"]" * 500
    content = b'{"response": {"status": {"code": 200, "success": true}, "extra": %b}}' % deep
    assert answer_of(answering(content)).status is not None


def test_a_head_of_any_length_is_given_up() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(200_000):
            writer.write(b"X-%d: %b\r\n" % (number, b"x" * 100))
            await writer.drain()

    assert type(error_of(serving)) is MaybeSentError


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.wait({asyncio.ensure_future(reader.read(1))}, timeout=0.02)

    started = time.monotonic()
    assert type(error_of(serving, timeout_s=0.4)) is MaybeSentError
    assert time.monotonic() - started < 5


def test_credentials_do_not_follow_a_redirect() -> None:
    reached: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def scene() -> Answer:
        async with server(elsewhere) as other:
            moved = answering(b"", f"Location: {other}/steal")

            async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await moved(reader, writer)

            async with server(serving) as url, client_of(url) as client:
                return await client.post([ONE], b"{}", await client.sign())

    assert asyncio.run(scene()).status is None
    assert reached == []


def test_the_bound_is_that_of_one_answer() -> None:
    assert client_module._LARGEST_ANSWER_BYTES == 32 << 20
