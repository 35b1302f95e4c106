"""The sheet Summary: what happened, what to do, and the figures with their charts."""

import math
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from bulk_referrals.model import Outcome, RunReport
from bulk_referrals.reporter.long_sheets import print_well
from bulk_referrals.reporter.palette import INK, LINE, MUTED, SOLID
from bulk_referrals.summary import NEEDS_A_PERSON, READING_ORDER, Summary, words

# Characters per column: margin, chip, figure, share or code, text, text, the rest of that text.
_WIDTHS: Final = (2, 16, 15, 16, 58, 60, 12)
_LAST: Final = len(_WIDTHS) - 1
_TOP_REASONS: Final = 5
_MOST_BARS: Final = 8
# Codes of invites with which nothing is wrong.
NOTHING_AMISS: Final = frozenset({"1000", "ready"})
_FIGURES: Final = {"Invites", "Share", "Rows", "Accepted", "Ready to send", "Need you"}
_LINE_POINTS: Final = 16


@dataclass(slots=True)
class Cursor:
    """The sheet being painted and the row where the next block begins."""

    sheet: Any
    looks: dict[str, Any]
    row: int = 0

    def section(self, title: str) -> None:
        """Leave a gap and write a section's title over the whole width."""
        self.sheet.set_row(self.row, 12)
        self.row += 1
        self.sheet.set_row(self.row, 24)
        self.sheet.write_string(self.row, 1, title, self.looks["section"])
        for place in range(2, _LAST + 1):
            self.sheet.write_blank(self.row, place, None, self.looks["section"])
        self.row += 1

    def heading(self, *names: str) -> None:
        """Write a table's heading from the second column on."""
        for place, name in enumerate(names, start=1):
            look = self.looks["header_right" if name in _FIGURES else "header"]
            self.sheet.write(self.row, place, name or None, look)
        self.sheet.set_row(self.row, 20)
        self.row += 1

    def wide(self, first: int, last: int, text: str, look: str) -> None:
        """Write one text over several columns of the current row."""
        if first == last:
            self.sheet.write_string(self.row, first, text, self.looks[look])
        else:
            self.sheet.merge_range(self.row, first, self.row, last, "", self.looks[look])
            self.sheet.write_string(self.row, first, text, self.looks[look])

    def next(self, *texts: tuple[str, int]) -> None:
        """Make the row high enough for texts in so many characters of width, and go on."""
        lines = max((math.ceil(len(text) / width) for text, width in texts), default=1)
        self.sheet.set_row(self.row, _LINE_POINTS * max(lines, 1) + 6)
        self.row += 1


def add_front(book: Any, report: RunReport, summary: Summary, looks: dict[str, Any]) -> None:  # noqa: ANN401
    """Add the sheet Summary, the first that people see."""
    sheet = book.add_worksheet("Summary")
    sheet.hide_gridlines(2)
    sheet.set_tab_color("#1F4E79")
    for place, width in enumerate(_WIDTHS):
        sheet.set_column(place, place, width)
    cursor = Cursor(sheet, looks)
    _masthead(cursor, report, summary)
    _tasks(cursor, summary)
    first = _outcomes(cursor, report, summary)
    _outcome_chart(book, cursor, first)
    _reasons(cursor, report, summary)
    _charts(book, cursor, summary)
    _sources(cursor, report, summary)
    _notices(cursor, report)
    print_well(sheet, repeat_heading=False)
    sheet.activate()


def when(report: RunReport) -> str:
    """Return the time of the run as people write it, in the cluster's zone."""
    zone = ZoneInfo(report.timezone)
    start, end = report.started_at.astimezone(zone), report.finished_at.astimezone(zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%B %Y, %H:%M}"
    return f"{start.day} {start:%B %Y, %H:%M} to {until} ({report.timezone})"


def corrected(summary: Summary) -> str:
    """Return which runs' rows these are, corrected; "" where they are nobody's."""
    runs = summary.corrects
    return f"the rows of {'run' if len(runs) == 1 else 'runs'} {', '.join(runs)}" if runs else ""


def _masthead(cursor: Cursor, report: RunReport, summary: Summary) -> None:
    sheet, looks = cursor.sheet, cursor.looks
    sheet.set_row(0, 8)
    sheet.set_row(1, 34)
    title = "Referral import" if report.sending else "Referral check"
    sheet.write_string(1, 1, title, looks["title"])
    to = f"  ·  sent to {report.target}" if report.target else ""
    cursor.row = 2
    corrects = f"  ·  corrects {corrected(summary)}" if summary.corrects else ""
    line = f"{when(report)}{to}  ·  run {report.run_id}{corrects}"
    cursor.wide(1, _LAST, line, "subtitle")
    cursor.next((line, 150))
    sheet.set_row(3, 8)
    cursor.row = 4
    cursor.wide(1, _LAST, summary.headline, "headline")
    sheet.set_row(4, 46 if len(summary.headline) < 240 else 64)  # noqa: PLR2004 - two lines or three
    cursor.row = 5
    cursor.wide(1, _LAST, summary.books, "good" if summary.books_balance else "bad")
    cursor.next((summary.books, 150))


def _tasks(cursor: Cursor, summary: Summary) -> None:
    cursor.section("What to do")
    if not summary.tasks:
        cursor.wide(1, _LAST, "Nothing. Everything is done.", "good")
        cursor.next()
    for task in summary.tasks:
        cursor.wide(1, 1, task.label, f"chip_{task.outcome}" if task.outcome else "chip")
        cursor.wide(2, 4, task.what, "line_bold")
        cursor.wide(5, _LAST, task.how, "line")
        cursor.next((task.what, 80), (task.how, 74))


def _outcomes(cursor: Cursor, report: RunReport, summary: Summary) -> int:
    """Paint the table of outcomes and return the row of its first line."""
    cursor.section("What became of the invites")
    cursor.heading("Outcome", "Invites", "Share", "What it means")
    first = cursor.row
    for outcome in READING_ORDER:
        plain, number = words(outcome, sending=report.sending), summary.outcomes[outcome]
        cursor.wide(1, 1, plain.label, f"chip_{outcome}" if number else "chip_none")
        cursor.sheet.write_number(cursor.row, 2, number, cursor.looks["line_number"])
        share = number / summary.rows if summary.rows else 0
        cursor.sheet.write_number(cursor.row, 3, share, cursor.looks["line_share"])
        cursor.wide(4, 4, plain.meaning, "line")
        cursor.next((plain.meaning, _WIDTHS[4]))
    cursor.wide(1, 1, "All", "total")
    cursor.sheet.write_number(cursor.row, 2, summary.rows, cursor.looks["total_number"])
    for place in (3, 4):
        cursor.sheet.write_blank(cursor.row, place, None, cursor.looks["total"])
    cursor.next()
    return first


def _outcome_chart(book: Any, cursor: Cursor, first: int) -> None:  # noqa: ANN401
    last = first + len(READING_ORDER) - 1
    chart = book.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": "Invites",
            "categories": ["Summary", first, 1, last, 1],
            "values": ["Summary", first, 2, last, 2],
            "points": [{"fill": {"color": SOLID[outcome]}} for outcome in READING_ORDER],
            "data_labels": {"value": True, "num_format": "#,##0", "font": {"color": INK}},
            "gap": 35,
        }
    )
    _bare(chart, "Invites by outcome")
    chart.set_size({"width": 500, "height": 285})
    cursor.sheet.insert_chart(
        first - 1, 5, chart, {"x_offset": 14, "y_offset": 0, "description": "Invites by outcome"}
    )


def _bare(chart: Any, title: str) -> None:  # noqa: ANN401
    """Take everything from a bar chart that is not a bar, its name or its number."""
    chart.set_title({"name": title, "name_font": {"size": 12, "color": MUTED, "bold": True}})
    chart.set_legend({"none": True})
    chart.set_y_axis({"reverse": True, "line": {"none": True}, "num_font": {"color": INK}})
    chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}, "min": 0})
    chart.set_chartarea({"border": {"color": LINE}})


def _reasons(cursor: Cursor, report: RunReport, summary: Summary) -> None:
    if not summary.reasons:
        return
    cursor.section("Why, and what to do about it")
    cursor.heading("Outcome", "Invites", "Code", "What is wrong", "What to do", "")
    for reason in summary.reasons[:_TOP_REASONS]:
        label = words(reason.outcome, sending=report.sending).label
        cursor.wide(1, 1, label, f"chip_{reason.outcome}")
        cursor.sheet.write_number(cursor.row, 2, reason.rows, cursor.looks["line_number"])
        cursor.wide(3, 3, reason.code, "line")
        cursor.wide(4, 4, reason.title, "line_bold")
        cursor.wide(5, _LAST, reason.advice, "line")
        cursor.next((reason.code, 16), (reason.title, 56), (reason.advice, 74))
    more = len(summary.reasons) - _TOP_REASONS
    if more > 0:
        rows = sum(reason.rows for reason in summary.reasons[_TOP_REASONS:])
        text = f"{more} more reasons, for {rows:,} invites, are on the sheets To fix and Codes."
        cursor.wide(1, _LAST, text, "subtitle")
        cursor.next()


def _charts(book: Any, cursor: Cursor, summary: Summary) -> None:  # noqa: ANN401
    """Place the charts of the codes and of the time side by side, in a row of their own.

    They have no heading but their own titles: on paper it could be parted from them.
    """
    good = len(NOTHING_AMISS & summary.codes.keys())
    shown = min(len(summary.codes) - good, _MOST_BARS)
    timed = len(summary.over_time) > 1
    if not shown and not timed:
        return
    cursor.sheet.set_row(cursor.row, 16)
    cursor.row += 1
    if shown:
        chart = _code_chart(book, good + 1, good + shown)
        cursor.sheet.insert_chart(
            cursor.row, 1, chart, {"y_offset": 6, "description": "Codes in words"}
        )
    if timed:
        chart = _time_chart(book, len(summary.over_time))
        place = {
            "x_offset": 14 if shown else 0,
            "y_offset": 6,
            "description": "Sent over time",
        }
        cursor.sheet.insert_chart(cursor.row, 5 if shown else 1, chart, place)
    cursor.sheet.set_row(cursor.row, 220)
    cursor.row += 1


def _code_chart(book: Any, first: int, last: int) -> Any:  # noqa: ANN401
    chart = book.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": "Invites",
            "categories": ["Codes", first, 2, last, 2],
            "values": ["Codes", first, 1, last, 1],
            "fill": {"color": "#5B6B7B"},
            "data_labels": {"value": True, "num_format": "#,##0", "font": {"color": INK}},
            "gap": 45,
        }
    )
    _bare(chart, "What stood in the way")
    chart.set_size({"width": 700, "height": 285})
    return chart


def _time_chart(book: Any, steps: int) -> Any:  # noqa: ANN401
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    for place, outcome in enumerate((Outcome.ACCEPTED, Outcome.FAILED, Outcome.UNKNOWN), start=1):
        chart.add_series(
            {
                "name": words(outcome, sending=True).label,
                "categories": ["Over time", 1, 0, steps, 0],
                "values": ["Over time", 1, place, steps, place],
                "fill": {"color": SOLID[outcome]},
                "gap": 20,
            }
        )
    font = {"size": 12, "color": MUTED, "bold": True}
    chart.set_title({"name": "Sent over time", "name_font": font})
    chart.set_legend({"position": "bottom"})
    chart.set_y_axis(
        {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": LINE}}}
    )
    chart.set_chartarea({"border": {"color": LINE}})
    chart.set_size({"width": 500, "height": 285})
    return chart


def _sources(cursor: Cursor, report: RunReport, summary: Summary) -> None:
    cursor.section("The files")
    good = Outcome.ACCEPTED if report.sending else Outcome.NOT_SENT
    label = words(good, sending=report.sending).label
    cursor.heading("Rows", label, "Need you", "File", "Sheet", "")
    for source in summary.sources:
        need = sum(source.outcomes[outcome] for outcome in NEEDS_A_PERSON)
        for place, number in enumerate((source.rows, source.outcomes[good], need), start=1):
            cursor.sheet.write_number(cursor.row, place, number, cursor.looks["line_number"])
        cursor.wide(4, 4, source.path, "line")
        cursor.wide(5, _LAST, source.sheet, "line")
        cursor.next((source.path, 52), (source.sheet, 68))


def _notices(cursor: Cursor, report: RunReport) -> None:
    if not report.notices:
        return
    cursor.section("Good to know")
    for notice in report.notices:
        cursor.wide(1, _LAST, notice, "line")
        cursor.next((notice, 145))
