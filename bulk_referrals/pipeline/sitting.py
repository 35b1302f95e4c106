"""One sitting of a run: what is ready is sent, until it is settled or the run is stopped."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from bulk_referrals.client import TOKEN_PATH, Auth, BasicAuth, Client, OAuth
from bulk_referrals.config import SANDBOX_TARGET, Settings, in_quiet_hours
from bulk_referrals.errors import BulkReferralsError, UsageError
from bulk_referrals.exchange import Lane
from bulk_referrals.frames import to_table
from bulk_referrals.grouper import Plan, group, lanes
from bulk_referrals.ledger import InviteKeys, InviteState, Ledger
from bulk_referrals.model import Outcome, RequestFigures
from bulk_referrals.pipeline.outcomes import Lines, States
from bulk_referrals.policy import Pace
from bulk_referrals.sandbox import Sandbox, SandboxOptions
from bulk_referrals.sender import Journal, Limits, Sender, SendLimits, Stop, Tally

_KEY_COLUMNS: Final = ("campaign_token", "referrer_key", "type", "identifier_key")
_BLOCK_LINES: Final = 100_000
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What the ledger knows of the lines that are ready to be sent.

    Attributes:
        keys: uint8 (lines, 16); the key of each ready line's invite, zeros elsewhere.
        states: int8 (lines,); its `InviteState`, 0 where it was never sent.
        attempts: int64 (lines,); times that this run has sent it.
    """

    keys: npt.NDArray[np.uint8]
    states: States
    attempts: Lines

    def key_of(self, line: int) -> bytes:
        """Return the key of a line's invite."""
        key: bytes = self.keys[line].tobytes()
        return key

    @property
    def in_doubt(self) -> npt.NDArray[np.bool_]:
        """Tell of each line whether an earlier sitting left it in doubt."""
        return np.isin(self.states, (InviteState.IN_FLIGHT, InviteState.UNKNOWN))

    def doubtful(self) -> dict[int, int]:
        """Return line -> attempts of what an earlier sitting left in doubt."""
        lines = np.flatnonzero(self.in_doubt)
        return {int(line): int(self.attempts[line]) for line in lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to send, and as whom.

    Attributes:
        base_url: scheme and host.
        auth: how requests are signed.
        target: how the report names it.
        organisation: the part of every invite's key that names the organisation.
    """

    base_url: str
    auth: Auth
    target: str
    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a sitting ended.

    Attributes:
        stop: why it ended early; None when every line is settled.
        figures: what went over the wire.
        trouble: the error that ended it; its sentence is the stop's reason.
    """

    stop: Stop | None
    figures: RequestFigures
    trouble: BulkReferralsError | None = None


@contextmanager
def endpoint(settings: Settings, *, sandbox: bool) -> Iterator[Endpoint]:
    """Give the place to send to; for the sandbox, start it and end it.

    Raises:
        UsageError: no host or no credentials are set.
    """
    if sandbox:
        memory = settings.ledger.with_name("sandbox.jsonl")
        options = SandboxOptions(journal=str(memory))
        till, password = next(iter(options.tills.items()))
        with Sandbox(options) as started:
            yield Endpoint(
                base_url=started.url,
                auth=BasicAuth(username=till, password=password),
                target=SANDBOX_TARGET,
                organisation=SANDBOX_TARGET,
            )
        return
    yield Endpoint(
        base_url=settings.base_url,
        auth=_auth(settings),
        target=settings.base_url,
        organisation=organisation(settings, sandbox=False),
    )


def organisation(settings: Settings, *, sandbox: bool) -> str:
    """Return the part of every invite's key that names the organisation."""
    if sandbox:
        return SANDBOX_TARGET
    return settings.organisation or (urlsplit(settings.base_url).netloc.lower())


def _auth(settings: Settings) -> Auth:
    if settings.client_key.get_secret_value():
        attribution = {
            "X-CAP-API-ATTRIBUTION-ENTITY-TYPE": settings.attribution_type,
            "X-CAP-API-ATTRIBUTION-ENTITY-CODE": settings.attribution_code,
        }
        return OAuth(
            token_url=(settings.token_host or settings.base_url).rstrip("/") + TOKEN_PATH,
            key=settings.client_key.get_secret_value(),
            secret=settings.client_secret.get_secret_value(),
            attribution={name: value for name, value in attribution.items() if value},
        )
    return BasicAuth(username=settings.username, password=settings.password.get_secret_value())


def require_connection(settings: Settings, *, sandbox: bool) -> None:
    """Refuse to go on without a host and credentials, before any work is done.

    Raises:
        UsageError: says which is missing and where it comes from.
    """
    if sandbox:
        return
    if not settings.base_url:
        message = "There is nowhere to send to. Give --sandbox, --cluster or --host."
        raise UsageError(message)
    basic = settings.username and settings.password.get_secret_value()
    oauth = settings.client_key.get_secret_value() and settings.client_secret.get_secret_value()
    if not (basic or oauth):
        message = (
            "There are no credentials. Set BULK_REFERRALS_USERNAME and BULK_REFERRALS_PASSWORD, "
            "or BULK_REFERRALS_CLIENT_KEY and BULK_REFERRALS_CLIENT_SECRET."
        )
        raise UsageError(message)


def look_up(checked: pd.DataFrame, *, ledger: Ledger, organisation: str, run_id: str) -> Known:
    """Return what the ledger knows of the ready lines, block by block."""
    ready = np.flatnonzero(checked["outcome"].isna().to_numpy())
    known = Known(
        keys=np.zeros((len(checked), _KEY_BYTES), dtype=np.uint8),
        states=np.zeros(len(checked), dtype=np.int8),
        attempts=np.zeros(len(checked), dtype=np.int64),
    )
    table = to_table(checked[list(_KEY_COLUMNS)])
    maker = ledger.keys()
    for start in range(0, len(ready), _BLOCK_LINES):
        lines = ready[start : start + _BLOCK_LINES]
        keys = _keys(table.take(lines).to_pydict(), organisation, maker)
        known.keys[lines] = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _KEY_BYTES)
        records = ledger.invites(keys)
        if not records:
            continue
        for line, key in zip(lines, keys, strict=True):
            if (record := records.get(key)) is not None:
                known.states[line] = record.state
                known.attempts[line] = record.attempts if record.run_id == run_id else 0
    return known


def _keys(cells: dict[str, list[str]], organisation: str, maker: InviteKeys) -> list[bytes]:
    columns = (cells[name] for name in _KEY_COLUMNS)
    return [
        maker.key(organisation, token, referrer, kind, invitee)
        for token, referrer, kind, invitee in zip(*columns, strict=True)
    ]


def plan(checked: pd.DataFrame, to_send: npt.NDArray[np.bool_], settings: Settings) -> Plan:
    """Plan the requests for some of the ready lines.

    Args:
        checked: the checked frame.
        to_send: bool (lines,); which of them are to be sent now.
        settings: sizes.
    """
    left_out = checked["outcome"].where(to_send, other="left out")
    return group(
        checked.assign(outcome=left_out),
        batch_size=settings.batch_size,
        customers_per_request=settings.customers_per_request,
    )


async def send(  # noqa: PLR0913 - the one place where a sitting is wired together
    checked: pd.DataFrame,
    planned: Plan,
    known: Known,
    *,
    run_id: str,
    place: Endpoint,
    settings: Settings,
    ledger: Ledger,
    settled: Callable[[Tally], None],
    draining: Callable[[], None],
) -> Ended:
    """Send a plan.

    Args:
        checked: the checked frame.
        planned: from `plan`.
        known: from `look_up`.
        run_id: the run, begun in the ledger.
        place: where to send.
        settings: how to send.
        ledger: used by the journal alone until this returns.
        settled: called with each batch of newly settled outcomes.
        draining: called once, when a signal asks to end.

    Returns:
        How it ended; an error on the way (the ledger's, refused credentials) is part of that.
    """
    first_request = ledger.last_request(run_id) + 1
    async with (
        Client(
            base_url=place.base_url,
            auth=place.auth,
            timeout_s=settings.timeout,
            concurrency=settings.concurrency,
            proxy=settings.proxy,
        ) as client,
        Journal(ledger, run_id) as journal,
    ):
        sender = Sender(
            client=client,
            journal=journal,
            pace=Pace(rate_per_min=settings.rate),
            concurrency=settings.concurrency,
            limits=Limits(max_attempts=settings.max_attempts, settle_s=settings.settle_s),
            guards=SendLimits(
                max_failures=settings.max_failures,
                max_failure_rate=settings.max_failure_rate,
                outage_s=settings.outage_s,
            ),
            key_of=known.key_of,
            doubtful=known.doubtful(),
            first_request=first_request,
            may_send=_quiet_hours(settings),
            observe=settled,
        )
        trouble = None
        with _signals(sender, draining):
            try:
                await _canary_then_rest(sender, lanes(checked, planned), settings.canary)
            except BulkReferralsError as error:
                trouble = error
    stop = sender.stopped or _held(sender)
    return Ended(stop=stop, figures=sender.figures, trouble=trouble)


async def _canary_then_rest(sender: Sender, todo: Iterator[Lane], canary: int | None) -> None:
    if canary is not None:
        await sender.send(islice(todo, canary))
        amiss = sender.settled[Outcome.FAILED] + sender.settled[Outcome.UNKNOWN]
        if amiss:
            reason = f"The canary showed {amiss} rows failed or unknown; nothing more was sent."
            sender.stop(Stop(reason=reason))
    await sender.send(todo)


def _held(sender: Sender) -> Stop | None:
    if not sender.campaigns_held:
        return None
    many = "A campaign was" if sender.campaigns_held == 1 else "Some campaigns were"
    return Stop(reason=f"{many} refused several times in a row, so the rest was held.")


def _quiet_hours(settings: Settings) -> Callable[[], str]:
    zone = ZoneInfo(settings.api_timezone)

    def reason() -> str:
        if in_quiet_hours(settings.quiet_hours, datetime.now(zone)):
            return f"The quiet hours ({settings.quiet_hours}, {zone}) have begun."
        return ""

    return reason if settings.quiet_hours else lambda: ""


@contextmanager
def _signals(sender: Sender, draining: Callable[[], None]) -> Iterator[None]:
    """End cleanly on the first Ctrl-C or SIGTERM; a second one ends at once."""
    loop = asyncio.get_running_loop()
    watched: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)

    def drain() -> None:
        for each in watched:
            loop.remove_signal_handler(each)
        sender.stop(Stop(reason="The run was interrupted.", interrupted=True))
        draining()

    for each in watched:
        loop.add_signal_handler(each, drain)
    try:
        yield
    finally:
        for each in watched:
            loop.remove_signal_handler(each)
