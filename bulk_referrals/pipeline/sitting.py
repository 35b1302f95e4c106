"""One sitting of a run: what is ready is sent, until it is settled or the run is stopped."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa

from bulk_referrals.client import TOKEN_PATH, Auth, BasicAuth, Client, OAuth
from bulk_referrals.config import DEFAULT_LEDGER, SANDBOX_TARGET, Settings, in_quiet_hours
from bulk_referrals.errors import BulkReferralsError, UsageError
from bulk_referrals.exchange import Lane
from bulk_referrals.grouper import Plan, lanes
from bulk_referrals.ledger import Ledger, RateSource
from bulk_referrals.model import Outcome, RequestFigures
from bulk_referrals.pipeline.planning import Known
from bulk_referrals.pipeline.watch import Watch
from bulk_referrals.policy import Pace
from bulk_referrals.sandbox import Sandbox, SandboxOptions
from bulk_referrals.sender import Journal, Limits, Sender, SendLimits, Stop


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
        here = settings.ledger if isinstance(settings.ledger, Path) else DEFAULT_LEDGER
        memory = here.with_name("sandbox.jsonl")
        memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
            "or BULK_REFERRALS_CLIENT_KEY and BULK_REFERRALS_CLIENT_SECRET, or keep them in the "
            "keyring under the service bulk-referrals."
        )
        raise UsageError(message)


async def send(  # noqa: PLR0913 - the one place where a sitting is wired together
    checked: pa.Table,
    planned: Plan,
    known: Known,
    *,
    run_id: str,
    place: Endpoint,
    settings: Settings,
    ledger: Ledger,
    pace: Pace,
    watch: Watch,
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
        pace: how fast requests may leave.
        watch: told of newly settled outcomes, and when a signal asks to end.

    Returns:
        How it ended; an error on the way (the ledger's, refused credentials) is part of that.
    """
    first_request = ledger.last_request(run_id) + 1
    doubtful = _ours(ledger, known)
    async with (
        Client(
            base_url=place.base_url,
            auth=place.auth,
            timeout_s=settings.timeout,
            concurrency=settings.concurrency,
            proxy=settings.proxy,
        ) as client,
        Journal(ledger, run_id) as journal,
        shared_rate(ledger, place, settings) as rate,
    ):
        sender = Sender(
            client=client,
            journal=journal,
            pace=pace,
            rate=rate,
            concurrency=settings.concurrency,
            limits=Limits(max_attempts=settings.max_attempts, settle_s=settings.settle_s),
            guards=SendLimits(
                max_failures=settings.max_failures,
                max_failure_rate=settings.max_failure_rate,
                outage_s=settings.outage_s,
            ),
            key_of=known.key_of,
            doubtful=doubtful,
            first_request=first_request,
            may_send=_quiet_hours(settings),
            observe=watch.settled,
        )
        trouble = None

        def drain() -> None:
            sender.stop(Stop(reason="The run was interrupted.", interrupted=True))
            watch.draining()

        with ends_on_signal(drain, watch):
            try:
                await _canary_then_rest(sender, lanes(checked, planned), settings.canary)
            except BulkReferralsError as error:
                trouble = error
    stop = sender.stopped or _held(sender)
    return Ended(stop=stop, figures=sender.figures, trouble=trouble)


def _ours(ledger: Ledger, known: Known) -> dict[int, int]:
    """Return line -> attempts of what is in doubt and ours to read back.

    What a live run has in doubt is that run's; the ledger withholds it until it is settled.
    """
    doubtful = known.doubtful()
    claimed = ledger.claim([known.key_of(line) for line in doubtful])
    return {line: tried for line, tried in doubtful.items() if known.key_of(line) in claimed}


@asynccontextmanager
async def shared_rate(
    ledger: Ledger, place: Endpoint, settings: Settings
) -> AsyncIterator[RateSource | None]:
    """Give the organisation's one rate, where others may send at the same time."""
    rate = ledger.rate(place.organisation) if settings.rate else None
    try:
        yield rate
    finally:
        if rate:
            rate.close()


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
def ends_on_signal(end: Callable[[], object], watch: Watch) -> Iterator[None]:
    """End cleanly on the first Ctrl-C or SIGTERM; a second one ends at once.

    Only the main thread is sent signals; whoever watches may ask to end from any thread.
    """
    loop = asyncio.get_running_loop()
    in_main = threading.current_thread() is threading.main_thread()
    watched: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM) if in_main else ()

    def end_once() -> None:
        for each in watched:
            loop.remove_signal_handler(each)
        end()

    for each in watched:
        loop.add_signal_handler(each, end_once)
    watch.stoppable(lambda: loop.call_soon_threadsafe(end_once))
    try:
        yield
    finally:
        for each in watched:
            loop.remove_signal_handler(each)
