"""Makes every file of the sample again, the same each time.

    python sample_data/make.py [--to FOLDER]

The faults and what must become of them stand in `making/launch.py` and `making/exports.py`;
`expected.csv` and the lists in `README.md` follow from there, never from what the importer says.
"""

import argparse
import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from making import exports, launch
from making.cast import Cast
from making.table import Expected, Table, as_typed
from making.workbook import Painter

SEED = 20261123
HERE = Path(__file__).parent
LISTS_BEGIN, LISTS_END = "<!-- lists: made by make.py -->", "<!-- /lists -->"


def main() -> None:
    """Write the sample into its own folder, or into another for comparison."""
    parser = argparse.ArgumentParser(description="Make the sample files again.")
    parser.add_argument("--to", type=Path, default=HERE, help="the folder to write them into")
    folder: Path = parser.parse_args().to
    waves = [
        launch.wave_1(Cast(SEED)),
        launch.wave_2(Cast(SEED + 1)),
        launch.wave_3(Cast(SEED + 2)),
    ]
    nightly, utf16 = exports.nightly(Cast(SEED + 3)), exports.utf16(Cast(SEED + 4))
    write_workbook(folder / launch.SOURCE, waves)
    (folder / exports.NIGHTLY).write_text(nightly_text(nightly), encoding="utf-8", newline="")
    (folder / exports.UTF16).write_text(delimited(utf16, ";"), encoding="utf-16", newline="")
    suppression = "\r\n".join(("contact", *exports.SUPPRESSED_CONTACTS, ""))
    (folder / "suppression.csv").write_text(suppression, encoding="utf-8", newline="")
    expected = [each for table in (*waves, nightly, utf16) for each in table.expected()]
    write_expected(folder / "expected.csv", expected)
    write_readme(folder / "README.md", expected)


def write_workbook(path: Path, waves: list[Table]) -> None:
    """Write the launch workbook: the waves, a sheet of notes, and a hidden sheet."""
    painter = Painter(path)
    for wave in waves:
        painter.paint(wave)
    painter.paint_notes()
    painter.paint_hidden(waves[-1])
    painter.close()


def delimited(table: Table, delimiter: str) -> str:
    """Return the table as delimited text with CRLF line ends."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(table.columns)
    for line in table.lines:
        writer.writerow(as_typed(line.cells.get(name)) for name in table.columns.values())
    return text.getvalue()


def nightly_text(table: Table) -> str:
    """Return the nightly export, the quotes of two names lost as a careless tool would."""
    text = delimited(table, ",")
    for name in ("Menon, Latha", "Pillai, Arjun"):
        text = text.replace(f'"{name}"', name)
    return text


def write_expected(path: Path, expected: list[Expected]) -> None:
    """Write what must become of every invite, for machines."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Expected)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in expected)


def write_readme(path: Path, expected: list[Expected]) -> None:
    """Put the lists of what is odd between the marks of the README."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    before, rest = text.split(LISTS_BEGIN)
    after = rest.split(LISTS_END)[1]
    path.write_text(
        f"{before}{LISTS_BEGIN}\n{lists(expected)}\n{LISTS_END}{after}", encoding="utf-8"
    )


def lists(expected: list[Expected]) -> str:
    """Return a Markdown table for each sheet, of the rows that are odd."""
    places = dict.fromkeys((each.source, each.sheet) for each in expected)
    return "\n\n".join(
        f"### {source}{f', sheet {sheet}' if sheet else ''}\n\n"
        + markdown(each for each in expected if (each.source, each.sheet) == (source, sheet))
        for source, sheet in places
    )


def markdown(expected: Iterable[Expected]) -> str:
    """Return the odd ones as a Markdown table."""
    head = "| row | what is odd | invitee as typed | must become | code |\n|---|---|---|---|---|"
    return "\n".join((head, *(markdown_line(each) for each in expected if each.what)))


def markdown_line(each: Expected) -> str:
    """Return one line of the table."""
    typed = each.identifier
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in typed)
    outcome = f"{each.outcome}, with a warning" if each.warning else each.outcome
    cell = f"`{shown}`" if shown else ""
    return f"| {each.row} | {each.what} | {cell} | {outcome} | {each.code} |"


if __name__ == "__main__":
    main()
