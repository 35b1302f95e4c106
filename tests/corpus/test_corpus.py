"""Every file of the corpus through the real `check`: no crash, no row lost, no wrong number."""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from corpus_books import BOOKS
from corpus_case import Case
from corpus_parquet import PARQUETS
from corpus_texts import TEXTS

from bulk_referrals.cli import main

MOST_S = 30
MOST_BYTES = 1 << 30
CASES = (*TEXTS, *BOOKS, *PARQUETS)
LIVE = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
# What the machine has need not be what the corpus allows; a bomb shall meet the bound soon.
SMALL = {"bomb.csv.gz", "bomb.zip", "bomb.parquet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    exit_code: int
    out: str
    err: str


def arguments(case: Case, folder: Path) -> list[str]:
    (folder / "in").mkdir()
    (folder / "in" / case.file).write_bytes(case.content())
    small = ["--max-memory", "1GiB"] if case.file in SMALL else []
    return ["check", f"in/{case.file}", "--json", "--region", "IN", *small]


def in_a_process(arguments: list[str], folder: Path) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        command = [sys.executable, "-m", "bulk_referrals", *arguments]
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert time.monotonic() - started < MOST_S
        assert used.ru_maxrss << 10 < MOST_BYTES
        out.seek(0)
        err.seek(0)
        said = err.read().decode()
        return Ended(exit_code=child.returncode, out=out.read().decode(), err=said)


def in_this_process(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ended:
    monkeypatch.setattr(sys, "argv", ["bulk-referrals", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    written = capfd.readouterr()
    return Ended(exit_code=int(str(ended.value.code or 0)), out=written.out, err=written.err)


@pytest.mark.parametrize("case", CASES, ids=[case.file for case in CASES])
def test_check_ends_in_a_report_or_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    case: Case,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = arguments(case, tmp_path)
    if case.hostile:
        ended = in_a_process(given, tmp_path)
    else:
        ended = in_this_process(given, monkeypatch, capfd)
    assert ended.exit_code == case.exit_code, ended.err
    assert "Traceback" not in ended.err
    assert "panicked" not in ended.err
    assert case.says in ended.err
    if case.exit_code == 2:
        assert ended.err.startswith(f"in/{case.file}: ")
        assert ended.err.count("\n") == 1
        assert sorted(tmp_path.iterdir()) == [tmp_path / "in"]
        return
    conserved(case, json.loads(ended.out), tmp_path)


def conserved(case: Case, manifest: dict[str, Any], folder: Path) -> None:
    assert manifest["books_balance"]
    assert manifest["source_rows"] == len(case.rows)
    csv.field_size_limit(1 << 27)
    with Path(manifest["outputs"]["results.csv"]).open(encoding="utf-8-sig", newline="") as read:
        results = list(csv.DictReader(read))
    assert tuple(int(line["row"]) for line in results) == case.rows
    codes = {int(line["row"]): line["code"] for line in results}
    assert {row: codes[row] for row in case.codes} == dict(case.codes)
    assert {each.name for each in folder.iterdir()} == {"in", "reports"}
    for path in (folder / "reports").rglob("*"):
        if path.is_file():
            INERT[path.suffix](path)


def inert_text(path: Path) -> None:
    delimiter = "," if path.name == "results.csv" else None
    with path.open(encoding="utf-8-sig", newline="") as read:
        sample = read.readline()
        read.seek(0)
        delimiter = delimiter or max(",;\t|", key=sample.count)
        cells = (cell for line in csv.reader(read, delimiter=delimiter) for cell in line)
        assert not any(cell.startswith(tuple(LIVE)) for cell in cells)


def inert_book(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert not any(re.search("external|vba|macro|embed", name) for name in names)
        for name in names:
            for _, element in ET.iterparse(archive.open(name)):  # noqa: S314 - our own file
                assert element.get("TargetMode") != "External"
                if name.startswith("xl/worksheets/"):
                    assert element.tag.rpartition("}")[2] not in {"f", "ddeLink", "oleObject"}


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}


def inert_page(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert "default-src 'none'" in page
    assert tags.seen["script"] == 1
    assert not tags.seen.keys() & {"img", "iframe", "object", "embed", "base", "form"}
    assert not any(name.startswith("on") for name in tags.attributes)
    assert not any(re.match(r"[a-z]+:|//|\.\.", link) for link in tags.links)


def inert_manifest(path: Path) -> None:
    json.loads(path.read_bytes())


INERT = {
    ".csv": inert_text,
    ".xlsx": inert_book,
    ".html": inert_page,
    ".json": inert_manifest,
}
