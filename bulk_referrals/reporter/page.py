"""report.html: the report as one self-contained page that asks the network for nothing."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from bulk_referrals.codes import describe
from bulk_referrals.model import Outcome, RunReport
from bulk_referrals.reporter.back import moment_labels
from bulk_referrals.reporter.front import NOTHING_AMISS, corrected, when
from bulk_referrals.reporter.grids import to_fix_grid
from bulk_referrals.reporter.palette import SOLID
from bulk_referrals.summary import NEEDS_A_PERSON, READING_ORDER, Summary, words

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

# Lines of the table that the page holds; the rest is in the workbook and in results.csv.
MOST_LINES: Final = 2_000

_MOST_BARS: Final = 8
# The outcome, and the columns of the sheet To fix.
_SHOWN: Final = (
    "",
    "Status",
    "File",
    "Sheet",
    "Row",
    "Referrer",
    "Invitee",
    "Name",
    "What is wrong",
    "What to do",
    "Code",
)


def write_page(
    report: RunReport,
    summary: Summary,
    lines: pa.Table,
    path: Path,
    *,
    beside: Sequence[str] = (),
) -> None:
    """Write the page: figures, reasons and the invites that need a person, `MOST_LINES` of them.

    Its Content-Security-Policy allows its own style and script by their hashes, nothing else.

    Args:
        report: the run.
        summary: its figures.
        lines: its lines (`result_lines`).
        path: the file.
        beside: further files in its folder, to be linked.
    """
    names = ("report.xlsx", *summary.to_fix, *beside, "results.csv")
    content = template().render(files=names, **_content(report, summary, lines))
    path.write_text(content, "utf-8")


@cache
def template() -> "Template":
    """Return the page's template, compiled."""
    import jinja2  # noqa: PLC0415 - start-up time

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bulk_referrals.reporter", "page_parts"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["grouped"] = "{:,}".format
    environment.filters["linked"] = _linked
    return environment.get_template("page.html.j2")


def _content(report: RunReport, summary: Summary, results: pa.Table) -> dict[str, Any]:
    import markupsafe  # noqa: PLC0415 - start-up time

    parts = {name: _part(name) for name in ("page.css", "page.js")}
    lines = _lines(report, summary, results)
    return {
        "report": report,
        "summary": summary,
        "when": when(report),
        "corrected": corrected(summary),
        "style": markupsafe.Markup(parts["page.css"]),  # noqa: S704 - our own file
        "script": markupsafe.Markup(parts["page.js"]),  # noqa: S704 - our own file
        "style_hash": _hash(parts["page.css"]),
        "script_hash": _hash(parts["page.js"]),
        "tiles": _tiles(report, summary),
        "bars": _bars(summary),
        "columns": _columns(report, summary),
        "labels": {str(it): words(it, sending=report.sending).label for it in Outcome},
        "lines": lines,
        "outcomes": list(dict.fromkeys(outcome for outcome, *_ in lines)),
        "codes": sorted({code for *_, code in lines if code}, key=str.lower),
        "hidden": sum(summary.outcomes[it] for it in NEEDS_A_PERSON) - len(lines),
    }


def _linked(text: str, names: Sequence[str]) -> "Markup":
    """Return the text, escaped, with the files of the report that it names as links."""
    import markupsafe  # noqa: PLC0415 - start-up time

    whole = str(markupsafe.escape(text))
    for name in names:
        whole = whole.replace(name, f'<a href="{name}">{name}</a>')
    return markupsafe.Markup(whole)  # noqa: S704 - escaped above; the names are ours


def _part(name: str) -> str:
    return (
        resources.files("bulk_referrals.reporter").joinpath("page_parts", name).read_text("utf-8")
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _tiles(report: RunReport, summary: Summary) -> list[dict[str, Any]]:
    """Return one entry per outcome: its words, its number, and its place in the bar, percent."""
    tiles, start = [], 0.0
    for outcome in READING_ORDER:
        number = summary.outcomes[outcome]
        share = 100 * number / summary.rows if summary.rows else 0.0
        plain = words(outcome, sending=report.sending)
        tiles.append(
            {
                "outcome": str(outcome),
                "label": plain.label,
                "meaning": plain.meaning,
                "number": number,
                "start": round(start, 4),
                "share": round(share, 4),
                "colour": SOLID[outcome],
            }
        )
        start += share
    return tiles


def _bars(summary: Summary) -> list[dict[str, Any]]:
    """Return the codes that stood in the way, in words, most frequent first, and their shares."""
    amiss = {code: n for code, n in summary.codes.items() if code not in NOTHING_AMISS}
    most = max(amiss.values(), default=1)
    return [
        {"title": describe(code).title, "number": number, "share": round(100 * number / most, 2)}
        for code, number in list(amiss.items())[:_MOST_BARS]
    ]


def _columns(report: RunReport, summary: Summary) -> list[dict[str, Any]]:
    """Return what was sent when: a label, the numbers, and the stacked parts in percent."""
    if len(summary.over_time) < 2:  # noqa: PLR2004 - one moment is no course of time
        return []
    shown = (Outcome.ACCEPTED, Outcome.FAILED, Outcome.UNKNOWN)
    counts = [(it.accepted, it.failed, it.unknown) for it in summary.over_time]
    most = max(map(sum, counts)) or 1
    columns: list[dict[str, Any]] = []
    for label, numbers in zip(moment_labels(report, summary), counts, strict=True):
        top, parts = 100.0, []
        for outcome, number in zip(shown, numbers, strict=True):
            height = 100 * number / most
            top -= height
            parts.append({"y": round(top, 3), "height": round(height, 3), "fill": SOLID[outcome]})
        x = 10 * len(columns) + 1
        columns.append({"x": x, "label": label, "total": sum(numbers), "parts": parts})
    return columns


def _lines(report: RunReport, summary: Summary, results: pa.Table) -> list[tuple[Any, ...]]:
    """Return what needs a person, most pressing first, `MOST_LINES` at most: `_SHOWN` of each."""
    grid = to_fix_grid(report, summary, results, MOST_LINES)
    cells = {column.header: column.values for column in grid.columns}
    shown = [grid.columns[0].look, *(cells[header] for header in _SHOWN[1:])]
    columns = ([cell or "" for cell in values.to_pylist()] for values in shown)
    return list(zip(*columns, strict=True))
