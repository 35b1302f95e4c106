"""What the terminal shows: progress while sending, and the ending in words."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bulk_referrals.errors import UsageError
from bulk_referrals.model import Outcome

if TYPE_CHECKING:
    from bulk_referrals.ledger import RunRecord
    from bulk_referrals.pipeline.publishing import Finished

_LINE_EVERY_S: Final = 30.0


@dataclass(slots=True, kw_only=True)
class Console:
    """Speaks on stderr, so that stdout is free for `--json`.

    Attributes:
        quiet: nothing but errors.
        verbose: every notice.
        yes: the question before sending is answered already.
    """

    quiet: bool
    verbose: bool
    yes: bool
    _bar: Any = None
    _tally: Counter[Outcome] = field(default_factory=Counter)
    _rows: int = 0
    _said_at: float = 0.0

    def notice(self, sentence: str) -> None:
        """Show a sentence."""
        self._say(sentence)

    def warn(self, sentence: str) -> None:
        """Show a sentence, however quiet it is."""
        sys.stderr.write(f"{sentence}\n")

    def confirm(self, question: str) -> bool:
        """Ask on a terminal; elsewhere only `--yes` will do."""
        if self.yes:
            return True
        if not sys.stdin.isatty():
            message = f"{question} Give --yes to send without being asked; nothing was sent."
            raise UsageError(message)
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def sending(self, rows: int) -> None:
        """Begin to show progress: a bar on a terminal, now and then a line elsewhere."""
        self._rows, self._said_at = rows, time.monotonic()
        if self.quiet:
            return
        if not sys.stderr.isatty():
            self._say(f"Sending {rows:,} rows.")
            return
        from tqdm import tqdm  # noqa: PLC0415 - start-up time

        self._bar = tqdm(total=rows, unit=" rows", desc="Sending", file=sys.stderr, smoothing=0.1)

    def settled(self, tally: Counter[Outcome]) -> None:
        """Count newly settled rows."""
        self._tally.update(tally)
        if self._bar is not None:
            self._bar.set_postfix_str(_counts(self._tally), refresh=False)
            self._bar.update(tally.total())
        elif time.monotonic() - self._said_at >= _LINE_EVERY_S:
            self._said_at = time.monotonic()
            self._say(f"{self._tally.total():,} of {self._rows:,} rows: {_counts(self._tally)}.")

    def stoppable(self, stop: Callable[[], object]) -> None:
        """Leave it: on a terminal, signals do."""

    def draining(self) -> None:
        """Say that the end is near."""
        sentence = "Ending: what is on its way is awaited. Press Ctrl-C again to end at once."
        if self._bar is not None:
            self._bar.write(sentence, file=sys.stderr)
        else:
            self._say(sentence)

    def sent(self) -> None:
        """End the progress."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def finished(self, finished: "Finished", *, as_json: bool) -> None:
        """Show how it ended: words first, then where everything is."""
        if as_json:
            import json  # noqa: PLC0415 - start-up time

            sys.stdout.write(json.dumps(finished.manifest, ensure_ascii=False, indent=2) + "\n")
        from bulk_referrals.cli.closing import closing, in_brief  # noqa: PLC0415 - start-up time

        told = in_brief(finished) if self.quiet else closing(finished, verbose=self.verbose)
        for line in told:
            sys.stderr.write(f"{line}\n")

    def table_of_runs(self, records: Iterable["RunRecord"], *, as_json: bool) -> None:
        """Show all runs on stdout."""
        if as_json:
            import json  # noqa: PLC0415 - start-up time

            sys.stdout.write(json.dumps([_run(r) for r in records], indent=2) + "\n")
            return
        lines = [
            f"{r.run_id}  {r.state:<11}  {_number(r):>9} rows  {_outcomes(r)}" for r in records
        ]
        sys.stdout.write("\n".join(lines or ["There are no runs in this ledger yet."]) + "\n")

    def _say(self, line: str) -> None:
        if not self.quiet:
            sys.stderr.write(f"{line}\n")


def _counts(tally: Counter[Outcome]) -> str:
    shown = [f"accepted {tally[Outcome.ACCEPTED]:,}", f"failed {tally[Outcome.FAILED]:,}"]
    if tally[Outcome.UNKNOWN]:
        shown.append(f"unknown {tally[Outcome.UNKNOWN]:,}")
    return ", ".join(shown)


def _run(record: "RunRecord") -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "state": str(record.state),
        "started_at": record.started_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "target": record.target,
        "rows": sum(source.rows for source in record.sources),
        "sources": [source.path for source in record.sources],
        "outcomes": record.outcomes,
        "requests": record.requests.sent,
        "stop_reason": record.stop_reason,
        "pruned_at": record.pruned_at.isoformat() if record.pruned_at else None,
    }


def _number(record: "RunRecord") -> str:
    return f"{sum(source.rows for source in record.sources):,}"


def _outcomes(record: "RunRecord") -> str:
    counted = [f"{name} {number:,}" for name, number in record.outcomes.items() if number]
    told = ", ".join(counted) or record.stop_reason
    return f"{told} (rows pruned)" if record.pruned_at else told
