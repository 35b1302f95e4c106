"""report.xlsx: the report that people open."""

from pathlib import Path

from bulk_referrals.model import RunReport
from bulk_referrals.reporter.back import add_codes, add_over_time, add_run
from bulk_referrals.reporter.front import add_front
from bulk_referrals.reporter.grids import (
    referrers_grid,
    results_grid,
    to_fix_grid,
    warnings_grid,
)
from bulk_referrals.reporter.long_sheets import WORKBOOK_OPTIONS, add_long_sheet
from bulk_referrals.reporter.looks import add_looks
from bulk_referrals.summary import Summary


def write_workbook(report: RunReport, summary: Summary, path: Path) -> None:
    """Write the report as a workbook: Summary, To fix, Results, Referrers, Codes, Run."""
    import xlsxwriter  # noqa: PLC0415 - start-up time

    with xlsxwriter.Workbook(str(path), WORKBOOK_OPTIONS) as book:
        looks = add_looks(book)
        add_front(book, report, summary, looks)
        add_long_sheet(book, to_fix_grid(report), looks)
        if summary.warnings:
            add_long_sheet(book, warnings_grid(report), looks)
        add_long_sheet(book, results_grid(report), looks)
        add_long_sheet(book, referrers_grid(summary), looks)
        add_codes(book, summary, looks)
        if len(summary.over_time) > 1:
            add_over_time(book, report, summary, looks)
        add_run(book, report, looks)
