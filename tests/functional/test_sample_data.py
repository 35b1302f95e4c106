"""Every row of the sample gets the outcome that its own list says it must get."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from dataframes import to_frame

from bulk_referrals.loader import load
from bulk_referrals.model import Loaded, LoadOptions, Rules
from bulk_referrals.validator import suppression_keys, validate

SAMPLE = Path(__file__).parents[2] / "sample_data"
SOURCES = ("campaign_launch.xlsx", "nightly.csv", "export_utf16.csv")
SENT = {"accepted", "failed"}
SHEETS = {"campaign_launch.xlsx": ["Wave 1", "Wave 2 (UAE)", "Wave 3"]}

with (SAMPLE / "expected.csv").open(encoding="utf-8", newline="") as file:
    EXPECTED = list(csv.DictReader(file))


def rules(*, suppress: bool) -> Rules:
    if not suppress:
        return Rules(now=datetime(2026, 11, 23, tzinfo=UTC))
    with (SAMPLE / "suppression.csv").open(encoding="utf-8", newline="") as listed:
        cells = pa.chunked_array([[line["contact"] for line in csv.DictReader(listed)]])
    keys, unreadable = suppression_keys(cells, Rules())
    assert unreadable == 0
    return Rules(now=datetime(2026, 11, 23, tzinfo=UTC), suppressed=keys)


def loaded(source: str) -> Loaded:
    return load([str(SAMPLE / source)], LoadOptions())


def checked(source: str, *, suppress: bool = True) -> pd.DataFrame:
    sources = loaded(source)
    places = [f"{source} [{table.sheet}]" for table in sources.tables]
    frame = to_frame(validate(sources.rows, rules(suppress=suppress), places=places).frame)
    sheets = [sources.tables[table].sheet for table in frame["table"]]
    frame = frame.astype(object).where(frame.notna(), None)
    return frame.assign(sheet=sheets)


def before_sending(source: str) -> list[tuple[str, int, str, str]]:
    """What the list says, as it stands before anything is sent."""
    return [
        (
            each["sheet"],
            int(each["row"]),
            "ready" if each["outcome"] in SENT else each["outcome"],
            "" if each["outcome"] in SENT else each["code"],
        )
        for each in EXPECTED
        if each["source"] == source
    ]


def verdicts(frame: pd.DataFrame) -> list[tuple[str, int, str, str]]:
    return [
        (sheet, row, outcome or "ready", code or "")
        for sheet, row, outcome, code in zip(
            frame["sheet"], frame["row"], frame["outcome"], frame["code"], strict=True
        )
    ]


def differences(got: Sequence[object], meant: Sequence[object]) -> list[tuple[object, object]]:
    """The places where the two differ, so that a failure shows them and not hundreds of lines."""
    return [pair for pair in zip_longest(got, meant) if pair[0] != pair[1]]


@pytest.mark.parametrize("source", SOURCES)
def test_every_invite_gets_the_verdict_that_the_list_says(source: str) -> None:
    assert differences(verdicts(checked(source)), before_sending(source)) == []


@pytest.mark.parametrize("source", SOURCES)
def test_exactly_the_listed_rows_carry_a_warning(source: str) -> None:
    frame = checked(source)
    warned = frame[frame["warning"].notna() & frame["outcome"].isna()]
    listed = [each for each in EXPECTED if each["source"] == source and each["warning"]]
    assert list(zip(warned["sheet"], warned["row"], strict=True)) == [
        (each["sheet"], int(each["row"])) for each in listed
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_every_row_that_is_not_sent_says_why_and_what_to_do(source: str) -> None:
    frame = checked(source)
    stopped = frame[frame["outcome"].notna()]
    assert len(stopped) > 0
    assert stopped[["reason", "advice"]].notna().all(axis=None)


@pytest.mark.parametrize("source", SOURCES)
def test_without_the_suppression_list_its_rows_are_ready(source: str) -> None:
    verdict = [
        (sheet, row, "ready", "") if outcome == "suppressed" else (sheet, row, outcome, code)
        for sheet, row, outcome, code in before_sending(source)
    ]
    assert differences(verdicts(checked(source, suppress=False)), verdict) == []


@pytest.mark.parametrize("source", SOURCES)
def test_sheets_of_notes_and_hidden_sheets_are_left_out(source: str) -> None:
    assert [table.sheet for table in loaded(source).tables] == SHEETS.get(source, [""])


def test_leaving_a_sheet_out_is_said() -> None:
    notices = " ".join(loaded("campaign_launch.xlsx").notices)
    assert "Notes" in notices
    assert "Old" in notices


@pytest.mark.parametrize(
    ("source", "sheet", "row", "field", "meant"),
    [
        ("campaign_launch.xlsx", "Wave 1", 7, "identifier", "919000000107"),
        ("campaign_launch.xlsx", "Wave 1", 40, "identifier", "919000000140"),
        ("campaign_launch.xlsx", "Wave 1", 42, "identifier", "919000000142"),
        ("campaign_launch.xlsx", "Wave 1", 46, "identifier", "919000000146"),
        ("campaign_launch.xlsx", "Wave 1", 48, "identifier", "919000000148"),
        ("campaign_launch.xlsx", "Wave 1", 50, "identifier", "919000000150"),
        ("campaign_launch.xlsx", "Wave 1", 72, "identifier", "Asha.Rao72@example.com"),
        ("campaign_launch.xlsx", "Wave 1", 80, "type", "MOBILE"),
        ("campaign_launch.xlsx", "Wave 1", 100, "invited_on", "20251025T18:05:00"),
        ("campaign_launch.xlsx", "Wave 1", 102, "invited_on", "20251105T09:20:00"),
        ("campaign_launch.xlsx", "Wave 1", 104, "invited_on", "20251014T16:35:00"),
        ("campaign_launch.xlsx", "Wave 1", 106, "invited_on", "20261123T05:30:00"),
        ("campaign_launch.xlsx", "Wave 1", 108, "invited_on", "20251013T16:35:52.pV7BF"),
        ("campaign_launch.xlsx", "Wave 1", 129, "invited_on", ".00417"),
        ("campaign_launch.xlsx", "Wave 1", 131, "invited_on", ".1E527"),
        ("campaign_launch.xlsx", "Wave 1", 133, "name", "NA"),
        ("campaign_launch.xlsx", "Wave 1", 139, "name", "Riya \U0001f389"),
        ("campaign_launch.xlsx", "Wave 1", 141, "name", "=SUM(1,2)"),
        ("campaign_launch.xlsx", "Wave 2 (UAE)", 8, "identifier", "971500000108"),
        ("campaign_launch.xlsx", "Wave 2 (UAE)", 28, "identifier", "971500000128"),
        ("campaign_launch.xlsx", "Wave 3", 14, "id", "1-2"),
        ("nightly.csv", "", 36, "invited_on", "20251122T16:35:52.pV7BF"),
        ("nightly.csv", "", 52, "name", 'Riya "Ri" Das'),
        ("export_utf16.csv", "", 5, "name", "Das; Riya"),
        ("export_utf16.csv", "", 19, "invited_on", "20251125T10:00:00"),
    ],
)
def test_what_is_sent_is_what_the_author_meant(
    source: str, sheet: str, row: int, field: str, meant: str
) -> None:
    frame = checked(source)
    sent = frame[(frame["sheet"] == sheet) & (frame["row"] == row)].iloc[0][field]
    assert meant in sent


@pytest.mark.parametrize("source", SOURCES)
def test_whoever_is_sent_is_invented(source: str) -> None:
    frame = checked(source, suppress=False)
    ready = frame[frame["outcome"].isna()]
    people = [*ready["identifier"], *ready["referrer"]]
    invented = re.compile(r"9190000\d{5}|97150000\d{4}|659000\d{4}|[^@]+@(mail\.)?example\.\w+")
    assert [each for each in people if not invented.fullmatch(each)] == []


def test_the_files_are_what_their_script_makes(tmp_path: Path) -> None:
    script = [sys.executable, str(SAMPLE / "make.py"), "--to", str(tmp_path)]
    subprocess.run(script, check=True, timeout=60)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {*SOURCES, "suppression.csv", "expected.csv", "README.md"}
    for name in made - {"campaign_launch.xlsx"}:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
    # The writer's version may show in a workbook's bytes, but not in its cells.
    assert cells(tmp_path / "campaign_launch.xlsx") == cells(SAMPLE / "campaign_launch.xlsx")


def cells(path: Path) -> dict[str, list[tuple[object, ...]]]:
    book = openpyxl.load_workbook(path, data_only=True, rich_text=True)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_the_list_has_every_outcome_that_a_first_run_can_give() -> None:
    outcomes = Counter(each["outcome"] for each in EXPECTED)
    assert set(outcomes) == {"accepted", "rejected", "duplicate", "suppressed", "failed"}


def run_over_the_sample(folder: Path) -> tuple[list[dict[str, str]], str]:
    """Run the real command over the whole sample: its results, and its stdout."""
    files = [f"sample_data/{source}" for source in SOURCES]
    flags = ["--sandbox", "--json", "--suppress", "sample_data/suppression.csv"]
    where = ["--reports", str(folder / "reports"), "--ledger", str(folder / "ledger.sqlite3")]
    before = set((folder / "reports").glob("*"))
    ran = subprocess.run(
        [sys.executable, "-m", "bulk_referrals", "run", *files, *flags, *where],
        cwd=SAMPLE.parent,
        env={**os.environ, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1, ran.stderr  # finished, and some rows were refused
    (report,) = set((folder / "reports").glob("*")) - before
    with (report / "results.csv").open(encoding="utf-8-sig", newline="") as results:
        lines = list(csv.DictReader(results))
    shown = [line["identifier"] for line in lines if line["outcome"] == "accepted"]
    assert [each for each in shown if each in ran.stdout + ran.stderr] == []
    return lines, ran.stdout


def outcomes(lines: list[dict[str, str]]) -> list[tuple[str, ...]]:
    """Where each line stands, what became of it, and its code unless it was accepted."""
    return [
        (
            Path(line["source"]).name,
            line["sheet"],
            line["row"],
            line["outcome"],
            "" if line["outcome"] == "accepted" else line["code"],
        )
        for line in lines
    ]


def test_the_real_command_ends_every_row_as_the_list_says(tmp_path: Path) -> None:
    lines, manifest = run_over_the_sample(tmp_path)
    assert differences(outcomes(lines), outcomes(EXPECTED)) == []
    figures = json.loads(manifest)
    assert figures["books_balance"] is True
    counted = Counter(each["outcome"] for each in EXPECTED)
    assert {name: n for name, n in figures["outcomes"].items() if n} == counted


def test_the_second_run_over_the_sample_sends_nothing_again(tmp_path: Path) -> None:
    run_over_the_sample(tmp_path)
    lines, _ = run_over_the_sample(tmp_path)
    then = {"accepted": "already_sent"}
    meant = [then.get(each["outcome"], each["outcome"]) for each in EXPECTED]
    assert differences([line["outcome"] for line in lines], meant) == []
