"""Pruning: the contacts of old runs go, and what keeps an invite from going twice stays.

Of a run that is finished, its rows (frames) and results leave the ledger, and its folder leaves
the reports. Its record, with its figures, and the keyed hashes of its invites stay. A run that
could still be gone on with is never touched.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bulk_referrals.config import Settings
from bulk_referrals.errors import LedgerError, UsageError
from bulk_referrals.ledger import RunRecord, open_ledger
from bulk_referrals.model import RunState
from bulk_referrals.pipeline.report_folders import ReportFolder, report_folders

_AGE: Final = re.compile(r"(\d{1,5})\s*([dw])", re.IGNORECASE | re.ASCII)
_DAYS: Final = {"d": 1, "w": 7}
_SETTLED: Final = frozenset({RunState.FINISHED, RunState.CHECKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """What is old enough to go.

    Attributes:
        before: aware, UTC; runs that finished earlier are old enough.
        runs: whose rows are still in the ledger.
        folders: of reports.
    """

    before: datetime
    runs: tuple[RunRecord, ...]
    folders: tuple[ReportFolder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning has come to.

    Attributes:
        prunable: what was to go.
        done: it was asked for, and not only shown.
        freed_bytes: disk space given back.
        left: a sentence for each thing that did not go.
    """

    prunable: Prunable
    done: bool
    freed_bytes: int = 0
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where all is gone that was to go, else 1."""
        return 1 if self.left else 0

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "before": self.prunable.before.isoformat(),
            "runs": [run.run_id for run in self.prunable.runs],
            "folders": [str(folder.path) for folder in self.prunable.folders],
            "done": self.done,
            "freed_bytes": self.freed_bytes,
            "left": list(self.left),
        }


def ledger_is_there(settings: Settings) -> bool:
    """Tell whether there is a ledger, so that none is made only to find it empty."""
    return not isinstance(settings.ledger, Path) or settings.ledger.exists()


def parse_age(text: str) -> timedelta:
    """Read "90d" or "12w".

    Raises:
        UsageError: it is neither.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        message = f'--older-than "{text}": write it as 90d (days) or 12w (weeks).'
        raise UsageError(message)
    return timedelta(days=int(match[1]) * _DAYS[match[2].lower()])


def prune(
    settings: Settings,
    older_than: timedelta,
    *,
    dry_run: bool,
    agreed: Callable[[Prunable], bool],
) -> Pruned:
    """Remove the reports and the contacts of finished runs that are old enough.

    Args:
        settings: where the ledger and the reports are.
        older_than: how long ago a run must have finished.
        dry_run: only tell what would go.
        agreed: asked before anything goes.

    Raises:
        UsageError: it was not agreed; nothing was removed.
        LedgerError: the ledger cannot be used, or a run is using it; nothing was removed, or
            not all.
    """
    before = datetime.now(UTC) - older_than
    prunable = _prunable(settings, before)
    if dry_run or not (prunable.runs or prunable.folders):
        return Pruned(prunable=prunable, done=not dry_run)
    if not agreed(prunable):
        message = "You said no, so nothing was removed."
        raise UsageError(message)
    left: list[str] = []
    freed_bytes = _forget(settings, prunable.runs, left)
    for folder in prunable.folders:
        try:
            freed_bytes += folder.remove()
        except OSError as error:
            left.append(f"{folder.path}: it was not removed, or not all of it ({error.strerror}).")
    return Pruned(prunable=prunable, done=True, freed_bytes=freed_bytes, left=tuple(left))


def _prunable(settings: Settings, before: datetime) -> Prunable:
    known: dict[str, RunRecord] = {}
    if ledger_is_there(settings):
        with closing(open_ledger(settings.ledger)) as ledger:
            known = {run.run_id: run for run in ledger.runs()}
    old = {run_id for run_id, run in known.items() if _is_old(run, before)}
    return Prunable(
        before=before,
        runs=tuple(known[each] for each in known if each in old and not known[each].pruned_at),
        folders=tuple(
            folder
            for folder in report_folders(settings.reports, known)
            if (folder.run_id in old if folder.run_id in known else _was_old(folder, before))
        ),
    )


def _is_old(run: RunRecord, before: datetime) -> bool:
    """Tell whether a run has come to its end, and when."""
    done = run.state in _SETTLED and run.exit_code is not None
    return done and run.finished_at is not None and run.finished_at < before


def _was_old(folder: ReportFolder, before: datetime) -> bool:
    """Tell the same of a run that this ledger does not know, such as a check, by its manifest."""
    manifest: Mapping[str, Any] = folder.manifest
    with suppress(ValueError, TypeError, KeyError):
        finished_at = datetime.fromisoformat(manifest["finished_at"])
        return manifest["state"] in _SETTLED and finished_at < before
    return False


def _forget(settings: Settings, runs: tuple[RunRecord, ...], left: list[str]) -> int:
    """Delete the rows and results of runs, one after another, and return the bytes given back."""
    if not runs:
        return 0
    with (
        closing(open_ledger(settings.ledger)) as ledger,
        ledger.lock(wait_s=settings.wait_s),
    ):
        now = datetime.now(UTC)
        for run in runs:
            ledger.forget(replace(run, pruned_at=now))
        try:
            return ledger.compact()
        except LedgerError as error:
            left.append(f"The contacts are deleted, but the disk space is not free yet: {error}")
            return 0
