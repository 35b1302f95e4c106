"""The folders of reports that are ours, and how they are removed without touching anything else.

A folder is ours when its name is a run's, and its `run.json` says the same; or, where that is
missing, when the ledger knows the run. Removed are only files that we wrote, by name; a link is
never followed. What somebody else put there stays, and so does the folder then.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bulk_referrals.reporter import MANIFEST
from bulk_referrals.reporter.verified import VERIFIED

_RUN_ID: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")
_LENT: Final = re.compile(r"\.(.+)\.\d+\.part")  # left by a command that was killed
_ENTERED: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_LARGEST_MANIFEST_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFolder:
    """A folder of one run's report.

    Attributes:
        path: of the folder.
        manifest: the content of its `run.json`; empty where there is none.
    """

    path: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run that it tells of."""
        return self.path.name

    def remove(self) -> int:
        """Remove what we wrote, and the folder with it where that leaves it empty.

        `run.json` goes last: a folder that could not be removed in full is known again.

        Returns:
            Bytes of the files removed.

        Raises:
            OSError: something could not be removed.
        """
        size_bytes = 0
        folder = os.open(self.path, _ENTERED)
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if self._is_ours(entry.name)]
            for name in sorted(names, key=MANIFEST.__eq__):
                size_bytes += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)
        self.path.rmdir()
        return size_bytes

    def holds_ours(self) -> bool:
        """Tell whether anything that we wrote is in it."""
        return any(self._is_ours(each.name) for each in self.path.iterdir())

    def _is_ours(self, name: str) -> bool:
        lent = _LENT.fullmatch(name)
        written = lent[1] if lent else name
        outputs = self.manifest.get("outputs")
        told = outputs if isinstance(outputs, dict) else {}
        return written in {MANIFEST, VERIFIED} or written in told


def report_folders(reports: Path, known: Collection[str]) -> Iterator[ReportFolder]:
    """Yield the folders of reports that are ours, in the order of their names.

    Args:
        reports: where they are.
        known: ids of the ledger's runs.
    """
    if not reports.is_dir():
        return
    for path in sorted(reports.iterdir()):
        if _RUN_ID.fullmatch(path.name) is None or path.is_symlink() or not path.is_dir():
            continue
        folder = ReportFolder(path=path, manifest=_manifest(path))
        is_named = folder.manifest.get("run_id") == path.name
        if is_named or (not folder.manifest and path.name in known and folder.holds_ours()):
            yield folder


def _manifest(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's `run.json`; empty where there is none that can be read."""
    path = folder / MANIFEST
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST_MANIFEST_BYTES:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
