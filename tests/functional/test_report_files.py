"""The whole report of a run, file by file, as people and machines open it."""

import csv
import json
import re
import stat
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from dataframes import to_frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_factory import ENDINGS, NEEDING, make_report

from bulk_referrals import reporter
from bulk_referrals.frames import replaced
from bulk_referrals.model import Outcome, RunReport, RunState
from bulk_referrals.summary import summarise, words

COLUMNS = (
    "source,sheet,row,outcome,code,reason,referrer,campaign_token,type,identifier,name,"
    "invited_on,id,request_id,attempts,sent_at"
)


def as_expected(report: RunReport) -> list[dict[str, Any]]:
    """Return the results the plain way, a dictionary per line."""
    lines = []
    for record in report.outcomes.to_pylist():
        table = report.tables[record["table"]]
        place: dict[str, Any] = {
            "source": report.sources[table.source].path,
            "sheet": table.sheet or None,
        }
        whole: dict[Any, Any] = {**record, **place}
        lines.append({name: whole[name] for name in COLUMNS.split(",")})
    return lines


def sheet_rows(path: Path, name: str) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(path)[name].iter_rows(values_only=True))


def texts(path: Path, name: str) -> list[str]:
    cells = [cell for row in sheet_rows(path, name) for cell in row]
    return [cell for cell in cells if isinstance(cell, str) and cell]


def in_words(report: RunReport, line: dict[str, Any]) -> tuple[Any, ...]:
    sent_at = line["sent_at"] and (
        pd.Timestamp(line["sent_at"]).tz_convert(report.timezone).strftime("%Y-%m-%d %H:%M:%S")
    )
    label = words(Outcome(line["outcome"]), sending=report.sending).label
    return tuple({**line, "outcome": label, "sent_at": sent_at}.values())


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.integers(0, 120), seed=st.integers(0, 99))
def test_every_line_of_the_results_is_in_the_file_and_in_the_workbook(
    tmp_path: Path, rows: int, seed: int
) -> None:
    report = make_report(rows, seed=seed)
    outputs = reporter.write(report, tmp_path / "run")
    with Path(outputs["results.csv"]).open(encoding="utf-8", newline="") as file:
        assert file.readline() == COLUMNS + "\n"
        found = list(csv.reader(file, strict=True))
    lines = as_expected(report)
    plain = [["" if it is None else str(it) for it in line.values()] for line in lines]
    assert [[it.removeprefix("'") for it in line] for line in found] == plain
    header, *shown = sheet_rows(Path(outputs["report.xlsx"]), "Results")
    assert header[:4] == ("File", "Sheet", "Row", "Outcome")
    assert [row for row in shown if any(row)] == [in_words(report, line) for line in lines]


def test_all_files_are_written_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "run"
    outputs = reporter.write(make_report(60), folder)
    assert set(outputs) == {
        "report.xlsx",
        "report.html",
        "to_fix.xlsx",
        "to_fix.csv",
        "results.csv",
        "run.json",
    }
    assert {path.name for path in folder.iterdir()} == set(outputs)
    assert outputs == {name: str(folder / name) for name in outputs}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_report_made_again_leaves_no_to_fix_file_when_all_is_mended(tmp_path: Path) -> None:
    reporter.write(make_report(60), tmp_path)
    mended = make_report(60, endings=ENDINGS[:1])
    outputs = reporter.write(mended, tmp_path)
    assert not list(tmp_path.glob("to_fix*"))
    assert not [name for name in outputs if name.startswith("to_fix")]


def test_the_manifest_tells_machines_everything(tmp_path: Path) -> None:
    report = make_report(300, state=RunState.STOPPED, stop_reason="It stopped.")
    outputs = reporter.write(report, tmp_path)
    found = json.loads((tmp_path / "run.json").read_text("utf-8"))
    frame = to_frame(report.outcomes)
    assert found["run_id"] == "20261123T123000-7f3a"
    assert found["started_at"] == "2026-11-23T12:30:00+00:00"
    assert found["finished_at"] == "2026-11-23T12:44:20+00:00"
    assert (found["state"], found["exit_code"]) == ("stopped", 1)
    assert found["sources"] == [
        {"path": "launch.xlsx", "sha256": "ab" * 32, "rows": 150},
        {"path": "extra.csv", "sha256": "cd" * 32, "rows": 150},
    ]
    assert found["rows"] == 300 == sum(found["outcomes"].values())
    assert list(found["outcomes"]) == [str(outcome) for outcome in Outcome]
    assert found["outcomes"]["accepted"] == int((frame["outcome"] == "accepted").sum())
    assert found["codes"]["1701"] == int((frame["code"] == "1701").sum())
    assert found["requests"] == {
        "sent": 120, "retried": 7, "read_back": 3, "looked_up": 0, "throttled_s": 18.25,
    }  # fmt: skip
    assert found["books_balance"] is True
    assert found["outputs"] == outputs
    assert found["stop_reason"] == "It stopped."


def test_the_workbook_opens_on_what_happened_and_what_to_do(tmp_path: Path) -> None:
    report = make_report(300)
    summary = summarise(report)
    path = Path(reporter.write(report, tmp_path)["report.xlsx"])
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == [
        "Summary",
        "To fix",
        "Warnings",
        "Results",
        "Referrers",
        "Codes",
        "Over time",
        "Run",
    ]
    assert book.active is book["Summary"]
    shown = [cell for row in sheet_rows(path, "Summary") for cell in row if cell is not None]
    assert shown[0] == "Referral import"
    assert shown[2:4] == [summary.headline, summary.books]
    for task in summary.tasks:
        assert task.what in shown
        assert task.how in shown
    for outcome, number in summary.outcomes.items():
        label = words(Outcome(outcome), sending=True).label
        assert number in shown[shown.index("What became of the invites") :]
        assert label in shown
    assert "The sheet Old is hidden and was left out." in shown
    assert len(book["Summary"]._charts) == 3  # type: ignore[attr-defined]


def test_what_needs_a_person_is_listed_with_the_unknown_first(tmp_path: Path) -> None:
    report = make_report(300)
    path = Path(reporter.write(report, tmp_path)["report.xlsx"])
    header, *rows = sheet_rows(path, "To fix")
    assert header[:4] == ("Status", "File", "Sheet", "Row")
    frame = to_frame(report.outcomes)
    expected = [
        (words(outcome, sending=True).label, line.row, line.reason, line.advice)
        for outcome in NEEDING
        for line in frame[frame["outcome"] == outcome].itertuples()
    ]
    assert [(row[0], row[3], row[7], row[8]) for row in rows] == expected


def test_codes_and_referrers_are_told_in_full(tmp_path: Path) -> None:
    report = make_report(300)
    summary = summarise(report)
    path = Path(reporter.write(report, tmp_path)["report.xlsx"])
    codes = {row[0]: row[1] for row in sheet_rows(path, "Codes")[1:]}
    assert codes == summary.codes
    referrers = sheet_rows(path, "Referrers")[1:]
    assert sum(row[1] for row in referrers) == 300
    assert sum(row[2] for row in referrers) == summary.outcomes["accepted"]


def test_long_sheets_can_be_filtered_and_keep_their_heading_in_sight(tmp_path: Path) -> None:
    path = Path(reporter.write(make_report(300), tmp_path)["report.xlsx"])
    for name in ("To fix", "Warnings", "Results", "Referrers"):
        sheet = openpyxl.load_workbook(path)[name]
        assert str(sheet.freeze_panes).endswith("2")
        assert sheet.auto_filter.ref == sheet.dimensions
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.page_setup.orientation == "landscape"


def test_the_run_sheet_shows_settings_hashes_and_local_times(tmp_path: Path) -> None:
    report = make_report(300)
    path = Path(reporter.write(report, tmp_path)["report.xlsx"])
    shown = [cell for row in sheet_rows(path, "Run") for cell in row if cell is not None]
    assert report.started_at.astimezone(ZoneInfo("Asia/Kolkata")).hour == 18
    assert "23 November 2026, 18:00 to 18:14 (Asia/Kolkata)" in shown
    assert {"Rate", "300/min", "ab" * 32, "bulk-referrals 0.1.0"} <= set(shown)


def test_files_go_by_their_names_unless_two_have_the_same(tmp_path: Path) -> None:
    report = make_report(20)
    for paths, shown in (
        (("in/launch.xlsx", "in/extra.csv"), {"launch.xlsx", "extra.csv"}),
        (("monday/a.csv", "friday/a.csv"), {"monday/a.csv", "friday/a.csv"}),
    ):
        pairs = zip(report.sources, paths, strict=True)
        sources = tuple(replace(source, path=path) for source, path in pairs)
        outputs = reporter.write(replace(report, sources=sources), tmp_path)
        rows = sheet_rows(Path(outputs["report.xlsx"]), "Results")[1:]
        assert {row[0] for row in rows} == shown
        with Path(outputs["results.csv"]).open(encoding="utf-8", newline="") as file:
            assert {line["source"] for line in csv.DictReader(file)} == set(paths)


def test_the_chart_of_the_codes_leaves_out_what_went_well(tmp_path: Path) -> None:
    path = Path(reporter.write(make_report(300), tmp_path)["report.xlsx"])
    codes = [row[0] for row in sheet_rows(path, "Codes")[1:]]
    with zipfile.ZipFile(path) as book:
        charts = [book.read(name).decode() for name in book.namelist() if "charts/chart" in name]
    (shown,) = {it for chart in charts for it in re.findall(r"Codes!\$C\$(\d+):\$C\$(\d+)", chart)}
    assert codes[0] == "1000"
    assert shown == ("3", "10")


def test_a_check_never_speaks_of_failing_to_send(tmp_path: Path) -> None:
    outcomes = {Outcome.NOT_SENT, Outcome.REJECTED}
    endings = tuple(ending for ending in ENDINGS if ending[0] in outcomes)
    report = make_report(60, sending=False, endings=endings)
    path = Path(reporter.write(report, tmp_path)["report.xlsx"])
    shown = [str(cell) for row in sheet_rows(path, "Summary") for cell in row if cell]
    assert shown[0] == "Referral check"
    assert "Ready to send" in shown
    assert "Not sent" not in shown
    assert {row[3] for row in sheet_rows(path, "Results")[1:]} == {"Ready to send", "To correct"}


def test_a_cell_that_looks_like_a_formula_is_text_everywhere(tmp_path: Path) -> None:
    report = make_report(60)
    live = '=HYPERLINK("https://example.org","x")'
    names = ["reason", "name", "identifier", "referrer", "code", "id", "request_id", "warning"]
    lines = replaced(report.outcomes, **dict.fromkeys(names, pa.repeat(live, 60)))
    hostile = replace(report, outcomes=lines)
    outputs = reporter.write(hostile, tmp_path)
    for name in ("report.xlsx", "to_fix.xlsx"):
        for sheet in openpyxl.load_workbook(outputs[name]).worksheets:
            cells = [cell for row in sheet.iter_rows() for cell in row]
            assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    with Path(outputs["results.csv"]).open(encoding="utf-8", newline="") as file:
        assert not [cell for line in csv.reader(file) for cell in line if cell.startswith("=")]


@pytest.mark.office
@pytest.mark.parametrize("rows", [0, 300])
def test_libreoffice_reads_every_result(tmp_path: Path, rows: int) -> None:
    report = make_report(rows)
    path = Path(reporter.write(report, tmp_path / "run")["report.xlsx"])
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--headless",
            "--convert-to",
            "xlsx:Calc MS Excel 2007 XML",
            "--outdir",
            str(tmp_path / "converted"),
            str(path),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    converted = tmp_path / "converted" / "report.xlsx"
    for name in ("Results", "To fix", "Referrers"):
        own = [row for row in sheet_rows(path, name) if any(row)]
        theirs = [row[: len(own[0])] for row in sheet_rows(converted, name) if any(row)]
        assert theirs == own
    assert texts(converted, "Summary") == texts(path, "Summary")


@pytest.mark.browser
def test_the_page_works_in_a_browser_without_a_complaint(tmp_path: Path) -> None:
    report = make_report(300)
    hostile = "</td><script>document.title='broken'</script>"
    lines = replaced(report.outcomes, name=pa.repeat(hostile, 300))
    path = Path(reporter.write(replace(report, outcomes=lines), tmp_path)["report.html"])
    browser = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/profile",
            "--enable-logging=stderr",
            "--dump-dom",
            path.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in browser.stderr
    assert "<title>Referral import 20261123T123000-7f3a</title>" in browser.stdout
    # The script has run: it counts what it shows.
    needing = sum(it in NEEDING for it in report.outcomes["outcome"].to_pylist())
    assert f"{needing} of {needing} shown" in browser.stdout
