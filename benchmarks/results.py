"""Writes RESULTS.md and its plot."""

import itertools
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from measuring import Measured
from plot import draw

Check = tuple[str, str, int, Measured | None]

_VERSIONS: Final = (
    "pandas",
    "pyarrow",
    "phonenumbers",
    "email-validator",
    "fastexcel",
    "openpyxl",
    "XlsxWriter",
    "httpx",
    "aiohttp",
)
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_SENDING: Final = (
    "To the stand-in on the same machine, in a process of its own; the ledger is on disk, and "
    "each intent and each result is durable before the next step. The clients beside ours send "
    "the same bodies and do nothing else (`bare.py`): what this machine could do just then."
)
_NO_LIMIT: Final = (
    "| no limit set, one invite a request | requests/s | requests per second of CPU "
    "| httpx over aiohttp, as ours, alone | httpx alone |"
)
_INTRO: Final = """# Results

Written by `make bench` (`benchmarks/run.py`) in one run; the machine's speed drifts, so read the
ratios and not the seconds.

**A check** is the whole way from file to report, the process's start included. *Ours* reads the
file, checks it, and writes `report.xlsx`, `report.html`, `results.csv`, the rows to correct and
every payload (`bulk-referrals run --dry-run`). *Typical* is the script that a competent user
writes today (`typical.py`: pandas, `phonenumbers` and `email_validator` per row, groupby, an
openpyxl workbook), *careful* the same with caches, dicts and XlsxWriter's constant memory
(`careful.py`); both write a workbook, the results, the rows to correct and every payload. In the
same run all three were seen to give the same outcome for each row, the same normalised values
and byte-for-byte the same payloads for 10,000 rows of each format.
"""


def write(checks: Sequence[Check], sends: dict[str, Any] | None, folder: Path) -> None:
    """Write the figures; those of an earlier run are replaced."""
    parts = [_INTRO, _machine()]
    lines: dict[tuple[str, str], dict[int, float]] = {}
    for program, kind, count, found in checks:
        if found:
            lines.setdefault((program, kind), {})[count] = found.wall_s
    if lines:
        draw(lines, folder / "time.svg")
        parts += [_table(checks), "![Time by rows](time.svg)\n", _growth(lines)]
    if sends:
        parts.append(_sending(sends))
    (folder / "RESULTS.md").write_text("\n".join(parts), "utf-8")


def _machine() -> str:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _VERSIONS)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}. "
        f"Load average when this was written: {os.getloadavg()[2]:.1f} over 15 minutes.\n"
    )


def _table(checks: Sequence[Check]) -> str:
    found = {(program, kind, count): it for program, kind, count, it in checks}
    lines = [
        "| rows | ours | peak | careful | peak | ratio | typical | peak | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, count in dict.fromkeys((kind, count) for _, kind, count, _ in checks):
        ours = found["ours", kind, count]
        cells = [f"{count:,} {kind.upper()}", *_cells(ours)]
        for program in ("careful", "typical"):
            other = found[program, kind, count]
            ratio = f"{other.wall_s / ours.wall_s:.1f} {_TIMES}" if ours and other else "-"
            cells += [*_cells(other), ratio]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "¹ a single run; all others are medians of several.\n"])


def _cells(found: Measured | None) -> tuple[str, str]:
    if found is None:
        return "too long", "-"
    mark = " ¹" if found.runs == 1 else ""
    return f"{found.wall_s:.2f} s{mark}", f"{found.peak_mib:,.0f} MiB"


def _growth(lines: dict[tuple[str, str], dict[int, float]]) -> str:
    rows = ["| each further row costs | between | µs |", "|---|---|---|"]
    for (program, kind), points in lines.items():
        for (few, short), (many, long) in itertools.pairwise(sorted(points.items())):
            cost = (long - short) / (many - few) * 1e6
            rows.append(f"| {program}, {kind.upper()} | {few:,} and {many:,} | {cost:.1f} |")
    return "\n".join([*rows, ""])


def _sending(sends: dict[str, Any]) -> str:
    lines = [
        "## Sending",
        "",
        _SENDING,
        "",
        _NO_LIMIT,
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {it['concurrency']} at once | {it['requests'] / it['wall_s']:,.0f} "
        f"| {it['requests'] / it['cpu_s']:,.0f} "
        f"| {it['bare']['httpx-aiohttp']:,.0f} | {it['bare']['httpx']:,.0f} |"
        for it in sends["free"]
    ]
    lines += ["", "| limit, the server's very own | used | answers 429 |", "|---|---|---|"]
    lines += [
        f"| {it['rate']:.0f}/min, {it['window']} window of {it['window_s']:.0f} s "
        f"| {it['used']:.1%} | {it['refused']} |"
        for it in sends["limited"]
    ]
    ours = sends["invitees_per_s"]
    lines += ["", f"Rows as they come (several invites a referrer): {ours:,.0f} invitees/s."]
    if sends.get("newman"):
        theirs, version = sends["newman"]
        lines.append(
            f"newman {version} with a CSV, one invitee a request, one request at a time: "
            f"{theirs:,.0f} invitees/s; ours is {ours / theirs:,.0f} {_TIMES} that."
        )
    elif "newman" in sends:
        lines.append("newman was not measured: npm is missing, or could not install it.")
    return "\n".join([*lines, ""])
