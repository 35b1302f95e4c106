"""A Parquet file through the whole of a check: its rows, its reports, the way back in."""

import csv
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bulk_referrals import pipeline
from bulk_referrals.config import load_settings

GOOD: dict[str, Any] = {
    "referrer_mobile": [919876543210.0, 919876543211.0],
    "identifier": [919811122233, 9198],
    "campaign_token": ["J0H7Q", "J0H7Q"],
    "referral_code": ["pV7BF", "pV7BF"],
}


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    pq.write_table(pa.table(GOOD), folder / "b.parquet")
    (folder / "a.csv").write_text(
        "referrer_mobile,identifier,campaign_token,referral_code\n"
        "919876543210,919811122233,J0H7Q,pV7BF\n"
    )
    (folder / "_SUCCESS").touch()
    return folder


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("engine", ["memory", "local"])
def test_parquet_stands_beside_csv_and_what_is_amiss_comes_back_to_be_corrected(
    tmp_path: Path, exports: Path, engine: str
) -> None:
    flags: dict[str, Any] = {
        "reports": tmp_path / "reports", "work": tmp_path / "work", "region": "IN",
        "ledger": tmp_path / "ledger.sqlite3", "engine": engine,
    }  # fmt: skip
    finished = pipeline.check([str(exports)], load_settings(None, flags))
    assert finished.report.exit_code == 1
    found = lines_of(Path(finished.outputs["results.csv"]))
    assert [(Path(each["source"]).name, each["row"], each["outcome"]) for each in found] == [
        ("a.csv", "2", "not_sent"),
        ("b.parquet", "1", "duplicate"),
        ("b.parquet", "2", "rejected"),
    ]
    assert {"to_fix.csv", "to_fix.xlsx"} <= set(finished.outputs)
    (amiss,) = lines_of(Path(finished.outputs["to_fix.csv"]))
    assert amiss["referrer_mobile"].strip("'") == "919876543211"
    assert amiss["identifier"].strip("'") == "9198"
    amended = tmp_path / "to_fix.csv"
    text = Path(finished.outputs["to_fix.csv"]).read_text(encoding="utf-8-sig")
    amended.write_text(re.sub(r"\b9198\b", "919811122299", text), encoding="utf-8")
    again = pipeline.check([str(amended)], load_settings(None, flags))
    assert again.report.exit_code == 0


def test_a_pattern_finds_parquet_files(tmp_path: Path, exports: Path) -> None:
    flags = {"reports": tmp_path / "reports", "region": "IN", "ledger": tmp_path / "ledger"}
    finished = pipeline.check([str(exports / "*.parquet")], load_settings(None, flags))
    assert [source.path for source in finished.report.sources] == [str(exports / "b.parquet")]
