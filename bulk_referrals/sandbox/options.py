"""What can be asked of the sandbox: one frozen set of options, checked when it is made."""

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves. Every field says its meaning and unit.

    Raises:
        ValueError: an option is out of its range, or a fault is not known; a sentence.
    """

    # --- who may come in
    tills: Annotated[dict[str, str], "till -> password, for Basic"] = field(
        default_factory=lambda: {"store123": "Pass123"}
    )
    client_key: Annotated[str, "key of the OAuth client"] = "sandbox-key"
    client_secret: Annotated[str, "secret of the OAuth client"] = "sandbox-secret"  # noqa: S105 - no secret: it opens nothing but this
    token_ttl_s: Annotated[float, "life of an OAuth token, seconds; enforced"] = 300.0
    forbid: Annotated[bool, "answer 403 to every call that signed in"] = False
    # --- customers and numbers
    country_code: Annotated[str, "calling code of the base country"] = "91"
    base_mobile: Annotated[str, "mobiles that get the base country code (regex)"] = r"[6-9]\d{9}"
    customers: Annotated[
        frozenset[str], "the only customers known, as GET shows them; empty: everybody is one"
    ] = frozenset()
    unknown_code: Annotated[int, "item code for who is not a customer: 1011 or 1012"] = 1012
    # --- limits
    max_referrals: Annotated[int, "referrals in a request before 1060; 0: no limit"] = 100
    max_customers: Annotated[int, "customers in a request before 1060; 0: no limit"] = 0
    rate_per_min: Annotated[float, "POSTs and GETs per minute; 0: no limit"] = 0.0
    window_s: Annotated[float, "window in which the rate is counted, seconds"] = 60.0
    window: Annotated[str, "sliding or fixed"] = "sliding"
    limit_code: Annotated[int, "429 as HTTP status, or 517 in a body with HTTP 200"] = 429
    retry_after: Annotated[str, "Retry-After of a 429: seconds, date or none"] = "seconds"
    # --- how it answers
    latency_s: Annotated[
        float, "processing time of a POST, seconds; 521 meanwhile. At 0 no two ever overlap"
    ] = 0.0
    keep_alive_s: Annotated[int, "idle connections are closed after this, seconds"] = 75
    totals: Annotated[str, "what 201 and 500 count: failed customers or referrals"] = "customers"
    mirror: Annotated[bool, "201 and 500 with items also as HTTP status"] = False
    terse: Annotated[bool, "no status at referrals that were accepted"] = False
    loose: Annotated[bool, "boolean success, text codes, lone objects"] = False
    # --- faults
    faults: Annotated[str, "name=probability,… (see `faults`)"] = ""
    seed: Annotated[int, "of the faults: the same seed draws the same faults"] = 0
    plan: Annotated[tuple[str | None, ...], "fault of the 1st, 2nd, … POST"] = ()
    plan_each: Annotated[tuple[str | None, ...], "fault of each referrer's 1st, 2nd, … POST"] = ()
    get_plan: Annotated[tuple[str | None, ...], "fault of the 1st, 2nd, … GET"] = ()
    get_plan_each: Annotated[tuple[str | None, ...], "the same for each referrer's GETs"] = ()
    late_s: Annotated[float, "how late a late commit lands, seconds"] = 2.0
    lag_s: Annotated[float, "age below which get-lag hides an invite, seconds"] = 2.0
    slow_s: Annotated[float, "time over which a slow body drips, seconds"] = 2.0
    huge_bytes: Annotated[int, "size of a huge answer, bytes"] = 64 << 20
    redirect_to: Annotated[str, "Location of a redirect"] = "/_sandbox/elsewhere"
    # --- memory
    journal: Annotated[str, "file to which each invite is appended before it is answered"] = ""

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
        return asdict(self) | {"customers": sorted(self.customers)}

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
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**read | {"customers": frozenset(values.get("customers", ()))})
