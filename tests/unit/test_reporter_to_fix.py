"""The rows to correct go back to their author, just as the author wrote them."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from dataframes import to_frame, to_table
from report_factory import HEADER, NEEDING, make_report

from bulk_referrals.loader import load
from bulk_referrals.model import LoadOptions, RunReport
from bulk_referrals.reporter.to_fix import write_to_fix
from bulk_referrals.summary import summarise


def wanted(report: RunReport, table: int) -> list[dict[str, Any]]:
    """Return the author's cells of the rows to correct, with what was said, the plain way."""
    frame = to_frame(report.outcomes)
    offset = sum(it.num_rows for it in report.original[:table])
    cells = report.original[table].to_pylist()
    found = []
    for line in frame[(frame["table"] == table) & frame["outcome"].isin(NEEDING)].itertuples():
        own = dict(zip(HEADER, cells[line.line - offset].values(), strict=True))
        key = f"{report.run_id}:{table}:{line.row}"
        found.append({**own, "Reason": line.reason, "What to do": line.advice, "Row key": key})
    return found


def write(report: RunReport, tables: tuple[int, ...], path: Path, *, book: bool) -> None:
    write_to_fix(report, summarise(report), tables, path, book=book)


def sheet_rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    header, *rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def test_a_workbook_gets_the_authors_sheets_columns_and_order(tmp_path: Path) -> None:
    report, path = make_report(300), tmp_path / "to_fix.xlsx"
    write(report, (0, 1), path, book=True)
    assert openpyxl.load_workbook(path).sheetnames == ["Delhi", "Mumbai"]
    assert sheet_rows(path, "Delhi") == wanted(report, 0)
    assert sheet_rows(path, "Mumbai") == wanted(report, 1)
    assert list(sheet_rows(path, "Delhi")[0]) == [*HEADER, "Reason", "What to do", "Row key"]


def test_a_text_file_keeps_its_delimiter(tmp_path: Path) -> None:
    report, path = make_report(300), tmp_path / "to_fix.csv"
    write(report, (2,), path, book=False)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";", strict=True))
    defused = ("+", "=")
    assert rows == [
        {
            name: "" if text is None else f"'{text}" if text.startswith(defused) else text
            for name, text in row.items()
        }
        for row in wanted(report, 2)
    ]


def test_the_cell_at_fault_is_coloured_and_all_are_text(tmp_path: Path) -> None:
    report, path = make_report(300), tmp_path / "to_fix.xlsx"
    write(report, (0,), path, book=True)
    sheet = openpyxl.load_workbook(path)["Delhi"]
    # An empty cell takes the look of its column once somebody types into it.
    assert {it.number_format for it in sheet.column_dimensions.values()} == {"@"}
    for row in sheet.iter_rows(min_row=2):
        assert {cell.number_format for cell in row if cell.value is not None} == {"@"}
        coloured = [cell.column for cell in row if cell.fill.fill_type == "solid"]
        reason = str(row[5].value)
        at_fault = 2 if reason.startswith("identifier") else 4 if "campaign is" in reason else None
        assert coloured == ([at_fault] if at_fault else [])


@pytest.mark.parametrize("name", ["to_fix.xlsx", "to_fix.csv"])
def test_it_is_loaded_again_as_it_is(tmp_path: Path, name: str) -> None:
    report, path = make_report(300), tmp_path / name
    tables = (0, 1) if path.suffix == ".xlsx" else (2,)
    write(report, tables, path, book=path.suffix == ".xlsx")
    own = {"Customer mobile": "referrer_mobile", "Friend's phone": "identifier", "Friend": "name"}
    loaded = load([str(path)], LoadOptions(columns={**own, "Campaign": "campaign_token"}))
    rows = [row for table in tables for row in wanted(report, table)]
    assert loaded.rows["referrer_mobile"].to_pylist() == [row["Customer mobile"] for row in rows]
    assert loaded.rows["fault"].null_count == len(loaded.rows)
    assert loaded.rows["referral_code"].null_count == len(rows)


def test_a_file_corrected_twice_has_the_reasons_once(tmp_path: Path) -> None:
    report = make_report(300)
    header = ("reason", *HEADER[1:4], "What to do")
    tables = tuple(replace(table, header=header, columns={}) for table in report.tables)
    write(replace(report, tables=tables), (0,), tmp_path / "a.xlsx", book=True)
    rows = sheet_rows(tmp_path / "a.xlsx", "Delhi")
    assert list(rows[0]) == [*HEADER[1:4], "Reason", "What to do", "Row key"]
    assert [row["Reason"] for row in rows] == [row["Reason"] for row in wanted(report, 0)]


def test_a_row_with_two_faults_stands_once_and_tells_of_both(tmp_path: Path) -> None:
    report = make_report(300)
    frame = to_frame(report.outcomes)
    first = int(frame.index[(frame["table"] == 0) & (frame["outcome"] == "rejected")][0])
    other = frame.iloc[[first]].assign(reason="The e-mail has no @.", field="name")
    both = pd.concat([frame.iloc[: first + 1], other, frame.iloc[first + 1 :]])
    changed = replace(report, outcomes=to_table(both))
    write(changed, (0,), tmp_path / "a.xlsx", book=True)
    rows = sheet_rows(tmp_path / "a.xlsx", "Delhi")
    assert len(rows) == len(wanted(report, 0))
    told = [row["Reason"] for row in rows if "e-mail has no @" in row["Reason"]]
    assert told == [f"{frame['reason'][first]} The e-mail has no @."]


def test_sheets_of_one_name_from_two_workbooks_are_told_apart(tmp_path: Path) -> None:
    report = make_report(300)
    tables = tuple(replace(table, sheet="List of " + "x" * 23) for table in report.tables)
    write(replace(report, tables=tables), (0, 1), tmp_path / "a.xlsx", book=True)
    names = openpyxl.load_workbook(tmp_path / "a.xlsx").sheetnames
    assert names == ["List of " + "x" * 23, "List of " + "x" * 19 + " (2)"]


def test_a_header_with_an_empty_name_or_one_twice_is_kept(tmp_path: Path) -> None:
    report = make_report(300)
    header = ("phone", "phone", "", "Campaign", "Notes")
    tables = tuple(replace(table, header=header) for table in report.tables)
    changed = replace(report, tables=tables)
    write(changed, (0,), tmp_path / "a.xlsx", book=True)
    first = next(openpyxl.load_workbook(tmp_path / "a.xlsx")["Delhi"].iter_rows(values_only=True))
    assert [it or "" for it in first] == [*header, "Reason", "What to do", "Row key"]
    write(changed, (2,), tmp_path / "a.csv", book=False)
    text = (tmp_path / "a.csv").read_text("utf-8-sig")
    assert text.startswith("phone;phone;;Campaign;Notes;Reason;What to do;Row key\n")


def test_several_text_files_of_one_header_go_into_one(tmp_path: Path) -> None:
    report = make_report(300)
    tables = tuple(replace(table, delimiter=",", sheet="") for table in report.tables)
    write(replace(report, tables=tables), (0, 1, 2), tmp_path / "a.csv", book=False)
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == sum(len(wanted(report, table)) for table in range(3))
    assert pa.types.is_string(report.original[0].column(0).type)
