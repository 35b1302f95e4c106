"""The figures add up, and the sentences say what happened."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dataframes import to_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from report_factory import ENDINGS, make_report

from bulk_referrals.frames import replaced
from bulk_referrals.model import Outcome, RunReport, RunState, Source, SourceTable
from bulk_referrals.summary import books_balance, summarise, words

CHECK_ENDINGS = tuple(
    ending
    for ending in ENDINGS
    if ending[0] in {Outcome.REJECTED, Outcome.DUPLICATE, Outcome.SUPPRESSED, Outcome.NOT_SENT}
)


def only(*outcomes: Outcome, rows: int = 8, sending: bool = True) -> RunReport:
    endings = tuple(ending for ending in ENDINGS if ending[0] in outcomes)
    return make_report(rows, sending=sending, endings=endings)


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(0, 200), seed=st.integers(0, 1000))
def test_the_rows_are_the_sum_of_the_outcomes_whatever_they_are(rows: int, seed: int) -> None:
    report = make_report(rows, seed=seed)
    summary = summarise(report)
    frame = to_frame(report.outcomes)
    assert list(summary.outcomes) == [str(outcome) for outcome in Outcome]
    assert sum(summary.outcomes.values()) == summary.rows == rows
    assert summary.outcomes == {
        str(outcome): int((frame["outcome"] == outcome).sum()) for outcome in Outcome
    }
    assert summary.codes == frame["code"].value_counts().to_dict()
    assert summary.books_balance
    referrers = summary.referrers.to_pandas()
    figures = referrers.drop(columns=["referrer", "invites"]).sum(axis=1)
    assert (figures == referrers["invites"]).all()
    assert referrers["invites"].sum() == rows
    assert sum(source.rows for source in summary.sources) == rows
    sent = frame["sent_at"].notna().sum()
    assert sum(it.accepted + it.failed + it.unknown for it in summary.over_time) == sent


def test_the_books_do_not_balance_when_a_row_is_lost() -> None:
    report = make_report(20)
    lost = replace(report, outcomes=report.outcomes.take([*range(3), *range(4, 20)]))
    assert books_balance(report)
    assert not books_balance(lost)
    summary = summarise(lost)
    assert summary.books == (
        "The books do not balance: 20 rows were read, but 19 are accounted for."
    )
    assert summary.tasks[0].what == summary.books
    assert summary.tasks[0].how.startswith("Do not rely on this report.")


@pytest.mark.parametrize("outcome", [None, "lost"])
def test_the_books_do_not_balance_when_a_row_has_no_known_outcome(outcome: str | None) -> None:
    report = make_report(20)
    told = report.outcomes["outcome"].to_pylist()
    told[3] = outcome
    changed = replace(report, outcomes=replaced(report.outcomes, outcome=pa.array(told)))
    assert not books_balance(changed)
    assert summarise(changed).books == (
        "The books do not balance: 1 of 20 invites have no known outcome."
    )


def test_the_books_do_not_balance_when_rows_are_of_other_files() -> None:
    report = make_report(20)
    later = replaced(report.outcomes, line=pc.add(report.outcomes["line"], 1))
    assert not books_balance(replace(report, outcomes=later))


def test_a_row_that_names_two_people_counts_once_as_a_row_and_twice_as_an_invite() -> None:
    report = make_report(20)
    with_two = report.outcomes.take([*range(5), 4, *range(5, 20)])
    summary = summarise(replace(report, outcomes=with_two))
    assert (summary.rows, summary.source_rows) == (21, 20)
    assert summary.books == (
        "The books balance: 20 rows read, asking for 21 invites, every one accounted for."
    )


@pytest.mark.parametrize(
    ("report", "headline"),
    [
        (only(Outcome.ACCEPTED), "All 8 invites were accepted."),
        (only(Outcome.ACCEPTED, rows=1), "Of 1 invite, 1 was accepted."),
        (
            only(Outcome.NOT_SENT, sending=False),
            "Nothing was sent, this was a check: of 8 invites, 8 are ready to send.",
        ),
        (
            only(Outcome.UNKNOWN),
            "Of 8 invites, 0 were accepted and 8 may or may not have arrived.",
        ),
        (
            make_report(300),
            (
                "Of 300 invites, 202 were accepted, 7 may or may not have arrived, "
                "27 were refused by the platform, 27 have something to correct, "
                "16 were not sent and 21 were left out on purpose."
            ),
        ),
        (make_report(0), "The files hold no rows, so there was nothing to do."),
    ],
)
def test_the_headline_says_what_happened(report: RunReport, headline: str) -> None:
    assert summarise(report).headline == headline


def test_what_was_not_sent_by_a_check_is_ready_and_never_a_failure() -> None:
    report = make_report(60, sending=False, endings=CHECK_ENDINGS)
    summary = summarise(report)
    said = " ".join([summary.headline, *(f"{it.what} {it.how}" for it in summary.tasks)])
    assert "ready to send" in said
    assert "fail" not in said.lower()
    assert "not sent" not in said
    assert words(Outcome.NOT_SENT, sending=False).label == "Ready to send"
    assert words(Outcome.NOT_SENT, sending=True).label == "Not sent"


def test_what_is_unknown_comes_before_all_else_that_rows_need() -> None:
    summary = summarise(make_report(300))
    assert [task.outcome for task in summary.tasks] == [
        Outcome.UNKNOWN,
        Outcome.FAILED,
        Outcome.REJECTED,
        Outcome.NOT_SENT,
        None,
    ]
    assert summary.reasons[0].outcome is Outcome.UNKNOWN
    rest = [reason.rows for reason in summary.reasons[1:]]
    assert rest == sorted(rest, reverse=True)


def test_a_run_that_stopped_says_why_and_how_to_go_on() -> None:
    report = make_report(
        40,
        state=RunState.STOPPED,
        stop_reason="The platform refused our credentials.",
        resume_command="bulk-referrals resume 20261123T123000-7f3a",
    )
    first = summarise(report).tasks[0]
    assert first.what.startswith("The platform refused our credentials. ")
    assert first.what.endswith(" not sent.")
    assert first.how == "To go on where it stopped: bulk-referrals resume 20261123T123000-7f3a"


def test_nothing_is_left_to_do_when_all_is_accepted() -> None:
    report = only(Outcome.ACCEPTED)
    quiet = replaced(report.outcomes, warning=pa.nulls(len(report.outcomes), pa.string()))
    assert summarise(replace(report, outcomes=quiet)).tasks == ()


def test_a_reason_without_a_code_is_told_in_words() -> None:
    report = only(Outcome.UNKNOWN)
    uncoded = replaced(report.outcomes, code=pa.nulls(len(report.outcomes), pa.string()))
    summary = summarise(replace(report, outcomes=uncoded))
    assert [(it.code, it.rows) for it in summary.reasons] == [("", 8)]
    assert summary.reasons[0].title.startswith("May have reached the platform")


def test_a_code_that_the_reference_does_not_list_is_said_to_be_so() -> None:
    report = only(Outcome.FAILED)
    odd = replaced(report.outcomes, code=pa.repeat("4711", len(report.outcomes)))
    summary = summarise(replace(report, outcomes=odd))
    assert summary.reasons[0].title == (
        "The platform answered 4711, which its reference does not list"
    )


def test_time_is_told_in_at_most_forty_steps() -> None:
    summary = summarise(make_report(300))
    assert 2 <= len(summary.over_time) <= 40
    assert summary.step_s == 30
    assert summary.over_time[0].at == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def text_table(source: int, *header: str) -> SourceTable:
    return SourceTable(
        source=source, sheet="", header=header, header_row=1, columns={}, delimiter=","
    )


def test_text_files_with_other_columns_get_a_to_fix_file_of_their_own() -> None:
    report = only(Outcome.REJECTED, rows=12)
    tables = (text_table(0, "a", "b"), text_table(0, "a"), text_table(1, "a", "b"))
    changed = replace(report, tables=tables)
    assert summarise(changed).to_fix == {
        "to_fix.xlsx": (0, 1, 2),
        "to_fix.csv": (0, 2),
        "to_fix_2.csv": (1,),
    }


def test_there_is_no_to_fix_file_when_nothing_is_to_be_fixed() -> None:
    assert summarise(only(Outcome.ACCEPTED, Outcome.NOT_SENT)).to_fix == {}


def test_a_file_of_which_no_row_is_left_still_stands_among_the_sources() -> None:
    report = make_report(0)
    summary = summarise(
        replace(
            report, sources=(*report.sources, Source(path="x", sha256="", size_bytes=0, rows=0))
        )
    )
    assert [source.rows for source in summary.sources] == [0, 0, 0]
    assert summary.books_balance
