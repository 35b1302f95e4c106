"""The lines of the results."""

import pandas as pd
import pyarrow as pa
from report_factory import make_report

from bulk_referrals.frames import to_frame, to_table
from bulk_referrals.reporter.lines import result_lines


def with_name(outcomes: pd.DataFrame, name: str) -> pd.DataFrame:
    table = to_table(outcomes)
    names = pa.array([name, *table["name"].to_pylist()[1:]], pa.string())
    return to_frame(table.set_column(table.schema.get_field_index("name"), "name", names))


def test_a_cell_is_told_no_longer_than_a_spreadsheet_shows_it() -> None:
    report = make_report(8)
    outcomes = with_name(report.outcomes, "é" * 50_000)
    told = result_lines(make_report(8, outcomes=outcomes))["name"].to_pylist()
    assert set(told[0]) == {"é"}
    assert 32_767 <= len(told[0]) < 32_800
    assert told[1:] == result_lines(report)["name"].to_pylist()[1:]
