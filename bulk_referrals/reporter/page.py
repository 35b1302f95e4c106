"""report.html: the report as one self-contained page that asks the network for nothing."""

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bulk_referrals.model import Outcome, RunReport
from bulk_referrals.reporter.front import corrected, when
from bulk_referrals.reporter.grids import to_fix_grid
from bulk_referrals.reporter.palette import SOLID
from bulk_referrals.summary import NEEDS_A_PERSON, READING_ORDER, Summary, words

# Lines of the table that the page holds; the rest is in the workbook and in results.csv.
MOST_LINES: Final = 2_000

_SHOWN: Final = ("Status", "File", "Sheet", "Row", "Referrer", "Invitee", "Name")


def write_page(report: RunReport, summary: Summary, path: Path) -> None:
    """Write the page: figures, reasons and the invites that need a person, `MOST_LINES` of them.

    Its Content-Security-Policy allows its own style and script by their hashes, nothing else.
    """
    import jinja2  # noqa: PLC0415 - start-up time

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bulk_referrals.reporter", "page_parts"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["grouped"] = "{:,}".format
    template = environment.get_template("page.html.j2")
    path.write_text(template.render(_content(report, summary)), "utf-8")


def _content(report: RunReport, summary: Summary) -> dict[str, Any]:
    import markupsafe  # noqa: PLC0415 - start-up time

    parts = {name: _part(name) for name in ("page.css", "page.js")}
    lines = _lines(report)
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
        "labels": {str(it): words(it, sending=report.sending).label for it in Outcome},
        "lines": lines,
        "hidden": sum(summary.outcomes[it] for it in NEEDS_A_PERSON) - len(lines),
    }


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


def _lines(report: RunReport) -> list[dict[str, Any]]:
    """Return what needs a person, most pressing first, `MOST_LINES` at most."""
    columns = to_fix_grid(report).columns
    named = {
        part.header.lower().replace(" ", "_"): part.values.slice(0, MOST_LINES).to_pylist()
        for part in columns
    }
    outcomes = columns[0].look.slice(0, MOST_LINES).to_pylist()
    keys = list(named)
    return [
        {"outcome": outcome, **dict(zip(keys, cells, strict=True))}
        for outcome, *cells in zip(outcomes, *named.values(), strict=True)
    ]
