"""Imports what a command needs after it has read its sources, while it reads them.

Arrow parses, and a workbook's process works, without the interpreter, which can import meanwhile,
and compile the page's template: that takes about as long as reading a hundred thousand rows.
Nothing depends on it. What is imported here is imported where it is used, too, and there it is
that a fault in it is told.
"""

from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Final

# In the order in which they are needed.
_NEEDED_LATER: Final = (
    "bulk_referrals.validator",
    "bulk_referrals.pipeline.publishing",
    "xlsxwriter",
)


def import_ahead() -> None:
    """Begin to import, in a thread of its own."""
    Thread(target=_import, name="import-ahead").start()


def _import() -> None:
    with suppress(Exception):  # told where it is used
        for name in _NEEDED_LATER:
            import_module(name)
        import_module("bulk_referrals.reporter.page").template()
