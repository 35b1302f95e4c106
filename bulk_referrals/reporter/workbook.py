"""report.xlsx: the report that people open."""

from pathlib import Path

import pyarrow as pa

from bulk_referrals.model import RunReport
from bulk_referrals.reporter.back import add_codes, add_over_time, add_run
from bulk_referrals.reporter.front import add_front
from bulk_referrals.reporter.grids import (
    referrers_grid,
    results_grid,
    to_fix_grid,
    warnings_grid,
)
from bulk_referrals.reporter.long_sheets import new_book
from bulk_referrals.summary import Summary


def write_workbook(report: RunReport, summary: Summary, lines: pa.Table, path: Path) -> None:
    """Write the report, with its lines as `result_lines` gives them, as a workbook.

    Its sheets: Summary, To fix, Warnings (where there are any), Results, Referrers, Codes, Over
    time (where something was sent), Run. Results and Referrers are left out where the report
    holds only an excerpt of its lines.
    """
    with new_book(path) as book:
        add_front(book.shell, report, summary, book.looks)
        book.add_grid(to_fix_grid(report, summary, lines))
        if summary.warnings:
            book.add_grid(warnings_grid(report, lines))
        if not summary.is_of_more(report):
            book.add_grid(results_grid(report, lines))
            book.add_grid(referrers_grid(summary))
        add_codes(book.shell, summary, book.looks)
        if len(summary.over_time) > 1:
            add_over_time(book.shell, report, summary, book.looks)
        add_run(book.shell, report, summary, book.looks)
