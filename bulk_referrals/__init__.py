"""Turn spreadsheets of invitees into referrals, every valid one exactly once.

The command line is `bulk-referrals`; from Python, `check`, `run` and `resume` do the same. They
are imported when they are first asked for, so that importing this package costs nothing.
"""

__version__ = "0.1.0"

__all__ = ["Progress", "RunResult", "__version__", "check", "errors", "resume", "run"]

_API = frozenset({"Progress", "RunResult", "check", "resume", "run"})


def __getattr__(name: str) -> object:
    """Import the API when it is asked for; type checkers read `__init__.pyi`."""
    from importlib import import_module  # noqa: PLC0415 - start-up time

    if name == "errors":
        return import_module("bulk_referrals.errors")
    if name in _API:
        return getattr(import_module("bulk_referrals.api"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """Return what there is, imported or not."""
    return sorted({*globals(), *__all__})
