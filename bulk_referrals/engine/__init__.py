"""Where steps are taken: on this machine, or on the workers of a cluster. A port, two engines."""

from bulk_referrals.engine.local import LocalEngine
from bulk_referrals.engine.port import Engine
from bulk_referrals.errors import UsageError

__all__ = ["Engine", "LocalEngine", "open_engine"]


def open_engine(scheduler: str = "") -> Engine:
    """Return the engine of this machine or, with a scheduler's address, of its cluster.

    Raises:
        UsageError: the scheduler cannot be reached, or what it needs is not installed.
    """
    if not scheduler:
        return LocalEngine()
    try:
        from bulk_referrals.engine.cluster import DaskEngine  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = "The engine Dask needs an extra: pip install 'bulk-referrals[dask]'"
        raise UsageError(message) from error
    return DaskEngine(scheduler)
