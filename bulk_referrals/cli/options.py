"""The flags, named once. A flag that is not given is None, and the setting below it counts."""

from pathlib import Path
from typing import Annotated

import typer

_READING = "Reading"
_CHECKING = "Checking"
_SENDING = "Sending"
_CONNECTING = "Connecting"
_EXPECTING = "Expecting"
_TELLING = "Telling"
_PARTS = "By parts"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES…", help="Files, folders, globs, s3:// and other addresses, or - for stdin."
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file with settings.")
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Use [profiles.NAME] of that file."),
]
Reports = Annotated[
    Path | None, typer.Option("--reports", metavar="DIR", help="Where reports go (reports/).")
]
Ledger = Annotated[
    str | None,
    typer.Option(
        "--ledger", metavar="PATH|URL", help="The ledger (.bulk_referrals/ledger.sqlite3)."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the manifest (run.json) on stdout.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Say more, such as every notice.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing where all is well (exit code 0).")
]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", help="Wait for another run on this ledger."),
]

Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar='"YOURS=FIELD"',
        help="Your column's name and the field that it means; may be repeated.",
        rich_help_panel=_READING,
    ),
]
Sheet = Annotated[
    list[str] | None,
    typer.Option(
        "--sheet",
        metavar="NAME",
        help="Read only this sheet; may be repeated.",
        rich_help_panel=_READING,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Of text files, such as cp1252.",
        rich_help_panel=_READING,
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="CHAR",
        help="Of text files, such as ';'.",
        rich_help_panel=_READING,
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Memory that reading one file may take (4GiB).",
        rich_help_panel=_READING,
    ),
]
ReadTimeout = Annotated[
    float | None,
    typer.Option(
        "--read-timeout",
        metavar="SECONDS",
        help="For reading one workbook (300).",
        rich_help_panel=_READING,
    ),
]

Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="auto|memory|local|dask",
        help="In memory, by parts here or on a cluster (auto: by parts where files are large).",
        rich_help_panel=_PARTS,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of the Dask cluster, such as tcp://10.0.0.5:8786.",
        rich_help_panel=_PARTS,
    ),
]
PartitionSize = Annotated[
    str | None,
    typer.Option(
        "--partition-size",
        metavar="SIZE",
        help="Text in a part (32MiB).",
        rich_help_panel=_PARTS,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work",
        metavar="DIR",
        help="The folder that parts go through; all workers must reach it.",
        rich_help_panel=_PARTS,
    ),
]

NewOnly = Annotated[
    bool | None,
    typer.Option(
        "--new-only/--all-files",
        help="Leave out files whose content an earlier run has taken (--all-files).",
        rich_help_panel=_READING,
    ),
]
UnchangedFor = Annotated[
    float | None,
    typer.Option(
        "--unchanged-for",
        metavar="SECONDS",
        help="Wait until files have not changed for so long (0).",
        rich_help_panel=_READING,
    ),
]
Afterwards = Annotated[
    str | None,
    typer.Option(
        "--afterwards",
        metavar="leave|move",
        help="Leave files, or move them to done/ or failed/ beside them (leave).",
        rich_help_panel=_READING,
    ),
]

CampaignToken = Annotated[
    str | None,
    typer.Option(
        "--campaign-token",
        metavar="TOKEN",
        help="For rows that have none.",
        rich_help_panel=_CHECKING,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="IN",
        help="Country of mobiles without a country code.",
        rich_help_panel=_CHECKING,
    ),
]
InvitedOn = Annotated[
    str | None,
    typer.Option(
        "--invited-on",
        metavar="DATE",
        help="For rows that have none; otherwise now.",
        rich_help_panel=_CHECKING,
    ),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        help="Zone of the dates in your files; otherwise the cluster's.",
        rich_help_panel=_CHECKING,
    ),
]
ClusterTimezone = Annotated[
    str | None,
    typer.Option(
        "--cluster-timezone",
        metavar="ZONE",
        help="Zone that the cluster assumes (apac, sea: Asia/Kolkata; eu, us: UTC).",
        rich_help_panel=_CHECKING,
    ),
]
DayFirst = Annotated[
    bool | None,
    typer.Option(
        "--day-first/--month-first",
        help="Read 03/04 as 3 April, or as March 4; otherwise each column decides.",
        rich_help_panel=_CHECKING,
    ),
]
MobileFormat = Annotated[
    str | None,
    typer.Option(
        "--mobile-format",
        metavar="digits|e164|national",
        help="How mobiles are sent.",
        rich_help_panel=_CHECKING,
    ),
]
LookupCodes = Annotated[
    bool | None,
    typer.Option(
        "--lookup-codes/--no-lookup-codes",
        help="Ask the platform for the referral codes that rows do not have.",
        rich_help_panel=_CHECKING,
    ),
]
# A check asks nobody: that is said, rather than the flag not known.
LookupCodesOffline = Annotated[bool, typer.Option("--lookup-codes", hidden=True)]
Suppress = Annotated[
    list[str] | None,
    typer.Option(
        "--suppress",
        metavar="FILE",
        help="Contacts that are never invited; may be repeated.",
        rich_help_panel=_CHECKING,
    ),
]

Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Send to a stand-in on this machine, started for this run.",
        rich_help_panel=_CONNECTING,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="URL",
        help="The API's address.",
        rich_help_panel=_CONNECTING,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="apac|eu|us|sea",
        help="The API's cluster.",
        rich_help_panel=_CONNECTING,
    ),
]
Proxy = Annotated[
    str | None,
    typer.Option("--proxy", metavar="URL", help="An HTTP proxy.", rich_help_panel=_CONNECTING),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="For one request and its answer (30).",
        rich_help_panel=_CONNECTING,
    ),
]

Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="N/min|N/s|unlimited",
        help="Most requests (300/min; no limit in the sandbox).",
        rich_help_panel=_SENDING,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        metavar="N",
        help="Most requests at once (16).",
        rich_help_panel=_SENDING,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        help="Most invites of one referrer in a request (50).",
        rich_help_panel=_SENDING,
    ),
]
CustomersPerRequest = Annotated[
    int | None,
    typer.Option(
        "--customers-per-request",
        metavar="N",
        help="Most referrers in a request (1; the API does not promise more).",
        rich_help_panel=_SENDING,
    ),
]
Canary = Annotated[
    int | None,
    typer.Option(
        "--canary",
        metavar="N",
        help="Send this many referrers first; go on only when none fails.",
        rich_help_panel=_SENDING,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Send at most so many rows.",
        rich_help_panel=_SENDING,
    ),
]
MaxFailures = Annotated[
    int | None,
    typer.Option(
        "--max-failures",
        metavar="N",
        help="Stop when more rows than this have failed.",
        rich_help_panel=_SENDING,
    ),
]
MaxFailureRate = Annotated[
    float | None,
    typer.Option(
        "--max-failure-rate",
        metavar="SHARE",
        help="Stop when more than this share has failed (0.2 is 20 %).",
        rich_help_panel=_SENDING,
    ),
]
QuietHours = Annotated[
    str | None,
    typer.Option(
        "--quiet-hours",
        metavar="21:00-09:00",
        help="Send nothing in these hours of the cluster's zone.",
        rich_help_panel=_SENDING,
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        help="Do not ask before sending outside the sandbox.",
        rich_help_panel=_SENDING,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Send nothing; write the exact requests beside the report.",
        rich_help_panel=_SENDING,
    ),
]

ExpectRows = Annotated[
    str | None,
    typer.Option(
        "--expect-rows",
        metavar="1000..50000",
        help="Send nothing unless the files hold so many rows together.",
        rich_help_panel=_EXPECTING,
    ),
]
ExpectGrowth = Annotated[
    str | None,
    typer.Option(
        "--expect-growth",
        metavar="N|off",
        help="Send nothing when there are more than N times the usual rows, or fewer than 1/N.",
        rich_help_panel=_EXPECTING,
    ),
]
AllowEmpty = Annotated[
    bool | None,
    typer.Option(
        "--allow-empty/--no-allow-empty",
        help="End with 0, not 2, when there is no file, no row or nothing new.",
        rich_help_panel=_EXPECTING,
    ),
]

LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Write what happens, without contacts; - is stderr.",
        rich_help_panel=_TELLING,
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="plain|json",
        help="Of the log: plain lines, or JSON.",
        rich_help_panel=_TELLING,
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Tell this address how it ended (apprise's form); may be repeated. One that holds "
        "a password belongs in the environment.",
        rich_help_panel=_TELLING,
    ),
]
NotifyOn = Annotated[
    str | None,
    typer.Option(
        "--notify-on",
        metavar="failure|always",
        help="When to tell (failure).",
        rich_help_panel=_TELLING,
    ),
]
NotifyAttach = Annotated[
    list[str] | None,
    typer.Option(
        "--notify-attach",
        metavar="FILE",
        help="Attach this file of the report, such as report.xlsx, with its contacts; may be "
        "repeated.",
        rich_help_panel=_TELLING,
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="Write figures for Prometheus's node_exporter (.prom).",
        rich_help_panel=_TELLING,
    ),
]
