"""One exchange over ASGI: reading the request, answering it, and every way of not answering."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# The ASGI extension under which our server hands over its transport.
TRANSPORT: Final = "sandbox.transport"
_JSON: Final = "application/json"
_DRIPS: Final = 10
_CHUNK_BYTES: Final = 1 << 20


class Exchange:
    """One request and what is done about it."""

    __slots__ = ("_receive", "_send", "headers", "request_id", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
        """Take an ASGI request; `request_id` goes out as `X-Cap-Requestid`."""
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id
        self._receive = receive
        self._send = send

    async def body(self) -> bytes:
        """Return the whole body of the request."""
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await self._receive()
            body += message.get("body", b"")
        return body

    async def answer(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = _JSON,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer in full."""
        await self._begin(status, len(body), content_type, headers)
        await self._send({"type": "http.response.body", "body": body})

    async def drip(self, status: int, body: bytes, *, over_s: float) -> None:
        """Answer in full, the body in ten pieces spread over so many seconds."""
        await self._begin(status, len(body), _JSON)
        step = -(-len(body) // _DRIPS)
        for start in range(0, len(body), step):
            await asyncio.sleep(over_s / _DRIPS)
            await self._part(body[start : start + step])
        await self._send({"type": "http.response.body", "body": b""})

    async def pad(self, status: int, body: bytes, *, size_bytes: int) -> None:
        """Answer in full, the JSON followed by blanks up to that size."""
        left = max(0, size_bytes - len(body))
        await self._begin(status, len(body) + left, _JSON)
        await self._part(body)
        while left:
            await self._part(b" " * min(left, _CHUNK_BYTES))
            left -= min(left, _CHUNK_BYTES)
        await self._send({"type": "http.response.body", "body": b""})

    async def cut(self, status: int, body: bytes) -> None:
        """Announce the whole body, send half of it, and close the connection."""
        await self._begin(status, len(body), _JSON)
        await self._part(body[: len(body) // 2])
        await self.close()

    async def close(self) -> None:
        """Close the connection in order (FIN), with nothing more."""
        self._transport().close()
        await self.hang()

    async def reset(self) -> None:
        """Reset the connection (RST), with nothing more."""
        transport = self._transport()
        with contextlib.suppress(OSError):
            # A linger of 0 seconds makes the kernel send RST in place of FIN (socket(7)). On a
            # duplicate, as an event loop may not let its own socket be touched.
            fd = transport.get_extra_info("socket").fileno()
            with socket.socket(fileno=socket.dup(fd)) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await self.hang()

    async def hang(self) -> None:
        """Answer nothing until the client goes away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _begin(
        self, status: int, length: int, content_type: str, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        head = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % length),
            (b"x-cap-requestid", self.request_id.encode()),
        ]
        head += [(name.lower().encode(), text.encode()) for name, text in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _part(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport | None = self.scope.get("extensions", {}).get(TRANSPORT)
        if transport is None:
            # In process there is no connection to break: the caller sees what a client would.
            msg = "the sandbox broke the connection"
            raise ConnectionResetError(msg)
        return transport
