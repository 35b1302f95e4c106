"""The stores that the ledger's contract is held over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bulk_referrals.ledger import Ledger, open_ledger

Opening = Callable[[], Ledger]


@pytest.fixture(params=["sqlite"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Open one and the same store, again and again; another store is one more parameter."""
    assert request.param == "sqlite"
    with ExitStack() as opened:

        def open_again() -> Ledger:
            one = open_ledger(tmp_path / "ledger.sqlite3")
            opened.callback(one.close)
            return one

        yield open_again
