"""Measures this package beside the scripts that it replaces, and writes RESULTS.md.

python benchmarks/run.py                      everything; an hour on two cores
python benchmarks/run.py --sizes 10k,100k     minutes
python benchmarks/run.py --sizes "" --no-newman    sending only
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import results
from measuring import Measured, TooLongError, differences, measure, measure_often

HERE: Final = Path(__file__).parent
ROWS: Final = HERE / ".rows"
SIZES: Final = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
FORMATS: Final = ("csv", "xlsx")
PROGRAMS: Final = ("ours", "careful", "typical")
# Runs of each program at each size: what takes minutes is run once.
RUNS: Final = {
    "ours": {10_000: 9, 100_000: 9, 1_000_000: 5},
    "careful": {10_000: 5, 100_000: 3, 1_000_000: 1},
    "typical": {10_000: 3, 100_000: 1, 1_000_000: 1},
}


def source(count: int, kind: str) -> Path:
    """Return the file of so many rows, made where it is missing."""
    path = ROWS / f"{count}.{kind}"
    if not path.exists():
        ROWS.mkdir(exist_ok=True)
        _run([sys.executable, str(HERE / "generate.py"), str(count), str(path)])
    return path


def command_of(program: str, path: Path, folder: Path) -> list[str]:
    if program == "ours":
        flags = ["--dry-run", "--region", "IN", "--reports", str(folder), "--quiet"]
        return [sys.executable, "-m", "bulk_referrals", "run", str(path), *flags]
    return [sys.executable, str(HERE / f"{program}.py"), str(path), str(folder)]


def checked_alike(kind: str) -> None:
    """Leave with an error where the scripts do not come to the same as we do."""
    path = source(SIZES["10k"], kind)
    with tempfile.TemporaryDirectory() as folder:
        for program in PROGRAMS:
            measure(command_of(program, path, Path(folder, program)), longest_s=600)
        (ours,) = Path(folder, "ours").iterdir()
        for program in PROGRAMS[1:]:
            found = list(differences(ours, Path(folder, program)))
            if found:
                sys.exit(f"{program}.py and ours differ in {len(found)}: {found[:5]}")
    print(f"{kind}: same outcomes, values and payloads from all three programs")


def measured(
    sizes: list[int], kinds: list[str], longest_s: float
) -> Iterator[tuple[str, str, int, Measured | None]]:
    """Yield (program, format, rows, figures), None where it took too long."""
    for kind in kinds:
        for count in sizes:
            for program in PROGRAMS:
                command = partial(command_of, program, source(count, kind))
                runs = RUNS[program][count]
                try:
                    found = measure_often(command, runs=runs, longest_s=longest_s)
                except TooLongError:
                    found = None
                print(f"{kind} {count:>9,} {program:<8} {found}", flush=True)
                yield program, kind, count, found


def sent(*, with_newman: bool) -> dict[str, Any]:
    """Return the figures of sending, taken by a process of its own.

    What is started here has this process's highest memory for its own until it is over that: so
    this one imports nothing that is large.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "figures.json")
        flags = [] if with_newman else ["--no-newman"]
        rows = source(SIZES["10k"], "csv")
        _run([sys.executable, str(HERE / "sending.py"), str(rows), str(path), *flags])
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default=",".join(SIZES), help="of 10k, 100k, 1M")
    parser.add_argument("--formats", default=",".join(FORMATS), help="of csv, xlsx")
    parser.add_argument("--longest", type=float, default=3000.0, help="seconds for one command")
    parser.add_argument("--no-sending", action="store_true")
    parser.add_argument("--no-newman", action="store_true")
    asked = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled, too
    sizes = [SIZES[name] for name in asked.sizes.split(",") if name]
    kinds = [kind for kind in asked.formats.split(",") if kind]
    for kind in kinds if sizes else []:
        checked_alike(kind)
    sends = None if asked.no_sending else sent(with_newman=not asked.no_newman)
    checks = []
    for check in measured(sizes, kinds, asked.longest):
        checks.append(check)
        if check[0] == PROGRAMS[-1]:  # what was measured stands if the rest is broken off
            results.write(checks, sends, HERE)
    if not checks:
        results.write(checks, sends, HERE)
    print(f"written: {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
