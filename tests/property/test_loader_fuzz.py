"""Damaged at random, a spreadsheet is rows or a sentence: never a crash, never a lost row."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.errors import InputError
from bulk_referrals.loader import load
from bulk_referrals.model import LoadOptions

HEADER: list[str | float] = ["referrer_mobile", "identifier", "name", "invited_on"]
ROWS: list[list[str | float]] = [
    ["917999836466", f"9179998364{n}", 'Zoë "Zo", Q', 4.5] for n in range(10, 30)
]
TEXT = "\r\n".join(
    ",".join(f'"{cell}"'.replace('"Zo"', '""Zo""') for cell in row) for row in [HEADER, *ROWS]
).encode()
OPTIONS = LoadOptions(max_memory_bytes=1 << 30, read_timeout_s=20)
# What breaks readers of text and of XML.
SHARP = [b"", b'"', b"\n", b"\r", b"\0", b",", b"\xff\xfe", b"<", b">", b"&#0;", b"A1048577"]
SPLICES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 40),
        st.sampled_from(SHARP) | st.binary(max_size=8),
    ),
    min_size=1,
    max_size=6,
)
Splices = list[tuple[float, int, bytes]]


def book() -> dict[str, bytes]:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in [HEADER, *ROWS]:
        sheet.append(row)
    written = io.BytesIO()
    made.save(written)
    with zipfile.ZipFile(written) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PARTS = book()


def packed(parts: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def spliced(content: bytes, splices: Splices) -> bytes:
    for place, length, new in splices:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    return content


def loads_or_says(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content)
    try:
        loaded = load([str(path)], OPTIONS)
    except InputError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal.startswith(f"{path}")
        assert "91799983" not in refusal.removeprefix(str(path))
        return
    total = sum(source.rows for source in loaded.sources)
    assert len(loaded.rows) == total == sum(each.num_rows for each in loaded.original) > 0
    places = zip(*(loaded.rows[name].to_pylist() for name in ("table", "row")), strict=True)
    assert len(set(places)) == total


@given(splices=SPLICES)
@settings(deadline=None, max_examples=150)
def test_a_damaged_text_file_is_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, splices: Splices
) -> None:
    loads_or_says(tmp_path_factory.mktemp("text"), "a.csv", spliced(TEXT, splices))


@given(splices=SPLICES)
@settings(deadline=None, max_examples=25)
def test_a_damaged_archive_is_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, splices: Splices
) -> None:
    loads_or_says(tmp_path_factory.mktemp("zip"), "a.xlsx", spliced(packed(PARTS), splices))


@given(splices=SPLICES, part=st.sampled_from(sorted(PARTS)))
@settings(deadline=None, max_examples=40)
def test_a_workbook_of_damaged_xml_is_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, splices: Splices, part: str
) -> None:
    content = packed({**PARTS, part: spliced(PARTS[part], splices)})
    loads_or_says(tmp_path_factory.mktemp("xml"), "a.xlsx", content)
