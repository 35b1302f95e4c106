"""The page as people use it, in headless Chromium: by mouse, by keyboard, on a phone, on paper."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from browser import Browser, opened
from report_factory import make_report

from bulk_referrals import reporter
from bulk_referrals.frames import replaced
from bulk_referrals.model import Outcome

HOSTILE = "</td></script><script>window.hit=1</script><img src=x onerror='window.hit=2'>"
VISIBLE = "[...document.querySelectorAll('#lines tbody tr')].filter(row => !row.hidden)"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = make_report(1_000)
    names = pc.replace_substring(report.outcomes["name"], "Shikhar", HOSTILE)
    hostile = replace(report, outcomes=replaced(report.outcomes, name=names))
    outputs = reporter.write(hostile, tmp_path_factory.mktemp("run"))
    return Path(outputs["report.html"])


@pytest.fixture(scope="module")
def shared(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(path, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(shared: Browser, path: Path) -> Iterator[Browser]:
    """The page, fresh; whatever a test does, nothing complains and nothing is fetched."""
    shared.shape(1280, 900)
    shared.open(path)
    shared.complaints.clear()
    shared.asked.clear()
    yield shared
    assert shared.complaints == []
    assert shared.asked == []


def column(browser: Browser, place: int) -> list[str]:
    told = browser.run(f"{VISIBLE}.map(row => row.cells[{place}].textContent.trim())")
    return [str(each) for each in told]


def test_a_search_keeps_the_rows_with_all_its_words(browser: Browser) -> None:
    everything = column(browser, 4)
    browser.run("document.getElementById('search').focus()")
    browser.type("eligible joy")
    shown = browser.run(f"{VISIBLE}.map(row => row.textContent)")
    assert 0 < len(shown) < len(everything)
    assert all("eligible" in text and "Joy" in text for text in shown)
    told = browser.run("document.getElementById('shown').textContent")
    assert told == f"{len(shown)} of {len(everything)} shown"


def test_outcome_and_code_filter_together_and_can_be_taken_back(browser: Browser) -> None:
    everything = len(column(browser, 0))

    def choose(field: str, value: str) -> None:
        browser.run(
            f"(() => {{ const it = document.getElementById('{field}'); it.value = '{value}';"
            "it.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )

    choose("outcome", "failed")
    assert set(column(browser, 0)) == {"Refused"}
    choose("code", "1204")
    assert set(column(browser, 7)) == {"1204"}
    choose("code", "1701")
    assert column(browser, 0) == []
    choose("outcome", "")
    choose("code", "")
    assert len(column(browser, 0)) == everything


def test_a_heading_sorts_by_keyboard_and_says_so(browser: Browser) -> None:
    browser.run("document.getElementById('code').focus()")
    for _ in range(3):  # past Outcome and Where
        browser.press("Tab")
    assert browser.run("document.activeElement.textContent") == "Row"
    browser.press("Enter", text="\r")
    rows = [int(text) for text in column(browser, 2)]
    assert rows == sorted(rows)
    heading = "document.querySelector('#lines th[aria-sort]')"
    assert browser.run(f"{heading}.getAttribute('aria-sort')") == "ascending"
    browser.press("Enter", text="\r")
    rows = [int(text) for text in column(browser, 2)]
    assert rows == sorted(rows, reverse=True)
    assert browser.run(f"{heading}.textContent.trim()") == "Row"


def test_everything_that_can_be_used_is_reached_by_the_tab_key_and_has_a_name(
    browser: Browser,
) -> None:
    told: list[dict[str, Any]] = []
    for _ in range(30):
        browser.press("Tab")
        told.append(
            browser.run(
                "(() => { const it = document.activeElement; return {tag: it.tagName, name:"
                "it.labels?.length ? it.labels[0].textContent : it.textContent}; })()"
            )
        )
    assert {"A", "INPUT", "SELECT", "BUTTON"} <= {each["tag"] for each in told}
    assert all(each["name"].strip() for each in told)


def test_hostile_cells_are_shown_and_do_nothing(browser: Browser) -> None:
    assert browser.run("window.hit") is None
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert any(HOSTILE in text for text in column(browser, 4))


def test_the_policy_stops_scripts_styles_and_requests_that_are_not_ours(
    shared: Browser, path: Path
) -> None:
    shared.open(path)
    shared.complaints.clear()
    shared.asked.clear()
    shared.refused.clear()
    shared.run(
        "(() => { const it = document.createElement('script'); it.textContent = 'window.hit = 3';"
        "document.body.append(it); const look = document.createElement('img');"
        "look.src = 'https://example.org/x.png'; document.body.append(look); })()"
    )
    assert shared.run("window.hit") is None
    assert shared.run("fetch('https://example.org/').then(() => 1, () => 0)") == 0
    # The browser tells of what it would have fetched, and that the policy kept it from that.
    assert shared.refused == ["csp"] * len(shared.asked)
    assert shared.asked
    assert "Content Security Policy" in "".join(shared.complaints)


@pytest.mark.parametrize("width", [320, 400, 768, 1280, 1920])
def test_no_width_needs_scrolling_sideways(browser: Browser, width: int) -> None:
    browser.shape(width, 800)
    wide, seen = browser.run("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen == width


def test_in_the_dark_and_on_paper_text_stands_out(browser: Browser) -> None:
    def colours() -> tuple[int, int]:
        told = browser.run(
            "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name]"
            ".match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
        )
        return told[0], told[1]

    ink, paper = colours()
    assert paper - ink > 500
    browser.shape(1280, 900, scheme="dark")
    ink, paper = colours()
    assert ink - paper > 500
    browser.shape(1280, 900, scheme="dark", media="print")
    ink, paper = colours()
    assert (ink, paper) == (0, 3 * 255)
    hidden = "getComputedStyle(document.querySelector('.tools')).display"
    assert browser.run(hidden) == "none"


def test_a_hundred_thousand_rows_open_and_filter_at_once(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    endings = ((Outcome.REJECTED, "1701", "identifier", "identifier '98-76': 4 digits."),)
    report = make_report(1_000, endings=endings)
    many = report.outcomes.take(np.repeat(np.arange(1_000), 100))
    outputs = reporter.write(replace(report, outcomes=many), tmp_path)
    page = Path(outputs["report.html"])
    assert page.stat().st_size < 3_000_000
    with opened(page, tmp_path_factory.mktemp("profile")) as browser:
        started = time.monotonic()
        browser.run("document.getElementById('search').focus()")
        browser.type("joy")
        assert 0 < len(column(browser, 0)) < 2_000
        assert time.monotonic() - started < 10  # on a busy machine, too
        assert "98,000 more are in" in browser.run("document.body.textContent")
