"""What the terminal says at the end: words first, no contact, no line too long."""

import io
import re

import pytest
from report_factory import make_report

from bulk_referrals.cli.closing import Style, closing
from bulk_referrals.model import RunReport, RunState
from bulk_referrals.pipeline.publishing import Finished
from bulk_referrals.summary import summarise

PLAIN = Style(width=0, colour=False)


def finished(report: RunReport) -> Finished:
    names = ("report.xlsx", "to_fix.xlsx", "results.csv", "run.json")
    outputs = {name: f"reports/{report.run_id}/{name}" for name in names}
    return Finished(report=report, summary=summarise(report), outputs=outputs)


def lines(report: RunReport, style: Style = PLAIN, *, verbose: bool = False) -> list[str]:
    return list(closing(finished(report), verbose=verbose, style=style))


def test_it_says_what_happened_and_what_to_do_and_where_everything_is() -> None:
    report = make_report(300)
    summary = summarise(report)
    told = lines(report)
    assert told[0] == "Note: The sheet Old is hidden and was left out."
    assert told[2] == summary.headline
    assert f"{summary.outcomes['unknown']:>9,}  Unknown       May have reached" in told[4]
    assert f"  1. {summary.tasks[0].what} {summary.tasks[0].how}" in told
    assert (
        sum(line.startswith("  ") and line[2:4] in {"1.", "2.", "3.", "4."} for line in told) == 3
    )
    assert (f"  reports/{report.run_id}/report.xlsx  the report, to be opened first") in told


def test_no_contact_is_shown() -> None:
    report = make_report(300)
    text = "\n".join(lines(report, verbose=True)).replace(report.run_id, "")
    assert not re.search(r"\d{6}|@", text)


@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_line_but_a_path_or_a_command_is_longer_than_the_terminal(width: int) -> None:
    told = lines(make_report(300), Style(width=width, colour=False))
    assert max(len(line) for line in told if "reports/" not in line) <= width
    assert lines(make_report(300), Style(width=width, colour=False)) != lines(make_report(300))


def test_the_command_that_goes_on_stands_unbroken_in_a_line_of_its_own() -> None:
    command = "bulk-referrals resume 20261123T123000-7f3a --ledger '/a long/way/to the/ledger.db'"
    report = make_report(
        300, state=RunState.STOPPED, stop_reason="It stopped.", resume_command=command
    )
    assert f"     {command}" in lines(report, Style(width=60, colour=False))


def test_colours_are_only_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Style.of(Terminal()).colour
    assert not Style.of(io.StringIO()).colour
    assert Style.of(io.StringIO()).width == 0
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style.of(Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Style.of(Terminal()).colour


def test_colours_change_no_word() -> None:
    painted = lines(make_report(300), Style(width=80, colour=True))
    assert "\x1b[35mUnknown\x1b[0m" in "".join(painted)
    bare = [re.sub(r"\x1b\[\d*m", "", line) for line in painted]
    assert bare == lines(make_report(300), Style(width=80, colour=False))


def test_many_notices_are_cut_short_unless_asked_for() -> None:
    report = make_report(20, notices=tuple(f"Note {number}." for number in range(8)))
    assert lines(report)[5] == "(3 more notes: --verbose, or the report.)"
    assert lines(report, verbose=True)[7] == "Note: Note 7."
