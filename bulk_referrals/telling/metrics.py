"""Figures of the last run for Prometheus, as a file of node_exporter's textfile collector.

Gauges, not counters: each run replaces the file with its own. Only the time of the last success
and of the last run that came to its end outlive a run: they are taken over from the file before.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bulk_referrals import __version__
from bulk_referrals.model import Outcome
from bulk_referrals.telling.ending import Ending

_LABELS: Final = ("organisation", "profile")
_SUCCESS: Final = "bulk_referrals_last_success_timestamp_seconds"
_COMPLETION: Final = "bulk_referrals_last_completion_timestamp_seconds"
_ROWS_AMISS: Final = 1


def write_metrics(path: Path, ending: Ending) -> None:
    """Replace the file, whole or not at all; anybody may read it (0644), the exporter must.

    Raises:
        OSError: it cannot be written; what stood there stays.
    """
    content = generate_latest(_registry(ending, _kept(path, _labels(ending))))
    lent = path.with_name(f".{path.name}.{os.getpid()}.part")  # not *.prom: that would be read
    try:
        lent.write_bytes(content)
        lent.chmod(0o644)
        lent.replace(path)
    finally:
        lent.unlink(missing_ok=True)


def _labels(ending: Ending) -> dict[str, str]:
    return {name: ending.labels.get(name, "") for name in _LABELS}


def _registry(ending: Ending, kept: dict[str, float]) -> CollectorRegistry:
    registry, labels = CollectorRegistry(), _labels(ending)

    def gauge(name: str, told: str, by: str = "", **values: float) -> None:
        full = f"bulk_referrals_{name}"
        family = Gauge(full, told, [*_LABELS, *([by] if by else [])], registry=registry)
        for value_of, value in values.items():
            family.labels(**labels, **({by: value_of} if by else {})).set(value)

    outcomes = {each.value: ending.outcomes.get(each, 0) for each in Outcome}
    requests, at = ending.requests, ending.finished_at.timestamp()
    gauge("last_run_rows", "Invites asked for, by what became of them.", "outcome", **outcomes)
    gauge("last_run_source_rows", "Rows read from the sources.", own=ending.source_rows)
    gauge("last_run_requests", "Requests made to the platform.", "kind", sent=requests.sent,
          retried=requests.retried, read_back=requests.read_back,
          looked_up=requests.looked_up)  # fmt: skip
    gauge("last_run_throttled_seconds", "Waited for the rate.", own=requests.throttled_s)
    gauge("last_run_duration_seconds", "From its start to its end.", own=ending.duration_s)
    gauge("last_run_exit_code", "0 all well, 1 rows need a person, 2 nothing was begun, 3 stopped "
          "early, 130 interrupted.", own=ending.exit_code)  # fmt: skip
    gauge("last_run_timestamp_seconds", "When it ended.", own=at)
    gauge("last_run_state", "The word for how it ended.", "state", **{ending.state: 1})
    gauge("version", "Of bulk-referrals.", "version", **{__version__: 1})
    if ending.exit_code == 0:
        kept[_SUCCESS] = at
    if ending.exit_code in {0, _ROWS_AMISS}:
        kept[_COMPLETION] = at
    for name, told in (
        (_SUCCESS, "When a run last ended with exit code 0."),
        (_COMPLETION, "When a run last came to its end: exit code 0 or 1."),
    ):
        if name in kept:
            gauge(name.removeprefix("bulk_referrals_"), told, own=kept[name])
    return registry


def _kept(path: Path, labels: dict[str, str]) -> dict[str, float]:
    """Return what outlives a run, by the file of the run before; a damaged one gives nothing."""
    with suppress(OSError, ValueError, KeyError):
        return dict(_lasting(path.read_text("utf-8"), labels))
    return {}


def _lasting(text: str, labels: dict[str, str]) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in {_SUCCESS, _COMPLETION} and sample.labels == labels:
                yield sample.name, sample.value
