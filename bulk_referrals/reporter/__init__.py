"""The report of a run: the workbook, the page, the to-fix files, the results and the manifest.

`write` puts everything into one folder. Each file appears whole or not at all, readable by its
owner only; `run.json` comes last, so where it is, the rest is.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bulk_referrals.model import RunReport
from bulk_referrals.reporter.annotation import annotated
from bulk_referrals.reporter.delimited import write_delimited
from bulk_referrals.reporter.files import private_folder, replacing
from bulk_referrals.reporter.lines import result_lines
from bulk_referrals.reporter.page import write_page
from bulk_referrals.reporter.to_fix import write_to_fix
from bulk_referrals.reporter.workbook import write_workbook
from bulk_referrals.summary import Summary, summarise

__all__ = [
    "Writer",
    "annotated",
    "manifest",
    "result_lines",
    "write",
    "write_manifest",
    "write_results",
]

MANIFEST: Final = "run.json"
_MOST_AT_ONCE: Final = 16

Writer = Callable[[Path], None]


def write(
    report: RunReport,
    folder: Path,
    summary: Summary | None = None,
    *,
    lines: pa.Table | None = None,
    beside: Mapping[str, Writer] | None = None,
) -> dict[str, str]:
    """Write all files of the report and return name -> path, as in `run.json`'s `outputs`.

    Args:
        report: the run.
        folder: `reports/<run id>`; made, with its parents, where it is missing (0700). Files of
            an earlier report of the run are replaced, and a to-fix file or an annotated one is
            removed when nothing is left to correct.
        summary: the run's, where the caller has it already.
        lines: its `result_lines`, likewise.
        beside: name -> what writes it, of further files for the folder.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    found = summary or summarise(report)
    told = result_lines(report) if lines is None else lines
    writers = _writers(report, found, told, beside or {})
    outputs = {name: str(folder / name) for name in (*writers, MANIFEST)}
    private_folder(folder)
    for stale in (*folder.glob("to_fix*.*"), *folder.glob("annotated*.*")):
        if stale.name not in outputs:
            stale.unlink()
    with ThreadPoolExecutor(
        min(len(writers), _MOST_AT_ONCE)
    ) as pool:  # Arrow lets go of the interpreter
        begun = [pool.submit(_write, folder / name, each) for name, each in writers.items()]
    for done in begun:
        done.result()
    _write(folder / MANIFEST, partial(_write_manifest, manifest(report, found, outputs)))
    return outputs


def write_results(report: RunReport, path: Path) -> None:
    """Write the lines of a report, or of a part of one, as `results.csv` holds them."""
    write_delimited(result_lines(report), path)


def write_manifest(report: RunReport, folder: Path, summary: Summary) -> dict[str, str]:
    """Write `run.json` alone, for a run without rows, and return name -> path.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    outputs = {MANIFEST: str(folder / MANIFEST)}
    private_folder(folder)
    _write(folder / MANIFEST, partial(_write_manifest, manifest(report, summary, outputs)))
    return outputs


def _write_manifest(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _write(path: Path, writer: Writer) -> None:
    with replacing(path) as lent:
        writer(lent)


def _writers(
    report: RunReport, summary: Summary, lines: pa.Table, beside: Mapping[str, Writer]
) -> dict[str, Writer]:
    """Return file name -> what writes it, in the order in which people look at them."""
    to_fix = {
        name: partial(write_to_fix, report, summary, tables, book=name.endswith(".xlsx"))
        for name, tables in summary.to_fix.items()
    }
    results = {"results.csv": partial(write_delimited, lines)}
    whole = {} if summary.is_of_more(report) else results
    return {
        "report.xlsx": partial(write_workbook, report, summary, lines),
        "report.html": partial(write_page, report, summary, lines, beside=tuple(beside)),
        **to_fix,
        **beside,
        **whole,
    }


def manifest(report: RunReport, summary: Summary, outputs: dict[str, str]) -> dict[str, Any]:
    """Return the content of `run.json`, ready for JSON.

    `rows` counts invites asked for, so that it is always the sum of the outcomes; a source row
    that names two invitees counts twice there, and once in `source_rows`.
    """
    return {
        "run_id": report.run_id,
        "version": report.version,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "state": str(report.state),
        "exit_code": report.exit_code,
        "stop_reason": report.stop_reason,
        "resume_command": report.resume_command,
        "corrects": list(summary.corrects),
        "sources": [
            {"path": source.path, "sha256": source.sha256, "rows": source.rows}
            for source in report.sources
        ],
        "rows": summary.rows,
        "source_rows": summary.source_rows,
        "outcomes": summary.outcomes,
        "codes": summary.codes,
        "requests": {
            "sent": report.requests.sent,
            "retried": report.requests.retried,
            "read_back": report.requests.read_back,
            "looked_up": report.requests.looked_up,
            "throttled_s": round(report.requests.throttled_s, 3),
        },
        "books_balance": summary.books_balance,
        "headline": summary.headline,
        "warnings": summary.warnings,
        "notices": list(report.notices),
        "outputs": outputs,
    }
