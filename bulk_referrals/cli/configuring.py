"""`config show` and `config check`: what the settings are, and whether they work."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bulk_referrals.cli import options as o
from bulk_referrals.cli.commands import given_flags

if TYPE_CHECKING:
    from bulk_referrals.pipeline.showing import Configuration, Shown

# Typer reads the flags off a command's parameters, as in `commands`.
# ruff: noqa: PLR0913, PLR0917, FBT002, ARG001

_NOT_WELL: Final = 2
_NAME: Final = 22
_LONGEST: Final = 60

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.command()
def show(
    ctx: typer.Context,
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    as_json: AsJson = False,
    campaign_token: o.CampaignToken = None,
    region: o.Region = None,
    lookup_codes: o.LookupCodes = None,
    host: o.Host = None,
    cluster: o.Cluster = None,
    proxy: o.Proxy = None,
    timeout: o.Timeout = None,
    rate: o.Rate = None,
    concurrency: o.Concurrency = None,
) -> None:
    """Show every setting, its value and where it comes from. Shows no secret."""
    from bulk_referrals.pipeline.showing import configuration  # noqa: PLC0415 - start-up time

    found = configuration(config, given_flags(ctx))
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n")
        return
    sys.stdout.write("\n".join(_told(found)) + "\n")


@group.command()
def check(
    ctx: typer.Context,
    referrer: Annotated[
        str,
        typer.Option(
            "--referrer",
            metavar="MOBILE|E-MAIL",
            help="Ask for this customer's referral code too; otherwise nobody is asked for.",
        ),
    ] = "",
    config: o.Config = None,
    profile: o.Profile = None,
    reports: o.Reports = None,
    ledger: o.Ledger = None,
    as_json: AsJson = False,
    campaign_token: o.CampaignToken = None,
    region: o.Region = None,
    host: o.Host = None,
    cluster: o.Cluster = None,
    proxy: o.Proxy = None,
    timeout: o.Timeout = None,
) -> None:
    """Check the settings, sign in, and try the ledger and the folders. Sends nothing."""
    from bulk_referrals.pipeline.trying import try_settings  # noqa: PLC0415 - start-up time

    trials = try_settings(config, given_flags(ctx), referrer=referrer)
    well = all(trial.well for trial in trials)
    if as_json:
        found: dict[str, Any] = {"well": well}
        found["trials"] = [
            {"name": each.name, "well": each.well, "sentence": each.sentence} for each in trials
        ]
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    else:
        marks = {True: "ok", False: "NO"}
        lines = [f"{marks[it.well]}  {it.name:<9} {it.sentence}" for it in trials]
        sys.stdout.write("\n".join(lines) + "\n")
    raise typer.Exit(0 if well else _NOT_WELL)


def _told(found: "Configuration") -> list[str]:
    file = f"Configuration: {found.file}" if found.file else "Configuration: no file"
    profile = f", profile {found.profile}" if found.profile else ""
    others = [name for name in found.profiles if name != found.profile]
    more = f" (it has also: {', '.join(others)})" if others else ""
    notes = [f"Note: {note}" for note in found.notes]
    rows = [(one.name, _text(one), one.origin) for one in found.settings]
    width = min(max(len(text) for _, text, _ in rows), _LONGEST)
    lines = [f"{name:<{_NAME}} {text:<{width}}  {origin}" for name, text, origin in rows]
    return [f"{file}{profile}{more}", *notes, "", *lines]


def _text(one: "Shown") -> str:
    value = one.value
    if one.name == "rate":
        return f"{value:g}/min" if value else "unlimited"
    if value in (None, "", [], {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={part}" for name, part in value.items() if part) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(group, name="config", help="Show the settings, or check that they work.")
