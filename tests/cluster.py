"""A Dask cluster of two processes on this machine, for the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from distributed import LocalCluster


@contextmanager
def cluster() -> Iterator[str]:
    """Start it, and give its scheduler's address; its workers have credentials of their own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BULK_REFERRALS_USERNAME", "store123")
        patched.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
        with LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as started:
            yield started.scheduler_address
