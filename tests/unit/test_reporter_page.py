"""The page: everything escaped, nothing fetched, and no more rows than a browser likes."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from report_factory import NEEDING, make_report

from bulk_referrals.frames import replaced
from bulk_referrals.model import RunReport
from bulk_referrals.reporter import page
from bulk_referrals.reporter.lines import result_lines
from bulk_referrals.summary import summarise

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'><!--"


class Tags(HTMLParser):
    """Collects what a browser would see: tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def written(report: RunReport, path: Path) -> str:
    page.write_page(report, summarise(report), result_lines(report), path)
    return path.read_text("utf-8")


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_hostile_cells_stay_text(tmp_path: Path) -> None:
    report = make_report(60)
    columns = ("reason", "advice", "name", "identifier", "referrer", "code")
    frame = replaced(report.outcomes, **dict.fromkeys(columns, pa.repeat(HOSTILE, 60)))
    tables = tuple(replace(table, sheet=HOSTILE) for table in report.tables)
    sources = tuple(replace(source, path=HOSTILE) for source in report.sources)
    hostile = replace(
        report,
        outcomes=frame,
        tables=tables,
        sources=sources,
        notices=(HOSTILE,),
        settings={HOSTILE: HOSTILE},
        stop_reason=HOSTILE,
        resume_command=HOSTILE,
        target=HOSTILE,
        run_id=HOSTILE,
    )
    tags = parsed(written(hostile, tmp_path / "a.html"))
    assert tags.tags.count("script") == 1
    assert "img" not in tags.tags
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert tags.text.count(HOSTILE) > 60


def test_nothing_but_its_own_style_and_script_is_allowed(tmp_path: Path) -> None:
    html = written(make_report(60), tmp_path / "a.html")
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)

    def sha256(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert "; ".join(policy).split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{sha256(style)}'",
        f"script-src 'sha256-{sha256(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    names = {name for name, _ in parsed(html).attributes}
    assert not names & {"style", "src", "srcset", "action"}
    links = [value for name, value in parsed(html).attributes if name == "href"]
    assert set(links) <= {"#needs", "report.xlsx", "results.csv", "to_fix.xlsx", "to_fix.csv"}


def test_only_so_many_rows_are_inlined_and_the_rest_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_LINES", 10)
    report = make_report(300)
    html = written(report, tmp_path / "a.html")
    assert html.count("<tr data-outcome=") == 10
    needing = sum(it in NEEDING for it in report.outcomes["outcome"].to_pylist())
    assert f"{needing - 10} more are in" in html


def test_it_says_what_the_workbook_says(tmp_path: Path) -> None:
    report = make_report(300)
    text = parsed(written(report, tmp_path / "a.html")).text
    summary = summarise(report)
    assert summary.headline in text
    assert summary.books in text
    for task in summary.tasks:
        assert task.what in text
        assert task.how in text
    for reason in summary.reasons:
        assert reason.title in text


def test_a_run_without_rows_has_a_page_too(tmp_path: Path) -> None:
    text = parsed(written(make_report(0), tmp_path / "a.html")).text
    assert "The files hold no rows" in text
    assert "Nothing. Everything is done." in text
