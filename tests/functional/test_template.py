"""The empty workbook: made, refused while empty, and run once it is filled in."""

import json
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from bulk_referrals.cli import app
from bulk_referrals.errors import UsageError
from bulk_referrals.loader import load
from bulk_referrals.model import FIELDS, LoadOptions
from bulk_referrals.reporter.template import FIELDS as COLUMNS


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["template", "new.xlsx"])
    assert result.exit_code == 0
    assert "bulk-referrals check new.xlsx" in result.output
    return tmp_path / "new.xlsx"


def test_its_columns_are_those_that_the_loader_knows(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book["Invites"]
    for column in "ABEFI":
        assert sheet.column_dimensions[column].number_format == "@"
    sheet.append(["917999836466", None, "J0H7Q", "MOBILE", "0917999836416", "Asha"])
    book.save(path)
    (table,) = load([str(path)], LoadOptions()).tables
    left_out = ("invitee_mobile", "invitee_email")
    assert list(table.columns) == [name for name in FIELDS if name not in left_out]
    assert list(table.columns.values()) == list(range(len(COLUMNS)))


def test_the_type_is_chosen_from_a_list(path: Path) -> None:
    rules = openpyxl.load_workbook(path)["Invites"].data_validations.dataValidation
    (choice,) = [rule for rule in rules if rule.type == "list"]
    assert choice.formula1 == '"MOBILE,EMAIL"'
    assert str(choice.sqref) == "D2:D1048576"


def test_while_it_is_empty_a_check_says_so(path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exception is not None
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == (
        f"{path} [Invites]: there are column names, but no rows under them. Fill in some rows or "
        "export it again, or leave the file out."
    )


def test_filled_in_it_is_sent_and_its_examples_are_not(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    book["Invites"].append(
        ["917999836466", None, "J0H7Q", "MOBILE", "917999836416", "Asha", None, "pV7BF"]
    )
    book.save(path)
    result = CliRunner().invoke(app, ["run", str(path), "--sandbox", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 1


def test_a_file_that_stands_there_is_kept_unless_forced(path: Path) -> None:
    path.write_bytes(b"mine")
    result = CliRunner().invoke(app, ["template", "new.xlsx"])
    assert isinstance(result.exception, UsageError)
    assert "there is such a file already" in str(result.exception)
    assert path.read_bytes() == b"mine"
    assert CliRunner().invoke(app, ["template", "new.xlsx", "--force"]).exit_code == 0
    assert path.read_bytes() != b"mine"


@pytest.mark.parametrize("name", ["new.csv", "missing/new.xlsx"])
def test_a_path_that_will_not_do_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["template", name])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith(f"{name}: ")
