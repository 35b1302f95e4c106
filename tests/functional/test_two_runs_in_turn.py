"""What one run left open, another may have settled: the reports of both must be true."""

import csv
from pathlib import Path

import pytest
from chaos import inputs

from bulk_referrals import pipeline
from bulk_referrals.cli.console import Console
from bulk_referrals.config import load_settings
from bulk_referrals.sandbox import Sandbox

WATCH = Console(quiet=True, verbose=False, yes=True)


def outcomes(results: str) -> list[str]:
    with Path(results).open(newline="", encoding="utf-8-sig") as stream:
        return [row["outcome"] for row in csv.DictReader(stream)]


def test_what_a_run_left_unsent_and_another_sent_is_told_as_already_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_USERNAME", "store123")
    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "Pass123")
    book = inputs.make(3)
    book.write(tmp_path / "in.csv")
    with Sandbox() as platform:
        flags = {
            "host": platform.url,
            "ledger": tmp_path / "ledger.sqlite3",
            "reports": tmp_path / "reports",
            "rate": None,
        }
        files = [str(tmp_path / "in.csv")]
        first = pipeline.run(
            files, load_settings(None, {**flags, "limit": 2}), sandbox=False, watch=WATCH
        )
        second = pipeline.run(files, load_settings(None, flags), sandbox=False, watch=WATCH)
        told = outcomes(first.outputs["results.csv"])
        assert "not_sent" in told
        assert outcomes(second.outputs["results.csv"]).count("already_sent") == 2 - told.count(
            "failed"
        )
        again = pipeline.resume(first.report.run_id, flags, config=None, watch=WATCH)
        told = outcomes(again.outputs["results.csv"])
        assert "not_sent" not in told
        assert told.count("accepted") + told.count("already_sent") == len(platform.invites())
