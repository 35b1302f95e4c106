"""Shows where the time of a check goes, stage by stage, and the peak of memory after each.

python benchmarks/stages.py rows.csv
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bulk_referrals.__main__ import _ArrowAlone

_BEGAN: Final = time.perf_counter()


def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return the work, telling what each call of it takes."""

    def told(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the work takes and gives
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return work(*args, **named)
        finally:
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{name:<14} {wall:7.3f} s {cpu:7.3f} s of CPU, peak {peak_mib:5d} MiB")

    return told


def time_stages() -> None:
    """Wrap what a check calls in turn, where it looks it up."""
    from bulk_referrals import reporter, validator  # noqa: PLC0415 - measured
    from bulk_referrals.pipeline import preparing, publishing  # noqa: PLC0415 - measured

    for room, name in (
        (preparing, "load"),
        (validator, "validate"),
        (publishing, "without_sending"),
        (publishing, "summarise"),
        (reporter, "write"),
        (publishing, "_write_payloads"),
    ):
        setattr(room, name, timed(name, getattr(room, name)))
    writers_of = reporter._writers  # noqa: SLF001 - no need for it but here

    def writers(*args: Any) -> dict[str, Any]:  # noqa: ANN401 - as it takes them
        return {name: timed(f"  {name}", each) for name, each in writers_of(*args).items()}

    reporter._writers = writers  # noqa: SLF001 - as above


def main() -> None:
    sys.meta_path.insert(0, _ArrowAlone())  # as the command does
    timed("imports", time_stages)()
    from bulk_referrals.cli.commands import app  # noqa: PLC0415 - measured

    with tempfile.TemporaryDirectory() as folder, suppress(SystemExit):
        flags = ("--dry-run", "--sandbox", "--region", "IN", "--reports", folder, "--quiet")
        app(["run", sys.argv[1], *flags])
    print(f"whole: {time.perf_counter() - _BEGAN:.3f} s, {time.process_time():.3f} s of CPU")


if __name__ == "__main__":
    main()
