"""Acting out a reply: as it is, or with the symptom of its fault."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bulk_referrals.sandbox.answers import MESSAGES, RefusalError, error_answer, http_status
from bulk_referrals.sandbox.exchange import Exchange
from bulk_referrals.sandbox.faults import Fault, Symptom
from bulk_referrals.sandbox.options import SandboxOptions

_HTML: Final = "text/html; charset=utf-8"
_LOGIN: Final = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form method=post>"
    b"<input name=user><input name=password type=password></form></body></html>"
)
_DEPTH: Final = 100_000
_GARBAGE_BYTES: Final = 512
# Symptoms that are a request-level answer of their own.
_CODED: Final = (
    Symptom.E500,
    Symptom.E502,
    Symptom.E503,
    Symptom.E504,
    Symptom.E461,
    Symptom.E429,
    Symptom.E517,
    Symptom.E521,
    Symptom.E1060,
)
# Symptoms under which the client still gets the true answer.
_TRUE: Final = (Symptom.SLOW, Symptom.HUGE, Symptom.LAG, Symptom.STALE, Symptom.E1222)
_GATEWAY: Final = (Symptom.E502, Symptom.E503, Symptom.E504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The true answer, and the fault that may keep it from the client.

    Attributes:
        code: request-level, of the body.
        status: HTTP.
        body: JSON.
        headers: besides the usual ones.
        fault: what goes wrong, or None.
    """

    code: int
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    @property
    def shown_code(self) -> int:
        """The request-level code that the client gets to see; 0 if it sees none."""
        if self.fault is None or self.fault.symptom in _TRUE:
            return self.code
        return int(self.fault.symptom) if self.fault.symptom in _CODED else 0


def json_reply(
    content: Any,  # noqa: ANN401 - any JSON
    *,
    code: int = 200,
    status: int = 200,
    fault: Fault | None = None,
) -> Reply:
    """Return a reply of that content."""
    return Reply(code=code, status=status, body=orjson.dumps(content), fault=fault)


def refused(refusal: RefusalError) -> Reply:
    """Return the reply to a request that was refused as a whole."""
    return Reply(
        code=refusal.code,
        status=http_status(refusal.code),
        body=orjson.dumps(error_answer(refusal.code, refusal.message)),
        headers=refusal.headers,
    )


async def act_out(exchange: Exchange, reply: Reply, options: SandboxOptions) -> None:
    """Give the reply, or do what its fault says."""
    if reply.fault is None:
        headers = reply.headers.items()
        await exchange.answer(reply.status, reply.body, headers=headers)
        return
    symptom = reply.fault.symptom
    if symptom in _CODED:
        await _answer_code(exchange, symptom)
        return
    match symptom:
        case Symptom.RESET:
            await exchange.reset()
        case Symptom.CLOSE:
            await exchange.close()
        case Symptom.HANG:
            await exchange.hang()
        case Symptom.CUT:
            await exchange.cut(reply.status, reply.body)
        case Symptom.SLOW:
            await exchange.drip(reply.status, reply.body, over_s=options.slow_s)
        case Symptom.HUGE:
            await exchange.pad(reply.status, reply.body, size_bytes=options.huge_bytes)
        case _:
            await _answer_otherwise(exchange, reply, symptom, options)


async def _answer_code(exchange: Exchange, symptom: Symptom) -> None:
    code = int(symptom)
    if symptom in _GATEWAY:
        page = f"<html><body><h1>{code} {MESSAGES[code]}</h1></body></html>".encode()
        await exchange.answer(code, page, content_type=_HTML)
        return
    headers = [("Retry-After", "1")] if symptom is Symptom.E429 else []
    body = orjson.dumps(error_answer(code))
    await exchange.answer(http_status(code), body, headers=headers)


async def _answer_otherwise(
    exchange: Exchange, reply: Reply, symptom: Symptom, options: SandboxOptions
) -> None:
    match symptom:
        case Symptom.GARBAGE:
            # Seeded with the request's id, so that a failure can be looked at again.
            garbage = random.Random(exchange.request_id).randbytes(_GARBAGE_BYTES)  # noqa: S311
            await exchange.answer(200, garbage)
        case Symptom.EMPTY:
            await exchange.answer(200, b"")
        case Symptom.DEEP:
            await exchange.answer(200, b"[" * _DEPTH + b"]" * _DEPTH)
        case Symptom.HTML:
            await exchange.answer(200, _LOGIN, content_type=_HTML)
        case Symptom.HTML502:
            await exchange.answer(502, _LOGIN, content_type=_HTML)
        case Symptom.REDIRECT:
            headers = [("Location", options.redirect_to)]
            await exchange.answer(307, b"", headers=headers)
        case _:
            await exchange.answer(reply.status, reply.body, headers=reply.headers.items())
