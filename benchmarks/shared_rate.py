"""Measures one rate shared by several real runs, against a stand-in with that very limit.

Each run is a process with connections of its own to one ledger in PostgreSQL. Used is what the
platform took while all of them sent, as a share of the rate.

    python benchmarks/shared_rate.py [WORKERS] [SECONDS]
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fleet import Fleet, busiest
from postgres_server import Server

from bulk_referrals.sandbox import Sandbox, SandboxOptions

LIMITS = ((300.0, 60.0), (1200.0, 60.0), (1200.0, 10.0), (6000.0, 60.0))  # a minute; window, s


def measured(server: Server, workers: int, seconds: float, rate: float, window_s: float) -> str:
    options = SandboxOptions(rate_per_min=rate, window_s=window_s)
    each = max(int(rate / 60 * seconds / workers), 4)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(options) as platform,
        Fleet(folder=Path(folder), platform=platform, ledger=server.database().secret,
              rate=f"{rate:g}/min") as fleet,
    ):  # fmt: skip
        numbers = [fleet.begin(each) for _ in range(workers)]
        codes = fleet.wait()
        by_worker = [fleet.sent(number) for number in numbers]
        begin, end = max(one[0] for one in by_worker), min(one[-1] for one in by_worker)
        within = sum(begin <= moment < end for moment in fleet.sent())
        used = within / ((end - begin) * rate / 60)
        full = busiest(fleet.sent(), window_s) / (rate * window_s / 60)
        refused = platform.stats()["limited"]
    return (
        f"{workers} workers, {rate:6.0f}/min, window {window_s:3.0f} s: used {used:6.1%} over "
        f"{end - begin:5.1f} s; fullest window {full:6.1%}; refused {refused}; exits {codes}"
    )


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0  # noqa: PLR2004 - an argument
    with Server() as server:
        for rate, window_s in LIMITS:
            print(measured(server, workers, seconds, rate, window_s), flush=True)


if __name__ == "__main__":
    main()
