"""annotated.xlsx: the author's own workbook again, the cells at fault coloured and commented.

It is made from the very bytes that the run read: where the file is gone or has changed since, or
cannot be annotated within bounds, it is left out and a notice says so. The report never fails
over it. Foreign workbooks are opened in the process that the room `workbooks` bounds.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from bulk_referrals.errors import InputError
from bulk_referrals.model import FIELDS, Outcome, RunReport, Source, SourceTable
from bulk_referrals.reporter.lines import lines_needing
from bulk_referrals.reporter.palette import TINT
from bulk_referrals.summary import Summary
from bulk_referrals.wayback import ROW_KEY
from bulk_referrals.workbooks.sheets import Limits

# Where all of them must go through openpyxl, it needs a second for two thousand or so.
MOST_ROWS: Final = 50_000
_MOST_BYTES: Final = 32 << 20
_LIMITS: Final = Limits(memory_bytes=2 << 30, time_s=90.0)
_SUFFIXES: Final = (".xlsx", ".xlsm")
# Where a row's comment goes when no field is at fault, or its column is missing.
_BY_DEFAULT: Final = ("identifier", "invitee_mobile", "invitee_email", *FIELDS)
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


def annotated(
    report: RunReport, summary: Summary
) -> tuple[dict[str, Callable[[Path], None]], tuple[str, ...]]:
    """Return file name -> what writes it, of each annotated workbook, and sentences on them.

    There is one for each XLSX or XLSM source of at most `MOST_ROWS` rows with a row to correct.
    """
    amiss = summary.to_fix.get("to_fix.xlsx", ())
    files: dict[str, Callable[[Path], None]] = {}
    notices: list[str] = []
    for index, source in enumerate(report.sources):
        chosen = [place for place in amiss if report.tables[place].source == index]
        if not chosen or report.tables[chosen[0]].delimiter or not _is_candidate(source):
            continue
        try:
            number = f"_{len(files) + 1}" if files else ""
            name = f"annotated{number}.xlsx"
            files[name] = partial(_put, _annotated(report, summary, source, chosen))
            notices.append(
                f"{name} is {Path(source.path).name} with the cells to correct coloured and "
                "commented. It can be corrected and run in place of to_fix.xlsx."
            )
        except (InputError, OSError) as error:
            why = "it cannot be opened" if isinstance(error, OSError) else _problem(error, source)
            notices.append(f"{source.path}: no annotated copy was made, since {why}.")
    return files, tuple(notices)


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _is_candidate(source: Source) -> bool:
    return (
        source.rows <= MOST_ROWS
        and source.size_bytes <= _MOST_BYTES
        and source.path.lower().endswith(_SUFFIXES)
    )


def _problem(error: InputError, source: Source) -> str:
    """Return what was wrong, without the path before it and the advice after it."""
    return str(error).removeprefix(f"{source.path}: ").split(". ")[0].rstrip(".")


def _annotated(report: RunReport, summary: Summary, source: Source, tables: list[int]) -> bytes:
    content = report.fetched.get(source.path, Path(source.path)).read_bytes()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        problem = "the file has changed since it was read"
        raise InputError(source.path, problem, advice="Run it again.")
    asked = {
        "heading": ROW_KEY,
        "sheets": [_sheet(report, summary, index) for index in tables],
    }
    from bulk_referrals.workbooks.isolated import (  # noqa: PLC0415 - start-up time
        annotate_workbook,
    )

    return annotate_workbook(source.path, content, asked, _LIMITS)


def _sheet(report: RunReport, summary: Summary, index: int) -> dict[str, Any]:
    table = report.tables[index]
    return {
        "name": table.sheet,
        "header_row": table.header_row,
        "header": table.header,
        "notes": list(_notes(report, summary, index, table)),
    }


def _notes(
    report: RunReport, summary: Summary, index: int, table: SourceTable
) -> Iterator[tuple[Any, ...]]:
    """Yield row, column, colour, text and key of each cell to mark; two faults of one are one."""
    names = ("row", "outcome", "field", "reason", "advice")
    lines = lines_needing(report, summary, index, names)
    default = next((table.columns[name] for name in _BY_DEFAULT if name in table.columns), 0)
    told: dict[tuple[int, int], tuple[str, str]] = {}
    for line in lines.to_pylist():
        place = (line["row"], table.columns.get(line["field"] or "", default))
        text = f"{line['reason'] or ''}\nWhat to do: {line['advice'] or 'see the report.'}"
        before = told[place][1] + "\n\n" if place in told else ""
        told[place] = (TINT[Outcome(line["outcome"])][1:], before + _NOT_IN_XML.sub(" ", text))
    for (row, at), (colour, text) in told.items():
        yield row, at, colour, text.strip(), f"{report.run_id}:{index}:{row}"
