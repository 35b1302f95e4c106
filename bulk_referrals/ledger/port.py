"""What a ledger is: the durable memory that makes every invite leave at most once.

Order is the promise. An `Intent` is durable before the first byte of its request leaves; a
`Result` is durable before it is counted. Whatever dies in between leaves an invite `IN_FLIGHT`,
which is read back before anything else happens to it.

A ledger holds no contact in its tables: an invite is a keyed hash (see `InviteKeys`). The rows
themselves, which the report needs, are kept as frames (Arrow, compressed), apart, so that they
can be forgotten without forgetting what was sent. Only a result's message, the API's own words,
might quote a contact: results are forgotten with the frames.

Keys can move to another ledger: `every_invite` and `every_code` give them out as `INVITES` and
`CODES`, and `merge` takes them in. They mean something only beside the secret they were made
with.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Final, Protocol

import pyarrow as pa

from bulk_referrals.model import Outcome, RequestFigures, RunState, Source, SourceTable

_SEPARATOR: Final = "\x1f"  # cannot stand in a normalised contact, a token or a host
KEY_BYTES: Final = 16
_KEY: Final = pa.binary(KEY_BYTES)

INVITES: Final = pa.schema([
    ("key", _KEY), ("state", pa.int8()), ("run_id", pa.string()), ("attempts", pa.int32()),
])  # fmt: skip
CODES: Final = pa.schema([("key", _KEY), ("code", pa.string())])


class InviteState(IntEnum):
    """Where an invite stands, over all runs; stored, so the numbers never change."""

    IN_FLIGHT = 1  # its intent is durable and no answer is: may or may not have arrived
    UNKNOWN = 2  # its answer was lost, and reading back has not settled it
    ACCEPTED = 3  # the API took it: never sent again
    REFUSED = 4  # the API refused or did not process it: may be sent again


# Where two ledgers tell differently of one invite, the later in this order holds.
BY_WEIGHT: Final = (
    InviteState.REFUSED,
    InviteState.IN_FLIGHT,
    InviteState.UNKNOWN,
    InviteState.ACCEPTED,
)


class Withheld(StrEnum):
    """Why an invite may not leave, although its sender meant it to: another run had a hand in it.

    It happens only in a store that several runs use at once.
    """

    ACCEPTED = "accepted"  # another run has had it accepted meanwhile
    DOUBTFUL = "doubtful"  # a run that is no more left it in doubt: ours now, to be read back
    BUSY = "busy"  # another run has it under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A request about to leave.

    Attributes:
        request: its number within the run, from 1.
        sent_at: aware, UTC.
        attempt: times its invites have been sent, this one included, from 1.
        invites: (key, line in the checked frame) of each invite it carries.
    """

    request: int
    sent_at: datetime
    attempt: int
    invites: Sequence[tuple[bytes, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """What has become of one line.

    Attributes:
        line: its position in the checked frame.
        key: its invite; None for a line that was never to leave.
        state: what the invite now is; None leaves the invite as it stands.
        outcome: None when the line is not settled yet.
        code: see `codes`.
        message: the API's own words; "" where it had none.
        attempts: times the invite was sent.
        sent_at: of the last attempt; None where never sent.
        request_id: `X-Cap-Requestid`; "" where there was none.
    """

    line: int
    key: bytes | None
    state: InviteState | None
    outcome: Outcome | None
    code: str
    message: str = ""
    attempts: int = 0
    sent_at: datetime | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an answer, or a read-back, has settled.

    Attributes:
        request: the request answered; None for a read-back.
        answered_at: aware, UTC.
        http_status: 0 where no answer came.
        code: the request-level code.
        lines: what it says about each line.
    """

    request: int | None
    answered_at: datetime
    http_status: int
    code: str
    lines: Sequence[LineResult]


Entry = Intent | Result


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteRecord:
    """What the ledger knows of one invite.

    Attributes:
        state: where it stands.
        run_id: the run that last touched it.
        attempts: times that run has sent it.
    """

    state: InviteState
    run_id: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run, as the ledger keeps it.

    Attributes:
        run_id: see `RunReport`.
        version: of the package that began it.
        started_at: aware, UTC.
        finished_at: aware, UTC; None while it is under way.
        state: where it stands.
        exit_code: None while it is under way.
        stop_reason: a sentence; "" unless it ended early.
        target: the host it sends to, or "sandbox".
        organisation: the part of an invite's key that names the platform's organisation.
        timezone: IANA zone of the cluster.
        settings: the run's own settings as JSON values, without secrets.
        sources: the files.
        tables: their sheets.
        notices: sentences that the user should see.
        requests: what went over the wire, over all its sittings.
        outcomes: rows by outcome, once known.
        pruned_at: aware, UTC; when its rows and results were forgotten, or left behind in another
            ledger; None while they are kept.
    """

    run_id: str
    version: str
    started_at: datetime
    finished_at: datetime | None = None
    state: RunState
    exit_code: int | None = None
    stop_reason: str = ""
    target: str
    organisation: str
    timezone: str
    settings: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    tables: tuple[SourceTable, ...] = ()
    notices: tuple[str, ...] = ()
    requests: RequestFigures = field(default_factory=RequestFigures)
    outcomes: dict[str, int] = field(default_factory=dict)
    pruned_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What taking in the keys of another ledger has come to.

    Attributes:
        invites: taken in that were not known here.
        changed: known here, and now in the weightier state that the other ledger told of.
        runs: taken in that were not known here.
        codes: referral codes taken in that were not known here.
    """

    invites: int = 0
    changed: int = 0
    runs: int = 0
    codes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteKeys:
    """The key of an invite: a keyed hash of all that makes it the same invite.

    Attributes:
        secret: 32 random bytes, made once per ledger.
    """

    secret: bytes = field(repr=False)

    def key(self, organisation: str, token: str, referrer: str, kind: str, invitee: str) -> bytes:
        """Return 16 bytes for (organisation, campaign token, referrer, type, identifier).

        All five are canonical; BLAKE2b, keyed with the ledger's secret, so that a ledger which
        has shed its contacts cannot be searched for them.
        """
        return self._hash(organisation, token, referrer, kind, invitee)

    def code_key(self, organisation: str, token: str, referrer: str) -> bytes:
        """Return 16 bytes for the referral code of (organisation, campaign token, referrer).

        All three are canonical. Three parts are never five: it is no invite's key.
        """
        return self._hash(organisation, token, referrer)

    def _hash(self, *parts: str) -> bytes:
        text = _SEPARATOR.join(parts).encode()
        return hashlib.blake2b(text, digest_size=KEY_BYTES, key=self.secret).digest()


class RateSource(Protocol):
    """The beats of one organisation's rate, dealt out to all who send through one ledger.

    Used by one thread at a time. Each method raises `LedgerError` when the store cannot do it.
    """

    def take(self, count: int, interval_s: float) -> float:
        """Take the next beats, which are nobody else's.

        Args:
            count: how many, at least 1.
            interval_s: from one to the next, seconds.

        Returns:
            Seconds from now to the first of them, at least 0.
        """

    def hold(self, wait_s: float) -> None:
        """Let no beat that is not taken yet fall within the next so many seconds."""

    def close(self) -> None:
        """Let go of the store."""


class Ledger(Protocol):
    """A durable store; every write is on disk when its method returns.

    Each method raises `LedgerError` when the store cannot do it; then nothing of it was done.
    """

    def keys(self) -> InviteKeys:
        """Return this ledger's way to make keys."""

    def lock(
        self, run_id: str = "", *, member: str = "", wait_s: float, grace_s: float = 0.0
    ) -> AbstractContextManager[None]:
        """Hold a run for one sitting, and with it what it has in flight; or the whole ledger.

        A store of one machine holds the whole ledger in any case. One that several hosts share
        lets different runs be held at once, and different members of one run. What a dead holder
        held can be had only when nothing of it can leave any more: when it is known to be dead,
        or has not been heard of for the length of its lease and its grace.

        Args:
            run_id: the run, begun or about to be; "" for the whole ledger.
            member: which of several senders of the run; "" where it has one.
            wait_s: how long to wait for another to let go, seconds.
            grace_s: longest time that a request of the holder may be under way, seconds.

        Raises:
            LedgerBusyError: another holds it.
        """

    def is_held(self) -> bool:
        """Tell, without asking the store, whether what `lock` took is certainly still ours.

        Asked right before a request leaves; where it is not certain, `renew` makes sure. For any
        thread.
        """

    def renew(self) -> None:
        """Make sure that what `lock` took is still ours; for any thread.

        Raises:
            LedgerError: it is not, or nobody can tell: nothing may leave any more.
        """

    def begin(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Add a run and its frames, before anything of it is sent: all of it, or none."""

    def update(self, run: RunRecord, frames: Mapping[str, pa.Table] | None = None) -> None:
        """Replace a run's record, and of its frames those that are given: all of it, or none."""

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run, or None."""

    def runs(self) -> list[RunRecord]:
        """Return all runs, the oldest first."""

    def load_frame(self, run_id: str, name: str) -> pa.Table | None:
        """Return a kept table, or None."""

    def invites(self, keys: Iterable[bytes]) -> dict[bytes, InviteRecord]:
        """Return what is known of these invites; those never sent are left out."""

    def claim(self, keys: Iterable[bytes]) -> set[bytes]:
        """Take over what is in doubt and held by nobody; return those of the keys that are ours.

        Only what is ours is read back, settled and sent again by us.
        """

    def write(self, run_id: str, entries: Sequence[Entry]) -> dict[bytes, Withheld]:
        """Apply entries in order, all or none, with the ledger held.

        An intent takes back what its lines had come to in an earlier sitting.

        Returns:
            The invites that may not leave, and why. An intent that names one of them is not
            applied, and nothing of its request may be sent.

        Raises:
            LedgerError: also when what was held is lost; and, where no other run can have had a
                hand in it, when an intent names an invite that is accepted.
        """

    def results(self, run_id: str) -> pa.Table:
        """Return the settled lines of a run.

        Columns: `line` int64, `outcome`, `code`, `message` text, `attempts` int64, `sent_at`
        text (ISO 8601, UTC; null where never sent), `request_id` text.
        """

    def last_request(self, run_id: str) -> int:
        """Return the highest request number of a run; 0 when it has sent nothing."""

    def rate(self, organisation: str) -> RateSource | None:
        """Return the organisation's one rate; None where no other run can send at the same time.

        For a thread of its own.
        """

    def codes(self, keys: Iterable[bytes]) -> dict[bytes, str]:
        """Return the referral codes kept under these keys (`InviteKeys.code_key`)."""

    def save_codes(self, codes: Mapping[bytes, str]) -> None:
        """Keep referral codes, in place of those under the same keys: all of them, or none."""

    def forget(self, run: RunRecord) -> None:
        """Replace a run's record, and delete its frames, results and requests: all, or nothing.

        Its invites stay, so that nothing is sent twice.
        """

    def compact(self) -> int:
        """Leave nothing of what was forgotten in the store's files, as far as the store can.

        Called with the ledger held. Returns the bytes of disk space that were given back; 0 also
        where the store cannot tell.
        """

    def every_invite(self) -> Iterator[pa.RecordBatch]:
        """Yield all invites as `INVITES`, in the order of their keys, in bounded memory."""

    def every_code(self) -> Iterator[pa.RecordBatch]:
        """Yield all referral codes as `CODES`, in the order of their keys, in bounded memory."""

    def merge(
        self,
        secret: bytes,
        runs: Iterable[RunRecord],
        invites: Iterable[pa.RecordBatch],
        codes: Iterable[pa.RecordBatch],
    ) -> Merged:
        """Take in the keys of another ledger: all of them, or none, in bounded memory.

        A ledger that holds neither an invite nor a code takes the secret too. Of an invite known
        to both, the weightier state holds (`BY_WEIGHT`), and ours where they are the same; runs
        and codes known here stay as they are.

        Args:
            secret: that the keys were made with.
            runs: the runs that the invites name; what is known here may be named too.
            invites: as `INVITES`.
            codes: as `CODES`.

        Raises:
            LedgerError: keys are held here that another secret made, or an invite names a run
                that is not known. What an iterable raises passes through; nothing is taken in.
        """

    def close(self) -> None:
        """Let go of the store."""
