"""The commands that look after what runs have left: verify, prune, export, import."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from bulk_referrals.cli import keeping_words as words
from bulk_referrals.cli import options as o
from bulk_referrals.cli.closing import Style
from bulk_referrals.cli.commands import given_flags, settings_of
from bulk_referrals.errors import UsageError

# Typer reads the flags off a command's parameters, as in `commands`.
# ruff: noqa: PLR0913, PLR0917, FBT002, ARG001

Result = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def verify(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `runs` shows it.")],
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1, help="Only so many, drawn by chance."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="Draw the sample with this seed again."),
    ] = None,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: Result = False,
    quiet: o.Quiet = False,
    host: o.Host = None,
    proxy: o.Proxy = None,
    timeout: o.Timeout = None,
    rate: o.Rate = None,
    concurrency: o.Concurrency = None,
) -> None:
    """Look for a run's accepted invites on the platform. Sends nothing."""
    from bulk_referrals.pipeline.verifying import verify as verified  # noqa: PLC0415 - start-up time

    found = verified(
        run_id,
        given_flags(ctx),
        config=config,
        sample=sample,
        seed=seed,
        observe=_progress(quiet=quiet),
    )
    _show(found.as_json(), words.of_verified(found), as_json=as_json, quiet=quiet)
    raise typer.Exit(found.exit_code)


def prune(
    ctx: typer.Context,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="90d", help="Runs that ended so long ago.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: Result = False,
    quiet: o.Quiet = False,
) -> None:
    """Remove reports and contacts of old finished runs; what was sent stays known."""
    from bulk_referrals.pipeline import housekeeping as room  # noqa: PLC0415 - start-up time

    pruned = room.prune(
        settings_of(ctx),
        room.parse_age(older_than),
        dry_run=dry_run,
        agreed=lambda prunable: _agreed(words.what_goes(prunable), yes=yes),
    )
    _show(pruned.as_json(), words.of_pruned(pruned), as_json=as_json, quiet=quiet)
    raise typer.Exit(pruned.exit_code)


def export(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Of the new file.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    config: o.Config = None,
    profile: o.Profile = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: Result = False,
    quiet: o.Quiet = False,
) -> None:
    """Write the ledger's keys, which tell what was sent, into one file."""
    from bulk_referrals.pipeline.moving import export_keys  # noqa: PLC0415 - start-up time

    exported = export_keys(path, settings_of(ctx), force=force)
    _show(exported.as_json(), words.of_exported(exported), as_json=as_json, quiet=quiet)


def import_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Of an export.")],
    config: o.Config = None,
    profile: o.Profile = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: Result = False,
    quiet: o.Quiet = False,
) -> None:
    """Take the keys of an export into this ledger."""
    from bulk_referrals.pipeline.moving import import_keys  # noqa: PLC0415 - start-up time

    imported = import_keys(path, settings_of(ctx))
    _show(imported.as_json(), words.of_imported(imported), as_json=as_json, quiet=quiet)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(prune)
    app.command()(export)
    app.command("import")(import_)


def _show(result: dict[str, Any], told: Iterable[str], *, as_json: bool, quiet: bool) -> None:
    """Print the result on stdout where that is asked for, and the words on stderr."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    if not quiet:
        style = Style.of(sys.stderr)
        for sentence in told:
            for line in style.wrapped(sentence):
                sys.stderr.write(f"{line}\n")


def _agreed(what: str, *, yes: bool) -> bool:
    """Ask on a terminal; elsewhere only `--yes` will do."""
    if yes:
        return True
    if not sys.stdin.isatty():
        message = f"{what} Give --yes to do so without being asked; nothing was removed."
        raise UsageError(message)
    sys.stderr.write(f"{what} Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _progress(*, quiet: bool) -> Callable[[int, int], None]:
    """Return what shows how many referrers were read: a bar on a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        return lambda _done, _all: None
    from tqdm import tqdm  # noqa: PLC0415 - start-up time

    bar = tqdm(total=0, unit=" referrers", desc="Reading back", file=sys.stderr)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show
