"""Text files of every class that breaks readers, each made here."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial

from corpus_case import COLUMNS, GOOD, Case, lines, refused

MANY = 60_000


def text(*rows: Sequence[str], header: Sequence[str] = COLUMNS) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return written.getvalue().encode()


HEAD = text()
LINE = text(GOOD)[len(HEAD) :]
TWO = text(*lines(16, 17))


def named(*names: str) -> bytes:
    rows = [(*line[:5], name) for line, name in zip(lines(*range(len(names))), names, strict=True)]
    return text(*rows)


def invitees(*cells: str) -> bytes:
    return text(*((GOOD[0], cell, *GOOD[2:]) for cell in cells))


def archive(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return written.getvalue()


def nested(depth: int) -> bytes:
    content = TWO
    for _ in range(depth):
        content = gzip.compress(content)
    return content


NAUGHTY = (
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "＝1+1",  # noqa: RUF001 - a full-width sign is the case
    '=HYPERLINK("http://x","y")',
    "<script>alert(1)</script>",
    "</td><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "\u202egnp.exe",
    "\ufeffa\u200b\u2060",
    "\U0001d4b3\U0001f469\u200d\U0001f467",
    "a\x01\x02\x0b\x1f\x7f\x85",
    "\ufffe\uffff",
    "_x000D__x0041_",
    "../../../etc/passwd",
    "%s%n%d",
    "'; DROP TABLE invites;--",
    "x" * 40_000,
)
WIDTHS = b"".join(b",".join([b"9"] * n) + b"\n" for n in range(1, 1200))
WHOLE_ROWS = tuple(range(2, MANY + 2))


def quoted(ending: bytes) -> bytes:
    """Return two good rows, one whose name opens a quote, and many more that it swallows."""
    return TWO + LINE.replace(b"Asha", b'"Asha' + ending) + LINE * MANY


def mixed_encodings() -> bytes:
    return TWO + LINE.replace(b"Asha", "Zoë".encode()) * 3 + LINE.replace(b"Asha", b"Jos\xe9")


def repeated(content: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: HEAD + content() + LINE


TEXTS = (
    Case(file="plain.csv", content=lambda: TWO, rows=(2, 3)),
    Case(file="no_final_newline.csv", content=lambda: TWO[:-1], rows=(2, 3)),
    Case(file="cut_off.csv", content=lambda: TWO[:-40], rows=(2, 3), exit_code=1,
         codes={3: "cut-row"}),
    Case(file="mixed_line_ends.csv", rows=(2, 3, 5),
         content=lambda: TWO.replace(b"\n", b"\r\n", 2) + b"\r" + text(*lines(18))[len(HEAD):]),
    Case(file="utf16.csv", content=lambda: TWO.decode().encode("utf-16"), rows=(2, 3)),
    Case(file="utf32.csv", content=lambda: TWO.decode().encode("utf-32"), rows=(2, 3)),
    refused("mixed_encodings.csv", mixed_encodings, "not in line 7"),
    refused("header_only.csv", lambda: HEAD, "no rows under them"),
    refused("header_only_no_newline.csv", HEAD.strip, "no rows under them"),
    refused("nothing.csv", bytes, "the file is empty"),
    refused("blank.csv", lambda: b"\r\n" * 100, "blank lines only"),
    refused("every_byte.csv", lambda: bytes(range(256)) * 999, "its encoding is in doubt"),
    refused("commas.csv", lambda: b"," * 5_000_000, "blank lines only", hostile=True),
    refused("quotes_only.csv", lambda: b'"' * 5_000_000, "blank lines only", hostile=True),
    refused("ten_million_columns.csv", lambda: b"a," * 10_000_000 + b"b\n1,2\n",
            "more than 16,384 columns", hostile=True),
    Case(file="ten_million_cells.csv", hostile=True, exit_code=1,
         content=lambda: HEAD + LINE * MANY + b"1" + b"," * 10_000_000 + b"\n",
         rows=(*WHOLE_ROWS, MANY + 2), codes={MANY + 2: "ragged-row"}),
    Case(file="thousands_of_widths.csv", content=lambda: HEAD + WIDTHS, exit_code=1,
         rows=tuple(range(2, 1201)), codes={9: "ragged-row"}, hostile=True),
    Case(file="fifty_megabyte_field.csv", hostile=True, exit_code=1, rows=(2, 3, 4),
         content=lambda: TWO + b'1,2,"' + b"x" * 50_000_000 + b'"\n', codes={4: "1701"}),
    Case(file="unclosed_quote.csv", content=partial(quoted, b""), exit_code=1, rows=(2, 3, 4),
         codes={4: "swallowed-lines"}, hostile=True),
    Case(file="stray_quotes.csv", exit_code=0, rows=(2, 3, 4),
         content=lambda: named('5" pipe', 'a "b" c', '"')),
    Case(file="contact_over_lines.csv", exit_code=1, rows=(2, 3), codes={2: "swallowed-lines"},
         content=lambda: invitees("917999836416\n917999836417", GOOD[1])),
    Case(file="zero_bytes.csv", exit_code=1, rows=(2, 3), codes={2: "1701"},
         content=lambda: invitees("91799983\x006416", GOOD[1])),
    Case(file="ragged.csv", exit_code=1, rows=(2, 3, 4), codes={3: "ragged-row"},
         content=lambda: text(*lines(16)) + LINE[:-1] + b",more\n" + LINE[:-6] + b"\n"),
    Case(file="naughty_names.csv", content=lambda: named(*NAUGHTY),
         rows=tuple(range(2, len(NAUGHTY) + 2))),
    Case(file="naughty_contacts.csv", content=lambda: invitees(*NAUGHTY), exit_code=1,
         rows=tuple(range(2, len(NAUGHTY) + 2)),
         codes=dict.fromkeys((2, 4, 5, 8, 9, 21), "1701")),
    Case(file="hostile_headers.csv", exit_code=1, rows=(2,), codes={2: "1701"},
         content=lambda: text((GOOD[0], "98-76", *GOOD[2:], *"abcd"),
                              header=(*COLUMNS, "=1+1", "@SUM(1)", "<img src=x>", "-1\n=2"))),
    Case(file="=1+1 <img src=x onerror=alert(1)>.csv", exit_code=1, rows=(2,), codes={2: "1701"},
         content=lambda: invitees("98-76")),
    Case(file="e_notation.csv", exit_code=1, rows=(2, 3, 4),
         codes=dict.fromkeys((2, 3, 4), "1701"),
         content=lambda: invitees("9.17999836416E+11", "9.18E+11", "9,18E+11")),
    Case(file="rounded.csv", exit_code=1, rows=(2, 3, 4),
         content=lambda: invitees("9880000000", "9990000000", GOOD[1]),
         codes={2: "rounded-number", 3: "rounded-number"}),
    Case(file="packed.csv.gz", content=lambda: gzip.compress(TWO), rows=(2, 3)),
    refused("packed_twice.csv.gz", partial(nested, 2), "it is a gzip archive"),
    refused("bomb.csv.gz", lambda: gzip.compress(bytes(600 << 20)), "unpacks to more",
            hostile=True),
    refused("bomb.zip", lambda: archive(a=bytes(600 << 20)), "unpacks to more", hostile=True),
    refused("torn.csv.gz", lambda: gzip.compress(TWO * 99)[:60], "damaged, cut short or locked"),
    refused("two_in_one.zip", lambda: archive(a=TWO, b=TWO), "must hold one spreadsheet"),
    Case(file="climbs.zip", rows=(2, 3), content=lambda: archive(**{"../../climbs.csv": TWO})),
    refused("page.csv", lambda: b"<html><table><tr><td>1", "it is a web page"),
    refused("json.csv", lambda: b'[{"a": 1}]', "it is a JSON file"),
)  # fmt: skip
