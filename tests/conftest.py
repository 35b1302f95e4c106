"""What all tests share: a test that needs a program is skipped without it, but never in CI."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from postgres_server import Server

from bulk_referrals.database import LedgerPlace
from bulk_referrals.ledger import Ledger, open_ledger

# Marker -> the names under which its program may be found.
PROGRAMS = {
    "office": ("soffice", "libreoffice"),
    "browser": ("chromium", "chromium-browser", "google-chrome"),
    "postgres": ("initdb",),
    "systemd": ("systemd-analyze",),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, names in PROGRAMS.items():
        if item.get_closest_marker(marker) is None or any(map(_is_there, names)):
            continue
        absent = f"needs {names[0]}, which is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{absent}; in CI it must be", pytrace=False)
        pytest.skip(absent)


def _is_there(program: str) -> bool:
    # Debian keeps a server's programs off the PATH, as several versions may be there.
    return bool(
        shutil.which(program) or list(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of our own; only tests that are marked `postgres` may ask for it."""
    with Server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerPlace:
    """Where an empty ledger is, in each store in turn; another store is one more parameter."""
    if request.param == "sqlite":
        return tmp_path / "ledger.sqlite3"
    url: LedgerPlace = request.getfixturevalue("postgres").database()
    return url


@pytest.fixture
def opening(place: LedgerPlace) -> Iterator[Callable[[], Ledger]]:
    """Open one and the same ledger, again and again."""
    with ExitStack() as opened:

        def open_again() -> Ledger:
            one = open_ledger(place)
            opened.callback(one.close)
            return one

        yield open_again


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    # An archive's bytes hold the time at which they were made: as part of a test's name they
    # would differ between the processes that share the tests out.
    return argname if isinstance(val, bytes) else None
