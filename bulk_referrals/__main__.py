"""`python -m bulk_referrals`, and the console script: how the process starts and ends.

A small run is mostly start and end, so neither does what is of no use here. (`cli.main` is the
same without this, for whoever calls it from a process of their own.)
"""

import gc
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

# What imports and frames make is not garbage: to look for it so often took a tenth of a run.
_OBJECTS_BETWEEN_COLLECTIONS = 400_000

_ENVIRONMENT = {
    # numpy would start a thread for each core, for linear algebra that nobody asks of it here.
    "OPENBLAS_NUM_THREADS": "1",
    # Pydantic would read the metadata of every distribution installed, to find plugins of its own.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
if sys.platform == "linux":  # elsewhere Arrow does not bring it
    # Of Arrow's allocators the one that takes least memory for columns: a fifth less than its
    # usual one for a million rows, and memory that was never touched costs time, too.
    _ENVIRONMENT["ARROW_DEFAULT_MEMORY_POOL"] = "jemalloc"
    # An arena for each core and not four: what one thread has freed, the next one uses.
    _ENVIRONMENT["JE_ARROW_MALLOC_CONF"] = f"narenas:{os.cpu_count() or 1}"


# Of glibc's <malloc.h>: when to give memory back, when to ask for some apart, and arenas.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def main() -> NoReturn:
    """Run the command line, and leave with its exit code."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    _keep_memory()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    sys.meta_path.insert(0, _ArrowAlone())
    from bulk_referrals.cli import main as run_command  # noqa: PLC0415 - after the above

    try:
        run_command()
    except SystemExit as ending:
        _leave(ending.code)
    _leave(0)


class _ArrowAlone:
    """Has Arrow find no pandas when the work begins.

    Before it makes its first column, Arrow imports pandas if it is installed, in case it is handed
    something of pandas'. Nothing here does, and to import it takes as long as to check tens of
    thousands of rows. It looks only once; whoever imports pandas later gets it, and so does Arrow
    where it is to make a DataFrame.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None, /
    ) -> None:
        """Refuse pandas until the pipeline is imported and has had Arrow look for it."""
        del path, target
        if fullname == "pandas":
            message = f"No module named {fullname!r}"
            raise ModuleNotFoundError(message, name=fullname)
        if fullname == "bulk_referrals.pipeline":
            import pyarrow as pa  # noqa: PLC0415 - help texts do without it

            pa.array([])  # now it looks
            # The list itself is gone through just now: a finder would be left out.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]


def _keep_memory() -> None:
    """Have the C library keep what was freed for what comes next: see mallopt(3).

    Each of numpy's columns that lives for a moment would else be asked of the system, cleared by
    it page by page and given back, which took a twentieth of a run.
    """
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - of use nowhere else

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # so it is where the C library is not glibc
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 256 << 20)
        mallopt(_ARENA_MAX, os.cpu_count() or 1)


def _leave(code: str | int | None) -> NoReturn:
    """End the process with what it wrote written, and nothing taken apart that ends with it.

    To free each object takes as long as a check of thousands of rows. All threads are joined,
    files and the ledger closed by then.
    """
    if isinstance(code, str):
        sys.exit(code)
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # so it is where the caller has closed it
                stream.flush()
    except OSError:  # nobody reads on: what Python does then, and the code that it ends with
        sys.exit(code)
    os._exit(code or 0)


if __name__ == "__main__":
    main()
