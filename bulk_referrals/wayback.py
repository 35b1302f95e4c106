"""The way back: what a file to correct and the loader agree on.

The reporter writes the rows that need a person into files that are corrected, saved and run
again. There three columns follow the author's own: `Reason`, `What to do`, and, hidden where a
file can hide a column, `Row key`: `<run id>:<table>:<row>` of the row that it was. By the key the
next run knows which run it corrects, and a text file is known for one of ours, whose apostrophes
(below) are ours to take away again.

A cell of a text file that begins with ``= + - @``, a tab, a line break, or the fullwidth form of
one of the signs gets one apostrophe in front (OWASP, "CSV Injection"). So that nothing is lost,
the same goes for a cell that begins with apostrophes followed by one of these: whoever wants the
exact text takes one apostrophe from every cell that matches `DEFUSED`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.weaving import Values, bounds_of, octets_of

REASON: Final = "Reason"
WHAT_TO_DO: Final = "What to do"
ROW_KEY: Final = "Row key"

_KEY: Final = r"^(?P<run>\d{8}T\d{6}-[0-9a-f]{4}):\d+:\d+$"
_LIVE: Final = "=+\\-@\t\r\n＝＋－＠"  # noqa: RUF001 - the fullwidth forms are meant
_TO_DEFUSE: Final = f"^'*[{_LIVE}]"
DEFUSED: Final = f"^'+[{_LIVE}]"
# The octets with which these and the apostrophe begin; 0xEF leads the fullwidth forms.
_SUSPECT: Final = np.isin(np.arange(256), [*b"=+-@\t\r\n'\xef"])


def own_columns(header: Sequence[str]) -> dict[str, int]:
    """Return heading -> index of the columns of a file that we added to its author's.

    An author may have a column `Reason` too: ours come in pairs, and last.
    """
    last = {name.strip().casefold(): index for index, name in enumerate(header)}
    found = {
        name: last[name.casefold()]
        for name in (REASON, WHAT_TO_DO, ROW_KEY)
        if name.casefold() in last
    }
    if not {REASON, WHAT_TO_DO} <= found.keys():
        return {ROW_KEY: found[ROW_KEY]} if ROW_KEY in found else {}
    return found


def row_keys(run_id: str, table: int, rows: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the key of each row, text; `rows` are row numbers of the run's table."""
    return pc.binary_join_element_wise(f"{run_id}:{table}", rows.cast(pa.string()), ":")


def runs_of(keys: pa.ChunkedArray) -> tuple[str, ...]:
    """Return the distinct runs that keys name, in order; what is no key is passed over."""
    found = pc.extract_regex(keys, _KEY)
    runs = pc.struct_field(found, "run") if len(found) else pa.array([], pa.string())
    return tuple(run for run in pc.unique(runs).to_pylist() if run)


def defused(texts: Values) -> Values:
    """Return the texts with an apostrophe before each that a spreadsheet might run."""
    if isinstance(texts, pa.ChunkedArray):
        return pa.chunked_array([defused(chunk) for chunk in texts.chunks], texts.type)
    suspect = _suspect(texts)
    if not suspect.any():
        return texts
    found = texts.filter(pa.array(suspect))
    live = pc.match_substring_regex(found, _TO_DEFUSE)
    mended = pc.if_else(live, pc.binary_join_element_wise("'", found, ""), found)
    return pc.replace_with_mask(texts, suspect, mended)


def _suspect(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Tell of each text whether its first octet is one that calls for a look at the rest."""
    octets, bounds = octets_of(texts), bounds_of(texts)
    suspect = np.zeros(len(texts), dtype=bool)
    filled = np.flatnonzero(bounds[:-1] < bounds[1:])
    suspect[filled] = _SUSPECT[octets[bounds[filled] - bounds[0]]]
    return suspect


def restored(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts without the apostrophes that `defused` put there: its inverse."""
    marked = pc.match_substring_regex(texts, DEFUSED)
    return pc.if_else(marked, pc.utf8_slice_codeunits(texts, 1), texts)
