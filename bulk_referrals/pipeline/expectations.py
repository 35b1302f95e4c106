"""What a night is expected to bring: a guard before sending, against an export gone wrong.

An export that was cut short, or that holds the whole customer base instead of last week's, is
readable and valid row by row; only its size tells.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bulk_referrals.config import parse_rows
from bulk_referrals.ledger import RunRecord
from bulk_referrals.model import RunState

# One odd night among seven does not move what is usual.
NIGHTS: Final = 7


def surprise(rows: int, *, expect_rows: str, growth: float | None, past: Sequence[int]) -> str:
    """Return why a number of rows is not what was expected, and how to send all the same; or "".

    Args:
        rows: read from all sources together.
        expect_rows: "1000..50000", open at either end; "" expects nothing.
        growth: the factor by which `rows` may be off the usual, either way; None expects nothing.
        past: rows of earlier runs, the oldest first; the median of the last seven is the usual.
            Without any there is nothing to go by.
    """
    least, most = parse_rows(expect_rows)
    if rows < least or (most is not None and rows > most):
        return (
            f"Nothing was sent: {_bounds(least, most)} were expected (expect_rows), and there "
            f"are {rows:,}. Look at the files; if they are right, run them with --expect-rows off."
        )
    usual = median(past[-NIGHTS:]) if past else 0
    if growth is None or not usual or usual / growth <= rows <= usual * growth:
        return ""
    than, factor = ("more than", growth) if rows > usual else ("fewer than 1 in", growth)
    off = f"{than} {factor:g} {'times the' if rows > usual else 'of the'} usual {usual:,.0f}"
    return (
        f"Nothing was sent: there are {rows:,} rows, {off} (expect_growth; the median of the "
        f"last {min(len(past), NIGHTS)} finished runs). Look at the files; if they are right, "
        "run them with --expect-growth off."
    )


def _bounds(least: int, most: int | None) -> str:
    if most is None:
        return f"{least:,} rows or more"
    return f"{least:,} to {most:,} rows" if least else f"{most:,} rows or fewer"


def usual_rows(records: Sequence[RunRecord], organisation: str) -> list[int]:
    """Return the rows of an organisation's finished runs, the oldest first."""
    rows = (
        sum(source.rows for source in record.sources)
        for record in records
        if record.state is RunState.FINISHED and record.organisation == organisation
    )
    return [number for number in rows if number]
