"""Group commit: what many senders want written at once becomes one durable transaction.

The ledger is written in a thread of its own, so that the event loop never waits for the disk.
While one transaction is being made durable, the entries that arrive gather for the next.
"""

import asyncio
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, Self

from bulk_referrals.errors import LedgerError
from bulk_referrals.ledger import Entry, Intent, Ledger, Withheld

_LARGEST_BATCH: Final = 1000

_Withheld = Mapping[bytes, Withheld]
_Pending = tuple[Entry, asyncio.Future[_Withheld]]


class Journal:
    """Writes entries to the ledger; `write` returns when its entry is durable.

    Args:
        ledger: used by the journal's thread alone between enter and exit.
        run_id: the run that the entries belong to.
    """

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._queue: SimpleQueue[_Pending | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="journal", daemon=True)

    async def __aenter__(self) -> Self:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Write what is queued, then end the thread."""
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    async def write(self, entry: Entry) -> _Withheld:
        """Make an entry durable, after all that were written before it.

        Returns:
            Of an intent, its invites that may not leave; then it is not applied (see the port).

        Raises:
            LedgerError: it is not durable; nothing that rests on it may be done.
        """
        done: asyncio.Future[_Withheld] = self._loop.create_future()
        self._queue.put((entry, done))
        return await done

    async def make_sure(self) -> None:
        """Return when what has been journaled is certainly still ours to act on.

        Raises:
            LedgerError: it is not, or nobody can tell; nothing may leave any more.
        """
        if not self._ledger.is_held():
            await self._loop.run_in_executor(None, self._ledger.renew)

    def _work(self) -> None:
        closing = False
        while not closing:
            taken = [self._queue.get(), *self._waiting()]
            batch = [pending for pending in taken if pending is not None]
            closing = len(batch) < len(taken)
            come_to = self._write(batch)
            self._loop.call_soon_threadsafe(_settle, batch, come_to)

    def _waiting(self) -> list[_Pending | None]:
        taken: list[_Pending | None] = []
        try:
            while len(taken) < _LARGEST_BATCH:
                taken.append(self._queue.get_nowait())
        except Empty:
            pass
        return taken

    def _write(self, batch: Sequence[_Pending]) -> _Withheld | LedgerError:
        try:
            if batch:
                return self._ledger.write(self._run_id, [entry for entry, _ in batch])
        except LedgerError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a waiter left waiting would hang the run
            return LedgerError(f"the ledger failed ({type(error).__name__})")
        return {}


def _settle(batch: Sequence[_Pending], come_to: _Withheld | LedgerError) -> None:
    for entry, done in batch:
        if done.done():
            continue
        if isinstance(come_to, LedgerError):
            done.set_exception(come_to)
        else:
            done.set_result(_of(entry, come_to))


def _of(entry: Entry, withheld: _Withheld) -> _Withheld:
    """Return what was withheld of one entry."""
    if not withheld or not isinstance(entry, Intent):
        return {}
    return {key: withheld[key] for key, _ in entry.invites if key in withheld}
