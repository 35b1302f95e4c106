"""What the Python API gives back: plain frozen values, and the rows as a DataFrame on demand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulk_referrals.errors import UsageError
from bulk_referrals.model import Outcome, RunState

if TYPE_CHECKING:
    import pandas as pd

    from bulk_referrals.pipeline.publishing import Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far sending is.

    Attributes:
        rows: how many are to be sent, by this call.
        settled: how many of them have their outcome.
        outcomes: outcome -> rows, of the settled ones.
    """

    rows: int
    settled: int
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResult:
    """What a check or a run has come to; the same figures as in `run.json`.

    Attributes:
        run_id: such as `20261123T183000-7f3a`.
        state: where the run stands.
        exit_code: what the command line would exit with.
        headline: what happened, in one sentence.
        stop_reason: a sentence when it ended early; "" otherwise.
        rows: invites asked for; the sum of the outcomes.
        source_rows: rows read.
        outcomes: outcome -> invites, all eight.
        codes: code -> invites, the most frequent first.
        books_balance: every row read has ended as exactly one outcome per invite.
        notices: sentences that somebody should see.
        paths: name -> path of the files written, such as `report.xlsx`.
    """

    run_id: str
    state: RunState
    exit_code: int
    headline: str
    stop_reason: str
    rows: int
    source_rows: int
    outcomes: Mapping[Outcome, int]
    codes: Mapping[str, int]
    books_balance: bool
    notices: tuple[str, ...]
    paths: Mapping[str, Path]
    _finished: "Finished" = field(repr=False)

    @property
    def ok(self) -> bool:
        """Tell whether nothing is left for a person to do (exit code 0)."""
        return self.exit_code == 0

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of `run.json`."""
        return self._finished.manifest

    @property
    def results(self) -> "pd.DataFrame":
        """One line per invite, in the order of the sources, with the columns of `results.csv`.

        Made anew by each call. Text columns are backed by Arrow, an empty cell is null; `row`
        and `attempts` are int64. It holds contacts.

        Raises:
            UsageError: they are too many for memory, and stand in the files `results-….csv`.
        """
        if self._finished.summary.is_of_more(self._finished.report):
            message = (
                f"The results of {self.rows:,} invites are a set of files: results-00000.csv and "
                "on, in `paths`. Read them one after another, or all at once as a data set."
            )
            raise UsageError(message)
        import pandas as pd  # noqa: PLC0415 - only who asks for rows needs it
        import pyarrow as pa  # noqa: PLC0415 - as above

        from bulk_referrals.reporter.lines import result_lines  # noqa: PLC0415 - as above

        lines = result_lines(self._finished.report)
        plain = [
            cells.cast(pa.string()) if pa.types.is_dictionary(cells.type) else cells
            for cells in lines.columns
        ]
        told = pa.table(plain, names=lines.column_names)
        frame: pd.DataFrame = told.to_pandas(types_mapper=pd.ArrowDtype)  # without a copy
        return frame


def result_of(finished: "Finished") -> RunResult:
    """Return what a use case has come to, as the API gives it."""
    report, summary = finished.report, finished.summary
    return RunResult(
        run_id=report.run_id,
        state=report.state,
        exit_code=report.exit_code,
        headline=summary.headline,
        stop_reason=report.stop_reason,
        rows=summary.rows,
        source_rows=summary.source_rows,
        outcomes={Outcome(name): number for name, number in summary.outcomes.items()},
        codes=dict(summary.codes),
        books_balance=summary.books_balance,
        notices=report.notices,
        paths={name: Path(path) for name, path in finished.outputs.items()},
        _finished=finished,
    )
