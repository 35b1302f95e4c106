"""Bringing files here: into a folder of our own, under names of our own, and away again after."""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bulk_referrals.errors import InputError, UsageError
from bulk_referrals.landing.address import Address
from bulk_referrals.landing.stores import Sign, Store

_PREFIX: Final = "bulk-referrals-fetched-"
_ALIVE: Final = "alive.lock"
_LEFT_AFTER_S: Final = 600.0  # a new folder has its lock long before


@contextmanager
def own_folder() -> Iterator[Path]:
    """Lend a folder (0700) for what is fetched; it is deleted at the end.

    What a killed run has left is deleted too: nobody holds its lock any more.

    Raises:
        UsageError: it cannot be made.
    """
    from filelock import FileLock  # noqa: PLC0415 - start-up time

    _sweep(Path(tempfile.gettempdir()))
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        message = f"{tempfile.gettempdir()}: no folder can be made there ({error.strerror}). "
        raise UsageError(message + "Name another place for files in TMPDIR.") from error
    try:
        with FileLock(folder / _ALIVE, mode=0o600):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    from filelock import FileLock, Timeout  # noqa: PLC0415 - start-up time

    for folder in place.glob(f"{_PREFIX}*"):
        try:
            found = folder.lstat()
            fresh = time.time() - found.st_mtime < _LEFT_AFTER_S
            if fresh or found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
                continue
            with FileLock(folder / _ALIVE, timeout=0, mode=0o600):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue  # it is alive, or not ours to delete


def fetch(store: Store, address: Address, sign: Sign, *, into: Path, most_bytes: int) -> str:
    """Bring a file here, and see that it is whole.

    Args:
        store: of the address.
        address: the file.
        sign: how it looked when it was chosen.
        into: the new file here; made with mode 0600.
        most_bytes: what a file may have.

    Returns:
        The sha256 of its bytes, in hex.

    Raises:
        InputError: it is too large, it changes, its store fails, or it finds no room here.
    """
    name = str(address)
    if sign.size_bytes > most_bytes:
        problem = f"it is larger than {most_bytes / (1 << 30):.3g} GiB"
        advice = "Split it, or allow more than twice as much with --max-memory."
        raise InputError(name, problem, advice=advice)
    if shutil.disk_usage(into.parent).free < sign.size_bytes:
        raise _no_room(name, into.parent)
    digest = hashlib.sha256()
    try:
        with open(into, "xb", opener=_private) as file:
            for chunk in store.chunks(address, sign.size_bytes):
                digest.update(chunk)
                file.write(chunk)
    except OSError as error:
        raise _no_room(name, into.parent) from error
    if store.look(address) != sign:
        problem = "it changed while it was being fetched"
        raise InputError(name, problem, advice="Run it again when it is complete.")
    return digest.hexdigest()


def digest(store: Store, address: Address, sign: Sign) -> str:
    """Return the sha256 of a file's bytes where it lies, in hex."""
    read = hashlib.sha256()
    for chunk in store.chunks(address, sign.size_bytes):
        read.update(chunk)
    return read.hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _no_room(name: str, folder: Path) -> InputError:
    advice = "Make room there, or name another place for files in TMPDIR."
    return InputError(name, f"it finds no room in {folder}", advice=advice)
