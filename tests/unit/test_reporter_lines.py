"""The lines of the results."""

import pyarrow as pa
from report_factory import make_report

from bulk_referrals.frames import replaced
from bulk_referrals.reporter.lines import result_lines


def with_name(outcomes: pa.Table, name: str) -> pa.Table:
    return replaced(outcomes, name=pa.array([name, *outcomes["name"].to_pylist()[1:]]))


def test_a_cell_is_told_no_longer_than_a_spreadsheet_shows_it() -> None:
    report = make_report(8)
    outcomes = with_name(report.outcomes, "é" * 50_000)
    told = result_lines(make_report(8, outcomes=outcomes))["name"].to_pylist()
    assert set(told[0]) == {"é"}
    assert 32_767 <= len(told[0]) < 32_800
    assert told[1:] == result_lines(report)["name"].to_pylist()[1:]
