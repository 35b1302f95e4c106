"""The short sheets at the back of the workbook: Codes, Over time, Run."""

from typing import Any
from zoneinfo import ZoneInfo

from bulk_referrals.codes import describe
from bulk_referrals.model import RunReport, RunState
from bulk_referrals.reporter.front import NOTHING_AMISS, corrected, when
from bulk_referrals.reporter.long_sheets import print_well
from bulk_referrals.summary import Summary

_STATES = {
    RunState.CHECKED: "Checked, nothing sent",
    RunState.SENDING: "Not finished",
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped before its end",
    RunState.INTERRUPTED: "Interrupted by hand",
    RunState.REFUSED: "Refused before anything was sent",
    RunState.NOTHING_TO_DO: "Nothing to do",
}


def add_codes(book: Any, summary: Summary, looks: dict[str, Any]) -> None:  # noqa: ANN401
    """Add the sheet Codes: every code that occurs, in plain words, `NOTHING_AMISS` first."""
    sheet = book.add_worksheet("Codes")
    _head(sheet, looks, ("Code", 26), ("Invites", 12), ("What it means", 60), ("What to do", 80))
    # The chart on the sheet Summary shows the codes after those where nothing is amiss.
    ordered = sorted(summary.codes.items(), key=lambda entry: entry[0] not in NOTHING_AMISS)
    for row, (code, number) in enumerate(ordered, start=1):
        plain = describe(code)
        sheet.write_string(row, 0, code, looks["line_bold"])
        sheet.write_number(row, 1, number, looks["line_number"])
        sheet.write_string(row, 2, plain.title, looks["line"])
        sheet.write_string(row, 3, plain.advice, looks["line"])
    print_well(sheet, repeat_heading=True)


def moment_labels(report: RunReport, summary: Summary) -> list[str]:
    """Return the beginning of each step of time in the cluster's zone, as short as is clear."""
    zone = ZoneInfo(report.timezone)
    moments = [moment.at.astimezone(zone) for moment in summary.over_time]
    clock = "%H:%M" if summary.step_s % 60 == 0 else "%H:%M:%S"
    one_day = len({moment.date() for moment in moments}) == 1
    return [moment.strftime(clock if one_day else f"%d %b {clock}") for moment in moments]


def add_over_time(book: Any, report: RunReport, summary: Summary, looks: dict[str, Any]) -> None:  # noqa: ANN401
    """Add the sheet Over time, which feeds the chart of the same name."""
    sheet = book.add_worksheet("Over time")
    heads = ("Accepted", "Refused", "Unknown")
    _head(sheet, looks, ("From", 22), *((head, 12) for head in heads))
    labels = moment_labels(report, summary)
    for row, (label, moment) in enumerate(zip(labels, summary.over_time, strict=True), start=1):
        sheet.write_string(row, 0, label, looks["line"])
        for place, number in enumerate((moment.accepted, moment.failed, moment.unknown), start=1):
            sheet.write_number(row, place, number, looks["line_number"])
    print_well(sheet, repeat_heading=True)


def add_run(book: Any, report: RunReport, summary: Summary, looks: dict[str, Any]) -> None:  # noqa: ANN401
    """Add the sheet Run: what was run, on what, with which settings; no secrets."""
    sheet = book.add_worksheet("Run")
    sheet.hide_gridlines(2)
    for place, width in enumerate((30, 46, 12, 14, 70)):
        sheet.set_column(place, place, width)
    row = _pairs(sheet, 0, "The run", _facts(report, summary), looks)
    row = _pairs(sheet, row + 1, "Settings", report.settings, looks)
    sheet.write_string(row + 1, 0, "Files", looks["section"])
    heads = ("Rows", "Bytes", "SHA-256")
    for place, head in enumerate(("", *heads), start=1):
        sheet.write_string(row + 1, place, head, looks["section"])
    for line, source in enumerate(report.sources, start=row + 2):
        sheet.merge_range(line, 0, line, 1, "", looks["line"])
        sheet.write_string(line, 0, source.path, looks["line"])
        sheet.write_number(line, 2, source.rows, looks["line_number"])
        sheet.write_number(line, 3, source.size_bytes, looks["line_number"])
        sheet.write_string(line, 4, source.sha256, looks["line"])
    print_well(sheet, repeat_heading=False)


def _facts(report: RunReport, summary: Summary) -> dict[str, str]:
    facts = {
        "Run": report.run_id,
        "Corrects": corrected(summary),
        "State": _STATES[report.state],
        "Stopped because": report.stop_reason,
        "To go on": report.resume_command,
        "When": when(report),
        "Sent to": report.target or "nowhere: this was a check",
        "Requests sent": f"{report.requests.sent:,}",
        "of these, tried again": f"{report.requests.retried:,}",
        "Looked up afterwards": f"{report.requests.read_back:,}",
        "Referral codes asked for": f"{report.requests.looked_up:,}".lstrip("0"),
        "Waited for the rate limit": f"{report.requests.throttled_s:,.1f} s",
        "Made by": f"bulk-referrals {report.version}",
        "Exit code": str(report.exit_code),
    }
    return {name: value for name, value in facts.items() if value}


def _pairs(
    sheet: Any,  # noqa: ANN401
    row: int,
    title: str,
    pairs: dict[str, str],
    looks: dict[str, Any],
) -> int:
    """Write a titled block of names and values from a row on; return the row after it."""
    sheet.set_row(row, 26)
    sheet.write_string(row, 0, title, looks["section"])
    sheet.write_blank(row, 1, None, looks["section"])
    for line, (name, value) in enumerate(pairs.items(), start=row + 1):
        sheet.write_string(line, 0, name, looks["line_bold"])
        sheet.write_string(line, 1, value, looks["line"])
    return row + 1 + len(pairs)


def _head(sheet: Any, looks: dict[str, Any], *columns: tuple[str, int]) -> None:  # noqa: ANN401
    sheet.hide_gridlines(2)
    for place, (name, width) in enumerate(columns):
        right = name not in {"Code", "From", "What it means", "What to do"}
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, name, looks["header_right" if right else "header"])
    sheet.set_row(0, 24)
    sheet.freeze_panes(1, 0)
