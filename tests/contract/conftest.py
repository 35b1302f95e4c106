"""The stores that the ledger's contract is held over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bulk_referrals.database import LedgerPlace
from bulk_referrals.ledger import Ledger, open_ledger

Opening = Callable[[], Ledger]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerPlace:
    """Where an empty store is, of each kind in turn; another store is one more parameter."""
    if request.param == "sqlite":
        return tmp_path / "ledger.sqlite3"
    url: LedgerPlace = request.getfixturevalue("postgres").database()
    return url


@pytest.fixture
def opening(place: LedgerPlace) -> Iterator[Opening]:
    """Open one and the same store, again and again."""
    with ExitStack() as opened:

        def open_again() -> Ledger:
            one = open_ledger(place)
            opened.callback(one.close)
            return one

        yield open_again
