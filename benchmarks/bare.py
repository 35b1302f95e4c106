"""Sends ready-made bodies with a client and nothing else: no ledger, no throttle, no judgement.

It tells what this machine can do at most just now, with httpx's own pool, which a script would
use, and with the transport that ours uses.
"""

import asyncio
import time
from collections.abc import Sequence

import httpx
from httpx_aiohttp import AiohttpTransport
from newman import TILL

from bulk_referrals.client import REFERRALS_PATH
from bulk_referrals.sandbox import Sandbox


async def _sent(url: str, bodies: Sequence[bytes], concurrency: int, *, aiohttp: bool) -> None:
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    transport = AiohttpTransport(limits=limits) if aiohttp else None
    headers = {"Authorization": TILL, "Content-Type": "application/json"}
    waiting = iter(bodies)
    async with httpx.AsyncClient(headers=headers, transport=transport, limits=limits) as client:

        async def work() -> None:
            for body in waiting:
                (await client.post(url, content=body)).raise_for_status()

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())


def requests_per_cpu_s(bodies: Sequence[bytes], concurrency: int, *, aiohttp: bool) -> float:
    """Return how many requests a second of this process's CPU sends to a new stand-in."""
    with Sandbox() as sandbox:
        cpu = time.process_time()
        url = sandbox.url + REFERRALS_PATH
        asyncio.run(_sent(url, bodies, concurrency, aiohttp=aiohttp))
        return len(bodies) / (time.process_time() - cpu)
