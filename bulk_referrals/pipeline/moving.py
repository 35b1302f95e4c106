"""Moving a ledger's keys: out into one file, and in from one."""

import os
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulk_referrals import __version__
from bulk_referrals.config import Settings
from bulk_referrals.errors import UsageError
from bulk_referrals.ledger import Ledger, Merged, open_ledger
from bulk_referrals.ledger.keyfile import Head, KeyFile, write_keys
from bulk_referrals.pipeline.housekeeping import ledger_is_there
from bulk_referrals.pipeline.publishing import UNFINISHED
from bulk_referrals.reporter.files import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: of the file.
        head: what it says of itself.
        unfinished: ids of runs that can be gone on with here, and not where the keys go.
    """

    path: Path
    head: Head
    unfinished: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for machines, without the secret."""
        return {
            "path": str(self.path),
            "invites": self.head.invites,
            "codes": self.head.codes,
            "runs": self.head.runs,
            "unfinished": list(self.unfinished),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was taken in.

    Attributes:
        head: what the file says of itself.
        merged: what of it was not known here.
    """

    head: Head
    merged: Merged

    def as_json(self) -> dict[str, Any]:
        """Return it for machines, without the secret."""
        return {
            "invites": self.head.invites,
            "new_invites": self.merged.invites,
            "changed_invites": self.merged.changed,
            "new_codes": self.merged.codes,
            "new_runs": self.merged.runs,
        }


def export_keys(path: Path, settings: Settings, *, force: bool) -> Exported:
    """Write the keys of a ledger, their states and the secret that they were made with.

    Args:
        path: of the new file (0600).
        settings: where the ledger is.
        force: replace a file that stands there.

    Raises:
        UsageError: there is no ledger, or the path will not do.
        LedgerError: the ledger cannot be used, or a run is using it.
    """
    if not ledger_is_there(settings):
        message = f"{settings.ledger}: there is no ledger to export. Check --ledger."
        raise UsageError(message)
    if not force and (path.exists() or path.is_symlink()):
        message = f"{path}: there is such a file already. Give another name, or --force."
        raise UsageError(message)
    with closing(open_ledger(settings.ledger)) as ledger, ledger.lock(wait_s=settings.wait_s):
        head = _write(ledger, path)
        unfinished = tuple(
            run.run_id
            for run in ledger.runs()
            if run.state in UNFINISHED and run.pruned_at is None
        )
    return Exported(path=path, head=head, unfinished=unfinished)


def _write(ledger: Ledger, path: Path) -> Head:
    try:
        with replacing(path) as lent, lent.open("wb") as file:
            head = write_keys(ledger, file, written_by=__version__, now=datetime.now(UTC))
            # Whoever exports may be about to delete the ledger.
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"{path}: it cannot be written ({error.strerror}). Check the folder."
        raise UsageError(message) from error
    return head


def import_keys(path: Path, settings: Settings) -> Imported:
    """Take the keys of an export into a ledger, all of them or none.

    An empty ledger, also one made for this, takes the secret too; one whose keys were made with
    the same secret is added to: an invite is accepted where either says so, else in doubt where
    either says so. The runs come without their rows.

    Args:
        path: of the export.
        settings: where the ledger is, made where there is none.

    Raises:
        InputError: the file is no export, damaged, or of a newer version.
        LedgerError: the ledger cannot be used, a run is using it, or it holds keys that another
            secret made.
    """
    with (
        KeyFile(path) as keys,
        closing(open_ledger(settings.ledger)) as ledger,
        ledger.lock(wait_s=settings.wait_s),
    ):
        now = datetime.now(UTC)
        without_rows = (replace(run, pruned_at=run.pruned_at or now) for run in keys.runs())
        merged = ledger.merge(keys.head.secret, without_rows, keys.invites(), keys.codes())
        return Imported(head=keys.head, merged=merged)
