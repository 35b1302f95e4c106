"""Files that appear whole or not at all, and that only their owner can read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make the folder, with its parents, readable by its owner only (0700), and return it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a fresh empty file (0600) beside `path`; it takes the place of `path` at the end.

    Where the body raises, the lent file is removed and whatever stood at `path` stays.
    """
    lent = path.with_name(f".{path.name}.{os.getpid()}.part")
    lent.unlink(missing_ok=True)
    os.close(os.open(lent, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield lent
        lent.chmod(0o600)
        lent.replace(path)
    finally:
        lent.unlink(missing_ok=True)
