"""What can be asked of the sandbox: one frozen set of options, checked when it is made."""

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from bulk_referrals.sandbox.faults import FaultScript

_CHOICES: Final = {
    "window": ("sliding", "fixed"),
    "retry_after": ("seconds", "date", "none"),
    "totals": ("customers", "referrals"),
    "limit_code": (429, 517),
}
_NOT_NEGATIVE: Final = (
    "rate_per_min",
    "latency_s",
    "late_s",
    "lag_s",
    "slow_s",
    "max_referrals",
    "max_customers",
    "huge_bytes",
    "token_ttl_s",
)


def _option(default: Any, told: str) -> Any:  # noqa: ANN401 - any type of field, as dataclasses' own
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata={"help": told})
    return field(default=default, metadata={"help": told})


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves. Every field's meaning and unit stands in its `help` metadata.

    Raises:
        ValueError: an option is out of its range, or a fault is not known; a sentence.
    """

    # --- who may come in
    tills: dict[str, str] = _option({"store123": "Pass123"}, "till -> password, for Basic")
    client_key: str = _option("sandbox-key", "key of the OAuth client")
    client_secret: str = _option("sandbox-secret", "secret of the OAuth client")
    token_ttl_s: float = _option(300.0, "life of an OAuth token, seconds; enforced")
    forbid: bool = _option(default=False, told="answer 403 to every call that signed in")
    # --- customers and numbers
    country_code: str = _option("91", "calling code of the base country")
    base_mobile: str = _option(r"[6-9]\d{9}", "mobiles that get the base country code (regex)")
    customers: tuple[str, ...] = _option((), "the only customers known; empty: everybody is one")
    unknown_code: int = _option(1012, "item code for who is not a customer: 1011 or 1012")
    # --- limits
    max_referrals: int = _option(100, "referrals in a request before 1060; 0: no limit")
    max_customers: int = _option(0, "customers in a request before 1060; 0: no limit")
    rate_per_min: float = _option(0.0, "POSTs and GETs per minute; 0: no limit")
    window_s: float = _option(60.0, "window in which the rate is counted, seconds")
    window: str = _option("sliding", "sliding or fixed")
    limit_code: int = _option(429, "429 as HTTP status, or 517 in a body with HTTP 200")
    retry_after: str = _option("seconds", "Retry-After of a 429: seconds, date or none")
    # --- how it answers
    latency_s: float = _option(0.0, "processing time of a POST, seconds; 521 meanwhile")
    keep_alive_s: int = _option(75, "idle connections are closed after this, seconds")
    totals: str = _option("customers", "what 201 and 500 count: failed customers or referrals")
    mirror: bool = _option(default=False, told="201 and 500 with items also as HTTP status")
    terse: bool = _option(default=False, told="no status at referrals that were accepted")
    loose: bool = _option(default=False, told="boolean success, text codes, lone objects")
    # --- faults
    faults: str = _option("", "name=probability,… (see `faults`)")
    seed: int = _option(0, "of the faults: the same seed draws the same faults")
    plan: tuple[str | None, ...] = _option((), "fault of the 1st, 2nd, … POST")
    plan_each: tuple[str | None, ...] = _option((), "fault of each referrer's 1st, 2nd, … POST")
    get_plan: tuple[str | None, ...] = _option((), "fault of the 1st, 2nd, … GET")
    get_plan_each: tuple[str | None, ...] = _option((), "the same for each referrer's GETs")
    late_s: float = _option(2.0, "how late a late commit lands, seconds")
    lag_s: float = _option(2.0, "age below which get-lag hides an invite, seconds")
    slow_s: float = _option(2.0, "time over which a slow body drips, seconds")
    huge_bytes: int = _option(64 << 20, "size of a huge answer, bytes")
    redirect_to: str = _option("/_sandbox/elsewhere", "Location of a redirect")
    # --- memory
    journal: str = _option("", "file to which each invite is appended before it is answered")

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                allowed = ", ".join(map(str, choices))
                msg = f"{name} {getattr(self, name)!r}: not known. Use one of: {allowed}."
                raise ValueError(msg)
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                msg = f"{name} {getattr(self, name)!r}: below 0. Use 0 or more."
                raise ValueError(msg)
        if self.window_s <= 0:
            msg = f"window_s {self.window_s!r}: not above 0. Use seconds, such as 60."
            raise ValueError(msg)
        try:
            re.compile(self.base_mobile)
        except re.error as error:
            msg = f"base_mobile {self.base_mobile!r}: not a regular expression; {error}."
            raise ValueError(msg) from error
        self.fault_script()

    def fault_script(self) -> FaultScript:
        """Return the faults that the options ask for.

        Raises:
            ValueError: a fault is not known.
        """
        return FaultScript.read(
            faults=self.faults,
            seed=self.seed,
            plan=self.plan,
            plan_each=self.plan_each,
            get_plan=self.get_plan,
            get_plan_each=self.get_plan_each,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "SandboxOptions":
        """Return the options that `to_json` gave.

        Raises:
            ValueError: a name is not an option, or a value is out of its range.
        """
        unknown = set(values) - {one.name for one in fields(cls)}
        if unknown:
            msg = f"{', '.join(sorted(unknown))}: no such option of the sandbox."
            raise ValueError(msg)
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
