"""The commands. Each turns its flags into settings, calls one use case, and shows its ending."""

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bulk_referrals import __version__
from bulk_referrals.cli import options as o
from bulk_referrals.cli.console import Console
from bulk_referrals.errors import UsageError

if TYPE_CHECKING:
    from bulk_referrals.config import Settings
    from bulk_referrals.pipeline.publishing import Finished

# Typer reads the flags off a command's parameters, so they are many, positional and sometimes
# boolean; most are read through the context, under the names of their settings.
# ruff: noqa: PLR0913, PLR0917, FBT002, ARG001

app = typer.Typer(
    name="bulk-referrals",
    help="Turn spreadsheets of invitees into referrals, every valid one exactly once.",
    epilog="Exit codes: 0 all well, 1 some rows need a person, 2 nothing was begun, "
    "3 stopped early, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would double the time to show a help text
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def given_flags(ctx: typer.Context) -> dict[str, Any]:
    """Return setting -> value of the flags that were given; their names are the settings'."""
    from bulk_referrals.config import Settings  # noqa: PLC0415 - start-up time

    given = {name: value for name, value in ctx.params.items() if value not in (None, [], ())}
    flags = {name: value for name, value in given.items() if name in Settings.model_fields}
    if "columns" in flags:
        flags["columns"] = _columns(flags["columns"])
    return flags


def settings_of(ctx: typer.Context) -> "Settings":
    """Return the settings that a command was given, from all layers."""
    from bulk_referrals.config import load_settings  # noqa: PLC0415 - start-up time

    return load_settings(ctx.params.get("config"), given_flags(ctx))


def _end(finished: "Finished", console: Console, *, as_json: bool) -> None:
    console.finished(finished, as_json=as_json)
    raise typer.Exit(finished.report.exit_code)


def _columns(pairs: list[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        yours, sign, ours = pair.rpartition("=")
        if not sign or not yours.strip() or not ours.strip():
            message = f'--map "{pair}": write it as --map "Your column=identifier".'
            raise UsageError(message)
        columns[yours.strip()] = ours.strip()
    return columns


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        sys.stdout.write(f"bulk-referrals {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def check(
    ctx: typer.Context,
    files: o.Files,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    as_json: o.Json = False,
    verbose: o.Verbose = 0,
    quiet: o.Quiet = False,
    columns: o.Map = None,
    sheets: o.Sheet = None,
    encoding: o.Encoding = None,
    delimiter: o.Delimiter = None,
    max_memory: o.MaxMemory = None,
    read_timeout: o.ReadTimeout = None,
    engine: o.Engine = None,
    scheduler: o.Scheduler = None,
    partition_size: o.PartitionSize = None,
    work: o.Work = None,
    unchanged_for_s: o.UnchangedFor = None,
    campaign_token: o.CampaignToken = None,
    region: o.Region = None,
    invited_on: o.InvitedOn = None,
    timezone: o.Timezone = None,
    cluster: o.Cluster = None,
    cluster_timezone: o.ClusterTimezone = None,
    day_first: o.DayFirst = None,
    mobile_format: o.MobileFormat = None,
    suppress: o.Suppress = None,
    lookup_codes_offline: o.LookupCodesOffline = False,
) -> None:
    """Read and check the files, and report. Sends nothing."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    if lookup_codes_offline:
        message = "A check asks nobody, so it looks no codes up: --lookup-codes is a flag of run."
        raise UsageError(message)
    console = Console(quiet=quiet, verbose=verbose > 0, yes=False)
    finished = pipeline.check(files, settings_of(ctx), stdin=sys.stdin.buffer)
    _end(finished, console, as_json=as_json)


@app.command()
def run(
    ctx: typer.Context,
    files: o.Files,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: o.Json = False,
    verbose: o.Verbose = 0,
    quiet: o.Quiet = False,
    columns: o.Map = None,
    sheets: o.Sheet = None,
    encoding: o.Encoding = None,
    delimiter: o.Delimiter = None,
    max_memory: o.MaxMemory = None,
    read_timeout: o.ReadTimeout = None,
    engine: o.Engine = None,
    scheduler: o.Scheduler = None,
    partition_size: o.PartitionSize = None,
    work: o.Work = None,
    new_only: o.NewOnly = None,
    unchanged_for_s: o.UnchangedFor = None,
    afterwards: o.Afterwards = None,
    campaign_token: o.CampaignToken = None,
    region: o.Region = None,
    invited_on: o.InvitedOn = None,
    timezone: o.Timezone = None,
    cluster_timezone: o.ClusterTimezone = None,
    day_first: o.DayFirst = None,
    mobile_format: o.MobileFormat = None,
    suppress: o.Suppress = None,
    lookup_codes: o.LookupCodes = None,
    sandbox: o.Sandbox = False,
    host: o.Host = None,
    cluster: o.Cluster = None,
    proxy: o.Proxy = None,
    timeout: o.Timeout = None,
    rate: o.Rate = None,
    concurrency: o.Concurrency = None,
    batch_size: o.BatchSize = None,
    customers_per_request: o.CustomersPerRequest = None,
    canary: o.Canary = None,
    limit: o.Limit = None,
    max_failures: o.MaxFailures = None,
    max_failure_rate: o.MaxFailureRate = None,
    quiet_hours: o.QuietHours = None,
    expect_rows: o.ExpectRows = None,
    expect_growth: o.ExpectGrowth = None,
    allow_empty: o.AllowEmpty = None,
    log_file: o.LogFile = None,
    log_format: o.LogFormat = None,
    notify: o.Notify = None,
    notify_on: o.NotifyOn = None,
    notify_attach: o.NotifyAttach = None,
    metrics: o.Metrics = None,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
) -> None:
    """Check the files, then send what is ready."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    settings = settings_of(ctx)
    console = Console(quiet=quiet, verbose=verbose > 0, yes=yes)
    stdin = sys.stdin.buffer
    if dry_run:
        finished = pipeline.check(files, settings, payloads=True, stdin=stdin)
    else:
        finished = pipeline.run(files, settings, sandbox=sandbox, watch=console, stdin=stdin)
    _end(finished, console, as_json=as_json)


@app.command()
def resume(
    ctx: typer.Context,
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The last unfinished one if not given.")
    ] = None,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    wait_s: o.Wait = None,
    as_json: o.Json = False,
    verbose: o.Verbose = 0,
    quiet: o.Quiet = False,
    host: o.Host = None,
    proxy: o.Proxy = None,
    timeout: o.Timeout = None,
    rate: o.Rate = None,
    concurrency: o.Concurrency = None,
    canary: o.Canary = None,
    limit: o.Limit = None,
    max_failures: o.MaxFailures = None,
    max_failure_rate: o.MaxFailureRate = None,
    quiet_hours: o.QuietHours = None,
    log_file: o.LogFile = None,
    log_format: o.LogFormat = None,
    notify: o.Notify = None,
    notify_on: o.NotifyOn = None,
    notify_attach: o.NotifyAttach = None,
    metrics: o.Metrics = None,
    yes: o.Yes = False,
) -> None:
    """Go on with a run that stopped, from the ledger; its files are not needed."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    console = Console(quiet=quiet, verbose=verbose > 0, yes=yes)
    finished = pipeline.resume(run_id, given_flags(ctx), config=config, watch=console)
    _end(finished, console, as_json=as_json)


@app.command()
def report(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `runs` shows it.")],
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    as_json: o.Json = False,
    verbose: o.Verbose = 0,
    quiet: o.Quiet = False,
) -> None:
    """Make the report of a run again, from the ledger."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    finished = pipeline.report(run_id, settings_of(ctx))
    _end(finished, Console(quiet=quiet, verbose=verbose > 0, yes=False), as_json=as_json)


@app.command()
def runs(
    ctx: typer.Context,
    config: o.Config = None,
    profile: o.Profile = None,
    ledger: o.Ledger = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the runs, their state and figures."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    records = pipeline.runs(settings_of(ctx))
    Console(quiet=False, verbose=False, yes=False).table_of_runs(records, as_json=as_json)


@app.command()
def template(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Of the new .xlsx file.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write an empty workbook to fill in: columns, drop-downs, notes."""
    from bulk_referrals import pipeline  # noqa: PLC0415 - start-up time

    pipeline.template(path, force=force)
    Console(quiet=False, verbose=False, yes=False).notice(
        f"{path} is ready to be filled in. Then check it: bulk-referrals check {quote(str(path))}"
    )


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def sandbox(ctx: typer.Context) -> None:
    """Serve a stand-in for the platform on this machine; `sandbox --help` tells of its faults."""
    from bulk_referrals.sandbox.__main__ import main as serve  # noqa: PLC0415 - start-up time

    raise typer.Exit(serve(ctx.args))
