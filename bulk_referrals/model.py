"""The vocabulary: column names, enums, and the few frozen values that pass between rooms.

Two frames go through the house. Both are Arrow tables; text is `pa.string()`, and an empty cell
is null, never "".

**rows** (loader → validator): one line per source row, in the order of the sources.

| column | dtype | meaning |
|---|---|---|
| `table` | int32 | index into `Loaded.tables` |
| `row` | int64 | the row number that the author sees in that file or sheet, from 1 |
| each of `FIELDS` | text | the cell as its author meant it; null where empty or absent |
| `fault` | text | null, or the code of a loader's fault (`codes`): the row cannot be read safely |
| `fault_detail` | text | null, or the fact that shows the fault, for the reason |

**checked** (validator → grouper, ledger, summary): one line per invite asked for. A source row
gives one line, or two where it names both an invitee's mobile and an invitee's e-mail.

| column | dtype | meaning |
|---|---|---|
| `line` | int64 | position of the source row in the rows frame, from 0 |
| `table`, `row` | int32, int64 | as above |
| `referrer` | text | the referrer as sent (mobile digits or e-mail); as typed where refused |
| `referrer_key` | text | the same, canonical: digits with country code, or lower-cased e-mail |
| `referrer_type` | text | MOBILE or EMAIL; null where unknown |
| `campaign_token` | text | |
| `type` | text | MOBILE or EMAIL; as typed where refused |
| `identifier` | text | the invitee as sent; as typed where refused |
| `identifier_key` | text | the same, canonical; null where refused |
| `name`, `id` | text | as typed |
| `invited_on` | text | `YYYYMMDDTHH:MM:SS.CODE` in the cluster's zone; as typed where refused |
| `outcome` | text | null = ready to send; else a value of `Outcome` |
| `code` | text | null, or the code of what is wrong (`codes`) |
| `field` | text | null, or the field at fault, one of `FIELDS` |
| `reason` | text | null, or what is wrong, a sentence |
| `advice` | text | null, or what to do, a sentence |
| `warning` | text | null, or what deserves a look but does not stop the row |
| `duplicate_of` | int64 | null, or the position in this frame of the first such invite |

Where a referral code is still to be looked up, the `invited_on` of a ready line ends in its dot.

**outcomes** (ledger → summary, reporter): the checked frame, in the same order, with `outcome`
filled in every line and three more columns. Here `code`, `reason` and `advice` tell of the
outcome: the API's own message for what it refused, plain words for the rest.

| column | dtype | meaning |
|---|---|---|
| `request_id` | text | the answer's `X-Cap-Requestid`; null where there was none |
| `attempts` | int64 | times the invite was sent; 0 where it never was |
| `sent_at` | text | ISO 8601 with offset, of the last attempt; null where never sent |
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the vocabulary is needed to show a help text, and Arrow is slow to import
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

# The canonical input columns, in the order of the template.
FIELDS: Final = (
    "referrer_mobile",
    "referrer_email",
    "campaign_token",
    "type",
    "identifier",
    "invitee_mobile",
    "invitee_email",
    "name",
    "invited_on",
    "referral_code",
    "id",
    "region",
)

# Text columns of the checked frame, in order; `line`, `table`, `row` and `duplicate_of` are ints.
CHECKED_TEXT: Final = (
    "referrer",
    "referrer_key",
    "referrer_type",
    "campaign_token",
    "type",
    "identifier",
    "identifier_key",
    "name",
    "id",
    "invited_on",
    "outcome",
    "code",
    "field",
    "reason",
    "advice",
    "warning",
)


class Outcome(StrEnum):
    """What becomes of a row: exactly one of these."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    ALREADY_SENT = "already_sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


class ReferralType(StrEnum):
    """The channel of a referral, as the API names it."""

    MOBILE = "MOBILE"
    EMAIL = "EMAIL"


class RunState(StrEnum):
    """Where a run stands."""

    CHECKED = "checked"  # offline: nothing was to be sent
    SENDING = "sending"  # under way, or left so by a crash
    FINISHED = "finished"
    STOPPED = "stopped"  # ended early, resumable
    INTERRUPTED = "interrupted"  # by Ctrl-C or SIGTERM, resumable
    REFUSED = "refused"  # not what the settings expect of a night: nothing was sent
    NOTHING_TO_DO = "nothing_to_do"  # no file, no row, or nothing new


class MobileFormat(StrEnum):
    """How a mobile is written in a request."""

    DIGITS = "digits"  # 917999836416: digits with country code, the default
    E164 = "e164"  # +917999836416
    NATIONAL = "national"  # 7999836416: without country code or trunk prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a command is to read, found and within reach (landing → loader).

    Attributes:
        paths: files and "-", as people know them: addresses among them.
        fetched: address -> where its bytes lie.
        etags: address -> what its store calls this content, where it does.
        notices: sentences that the user should see.
    """

    paths: tuple[str, ...]
    fetched: "dict[str, Path]" = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file as it was read.

    Attributes:
        path: as the user named it; "-" for standard input.
        sha256: hex digest of its bytes.
        size_bytes: its size on disk, before any decompression.
        rows: source rows read from it, over all its sheets.
        etag: what the store that it was fetched from calls this very content; "" where the store
            has no such thing, or it lay on this machine.
    """

    path: str
    sha256: str
    size_bytes: int
    rows: int
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One sheet of a workbook, or the whole of a text file.

    Attributes:
        source: index into `Loaded.sources`.
        sheet: the sheet's name; "" for a text file.
        header: the author's column names, in order, as typed.
        header_row: the row number of the header, from 1.
        columns: canonical field -> index into `header`.
        delimiter: of a text file; "" for a workbook.
        encoding: of a text file; "" for a workbook.
    """

    source: int
    sheet: str
    header: tuple[str, ...]
    header_row: int
    columns: dict[str, int]
    delimiter: str = ""
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """All sources, read.

    Attributes:
        sources: the files, in the order given.
        tables: their sheets, in order.
        rows: the rows frame (module docstring), all tables one after another.
        original: for each table, the author's cells as text: one column per header, named
            "0", "1", …, one line per row of that table, in order. It feeds the to-fix file.
        notices: sentences that the user should see (a hidden sheet left out, a guess made).
    """

    sources: tuple[Source, ...]
    tables: tuple[SourceTable, ...]
    rows: "pa.Table"
    original: "tuple[pa.Table, ...]"
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What the user says about the sources.

    Attributes:
        columns: the author's column name -> canonical field (`--map`, `[columns]`).
        sheets: names of the sheets to read; empty means every visible sheet.
        encoding: of text files; "" means detect.
        delimiter: of text files; "" means detect.
        max_memory_bytes: what reading one workbook may take; an unpacked text file may have half
            of it.
        read_timeout_s: seconds that reading one workbook may take.
        allow_empty: a source that is missing or has no rows is passed over, where another has
            some.
    """

    columns: dict[str, str] = field(default_factory=dict)
    sheets: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    max_memory_bytes: int = 4 << 30
    read_timeout_s: float = 300.0
    allow_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileRule:
    """The brand's own rule for mobiles, which overrides libphonenumber both ways.

    Attributes:
        country_codes: calling codes of the supported countries as digits ("91", "971"), the
            base country first; a mobile with another code is refused. Empty: any.
        pattern: a regular expression that the whole of the digits with country code must
            match; a match is accepted whatever the library says. "": the library decides.
        lengths: allowed numbers of digits, country code included. Empty: the library decides.
    """

    country_codes: tuple[str, ...] = ()
    pattern: str = ""
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the validator goes by; its clock and its settings come in here.

    Attributes:
        now: the run's start, aware; the `invited_on` of rows that have none.
        campaign_token: for rows that have none; "" means it must be in the row.
        region: ISO 3166 alpha-2 of mobiles without a country code; "" means none.
        invited_on: for rows that have none; "" means `now`.
        timezone: IANA zone in which the author wrote times without an offset; "" means the
            cluster's.
        cluster_timezone: IANA zone that the API assumes (the API reference, `invited_on`).
        day_first: True or False decides for every ambiguous column; None: each column decides.
        mobile: the brand's rule.
        mobile_format: how mobiles are sent.
        suppressed: canonical keys (digits with country code, lower-cased e-mails) never invited.
        lookup_codes: a missing referral code will be asked for, so it is no fault.
    """

    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    campaign_token: str = ""
    region: str = ""
    invited_on: str = ""
    timezone: str = ""
    cluster_timezone: str = "Asia/Kolkata"
    day_first: bool | None = None
    mobile: MobileRule = field(default_factory=MobileRule)
    mobile_format: MobileFormat = MobileFormat.DIGITS
    suppressed: frozenset[str] = frozenset()
    lookup_codes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFigures:
    """What went over the wire in a run, counted by the sender.

    Attributes:
        sent: POST attempts.
        retried: of these, those after a request's first.
        read_back: GET read-backs.
        throttled_s: seconds that a request, ready to leave, waited for the rate.
        looked_up: GETs for referral codes.
    """

    sent: int = 0
    retried: int = 0
    read_back: int = 0
    throttled_s: float = 0.0
    looked_up: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunReport:
    """All that the reporter needs to know of one run; it asks nobody else.

    Attributes:
        run_id: such as `20261123T183000-7f3a`; sorts by time, safe as a folder name.
        version: of this package.
        started_at: aware, UTC.
        finished_at: aware, UTC; when it stopped, if it stopped early.
        state: where the run stands.
        exit_code: what the command exits with.
        stop_reason: a sentence when the run ended early; "" otherwise.
        resume_command: the exact command that goes on; "" when there is nothing to go on with.
        sending: False for `check`, which sends nothing: its ready rows are `not_sent`.
        target: where it was sent, such as the host or "sandbox"; "" for `check`.
        timezone: IANA zone of the cluster, in which people read times.
        settings: setting -> value as text, without secrets, for the Run sheet.
        sources: the files.
        tables: their sheets.
        outcomes: the outcomes frame (module docstring).
        original: per table, the author's cells (see `Loaded.original`).
        requests: what went over the wire.
        notices: sentences that the user should see.
        fetched: path of a source -> where its bytes lie now, for those from elsewhere.
    """

    run_id: str
    version: str
    started_at: datetime
    finished_at: datetime
    state: RunState
    exit_code: int
    stop_reason: str
    resume_command: str
    sending: bool
    target: str
    timezone: str
    settings: dict[str, str]
    sources: tuple[Source, ...]
    tables: tuple[SourceTable, ...]
    outcomes: "pa.Table"
    original: "tuple[pa.Table, ...]"
    requests: RequestFigures
    notices: tuple[str, ...] = ()
    fetched: "Mapping[str, Path]" = field(default_factory=dict)
