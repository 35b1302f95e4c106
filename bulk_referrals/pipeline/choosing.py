"""Whether a command works in memory or by parts; what it costs to ask is a look at the files."""

from pathlib import Path
from typing import Final

from bulk_referrals.config import Settings
from bulk_referrals.errors import NothingToDoError
from bulk_referrals.ledger import Ledger, RunRecord
from bulk_referrals.loader import find, text_bytes
from bulk_referrals.model import Arrival

PARTS: Final = "parts"  # the frame that the ledger keeps of a run by parts
_STDIN: Final = "-"
# In memory a row takes some sixteen times its text.
_IN_MEMORY: Final = 16


def goes_by_parts(arrival: Arrival, settings: Settings) -> bool:
    """Tell whether a command works by parts: as set, or else by the size of its files."""
    if settings.engine != "auto" or _STDIN in arrival.paths:
        return settings.engine in {"local", "dask"}
    try:
        found, _ = find(arrival.paths, arrival.fetched)
    except NothingToDoError:
        return False
    places = (arrival.fetched.get(path, Path(path)) for path in found)
    return sum(map(text_bytes, places)) > settings.max_memory // _IN_MEMORY


def is_by_parts(ledger: Ledger, record: RunRecord) -> bool:
    """Tell whether a run of the ledger was begun by parts."""
    return ledger.load_frame(record.run_id, PARTS) is not None


def is_lot(run_id: str) -> bool:
    """Tell whether what the ledger keeps as a run is a lot of another one."""
    return "." in run_id
