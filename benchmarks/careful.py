"""The typical script, made faster with care: caches, plain dicts, XlsxWriter row by row.

python benchmarks/careful.py rows.csv FOLDER
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from typical import (
    BATCH_SIZE,
    COLUMNS,
    Checked,
    check_row,
    email,
    mobile,
    payload,
    read,
    write_lines,
)

_KEY: Final = ("campaign_token", "referrer", "type", "identifier")


def check(rows: list[Any]) -> list[Checked]:
    mobile_of, email_of = cache(mobile), cache(email)
    seen: set[tuple[str, ...]] = set()
    checked = []
    for number, row in enumerate(rows, start=2):
        line = check_row(number, row, mobile_of=mobile_of, email_of=email_of)
        if line["outcome"] == "not_sent":
            key = tuple(line[name] for name in _KEY)
            if key in seen:
                line |= {
                    "outcome": "duplicate",
                    "code": "duplicate",
                    "reason": "the same invite stands earlier",
                }
            seen.add(key)
        checked.append(line)
    return checked


def payloads(checked: list[Checked]) -> Iterator[str]:
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for line in checked:
        if line["outcome"] == "not_sent":
            key = line["referrer"], line["campaign_token"], line["type"]
            invite = {
                "id": "",
                "invited_on": line["invited_on"],
                "name": line["name"],
                "identifier": line["identifier"],
            }
            groups.setdefault(key, []).append(invite)
    for (referrer, token, kind), invites in groups.items():
        for start in range(0, len(invites), BATCH_SIZE):
            yield payload(referrer, token, kind, invites[start : start + BATCH_SIZE])


def write_csv(columns: tuple[str, ...], lines: Iterator[Any], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(lines)


def write_workbook(checked: list[Checked], path: Path) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        summary = book.add_worksheet("Summary")
        for row, line in enumerate(Counter(it["outcome"] for it in checked).items()):
            summary.write_row(row, 0, line)
        results = book.add_worksheet("Results")
        results.write_row(0, 0, COLUMNS, book.add_format({"bold": True}))
        for row, line in enumerate(checked, start=1):
            results.write_row(row, 0, line.values())
        results.freeze_panes(1, 0)
        results.autofilter(0, 0, len(checked), len(COLUMNS) - 1)


def main(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = read(source)
    named = rows.rename(columns=lambda name: name.replace(" ", "_"))
    lines = list(named.itertuples(index=False))
    checked = check(lines)
    write_lines(payloads(checked), folder / "payloads.jsonl")
    write_csv(COLUMNS, (it.values() for it in checked), folder / "results.csv")
    bad = [
        (*row, it["reason"])
        for row, it in zip(lines, checked, strict=True)
        if it["outcome"] == "rejected"
    ]
    write_csv((*rows.columns, "Reason"), iter(bad), folder / "to_fix.csv")
    write_workbook(checked, folder / "report.xlsx")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
