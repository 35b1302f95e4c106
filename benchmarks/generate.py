"""Makes the rows that are measured: always the same for the same number of rows.

About three invitees per referrer, 85 % of them by mobile, and 6 % of the rows with one of the
faults that people make. Most mobiles are ten digits; the rest are written as people write them.

    python benchmarks/generate.py 100000 rows.csv
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

HEADER: Final = (
    "Referrer Mobile",
    "Campaign Token",
    "Type",
    "Identifier",
    "Name",
    "Invited On",
    "Referral Code",
)
_FIRST: Final = (
    "Asha",
    "Ravi",
    "Meera",
    "Arjun",
    "Zoë",
    "Imran",
    "Lakshmi",
    "Søren",
    "Kavya",
    "Dev",
    "Nisha",
    "Om",
    "Priya",
    "Tara",
)
_LAST: Final = (
    "Sharma",
    "Iyer",
    "Khan",
    "Das",
    "Núñez",
    "Rao",
    "Patel",
    "Bose",
    "Gill",
    "Nair",
    "Jain",
    "Roy",
)
_DOMAINS: Final = (
    "gmail.com",
    "yahoo.co.in",
    "outlook.com",
    "rediffmail.com",
    "example.org",
    "Gmail.COM",
)
_TOKENS: Final = ("J0H7Q", "K2LM9", "Z8XY1")
_FAULTS: Final = (
    "letters",
    "short",
    "landline",
    "nobody",
    "no token",
    "no code",
    "no date",
    "other type",
    "oneself",
    "again",
)
_DIRTY: Final = 0.06
_BY_EMAIL: Final = 0.15
_SEED: Final = 20240910
_BLOCK_ROWS: Final = 50_000

Row = tuple[str, ...]


def rows(count: int) -> Iterator[Row]:
    """Yield so many rows, each with a cell per name of the header."""
    chance = np.random.default_rng(_SEED)
    referrers = max(count // 3, 1)
    before: Row = ("",) * len(HEADER)
    for start in range(0, count, _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, count - start)
        draws = {
            "who": chance.integers(0, referrers, size).tolist(),
            "form": chance.integers(0, 20, size).tolist(),
            "number": chance.integers(0, 10**9, size).tolist(),
            "name": chance.integers(0, len(_FIRST) * len(_LAST), size).tolist(),
            "email": (chance.random(size) < _BY_EMAIL).tolist(),
            "dirty": (chance.random(size) < _DIRTY).tolist(),
            "fault": chance.integers(0, len(_FAULTS), size).tolist(),
            "second": chance.integers(0, 30 * 86_400, size).tolist(),
        }
        for who, form, number, name, email, dirty, fault, second in zip(
            *draws.values(), strict=True
        ):
            row = _row(who, form, number, name, second, email=email)
            if dirty:
                row = _spoilt(row, before, _FAULTS[fault])
            yield row
            before = row


def _row(who: int, form: int, number: int, name: int, second: int, *, email: bool) -> Row:
    first, last = _FIRST[name % len(_FIRST)], _LAST[name // len(_FIRST)]
    if email:
        plain = f"{'Asha' if not first.isascii() else first}.{last[:1]}{number % 10**6}".lower()
        identifier = f"{plain}@{_DOMAINS[form % len(_DOMAINS)]}"
    else:
        identifier = _written(_mobile(number), form)
    moment = np.datetime64("2024-09-01T00:00:00", "s") + second
    return (
        _written(_mobile(7 * 10**8 + who * 77), who % 20),
        _TOKENS[who % len(_TOKENS)],
        "EMAIL" if email else "MOBILE",
        identifier,
        f"{first} {last}",
        str(moment).replace("T", " "),
        f"c{who * 7919 % 10**7:07d}",
    )


def _mobile(number: int) -> str:
    """Return ten digits that the Indian plan has for mobiles."""
    return f"9{8 - number % 2}{number // 2 % 10**8:08d}"


def _written(mobile: str, form: int) -> str:
    """Write a mobile as people do; three in four of them plainly."""
    forms = {
        0: f"+91 {mobile[:5]} {mobile[5:]}",
        1: f"0{mobile}",
        2: f"{mobile[:5]}-{mobile[5:]}",
        3: f"91{mobile}",
        4: f"(+91) {mobile[:3]} {mobile[3:6]} {mobile[6:]}",
    }
    return forms.get(form, mobile)


def _spoilt(row: Row, before: Row, fault: str) -> Row:
    """Return the row with a fault that people make."""
    if fault == "again":
        return before if before[0] else row
    identifier = row[3]
    changed = {
        "letters": {3: f"{identifier[:4]}O{identifier[5:]} x"},
        "short": {3: identifier[:6]},
        "landline": {2: "MOBILE", 3: "022 2202 1234"},
        "nobody": {3: ""},
        "no token": {1: ""},
        "no code": {6: ""},
        "no date": {5: "soon"},
        "other type": {2: "WHATSAPP"},
        "oneself": {2: "MOBILE", 3: row[0]},
    }[fault]
    return tuple(changed.get(place, cell) for place, cell in enumerate(row))


def write_csv(count: int, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(rows(count))


def write_xlsx(count: int, path: Path) -> None:
    """Write a workbook; plain mobiles are numbers in it, as where somebody typed them."""
    import xlsxwriter  # noqa: PLC0415 - only for workbooks

    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Invitees")
        sheet.write_row(0, 0, HEADER)
        for number, row in enumerate(rows(count), start=1):
            for place, cell in enumerate(row):
                if place in {0, 3} and cell.isdigit() and cell[0] != "0":
                    sheet.write_number(number, place, int(cell))
                elif cell:
                    sheet.write_string(number, place, cell)


def write(count: int, path: Path) -> None:
    """Write so many rows, as CSV or XLSX by the path's ending."""
    (write_xlsx if path.suffix == ".xlsx" else write_csv)(count, path)


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
