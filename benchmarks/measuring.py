"""Starts commands and takes what the system says about them; compares what they wrote."""

import csv
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

DONE: Final = (0, 1)  # ours exits with 1 where rows need a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Some runs of one command.

    Attributes:
        wall_s: median, from its start to its end.
        cpu_s: median, user and system, of all its processes.
        peak_mib: highest resident memory of the largest of its processes.
        runs: how many there were.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    runs: int


class TooLongError(Exception):
    """A command did not end in time."""


def measure(command: Sequence[str], *, longest_s: float) -> Measured:
    """Run a command.

    Raises:
        TooLongError: it was stopped.
        RuntimeError: it failed.
    """
    wall_s, cpu_s, peak_mib = _once(command, longest_s)
    return Measured(wall_s=wall_s, cpu_s=cpu_s, peak_mib=peak_mib, runs=1)


def measure_often(
    command_of: Callable[[Path], Sequence[str]], *, runs: int, longest_s: float
) -> Measured:
    """Run a command several times, each time with an empty folder of its own, as `measure` does.

    A folder is removed before the next run: what the system still has to write of one run would
    be paid for by another.

    Args:
        command_of: the folder -> the command that writes to it.
        runs: how often.
        longest_s: seconds for one.
    """
    taken = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            taken.append(_once(command_of(Path(folder)), longest_s))
    return Measured(
        wall_s=median(wall_s for wall_s, _, _ in taken),
        cpu_s=median(cpu_s for _, cpu_s, _ in taken),
        peak_mib=max(peak_mib for _, _, peak_mib in taken),
        runs=runs,
    )


def _once(command: Sequence[str], longest_s: float) -> tuple[float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        wall_s = time.perf_counter() - began
        if pid:
            break
        if wall_s > longest_s:
            process.kill()
            raise TooLongError(" ".join(command))
        time.sleep(min(0.005 + wall_s / 1000, 0.2))
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in DONE:
        message = f"exit {process.returncode}: {' '.join(command)}"
        raise RuntimeError(message)
    return wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def differences(ours: Path, theirs: Path) -> Iterator[str]:
    """Yield what two folders say differently: outcomes, what is sent, payloads.

    Payloads are compared as bytes, each a line, in any order; what is sent is compared where a
    row is ready, since a row that is refused shows what its author typed.
    """
    pairs = zip(_results(ours), _results(theirs), strict=True)
    for number, (one, other) in enumerate(pairs, start=2):
        names = ("outcome", "referrer", "campaign_token", "type", "identifier", "invited_on")
        compared = names if one["outcome"] == "not_sent" else names[:1]
        for name in compared:
            if one[name] != other[name]:
                yield f"row {number}: {name} {one[name]!r} and {other[name]!r}"
    bodies = [sorted((it / "payloads.jsonl").read_bytes().splitlines()) for it in (ours, theirs)]
    if bodies[0] != bodies[1]:
        yield "the payloads"


def _results(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
