"""The way back in: what the report gives to correct is corrected, saved and run as it is."""

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet
from typer.testing import CliRunner

from bulk_referrals.cli import app
from bulk_referrals.reporter import annotation
from bulk_referrals.workbooks.sheets import Limits

SAMPLE = Path(__file__).parents[2] / "sample_data"
HEADER = ("Referrer mobile", "Campaign token", "Referral code", "Friend's mobile", "Name")
GOOD = ("919876543210", "J0H7Q", "pV7BF", "919812345678", "=Asha & Sons")
BAD = ("919876543210", "J0H7Q", "pV7BF", "98-76", "=Ravi")
ALSO_BAD = ("919876543210", "J0H7Q", "pV7BF", None, "Lost")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> dict[str, Any]:
    """Run a command in the sandbox and return what it tells machines."""
    result = CliRunner().invoke(app, ["run", *words, "--sandbox", "--json"])
    assert result.exit_code in {0, 1}, result.output
    manifest: dict[str, Any] = json.loads(result.stdout)
    return manifest


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Delhi"
    sheet.append(["Our launch"])
    for row in (HEADER, GOOD, BAD, ALSO_BAD):
        sheet.append([cell and cell.lstrip("=") for cell in row])
    sheet["C1"] = "=1+1"
    sheet["B3"].font = Font(bold=True)
    book.save(path)


def delimited(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows((HEADER, GOOD, BAD, ALSO_BAD))


def correct_book(path: Path) -> None:
    """Type the right number over the wrong one, and empty the row that is to be left out."""
    book = openpyxl.load_workbook(path)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value == "98-76":
                    cell.value = "919812345679"
            if row[4].value == "Lost":
                for cell in row[:5]:
                    cell.value = None
    book.save(path)


def correct_text(path: Path) -> None:
    text = path.read_text("utf-8-sig").replace("98-76", "919812345679")
    kept = [line for line in text.splitlines() if "Lost" not in line]
    path.write_text("\n".join(kept) + "\n", "utf-8")


@pytest.mark.parametrize(
    ("make", "source", "given", "correct"),
    [
        (workbook, "launch.xlsx", "to_fix.xlsx", correct_book),
        (delimited, "nightly.csv", "to_fix.xlsx", correct_book),
        (delimited, "nightly.csv", "to_fix.csv", correct_text),
    ],
)
def test_what_was_corrected_is_sent_and_nothing_else(
    place: Path,
    make: Callable[[Path], None],
    source: str,
    given: str,
    correct: Callable[[Path], None],
) -> None:
    make(place / source)
    first = run(source)
    assert first["outcomes"]["accepted"] == 1
    assert first["outcomes"]["rejected"] == 2
    assert first["corrects"] == []
    correct(Path(first["outputs"][given]))
    second = run(first["outputs"][given])
    assert {name: n for name, n in second["outcomes"].items() if n} == {"accepted": 1}
    assert second["corrects"] == [first["run_id"]]
    assert second["notices"] == []
    with Path(second["outputs"]["results.csv"]).open(encoding="utf-8", newline="") as file:
        (sent,) = csv.DictReader(file)
    # As its author wrote it: the apostrophe that keeps a spreadsheet from running it is ours.
    assert sent["name"] == ("Ravi" if make is workbook else "'=Ravi")
    shown = openpyxl.load_workbook(second["outputs"]["report.xlsx"])["Run"]
    facts = {row[0]: row[1] for row in shown.iter_rows(values_only=True)}
    assert facts["Corrects"] == f"the rows of run {first['run_id']}"
    assert first["run_id"] in Path(second["outputs"]["report.html"]).read_text("utf-8")


def test_what_is_still_wrong_comes_back_once_more_under_the_new_run(place: Path) -> None:
    workbook(place / "launch.xlsx")
    first = run("launch.xlsx")
    second = run(first["outputs"]["to_fix.xlsx"])
    sheet = openpyxl.load_workbook(second["outputs"]["to_fix.xlsx"])["Delhi"]
    header, *rows = sheet.iter_rows(values_only=True)
    assert header == (*HEADER, "Reason", "What to do", "Row key")
    assert [row[-1] for row in rows] == [f"{second['run_id']}:0:2", f"{second['run_id']}:0:3"]
    assert sheet.column_dimensions["H"].hidden


def test_the_authors_own_workbook_comes_back_with_its_faults_marked(place: Path) -> None:
    workbook(place / "launch.xlsx")
    first = run("launch.xlsx")
    path = Path(first["outputs"]["annotated.xlsx"])
    sheet = openpyxl.load_workbook(path)["Delhi"]
    assert sheet["A1"].value == "Our launch"
    assert sheet["B3"].font.bold
    marked = [cell for row in sheet.iter_rows() for cell in row if cell.comment]
    assert [cell.coordinate for cell in marked] == ["D4", "D5"]
    assert {cell.fill.fgColor.rgb for cell in marked} == {"00FDEBCF"}
    assert "98-76" in str(marked[0].comment.text if marked[0].comment else "")
    assert "What to do: " in str(marked[0].comment.text if marked[0].comment else "")
    assert path.stat().st_mode & 0o777 == 0o600
    # Corrected, it is run like any workbook: what was accepted is not sent again.
    book = openpyxl.load_workbook(path)
    book["Delhi"]["D4"] = "919812345679"
    book["Delhi"].delete_rows(5)
    book.save(path)
    second = run(str(path))
    found = {name: number for name, number in second["outcomes"].items() if number}
    assert found == {"accepted": 1, "already_sent": 1}
    assert second["corrects"] == [first["run_id"]]


def test_the_marked_workbook_holds_values_where_its_author_had_formulas(place: Path) -> None:
    with xlsxwriter.Workbook(place / "launch.xlsx") as book:
        sheet = book.add_worksheet("Delhi")
        for index, row in enumerate((HEADER, GOOD, BAD)):
            for column, cell in enumerate(row):
                sheet.write_string(index, column, cell)
        sheet.write_formula(1, 3, '="9198"&"12345678"', value="919812345678")
        sheet.write_formula(2, 4, '=HYPERLINK("https://example.com","Ravi")', value="Ravi")
    first = run("launch.xlsx")
    path = Path(first["outputs"]["annotated.xlsx"])
    sheet = openpyxl.load_workbook(path)["Delhi"]
    assert [cell.value for cell in sheet[2][:5]] == [*GOOD[:4], "=Asha & Sons"]
    assert sheet["E3"].value == "Ravi"
    with zipfile.ZipFile(path) as archive:
        assert not any(b"<f>" in archive.read(name) for name in archive.namelist())
    assert {name: n for name, n in run(str(path))["outcomes"].items() if n} == {
        "already_sent": 1,
        "rejected": 1,
    }


def test_a_workbook_that_has_changed_since_is_not_annotated(place: Path) -> None:
    workbook(place / "launch.xlsx")
    first = run("launch.xlsx")
    assert "annotated.xlsx" in first["outputs"]
    (place / "launch.xlsx").write_bytes((place / "launch.xlsx").read_bytes() + b"\0")
    words = ["report", first["run_id"], "--json"]
    again = json.loads(CliRunner().invoke(app, words).stdout)
    assert "annotated.xlsx" not in again["outputs"]
    assert not Path(first["outputs"]["annotated.xlsx"]).exists()
    assert again["notices"][-1] == (
        "launch.xlsx: no annotated copy was made, since the file has changed since it was read."
    )
    (place / "launch.xlsx").unlink()
    gone = json.loads(CliRunner().invoke(app, words).stdout)
    assert gone["notices"][-1].endswith("no annotated copy was made, since it cannot be opened.")


def test_the_sample_comes_back_annotated_sheet_by_sheet(place: Path) -> None:
    shutil.copy(SAMPLE / "campaign_launch.xlsx", place / "launch.xlsx")
    first = run("launch.xlsx")
    own = openpyxl.load_workbook(place / "launch.xlsx")
    book = openpyxl.load_workbook(first["outputs"]["annotated.xlsx"])
    assert book.sheetnames == own.sheetnames
    notes = [cell.comment for sheet in book for row in sheet.iter_rows() for cell in row]
    ours = [note for note in notes if note and note.author == "bulk-referrals"]
    amiss = first["outcomes"]["rejected"] + first["outcomes"]["failed"]
    assert amiss - 5 < len(ours) <= amiss  # two faults of one cell share a comment
    assert {c.value for sheet in book for c in sheet[1]} >= {c.value for c in own.worksheets[0][1]}


def test_text_under_the_name_of_a_workbook_is_no_workbook(place: Path) -> None:
    delimited(place / "launch.xlsx")
    first = run("launch.xlsx")
    assert not [name for name in first["outputs"] if name.startswith("annotated")]
    assert not [notice for notice in first["notices"] if "annotated" in notice]


def test_a_long_workbook_is_not_annotated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation, "MOST_ROWS", 2)
    workbook(place / "launch.xlsx")
    first = run("launch.xlsx")
    assert not [name for name in first["outputs"] if name.startswith("annotated")]


def test_a_report_does_not_fail_over_a_copy_that_cannot_be_made(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotation, "_LIMITS", Limits(memory_bytes=2 << 30, time_s=0.01))
    workbook(place / "launch.xlsx")
    first = run("launch.xlsx")
    assert "annotated.xlsx" not in first["outputs"]
    assert Path(first["outputs"]["report.xlsx"]).exists()
    assert first["notices"][-1] == (
        "launch.xlsx: no annotated copy was made, since reading the workbook takes longer than "
        "0.01 s."
    )
