"""`--max-memory` and `--read-timeout`, from the command line and the environment to the reader."""

import sys
from pathlib import Path

import openpyxl
import pytest

from bulk_referrals.cli import main
from bulk_referrals.config import parse_size


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    made = openpyxl.Workbook()
    made.worksheets[0].append(["referrer_mobile", "identifier"])
    made.worksheets[0].append(["917999836466", "917999836416"])
    made.save("a.xlsx")
    return "a.xlsx"


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bulk-referrals", "check", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(str(caught.value.code))


@pytest.mark.parametrize("source", ["sheet", "list"])
def test_the_time_to_read_a_workbook_is_bounded(
    book: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
) -> None:
    Path("a.csv").write_text("referrer_mobile,identifier\n1,2\n", encoding="utf-8")
    words = [book] if source == "sheet" else ["a.csv", "--suppress", book]
    assert ended(monkeypatch, *words, "--read-timeout", "0.001") == 2
    assert "a.xlsx: reading the workbook takes longer than 0.001 s." in capsys.readouterr().err


def test_memory_comes_from_the_environment_and_a_flag_wins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_bytes(b"referrer_mobile,identifier\n" + b"1,2\n" * (33 << 20))
    monkeypatch.setenv("BULK_REFERRALS_MAX_MEMORY", "256MiB")
    assert ended(monkeypatch, "a.csv", "--engine", "memory") == 2
    assert "a.csv: it is larger than 0.125 GiB. Split it" in capsys.readouterr().err
    assert ended(monkeypatch, "a.csv", "--max-memory", "1 MB") == 2
    assert "max_memory: it should be greater than or equal to" in capsys.readouterr().err
    assert ended(monkeypatch, "a.csv", "--max-memory", "much") == 2
    assert "max_memory: write a size as 4GiB or 512MiB." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("4GiB", 4 << 30), ("512MB", 512 << 20), ("1.5g", 3 << 29), ("1024", 1024), (17, 17)],
)
def test_a_size_is_read_as_people_write_it(text: object, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes
