"""One rate for all: several real runs at once, against a platform that counts.

That nearly all of the rate is used, against that very limit, is shown by
`benchmarks/shared_rate.py`, on a machine that has nothing else to do. Here others work too, and a
machine that stands still for a second lets a second's requests arrive together: so the platform
allows a tenth more than the runs keep to, and most of the rate is enough.
"""

from pathlib import Path

import pytest
from fleet import Fleet
from postgres_server import Server
from windows import busiest

from bulk_referrals.sandbox import Sandbox, SandboxOptions

pytestmark = pytest.mark.postgres

RATE_PER_MIN = 600
WINDOW_S = 20.0
ALLOWED_PER_MIN = RATE_PER_MIN * 1.1
MOST = int(ALLOWED_PER_MIN * WINDOW_S / 60)


def test_four_runs_that_come_and_go_never_exceed_the_one_rate_together(
    postgres: Server, tmp_path: Path
) -> None:
    options = SandboxOptions(rate_per_min=ALLOWED_PER_MIN, window_s=WINDOW_S)
    with (
        Sandbox(options) as platform,
        Fleet(folder=tmp_path, platform=platform, ledger=postgres.database().secret,
              rate=f"{RATE_PER_MIN}/min") as fleet,
    ):  # fmt: skip
        doomed, other = fleet.begin(200), fleet.begin(80)
        fleet.wait_until(lambda: len(fleet.sent(doomed)) >= 10 and len(fleet.sent(other)) >= 10)
        fleet.begin(80)
        fleet.workers[doomed].kill()
        fleet.begin(80)
        assert fleet.wait() == [-9, 0, 0, 0]
        moments, stats = fleet.sent(), platform.stats()
    assert stats["limited"] == 0
    assert busiest(moments, WINDOW_S) <= stats["rate_peak"] <= MOST
    assert busiest(moments, WINDOW_S) > MOST / 2
