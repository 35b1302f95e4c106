"""The stand-in itself: a bare ASGI application, as routing costs more than the work here."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from bulk_referrals.sandbox.access import Access
from bulk_referrals.sandbox.acts import Reply, act_out, json_reply, refused
from bulk_referrals.sandbox.answers import RefusalError, get_answer, post_answer, request_code
from bulk_referrals.sandbox.exchange import Exchange, Receive, Scope, Send
from bulk_referrals.sandbox.faults import (
    Chooser,
    Fault,
    FaultScript,
    FaultSource,
    Landing,
    Route,
    Symptom,
)
from bulk_referrals.sandbox.invites import InviteBook, Question, accepted, invitees
from bulk_referrals.sandbox.limits import RateLimit, retry_after
from bulk_referrals.sandbox.options import SandboxOptions
from bulk_referrals.sandbox.referrals import (
    DEFAULT_CAMPAIGN,
    DONE,
    IDENTITIES,
    BadRequestError,
    Customer,
    Entry,
    Numbering,
    Verdict,
    customer_code,
    judge,
    read_request,
    request_magic,
)
from bulk_referrals.sandbox.tally import Tally

REFERRALS_PATH: Final = "/v1.1/customer/referrals"
TOKEN_PATH: Final = "/v3/oauth/token/generate"  # noqa: S105 - an address
_Handler = Callable[[Exchange], Awaitable[Reply]]


def _steady_clock() -> Callable[[], float]:
    """Return a clock in seconds since the epoch that nobody can set back."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class SandboxApp:
    """The API's stand-in, as an ASGI application for any server or `httpx.ASGITransport`.

    In process there is no connection: what would break one raises ConnectionResetError, and a
    request that is cancelled takes its processing with it.
    """

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        choose: Chooser | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Open for business.

        Args:
            options: how to behave; the defaults without.
            choose: asked for the fault of every call before the options' faults are.
            clock: seconds since the epoch; a steady one without.

        Raises:
            OSError: the journal cannot be read or written.
            ValueError: the journal holds something else.
        """
        self._options = options or SandboxOptions()
        self._choose = choose
        self._clock = clock or _steady_clock()
        self._numbering = Numbering(self._options)
        self._access = Access(self._options, self._clock)
        self._book = InviteBook(self._options.journal)
        self._busy: set[str] = set()
        self._late: dict[int, tuple[asyncio.TimerHandle, Callable[[], None]]] = {}
        self._id_prefix = secrets.token_hex(4)
        self._requests = 0
        self._start_afresh()
        self._script(self._options.fault_script())
        self._routes: dict[str, dict[str, _Handler]] = {
            REFERRALS_PATH: {"POST": self._post, "GET": self._get},
            TOKEN_PATH: {"POST": self._token},
            "/_sandbox/stats": {"GET": self._stats},
            "/_sandbox/invites": {"GET": self._invites},
            "/_sandbox/reset": {"POST": self._reset},
            "/_sandbox/faults": {"POST": self._set_faults},
            "/_sandbox/settle": {"POST": self._settle},
            "/_sandbox/expire": {"POST": self._expire},
            "/_sandbox/elsewhere": {"GET": self._elsewhere, "POST": self._elsewhere},
        }

    def _start_afresh(self) -> None:
        self._tally = Tally(self._options.window_s)
        self._limit = RateLimit(
            rate_per_min=self._options.rate_per_min,
            window_s=self._options.window_s,
            window=self._options.window,
        )
        self._first_get: dict[str, float] = {}

    def _script(self, script: FaultScript) -> None:
        self._faults = FaultSource(script, self._choose)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            msg = f"the sandbox speaks HTTP only, not {scope['type']}"
            raise NotImplementedError(msg)
        self._requests += 1
        request_id = f"{self._id_prefix}-{self._requests}"
        exchange = Exchange(scope, receive, send, request_id=request_id)
        try:
            reply = await self._handler(exchange)(exchange)
        except RefusalError as refusal:
            reply = refused(refusal)
        if not scope["path"].startswith("/_sandbox/"):
            self._tally.answered(reply.shown_code, reply.fault)
        await act_out(exchange, reply, self._options)

    def _handler(self, exchange: Exchange) -> _Handler:
        methods = self._routes.get(exchange.scope["path"])
        if methods is None:
            raise RefusalError(404)
        handler = methods.get(exchange.scope["method"])
        if handler is None:
            raise RefusalError(405, headers={"Allow": ", ".join(methods)})
        return handler

    # --- the API

    async def _token(self, exchange: Exchange) -> Reply:
        self._tally.seen("tokens")
        fault = self._faults.next_for(Route.TOKEN)
        try:
            answer = self._access.issue(_json(await exchange.body()))
        except RefusalError as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            answer = {"data": None, "errors": [error]}
            return json_reply(answer, code=refusal.code, status=refusal.code, fault=fault)
        return json_reply(answer, fault=fault)

    async def _post(self, exchange: Exchange) -> Reply:
        self._tally.arrived("posts", self._clock())
        with self._tally.in_flight("all"):
            till = self._enter(exchange)
            entries = await self._read(exchange)
            referrers = {entry.customer.shown for entry in entries}
            with self._tally.in_flight("referrer", referrers), self._claimed(referrers):
                fault = self._faults.next_for(Route.POST, entries[0].customer.shown)
                if self._options.latency_s:
                    await asyncio.sleep(self._options.latency_s)
                verdicts = [judge(entry, self._options) for entry in entries]
                commit = partial(self._commit, verdicts, till, exchange.request_id)
                self._land(commit, fault)
                return self._post_reply(verdicts, fault)

    def _enter(self, exchange: Exchange) -> str:
        till = self._access.admit(exchange.headers)
        now = self._clock()
        wait_s = self._limit.wait_s(now)
        if wait_s:
            self._tally.seen("limited")
            told = retry_after(wait_s, now=now, form=self._options.retry_after)
            raise RefusalError(
                self._options.limit_code, headers={"Retry-After": told} if told else None
            )
        return till

    async def _read(self, exchange: Exchange) -> tuple[Entry, ...]:
        body = await exchange.body()
        media_type = exchange.headers.get(b"content-type", b"").partition(b";")[0]
        if media_type.strip().lower() != b"application/json":
            raise RefusalError(415)
        try:
            entries = read_request(_json(body), self._numbering)
        except BadRequestError as error:
            raise RefusalError(400, str(error)) from error
        most_referrals, most_customers = self._options.max_referrals, self._options.max_customers
        if most_referrals and sum(len(entry.referrals) for entry in entries) > most_referrals:
            raise RefusalError(1060)
        if most_customers and len(entries) > most_customers:
            raise RefusalError(1060)
        if code := request_magic(entries):
            raise RefusalError(code)
        return entries

    @contextmanager
    def _claimed(self, referrers: Iterable[str]) -> Iterator[None]:
        claimed = set(referrers)
        if claimed & self._busy:
            raise RefusalError(521)
        self._busy |= claimed
        try:
            yield
        finally:
            self._busy -= claimed

    def _land(self, commit: Callable[[], None], fault: Fault | None) -> None:
        if fault is None or fault.landing is Landing.AFTER:
            commit()
        elif fault.landing is Landing.LATE:
            key = self._requests

            def land() -> None:
                del self._late[key]
                commit()

            timer = asyncio.get_running_loop().call_later(self._options.late_s, land)
            self._late[key] = (timer, land)

    def _commit(self, verdicts: list[Verdict], till: str, request_id: str) -> None:
        for verdict in verdicts:
            self._tally.judged(verdict.codes)
            self._book.commit(
                accepted(
                    verdict, self._numbering, till=till, request_id=request_id, now=self._clock()
                )
            )

    def _post_reply(self, verdicts: list[Verdict], fault: Fault | None) -> Reply:
        if fault is not None and fault.symptom is Symptom.E1222:
            verdicts = [
                replace(verdict, code=1222, codes=(1222,) * len(verdict.codes))
                for verdict in verdicts
            ]
        options = self._options
        code = request_code(verdicts, totals=options.totals)
        answer = post_answer(verdicts, code=code, terse=options.terse, loose=options.loose)
        return json_reply(answer, code=code, status=code if options.mirror else 200, fault=fault)

    async def _get(self, exchange: Exchange) -> Reply:
        now = self._clock()
        self._tally.arrived("gets", now)
        with self._tally.in_flight("all"):
            till = self._enter(exchange)
            query = dict(parse_qsl(exchange.scope["query_string"].decode("latin-1")))
            customer = self._asked_customer(query)
            fault = self._faults.next_for(Route.GET, customer.shown)
            first_get = self._first_get.setdefault(customer.shown, now)
            question = _question(query, till)
            if fault is not None and fault.symptom is Symptom.LAG:
                question = replace(question, committed_by=now - self._options.lag_s)
            elif fault is not None and fault.symptom is Symptom.STALE:
                question = replace(question, committed_by=first_get)
            only_code = query.get("only_referral_code", "").lower() == "true"
            return self._get_reply(customer, question, only_code=only_code, fault=fault)

    def _asked_customer(self, query: dict[str, str]) -> Customer:
        for field in IDENTITIES:
            if query.get(field):
                # An unencoded "+" of a query arrives as a blank.
                return self._numbering.customer(field, query[field].strip())
        raise RefusalError(400, "mobile: missing")

    def _get_reply(
        self, customer: Customer, question: Question, *, only_code: bool, fault: Fault | None
    ) -> Reply:
        token = question.campaign_token
        code = customer_code(customer, token, self._options)
        answer = get_answer(
            customer,
            code=code,
            referral_code=self._book.referral_code(customer.shown, token),
            invitees=None if only_code else invitees(self._book.seen_by(customer.shown, question)),
        )
        request = 200 if code == DONE else 500
        status = request if self._options.mirror else 200
        return json_reply(answer, code=request, status=status, fault=fault)

    # --- the judge's own door

    async def _stats(self, _exchange: Exchange) -> Reply:
        waiting = {"late_pending": len(self._late), "invites": len(self._book.invites)}
        return json_reply(self._tally.as_json() | waiting)

    async def _invites(self, _exchange: Exchange) -> Reply:
        return json_reply({"invites": self._book.invites})

    async def _reset(self, _exchange: Exchange) -> Reply:
        for timer, _ in self._late.values():
            timer.cancel()
        self._late.clear()
        self._book.clear()
        self._start_afresh()
        self._script(self._options.fault_script())
        return json_reply({})

    async def _set_faults(self, exchange: Exchange) -> Reply:
        asked = _json(await exchange.body())
        try:
            self._script(FaultScript.read(**asked))
        except (TypeError, ValueError) as error:
            raise RefusalError(400, str(error)) from error
        return json_reply({})

    async def _settle(self, _exchange: Exchange) -> Reply:
        landed = len(self._late)
        for timer, land in tuple(self._late.values()):
            timer.cancel()
            land()
        return json_reply({"landed": landed})

    async def _expire(self, _exchange: Exchange) -> Reply:
        self._access.expire_all()
        return json_reply({})

    async def _elsewhere(self, exchange: Exchange) -> Reply:
        self._tally.seen("elsewhere")
        if {b"authorization", b"x-cap-api-oauth-token"} & set(exchange.headers):
            self._tally.seen("elsewhere_signed")
        return json_reply({})


def _json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, "the body is not JSON") from error


def _question(query: dict[str, str], till: str) -> Question:
    store = query.get("store_code", till)
    try:
        return Question(
            campaign_token=query.get("campaign_token", DEFAULT_CAMPAIGN),
            till="" if store.lower() == "all" else store,
            start=date.fromisoformat(query.get("start_date", str(date.min))),
            end=date.fromisoformat(query.get("end_date", str(date.max))),
            limit=max(0, int(query.get("limit", "0"))),
        )
    except ValueError as error:
        raise RefusalError(400, str(error)) from error
