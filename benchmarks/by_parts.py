"""Checks a folder of many rows by parts, and tells what it took; memory must not grow with them.

    python benchmarks/by_parts.py 10000000 --files 10 --most-mib 2048

One file makes one long text that is read in pieces. With --scheduler, on a Dask cluster.
"""

import argparse
import csv
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

import generate
import measuring

_LONGEST_S = 3600.0


def main() -> None:
    asked = _arguments()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        exports = Path(folder) / "exports"
        made = asked.reuse or exports
        if not made.exists():
            write_folder(asked.rows, asked.files, made)
        for size in asked.partition_size:
            tell(asked, made, Path(folder), size)


def tell(asked: argparse.Namespace, exports: Path, folder: Path, size: str) -> None:
    flags = {
        "--region": "IN",
        "--engine": "dask" if asked.scheduler else "local",
        "--partition-size": size,
        "--reports": str(folder / "reports"),
        "--work": str(folder / "work"),
    } | ({"--scheduler": asked.scheduler} if asked.scheduler else {})
    command = [sys.executable, "-m", "bulk_referrals", "check", str(exports), "-q"]
    command += [word for flag in flags.items() for word in flag]
    found = measuring.measure(command, longest_s=_LONGEST_S)
    told = max((folder / "reports").iterdir()) / "run.json"
    manifest = json.loads(told.read_text("utf-8"))
    text_mib = sum(each.stat().st_size for each in exports.iterdir()) / (1 << 20)
    print(
        f"{manifest['source_rows']:,} rows ({text_mib:,.0f} MiB of text) in parts of {size}: "
        f"{found.wall_s:.1f} s, {found.cpu_s:.1f} s of CPU, at most {found.peak_mib:,.0f} MiB; "
        f"books balance: {manifest['books_balance']}"
    )
    if found.peak_mib > asked.most_mib or not manifest["books_balance"]:
        raise SystemExit(1)


def write_folder(rows: int, files: int, folder: Path) -> None:
    folder.mkdir(parents=True)
    every = generate.rows(rows)
    for number in range(files):
        with (folder / f"{number:03}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(generate.HEADER)
            writer.writerows(islice(every, -(-rows // files)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--partition-size", nargs="+", default=["32MiB"])
    parser.add_argument("--most-mib", type=float, default=2048.0)
    parser.add_argument("--scheduler", default="")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--reuse", type=Path, default=None, help="exports that are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
