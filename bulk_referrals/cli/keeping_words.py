"""What verify, prune, export and import say at their end, without a contact or a secret."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bulk_referrals.pipeline.housekeeping import Prunable, Pruned
    from bulk_referrals.pipeline.moving import Exported, Imported
    from bulk_referrals.pipeline.verifying import Verified

_SIZES: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def of_verified(found: "Verified") -> Iterator[str]:
    """Tell what the platform shows of a run."""
    from bulk_referrals.pipeline.verifying import Shown  # noqa: PLC0415 - start-up time

    looked_for = sum(found.counts.values())
    if not looked_for:
        yield f"Run {found.run_id} has no accepted invite, so there is nothing to look for."
        return
    drawn = f" of the {found.accepted:,}" if looked_for < found.accepted else ""
    seed = f" (drawn with --seed {found.seed})" if drawn else ""
    yield (
        f"Looked on {found.target} for {looked_for:,}{drawn} accepted invites of run "
        f"{found.run_id}{seed}."
    )
    meanings = {
        Shown.SHOWN: "shown",
        Shown.MISSING: "missing: not shown, or not yet. Look again later; what stays away is for "
        "the platform's support",
        Shown.UNREAD: "could not be told",
    }
    for which, meaning in meanings.items():
        if found.counts[which]:
            yield f"{found.counts[which]:>9,}  {meaning}."
    if found.repeated:
        yield f"{found.repeated:,} of those shown are listed more than once."
    if found.reading.stop_reason:
        yield f"It was not finished. {found.reading.stop_reason}"
    for path in found.outputs.values():
        yield f"  {path}"


def what_goes(prunable: "Prunable") -> str:
    """Tell what pruning is about to remove, a sentence."""
    return (
        f"The contacts of {_many(len(prunable.runs), 'run')} in the ledger and "
        f"{_many(len(prunable.folders), 'folder')} of reports, of runs that ended before "
        f"{prunable.before:%Y-%m-%d %H:%M} UTC, will be removed for good."
    )


def of_pruned(pruned: "Pruned") -> Iterator[str]:
    """Tell what pruning has removed, or would."""
    prunable = pruned.prunable
    if not (prunable.runs or prunable.folders):
        yield f"Nothing to prune: no run ended before {prunable.before:%Y-%m-%d %H:%M} UTC."
        return
    for run in prunable.runs:
        yield f"  {run.run_id}  in the ledger"
    for folder in prunable.folders:
        yield f"  {folder.path}"
    if not pruned.done:
        yield what_goes(prunable).replace("will be", "would be")
        return
    yield from pruned.left
    yield (
        f"{_many(len(prunable.runs), 'run')} and {_many(len(prunable.folders), 'folder')} pruned, "
        f"{_size(pruned.freed_bytes)} given back. What was sent stays known."
    )


def of_exported(exported: "Exported") -> Iterator[str]:
    """Tell what an export holds."""
    head = exported.head
    yield (
        f"{exported.path} holds {_many(head.invites, 'invite')} of {_many(head.runs, 'run')} and "
        f"{_many(head.codes, 'referral code')}, with the secret of their keys: "
        "keep it like the ledger."
    )
    for run_id in exported.unfinished:
        yield (
            f"Run {run_id} is unfinished, and its rows stay here: resume it here first. Where the "
            "keys go, its invites in doubt are read back when their rows are run again."
        )


def of_imported(imported: "Imported") -> Iterator[str]:
    """Tell what was taken in."""
    merged = imported.merged
    yield (
        f"{_many(imported.head.invites, 'invite')} read: {merged.invites:,} new, "
        f"{merged.changed:,} known here in a lesser state. With them came "
        f"{_many(merged.runs, 'new run')} and {_many(merged.codes, 'new referral code')}."
    )
    yield (
        "Send from one of the two ledgers only from now on: neither learns what the other sends. "
        "Delete the export when it is no longer needed; it holds a secret."
    )


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _size(size_bytes: int) -> str:
    for unit, size in _SIZES:
        if size_bytes >= size:
            return f"{size_bytes / size:,.1f} {unit}"
    return f"{size_bytes} bytes"
