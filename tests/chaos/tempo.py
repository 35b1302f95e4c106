"""The waits shortened, so that thousands of cases take minutes. No rule is changed here."""

import ssl
from functools import partial
from typing import Any

from chaos.patches import put

# What a case's settle time has to outlast: the stand-in's late commits and its lag together.
LATE_S = 0.1
LAG_S = 0.3
SETTLE_S = 0.45
TIMEOUT_S = 0.8


def quicken() -> None:
    """Shorten first looks, backoffs, Retry-After and the wait for a locked ledger."""
    from bulk_referrals import client, reporter  # noqa: PLC0415 - in the forked child only
    from bulk_referrals.ledger import sqlite_file  # noqa: PLC0415 - as above
    from bulk_referrals.ledger.postgres import lease  # noqa: PLC0415 - as above
    from bulk_referrals.pipeline import sitting  # noqa: PLC0415 - as above
    from bulk_referrals.policy import pacing  # noqa: PLC0415 - as above
    from bulk_referrals.sender import turns  # noqa: PLC0415 - as above

    put(turns, _FIRST_LOOK_S=0.02, _BUSY_S=0.05)
    put(sitting, Limits=partial(turns.Limits, base_s=0.02, cap_s=0.1))
    put(pacing, _LONGEST_RETRY_AFTER_S=0.03, _NOMINAL_INTERVAL_S=0.0005)
    put(sqlite_file, _BUSY_TIMEOUT_S=0.2)
    put(lease, _LEASE_S=6.0, _POLL_S=0.05)
    put(client, _LARGEST_ANSWER_BYTES=1 << 20)
    put(reporter, _writers=partial(_results_only, vars(reporter)["_writers"]))
    put(ssl, create_default_context=_no_authorities)  # the stand-in speaks plain HTTP


def _no_authorities() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _results_only(writers: Any, *of: Any, **how: Any) -> dict[str, Any]:
    return {"results.csv": writers(*of, **how)["results.csv"]}
