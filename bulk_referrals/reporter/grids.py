"""The long sheets of the workbook, column by column, before anybody paints them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.model import Outcome, RunReport
from bulk_referrals.reporter.lines import local_times, with_short_paths
from bulk_referrals.summary import NEEDS_A_PERSON, Summary, words
from bulk_referrals.weaving import Values, encoded, flat

TEXT: Final = "text"
NUMBER: Final = "number"
WRAPPED: Final = "wrapped"
FAULT: Final = "fault"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of a long sheet.

    Attributes:
        header: its heading.
        values: text, or int64 for a column of numbers; null is an empty cell.
        width: in characters.
        look: how its cells look: `TEXT`, `NUMBER`, `WRAPPED`, `FAULT` or a value of `Outcome`;
            or one of these per cell, as text as long as `values`.
        hidden: not shown until somebody asks for it.
    """

    header: str
    values: Values
    width: float
    look: Any = TEXT
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """A long sheet: a heading line, and below it columns of equal length.

    Attributes:
        name: of the sheet.
        columns: from the left.
        frozen: how many columns from the left stay in sight.
        colour: of the sheet's tab, "#RRGGBB".
        when_empty: what stands below the heading when there are no lines.
    """

    name: str
    columns: tuple[Column, ...]
    frozen: int = 0
    colour: str = ""
    when_empty: str = ""

    @property
    def rows(self) -> int:
        """How many lines it has below the heading."""
        return len(self.columns[0].values)

    @property
    def looks(self) -> tuple[str, ...]:
        """Every look that occurs, once."""
        found: dict[str, None] = {}
        for part in self.columns:
            one = isinstance(part.look, str)
            found.update(dict.fromkeys([part.look] if one else pc.unique(part.look).to_pylist()))
        return tuple(found)


def results_grid(report: RunReport, lines: pa.Table) -> Grid:
    """Return every line of the results, in order, with the outcome and the times in words."""
    lines = with_short_paths(report, lines)
    outcome = lines.column("outcome")
    return Grid(
        name="Results",
        columns=(
            Column(header="File", values=lines.column("source"), width=24),
            Column(header="Sheet", values=lines.column("sheet"), width=14),
            Column(header="Row", values=lines.column("row"), width=8, look=NUMBER),
            Column(header="Outcome", values=_labels(report, outcome), width=14, look=outcome),
            Column(header="Code", values=lines.column("code"), width=14),
            Column(header="Reason", values=lines.column("reason"), width=60),
            Column(header="Referrer", values=lines.column("referrer"), width=22),
            Column(header="Campaign token", values=lines.column("campaign_token"), width=16),
            Column(header="Type", values=lines.column("type"), width=10),
            Column(header="Invitee", values=lines.column("identifier"), width=26),
            Column(header="Name", values=lines.column("name"), width=20),
            Column(header="Invited on", values=lines.column("invited_on"), width=28),
            Column(header="ID", values=lines.column("id"), width=12),
            Column(header="Request ID", values=lines.column("request_id"), width=22),
            Column(header="Attempts", values=lines.column("attempts"), width=10, look=NUMBER),
            Column(header="Sent at", values=_local(report, lines.column("sent_at")), width=20),
        ),
        frozen=4,
        colour="#5B6B7B",
    )


def to_fix_grid(
    report: RunReport, summary: Summary, lines: pa.Table, most: int | None = None
) -> Grid:
    """Return what needs a person: what is unknown first, then refused, then to correct.

    Args:
        report: the run.
        summary: its figures.
        lines: its lines (`result_lines`).
        most: lines to return, the most pressing; None: all.
    """
    order = _most_pressing_first(report, summary)[:most]
    lines = with_short_paths(report, lines).take(order)
    advice = report.outcomes["advice"].take(order)
    outcome = lines.column("outcome")
    return Grid(
        name="To fix",
        columns=(
            Column(header="Status", values=_labels(report, outcome), width=12, look=outcome),
            Column(header="File", values=lines.column("source"), width=18),
            Column(header="Sheet", values=lines.column("sheet"), width=14),
            Column(header="Row", values=lines.column("row"), width=8, look=NUMBER),
            Column(header="Referrer", values=lines.column("referrer"), width=18),
            Column(header="Invitee", values=lines.column("identifier"), width=26),
            Column(header="Name", values=lines.column("name"), width=18),
            Column(header="What is wrong", values=lines.column("reason"), width=46, look=WRAPPED),
            Column(header="What to do", values=advice, width=40, look=WRAPPED),
            Column(header="Code", values=lines.column("code"), width=14),
            Column(header="Campaign token", values=lines.column("campaign_token"), width=16),
            Column(header="Request ID", values=lines.column("request_id"), width=18),
        ),
        frozen=1,
        colour="#E08E0B",
        when_empty="Nothing here: no row needs a person.",
    )


def warnings_grid(report: RunReport, lines: pa.Table) -> Grid:
    """Return what deserves a look though nothing stopped it, in order."""
    warning = report.outcomes["warning"]
    order = pc.indices_nonzero(pc.is_valid(warning))
    lines = with_short_paths(report, lines).take(order)
    outcome = lines.column("outcome")
    return Grid(
        name="Warnings",
        columns=(
            Column(header="File", values=lines.column("source"), width=22),
            Column(header="Sheet", values=lines.column("sheet"), width=14),
            Column(header="Row", values=lines.column("row"), width=8, look=NUMBER),
            Column(header="Outcome", values=_labels(report, outcome), width=14, look=outcome),
            Column(header="Referrer", values=lines.column("referrer"), width=22),
            Column(header="Invitee", values=lines.column("identifier"), width=26),
            Column(header="Name", values=lines.column("name"), width=28),
            Column(header="Worth a look", values=warning.take(order), width=70, look=WRAPPED),
        ),
        colour="#E8C547",
    )


def referrers_grid(summary: Summary) -> Grid:
    """Return what became of each referrer's invites, those with something amiss first."""
    table = summary.referrers
    figures = {
        "Invites": "invites",
        "Accepted": "accepted",
        "Unknown": "unknown",
        "Refused": "refused",
        "To correct": "to_correct",
        "Not sent": "not_sent",
        "Already sent": "already_sent",
        "Left out": "left_out",
    }
    who = table.column("referrer")
    named = pc.if_else(pc.equal(who, ""), "(no referrer given)", who)
    return Grid(
        name="Referrers",
        columns=(
            Column(header="Referrer", values=named, width=30),
            *(
                Column(header=header, values=table.column(name), width=13, look=NUMBER)
                for header, name in figures.items()
            ),
        ),
        frozen=1,
        colour="#2E8B63",
    )


def _labels(report: RunReport, outcomes: Values) -> Values:
    """Return the outcomes in words; a text that is none of them stays as it is."""
    labels = {str(it): words(it, sending=report.sending).label for it in Outcome}
    found = flat(encoded(outcomes))
    told = [labels.get(text, text) for text in found.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(found.indices, pa.array(told, pa.string()))


def _local(report: RunReport, instants: pa.ChunkedArray) -> pa.ChunkedArray:
    return local_times(instants, report.timezone)


def _most_pressing_first(report: RunReport, summary: Summary) -> pa.Array:
    """Return the positions of the lines that need a person, most pressing first, then in order."""
    outcome = report.outcomes["outcome"].take(summary.needing)
    rank = pc.index_in(outcome, value_set=pa.array([str(it) for it in NEEDS_A_PERSON]))
    order = np.argsort(np.asarray(rank).astype(np.uint8), kind="stable")
    return summary.needing.take(pa.array(order))
