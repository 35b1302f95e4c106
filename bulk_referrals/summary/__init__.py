"""Outcomes → the figures, tables and sentences of the report. Pure; decides nothing about style.

`sentences` holds the words, `figures` the counting.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from bulk_referrals.model import RunReport
from bulk_referrals.summary import figures, sentences
from bulk_referrals.summary.figures import Moment, Reason, SourceFigures
from bulk_referrals.summary.sentences import NEEDS_A_PERSON, READING_ORDER, Task, Words, words

__all__ = [
    "NEEDS_A_PERSON",
    "READING_ORDER",
    "Moment",
    "Reason",
    "SourceFigures",
    "Summary",
    "Task",
    "Words",
    "books_balance",
    "summarise",
    "words",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """All figures of one run.

    Attributes:
        headline: what happened, in one sentence.
        tasks: what to do, in the order in which to do it; empty when nothing is left.
        rows: invites asked for: the lines of the outcomes frame.
        source_rows: rows read; fewer than `rows` where a row names two invitees.
        outcomes: outcome -> invites, all eight, in the order of `Outcome`.
        codes: code -> invites, the most frequent first.
        books_balance: see `books_balance`.
        books: the same as a sentence.
        sources: per sheet of each file.
        reasons: what needs a person, unknown first, then by number.
        over_time: what was sent when; empty when nothing was.
        step_s: the length of a step of `over_time`, seconds.
        needing: positions in the outcomes frame of what needs a person, in order.
        referrers: one line per referrer, those with something amiss first: `referrer` (text),
            `invites`, `accepted`, `already_sent`, `refused`, `to_correct`, `unknown`,
            `left_out`, `not_sent` (int64).
        warnings: invites that deserve a look though nothing stopped them.
        to_fix: file name -> the tables, by index, whose rows to correct it holds: all of them in
            `to_fix.xlsx`, those of text files also in `to_fix.csv`, and in `to_fix_2.csv` and
            so on where text files differ in their columns.
        corrects: the runs whose to-fix files these sources are, corrected.
    """

    headline: str
    tasks: tuple[Task, ...]
    rows: int
    source_rows: int
    outcomes: dict[str, int]
    codes: dict[str, int]
    books_balance: bool
    books: str
    sources: tuple[SourceFigures, ...]
    reasons: tuple[Reason, ...]
    over_time: tuple[Moment, ...]
    step_s: int
    needing: pa.Array
    referrers: pa.Table
    warnings: int
    to_fix: dict[str, tuple[int, ...]]
    corrects: tuple[str, ...]

    def is_of_more(self, report: RunReport) -> bool:
        """Tell whether these are the figures of more lines than the report holds."""
        return self.rows > len(report.outcomes)


def summarise(report: RunReport) -> Summary:
    """Return the figures, tables and sentences of a run; reads each column it needs once."""
    outcome_of = figures.kinds(report)
    with ThreadPoolExecutor(1) as aside:  # half of the work; Arrow lets go of the interpreter
        referrers = aside.submit(figures.referrers, report, outcome_of)
        return _summary(report, outcome_of, referrers)


def _summary(report: RunReport, outcome_of: figures.Ints, referrers: Future[pa.Table]) -> Summary:
    outcomes = figures.by_outcome(outcome_of)
    over_time, step_s = figures.over_time(report, outcome_of)
    imbalance = figures.imbalance(report, outcome_of)
    needing = figures.needing(outcome_of)
    warnings = figures.filled(report.outcomes["warning"])
    groups = figures.to_fix_groups(report, needing)
    return Summary(
        headline=sentences.headline(report, outcomes, invites=len(report.outcomes)),
        tasks=sentences.tasks(
            report, outcomes, imbalance=imbalance, warnings=warnings, to_fix=tuple(groups)
        ),
        rows=len(report.outcomes),
        source_rows=sum(source.rows for source in report.sources),
        outcomes=outcomes,
        codes=figures.most_frequent(report.outcomes["code"]),
        books_balance=not imbalance,
        books=sentences.books(report, imbalance, invites=len(report.outcomes)),
        sources=figures.sources(report, outcome_of),
        reasons=figures.reasons(report, needing),
        over_time=over_time,
        step_s=step_s,
        needing=needing,
        referrers=referrers.result(),
        warnings=warnings,
        to_fix=groups,
        corrects=figures.corrects(report),
    )


def books_balance(report: RunReport) -> bool:
    """Say whether every row read has ended as exactly one known outcome per invite it asks for.

    True when no line lacks an outcome or has one that `Outcome` does not know, and when the
    lines come from all the rows that the sources say they hold, and from no others.
    """
    return not figures.imbalance(report, figures.kinds(report))
