"""The Python API: `bulk_referrals.check`, `run` and `resume`.

They do what the commands of the same names do, print nothing, and give back a `RunResult`; a row
that is refused is part of that, never an exception. What stops a run is a `BulkReferralsError`.

Settings are keyword arguments under the names of the configuration reference, over the
environment and the configuration file.

Threads: calls may run side by side in several threads, each on a ledger of its own; on one ledger
a second run waits `wait_s` seconds for the first and then raises `LedgerBusyError`. In the main
thread Ctrl-C and SIGTERM end a run cleanly, as on the command line: the result's state is
`interrupted`, and `resume` goes on.

Event loops: the calls block. Where one is running already, as in Jupyter, the work is done in a
thread of its own meanwhile; in asyncio code use `await asyncio.to_thread(run, …)`, so that the
loop goes on.
"""

import asyncio
import contextvars
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack

from bulk_referrals.api.following import Following
from bulk_referrals.api.keywords import Keywords
from bulk_referrals.api.results import Progress, RunResult, result_of
from bulk_referrals.errors import UsageError

if TYPE_CHECKING:
    from bulk_referrals.config import Settings
    from bulk_referrals.pipeline.publishing import Finished

__all__ = ["Progress", "RunResult", "check", "resume", "run"]

Source = str | os.PathLike[str]


def check(
    files: Source | Sequence[Source],
    *,
    config: Path | None = None,
    payloads: bool = False,
    stdin: BinaryIO | None = None,
    **settings: Unpack[Keywords],
) -> RunResult:
    """Read and check the files, and write the report. Sends nothing, needs no credentials.

    Args:
        files: a path, glob, folder or address, or several; "-" reads `stdin`.
        config: a TOML file with settings.
        payloads: also write `payloads.jsonl`, the exact requests that a run would send.
        stdin: what "-" reads.
        **settings: see the configuration reference.

    Returns:
        The figures; what is ready to be sent is `not_sent`.

    Raises:
        UsageError: a setting is wrong, or a file cannot be read (`InputError`).
        OSError: the report cannot be written.
    """
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    loaded, listed = _settings(config, settings), _listed(files)
    return result_of(pipeline.check(listed, loaded, payloads=payloads, stdin=stdin))


def run(
    files: Source | Sequence[Source],
    *,
    config: Path | None = None,
    sandbox: bool = False,
    progress: Callable[[Progress], None] | None = None,
    stdin: BinaryIO | None = None,
    **settings: Unpack[Keywords],
) -> RunResult:
    """Check the files, send what is ready, and write the report. Asks nobody before it sends.

    Args:
        files: as for `check`.
        config: a TOML file with settings.
        sandbox: send to the stand-in, started for this run.
        progress: called when sending begins and with each batch of settled rows, in the thread
            that sends: let it be quick. What it raises ends the run cleanly, and is raised then.
        stdin: what "-" reads.
        **settings: see the configuration reference.

    Raises:
        UsageError: a setting or a credential is wrong, or a file cannot be read (`InputError`);
            nothing was sent.
        LedgerError: the ledger cannot be used; nothing was sent. `LedgerBusyError`: another run
            holds it.
        StoppedError: something was sent, and only the report could not be made.
    """
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    loaded, listed = _settings(config, settings), _listed(files)
    watch = Following(progress=progress)
    return _followed(
        lambda: pipeline.run(listed, loaded, sandbox=sandbox, watch=watch, stdin=stdin), watch
    )


def resume(
    run_id: str | None = None,
    *,
    config: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    **settings: Unpack[Keywords],
) -> RunResult:
    """Go on with a run that stopped, from the ledger; its files are not needed.

    Args:
        run_id: the run; None for the last unfinished one.
        config: a TOML file with settings; None takes that of the run.
        progress: as for `run`.
        **settings: what wins over the run's own settings; its `ledger`, where that is not the
            usual one.

    Raises:
        UsageError: there is no such run, or nothing to go on with.
        LedgerError: the ledger cannot be used. `LedgerBusyError`: another run holds it.
        StoppedError: something was sent, and only the report could not be made.
    """
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    watch = Following(progress=progress)
    return _followed(
        lambda: pipeline.resume(run_id, dict(settings), config=config, watch=watch), watch
    )


def _settings(config: Path | None, settings: Keywords) -> "Settings":
    from bulk_referrals.config import load_settings  # noqa: PLC0415 - start-up time

    return load_settings(config, dict(settings))


def _listed(files: Source | Sequence[Source]) -> list[str]:
    each = [files] if isinstance(files, str | os.PathLike) else list(files)
    if not each:
        message = "There are no files to read. Name at least one."
        raise UsageError(message)
    return [os.fspath(one) for one in each]


def _followed(act: "Callable[[], Finished]", watch: Following) -> RunResult:
    """Do it here, or in a thread of its own where an event loop is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        finished = act()
    else:
        finished = _in_a_thread(act, watch)
    if watch.trouble is not None:
        watch.trouble.add_note(f"Run {finished.report.run_id} was stopped and can be resumed.")
        raise watch.trouble
    return result_of(finished)


def _in_a_thread(act: "Callable[[], Finished]", watch: Following) -> "Finished":
    with ThreadPoolExecutor(max_workers=1) as pool, _ended_by_interrupt(watch):
        return pool.submit(contextvars.copy_context().run, act).result()


@contextmanager
def _ended_by_interrupt(watch: Following) -> Iterator[None]:
    """Let the first Ctrl-C, or a notebook's button, end the run cleanly; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are not for us
        return
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        watch.stop()

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
