"""One sitting, in a process forked for it: the real command line, with strikes in place."""

import contextlib
import ctypes
import faulthandler
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

# Imported before the fork: a start is then a matter of milliseconds.
import bulk_referrals.client
import bulk_referrals.ledger.postgres
import bulk_referrals.ledger.sqlite
import bulk_referrals.pipeline
import bulk_referrals.reporter
from bulk_referrals import cli
from bulk_referrals.config import load_settings
from bulk_referrals.sender import Journal
from chaos import inputs, tempo
from chaos.patches import put
from chaos.strikes import Board, Kind, Strikes
from chaos.variants import VARIANTS

if TYPE_CHECKING:
    from chaos.forks import Order

_LONGEST_S: Final = 60.0
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)
_CALLS: Final = "pwrite64,pwritev,write,fdatasync,fsync,ftruncate,sendto,sendmsg,recvfrom,openat"


def sit(order: "Order", board: Board) -> NoReturn:
    """Play the sitting and end this process."""
    code = 70
    try:
        _settle_in(order)
        stuck = Path("stuck.txt").open("w")  # noqa: SIM115 - open for as long as this process is
        faulthandler.dump_traceback_later(_LONGEST_S, exit=True, file=stuck)
        tempo.quicken()
        VARIANTS[order.variant]()
        Strikes(board, Kind(order.kind), order.when).install()
        if order.inject:
            _have_injected(order.inject, when_sending=order.when_sending)
        if order.largest_file_bytes:
            limit = order.largest_file_bytes
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["bulk-referrals", *order.argv]
        cli.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - whoever forked us is to see it
        import traceback  # noqa: PLC0415 - once in a lifetime

        with contextlib.suppress(OSError):
            Path("crash.txt").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _settle_in(order: "Order") -> None:
    os.chdir(order.folder)
    told = os.open("told.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (told, 1), (told, 2)):
        os.dup2(ours, theirs)
    os.environ.update(order.env)


def warm_up() -> None:
    """Check a file before any fork, so that no child has to import or compile what that needs.

    Arrow's threads, which this starts, do not outlive a fork: it makes new ones in the child.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.csv")
        inputs.make(0).write(path)
        settings = load_settings(None, {"reports": Path(folder, "reports")})
        bulk_referrals.pipeline.check([str(path)], settings)
    gc.collect()
    gc.freeze()


def can_trace() -> bool:
    """Tell whether strace is here and may attach to a process of ours."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=getpid", "true"],
        check=False, capture_output=True,
    )  # fmt: skip
    return tried.returncode == 0


def _have_injected(inject: str, *, when_sending: bool) -> None:
    """Have strace inject from now on, or from when the journal is begun."""
    if not when_sending:
        _let_strace_in(inject)
        return
    original = Journal.__aenter__

    async def enter(self: Journal) -> Journal:
        _let_strace_in(inject)
        return await original(self)

    put(Journal, __aenter__=enter)


def _let_strace_in(inject: str) -> None:
    """Have strace attach to this process, and wait until it has."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={_CALLS}",
         "-e", f"inject={inject}", "-p", str(os.getpid())],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text("ascii"):
        if time.monotonic() > deadline:
            message = "strace did not come"
            raise TimeoutError(message)
        time.sleep(0.005)
