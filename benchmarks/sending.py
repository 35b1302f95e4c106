"""Measures sending against the stand-in, which runs in a process of its own on this machine.

How many requests a second leave with no limit set, the ledger on disk, one invite each; and how
much of a set limit is used, against a server with that very limit.

    python benchmarks/sending.py ROWS.csv FIGURES.json [--no-newman]
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import bare
import newman
import numpy as np
import pyarrow as pa

from bulk_referrals.api.following import Following
from bulk_referrals.config import Settings, load_settings
from bulk_referrals.grouper import group, lanes
from bulk_referrals.ledger import RunRecord, open_ledger
from bulk_referrals.loader import load
from bulk_referrals.model import LoadOptions, Outcome, Rules, RunState
from bulk_referrals.pipeline.planning import look_up, plan
from bulk_referrals.pipeline.sitting import endpoint, send
from bulk_referrals.policy import Pace
from bulk_referrals.sandbox import Sandbox, SandboxOptions
from bulk_referrals.validator import validate
from bulk_referrals.wire import payload

SENT_BY_NEWMAN: Final = 2_000
LIMITS: Final = (
    # requests a minute, window of the server's limit in seconds, kind of window
    (3000.0, 60.0, "sliding"),
    (3000.0, 60.0, "fixed"),
    (600.0, 1.0, "sliding"),
    (600.0, 1.0, "fixed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one sitting came to.

    Attributes:
        requests: POSTs made.
        wall_s: from the first to the last.
        cpu_s: of this process, user and system, its journal's thread included.
        refused: answers 429 that the server gave.
        accepted: invites taken.
    """

    requests: int
    wall_s: float
    cpu_s: float
    refused: int
    accepted: int


def checked_rows(count: int) -> pa.Table:
    """Return so many ready rows, each of a referrer of its own."""
    number = np.arange(count)
    texts = {
        "referrer_mobile": [f"98{each + 1_234_567:08d}" for each in number],
        "campaign_token": ["J0H7Q"] * count,
        "type": ["MOBILE"] * count,
        "identifier": [f"97{each + 1_234_567:08d}" for each in number],
        "name": ["Asha Sharma"] * count,
        "invited_on": ["2024-09-10 16:35:52"] * count,
        "referral_code": ["pV7BF"] * count,
    }
    absent = ("referrer_email", "invitee_mobile", "invitee_email", "id", "region")
    columns: dict[str, Any] = {"table": pa.array(np.zeros(count, np.int32)), "row": number + 2}
    columns |= {name: pa.array(cells) for name, cells in texts.items()}
    columns |= dict.fromkeys((*absent, "fault", "fault_detail"), pa.nulls(count, pa.string()))
    rules = Rules(now=datetime.now(UTC), region="IN")
    return validate(pa.table(columns), rules, places=["rows.csv"]).frame


def ready_rows(path: Path) -> pa.Table:
    """Return the rows of a file, checked."""
    rules = Rules(now=datetime.now(UTC), region="IN")
    return validate(load([str(path)], LoadOptions()).rows, rules, places=[str(path)]).frame


def as_columns(checked: pa.Table, names: tuple[str, ...], most: int) -> list[list[str]]:
    """Return the first ready rows as lists of text, in these columns ("token" for short)."""
    ready = checked.filter(checked["outcome"].is_null()).slice(0, most)
    columns = ("campaign_token" if name == "token" else name for name in names)
    cells = (ready[name].fill_null("").to_pylist() for name in columns)
    return list(map(list, zip(*cells, strict=True)))


def as_bodies(checked: pa.Table) -> list[bytes]:
    """Return the bodies of the ready rows, one invite each."""
    planned = group(checked, batch_size=1)
    return [payload(request) for lane in lanes(checked, planned) for request in lane]


@contextmanager
def _settings(url: str, rate: float | None, concurrency: int) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        flags = {
            "host": url,
            "username": "store123",
            "password": "Pass123",
            "ledger": Path(folder, "ledger.sqlite3"),
            "rate": rate,
            "concurrency": concurrency,
        }
        yield load_settings(None, flags)


def measured(
    checked: pa.Table,
    *,
    rate: float | None,
    options: SandboxOptions | None = None,
    concurrency: int = 32,
) -> Sent:
    """Send the rows to a new stand-in, and tell what that took."""
    with Sandbox(options) as sandbox, _settings(sandbox.url, rate, concurrency) as settings:
        ledger = open_ledger(settings.ledger)
        record = RunRecord(
            run_id="bench",
            version="",
            started_at=datetime.now(UTC),
            state=RunState.SENDING,
            target=sandbox.url,
            organisation="bench",
            timezone="UTC",
        )
        ledger.begin(record)
        known = look_up(checked, ledger=ledger, organisation="bench", run_id="bench")
        planned = plan(checked, checked["outcome"].is_null().to_numpy(), settings)
        settled: dict[Outcome, int] = {}
        watch = Following(progress=lambda progress: settled.update(progress.outcomes))
        with endpoint(settings, sandbox=False) as place:
            wall, cpu = time.perf_counter(), time.process_time()
            ended = asyncio.run(
                send(
                    checked,
                    planned,
                    known,
                    run_id="bench",
                    place=place,
                    settings=settings,
                    ledger=ledger,
                    pace=Pace(rate_per_min=settings.rate),
                    watch=watch,
                )
            )
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        ledger.close()
        refused = sandbox.stats()["limited"]
        return Sent(
            requests=ended.figures.sent,
            wall_s=wall,
            cpu_s=cpu,
            refused=refused,
            accepted=settled.get(Outcome.ACCEPTED, 0),
        )


def limited(checked: pa.Table, *, rate: float, window_s: float, window: str) -> dict[str, Any]:
    """Send half a minute's worth to a server with the very limit that is set."""
    options = SandboxOptions(rate_per_min=rate, window_s=window_s, window=window)
    sent = measured(checked.slice(0, int(rate / 2)), rate=rate, options=options)
    used = (sent.requests - 1) / sent.wall_s * 60 / rate
    return {"rate": rate, "window_s": window_s, "window": window, "used": used,
            "refused": sent.refused}  # fmt: skip


def figures(path: Path, *, with_newman: bool) -> dict[str, Any]:
    """Return all figures; the rows of a file are sent beside newman, which sends the first."""
    found: dict[str, Any] = {"free": [], "limited": []}
    alone = checked_rows(10_000)
    bodies = as_bodies(alone)
    for concurrency in (8, 32, 64):
        free = measured(alone, rate=None, concurrency=concurrency)
        clients = {
            name: bare.requests_per_cpu_s(bodies, concurrency, aiohttp=aiohttp)
            for name, aiohttp in (("httpx", False), ("httpx-aiohttp", True))
        }
        found["free"].append({"concurrency": concurrency, "bare": clients, **asdict(free)})
    for rate, window_s, window in LIMITS:
        found["limited"].append(limited(alone, rate=rate, window_s=window_s, window=window))
    rows = ready_rows(path)
    batched = measured(rows, rate=None, concurrency=32)
    found["invitees_per_s"] = batched.accepted / batched.wall_s
    if with_newman:
        some = as_columns(rows, newman.COLUMNS, SENT_BY_NEWMAN)
        found["newman"] = newman.invitees_per_s(some, longest_s=600)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("rows", type=Path, help="a CSV file")
    parser.add_argument("figures", type=Path, help="where to write, as JSON")
    parser.add_argument("--no-newman", action="store_true")
    asked = parser.parse_args()
    found = figures(asked.rows, with_newman=not asked.no_newman)
    print(found, flush=True)
    asked.figures.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
