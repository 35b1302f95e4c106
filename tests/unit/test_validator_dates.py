"""When each invite was made: forms, the order of day and month, zones, and what is refused."""

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

from bulk_referrals.model import Rules
from bulk_referrals.validator import dateforms, layouts, zones
from bulk_referrals.validator.dates import Moments, moments

NOW: Final = datetime(2024, 9, 20, 12, tzinfo=UTC)


def read(*cells: str | None, tables: list[int] | None = None, **rules: Any) -> Moments:
    at = np.array(tables or [0] * len(cells))
    column = pa.chunked_array([pa.array(cells, pa.string())])
    settings = Rules(**{"now": NOW, **rules})
    return moments(column, at, settings, places=("nightly.csv", "launch.xlsx [Wave 1]"))


def stamps(*cells: str | None, **rules: Any) -> list[str | None]:
    found: list[str | None] = read(*cells, **rules).stamp.to_pylist()
    return found


@pytest.mark.parametrize(
    "cell",
    [
        "2024-09-10 16:35:52",
        "2024-09-10T16:35:52",
        "2024-09-10t16:35:52",
        "2024-09-10 16:35:52.731",
        "2024-9-10 16:35:52",
        "2024/09/10 16:35:52",
        "2024.09.10 16.35.52",
        "2024年9月10日 16:35:52",
        "\uff12\uff10\uff12\uff14-09-10 16:35:52",
        "20240910T16:35:52",
        "20240910T163552",
        "20240910163552",
        "10 Sep 2024 16:35:52",
        "10-Sept-24 4:35:52 pm",
        "10th of September 2024 at 4:35:52 P.M.",
        "Sep 10, 2024 16:35:52",
        "September 10 2024, 16:35:52",
        "2024-Sep-10 16:35:52",
        "10SEP2024 16:35:52",
        "Tue Sep 10 16:35:52 2024",
        "2024-09-10T11:05:52Z",
        "2024-09-10 16:35:52 +05:30",
        "2024-09-10T07:05:52-0400",
        "Tue, 10 Sep 2024 11:05:52 GMT",
        "20240910T110552Z",
        "20240910T11:05:52Z.pV7BF",
        "20240910T16:35:52.pV7BF",
        "45545.6915740741",
        "1725966352",
        "1725966352417",
    ],
)
def test_one_moment_is_read_in_every_form_and_sent_in_the_clusters_time(cell: str) -> None:
    assert stamps(cell) == ["20240910T16:35:52"]


@pytest.mark.parametrize(
    ("cell", "stamp"),
    [
        ("2024-09-10", "20240910T00:00:00"),
        ("20240910", "20240910T00:00:00"),
        ("45545", "20240910T00:00:00"),
        ("2024-02-29", "20240229T00:00:00"),
        ("10 Sep 2024 12 am", "20240910T00:00:00"),
        ("10 Sep 2024 12:30 pm", "20240910T12:30:00"),
        ("2024-09-10 16:35", "20240910T16:35:00"),
    ],
)
def test_what_a_form_leaves_out_is_zero(cell: str, stamp: str) -> None:
    assert stamps(cell) == [stamp]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("soon", "'soon' is not a date that can be read"),
        ("2024", "'2024' is not a date that can be read"),
        ("16:35", "'16:35' is not a date that can be read"),
        ("10 Sep 2024 16:35 CEST", "'10 Sep 2024 16:35 CEST' is not a date that can be read"),
        ("2024-02-30", "'2024-02-30' is no day of the calendar or no time of the day"),
        ("2023-02-29 10:00:00", "'2023-02-29 10:00:00' is no day of the calendar or no time of"),
        ("2024-09-10 24:00", "'2024-09-10 24:00' is no day of the calendar or no time of the day"),
        ("10 Sep 2024 13:05 pm", "'10 Sep 2024 13:05 pm' is no day of the calendar or no time"),
        ("10 Sap 2024", "'10 Sap 2024' is no day of the calendar"),
        ("10/09-2024", "'10/09-2024' is no day of the calendar"),
        ("2024-09-10 10:00+19:00", "'2024-09-10 10:00+19:00' is no day of the calendar"),
        ("1999-12-31", "'1999-12-31' lies before 2000 (31 December 1999)"),
        ("2024-09-22", "'2024-09-22' lies in the future (22 September 2024)"),
        ("9876543210", "'9876543210' lies in the future (22 December 2282)"),
        ("24-09-10", "'24-09-10' would lie in 2010, since its year has two digits only"),
    ],
)
def test_what_cannot_be_a_date_of_an_invite_is_refused_with_its_reason(
    cell: str, reason: str
) -> None:
    found = read(cell)
    assert found.stamp.to_pylist() == [None]
    assert found.findings.code.tolist() == ["bad-invited-on"]
    assert found.findings.reason[0].startswith(reason)
    assert found.findings.advice[0]


def test_the_code_in_a_stamped_cell_is_taken_from_it() -> None:
    found = read("20240910T16:35:52.pV7BF", "2024-09-10", "20240910T11:05:52+00:00.x.y")
    assert found.code.to_pylist() == ["pV7BF", None, "x.y"]


def test_a_missing_date_takes_the_setting_and_else_the_runs_start() -> None:
    assert stamps(None, "2024-09-01") == ["20240920T17:30:00", "20240901T00:00:00"]
    assert stamps(None, invited_on="2024-09-05 10:00") == ["20240905T10:00:00"]


def test_a_setting_that_is_no_date_refuses_the_rows_that_need_it() -> None:
    found = read(None, "2024-09-01", invited_on="soon")
    assert found.stamp.to_pylist() == [None, "20240901T00:00:00"]
    assert found.findings.at.tolist() == [0]


def test_times_without_offset_are_converted_from_the_authors_zone() -> None:
    assert stamps("2024-09-10 11:05:52", timezone="UTC") == ["20240910T16:35:52"]
    assert stamps("2024-09-10 23:00:00", timezone="UTC") == ["20240911T04:30:00"]
    assert stamps("2024-09-10T11:05:52Z", timezone="America/New_York") == ["20240910T16:35:52"]


def test_a_date_alone_keeps_its_day_in_every_zone() -> None:
    assert stamps("2024-09-10", timezone="America/New_York") == ["20240910T00:00:00"]


def test_a_time_that_clocks_skip_moves_on_and_one_shown_twice_is_the_first() -> None:
    zones = {"timezone": "America/New_York", "cluster_timezone": "UTC"}
    assert stamps("2024-03-10 02:30:00", **zones) == ["20240310T07:30:00"]
    assert stamps("2023-11-05 01:30:00", **zones) == ["20231105T05:30:00"]


def test_one_date_that_can_only_be_read_day_first_decides_for_its_column() -> None:
    found = read("03/04/2024", "25/04/2024 10:15")
    assert found.stamp.to_pylist() == ["20240403T00:00:00", "20240425T10:15:00"]
    (notice,) = found.notices
    assert notice == (
        "nightly.csv: dates such as 03/04/2024 were read with the day first, because "
        "25/04/2024 10:15 in the same column can be read in no other way."
    )


def test_each_table_decides_for_itself() -> None:
    found = read("03/04/2024", "25/04/2024", "03/04/2024", "04/25/2024", tables=[0, 0, 1, 1])
    assert found.stamp.to_pylist() == [
        "20240403T00:00:00",
        "20240425T00:00:00",
        "20240304T00:00:00",
        "20240425T00:00:00",
    ]
    assert [notice.split(":")[0] for notice in found.notices] == [
        "nightly.csv",
        "launch.xlsx [Wave 1]",
    ]


def test_what_the_column_shows_outweighs_the_setting() -> None:
    assert stamps("03/04/2024", "25/04/2024", day_first=False)[0] == "20240403T00:00:00"


def test_where_both_orders_stand_in_one_column_what_could_be_either_is_refused() -> None:
    found = read("03/04/2024", "25/04/2024", "04/25/2024", "05/05/2024")
    assert found.stamp.to_pylist() == [None, *["20240425T00:00:00"] * 2, "20240505T00:00:00"]
    (reason,) = found.findings.reason
    assert reason == (
        "'03/04/2024' can be 3 April 2024 or 4 March 2024, and its column holds dates of both "
        "orders"
    )
    (notice,) = found.notices
    assert notice == (
        "nightly.csv: in one column 25/04/2024 seems to begin with the day and 04/25/2024 with "
        "the month. What could be either was refused (1 date, such as 03/04/2024); say "
        "--day-first or --month-first to read it."
    )


def test_where_both_orders_stand_in_one_column_a_setting_reads_what_could_be_either() -> None:
    cells = ("03/04/2024", "25/04/2024", "04/25/2024")
    assert stamps(*cells, day_first=False)[0] == "20240304T00:00:00"
    assert stamps(*cells, day_first=True)[0] == "20240403T00:00:00"


def test_a_date_that_would_lie_in_the_future_decides_where_the_calendar_does_not() -> None:
    found = read("03/04/2024", "09/10/2024")
    assert found.stamp.to_pylist() == ["20240304T00:00:00", "20240910T00:00:00"]
    assert "would lie in the future the other way round" in found.notices[0]


@pytest.mark.parametrize(
    ("region", "stamp", "flag"),
    [
        ("IN", "20240403T00:00:00", "--month-first"),
        ("", "20240403T00:00:00", "--month-first"),
        ("US", "20240304T00:00:00", "--day-first"),
    ],
)
def test_where_nothing_tells_the_custom_of_the_region_decides_and_is_said(
    region: str, stamp: str, flag: str
) -> None:
    found = read("03/04/2024", region=region)
    assert found.stamp.to_pylist() == [stamp]
    assert found.notices[0].endswith(f"if that is wrong, say {flag}.")


def test_a_year_of_two_digits_that_reads_year_first_is_no_evidence() -> None:
    found = read("03/04/2024", "24-09-10", region="US")
    assert found.stamp.to_pylist() == ["20240304T00:00:00", None]


def test_bare_numbers_that_were_taken_for_dates_are_said() -> None:
    (notice,) = read("45545.5", "45546").notices
    assert notice == (
        "nightly.csv: bare numbers in the column of dates were read as a spreadsheet's day "
        "numbers (2 of them; 45545.5 as 10 September 2024)."
    )


def test_unambiguous_columns_need_no_notice() -> None:
    assert read("2024-09-10", "10 Sep 2024", "05/05/2024").notices == ()


def test_a_column_of_few_distinct_dates_reads_as_one_of_many() -> None:
    once = stamps("2024-09-10 16:35", "soon", None, "03/04/2024")
    assert stamps(*["2024-09-10 16:35", "soon", None, "03/04/2024"] * 5) == once * 5


def test_layouts_of_fixed_width_read_as_the_patterns_do(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = ["2024-09-10", "2024-02-30", "20240910", "10/09/2024", "10.13.2024", "1a/09/2024"]
    dates += ["10/09-2024", "0000-00-00", "99/99/9999", "2024-00-10", "2024/09/10"]
    times = ["", " 16:35", "T16:35:52", " 24:00:00", " 23:59:60", "t16:35:52z", " 1a:35:52"]
    cells = pa.array([date + time for date in dates for time in times])
    fast = dateforms.read(cells)
    monkeypatch.setattr(layouts, "LAYOUTS", ())
    slow = dateforms.read(cells)
    for name in ("day_first", "month_first", *("known", "numeric", "dated_only", "aware")):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)


def test_blocks_of_cells_read_and_write_as_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = ["2024-09-10", None, "2024-09-10 16:35:52", "soon", "10/09/2024", "2024-02-30", ""]
    cells += ["45545", "2024-09-10T16:35:52z", "03/04/2024", "10 Sep 24", None, "1725966352417"]
    whole = read(*cells)
    for each in (dateforms, zones):
        monkeypatch.setattr(each, "_BLOCK_CELLS", 3)
    parts = read(*cells)
    assert parts.stamp.to_pylist() == whole.stamp.to_pylist()
    for name in ("at", "code", "reason", "advice"):
        np.testing.assert_array_equal(*(getattr(it.findings, name) for it in (parts, whole)))
    assert parts.notices == whole.notices


def _days_of(year: str) -> Any:
    first = np.datetime64(f"{year}-01-01", "D")
    days = first + np.arange(366)
    return days[days.astype("datetime64[Y]") == first.astype("datetime64[Y]")]


@pytest.mark.parametrize("year", ["0000", "0001", "1600", "1900", "1970", "2000", "2023", "9999"])
def test_every_day_of_the_calendar_is_read_and_no_other(year: str) -> None:
    cells = [f"{year}-{month:02}-{day:02}" for month in range(14) for day in range(33)]
    real = {str(day) for day in _days_of(year)}
    read_ = dateforms.read(pa.array(cells)).day_first
    told = [str(day) for day in read_[~np.isnat(read_)].astype("datetime64[D]")]
    assert told == sorted(real)
    assert [cell for cell, day in zip(cells, read_, strict=True) if not np.isnat(day)] == told
