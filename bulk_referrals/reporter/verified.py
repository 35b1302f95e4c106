"""`verify.csv`: the accepted invites of a run, with what the platform shows of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from bulk_referrals.model import SourceTable
from bulk_referrals.reporter.delimited import write_delimited
from bulk_referrals.reporter.files import private_folder, replacing
from bulk_referrals.reporter.lines import placed

VERIFIED: Final = "verify.csv"

_REPLACED: Final = ("outcome", "code", "reason")
_AFTER: Final = 3  # source, sheet, row


def write_verified(
    folder: Path,
    outcomes: pa.Table,
    paths: Sequence[str],
    tables: Sequence[SourceTable],
    *,
    platform: pa.Array,
    times: pa.Array,
) -> Path:
    """Write `verify.csv` and return its path: the columns of `results.csv`, but for the verdict.

    Args:
        folder: the run's; made where it is missing (0700).
        outcomes: the lines that were looked for, as in the outcomes frame.
        paths: of the sources, in order.
        tables: their sheets, in order.
        platform: per line, what the platform says of it.
        times: per line, int64, how often it lists the invite; null where it did not tell.

    Raises:
        OSError: it cannot be written.
    """
    lines = placed(outcomes, paths, tables).drop_columns(list(_REPLACED))
    lines = lines.add_column(_AFTER, "platform", platform)
    lines = lines.add_column(_AFTER + 1, "times_listed", times)
    path = private_folder(folder) / VERIFIED
    with replacing(path) as lent:
        write_delimited(lines, lent)
    return path
