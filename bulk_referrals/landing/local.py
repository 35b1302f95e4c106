"""Files of this machine: how they look, what is in them, and moving them, never over others."""

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from bulk_referrals.errors import InputError
from bulk_referrals.landing.stores import Sign

_FOLDER_MODE: Final = 0o700


def look(path: Path) -> Sign:
    """Return how a file looks now.

    Raises:
        InputError: it is not there, or cannot be looked at.
    """
    try:
        found = path.stat()
    except OSError as error:
        problem = f"it cannot be looked at ({error.strerror})"
        advice = "Check the folder and the name."
        raise InputError(str(path), problem, advice=advice) from error
    return Sign(size_bytes=found.st_size, changed=f"{found.st_mtime_ns}:{found.st_ino}")


def age_s(path: Path, now_s: float) -> float:
    """Return for how many seconds a file has not changed; negative where its date is to come."""
    with suppress(OSError):
        return now_s - path.stat().st_mtime
    return 0.0


def digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def move(path: Path, target: Path) -> bool:
    """Move a file, whole or not at all, and never over another one.

    Args:
        path: the file.
        target: where to; its folder is made (0700) where there is none.

    Returns:
        False where there is a file at the target already.

    Raises:
        OSError: it cannot be moved; then it is where it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    try:  # an empty file of ours keeps the name: to replace that one hurts nobody
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            target.unlink()
            raise
        _carry(path, target)
    return True


def _carry(path: Path, target: Path) -> None:
    """Copy to another file system, look whether all arrived, then delete."""
    try:
        shutil.copyfile(path, target)
        shutil.copystat(path, target)
        with target.open("rb") as stream:
            os.fsync(stream.fileno())
        is_whole = digest(target) == digest(path)
    except OSError:
        target.unlink()
        raise
    if not is_whole:
        target.unlink()
        raise OSError(errno.EIO, "its copy differs", str(path))
    path.unlink()
