"""Whatever stands in a file, each of its records is one row, with its cells in their columns."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.errors import UsageError
from bulk_referrals.loader import encoding, load, text
from bulk_referrals.model import LoadOptions

HEADER = ["referrer_mobile", "identifier", "name", "notes"]
CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12
)
RECORDS = st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=30)
WIDTHS = st.lists(st.integers(1, 7), min_size=1, max_size=60)


def read(path: Path, content: bytes, **options: str) -> tuple[list[int], list[list[str]]]:
    path.write_bytes(content)
    loaded = load([str(path)], LoadOptions(**options))  # type: ignore[arg-type]
    cells = loaded.original[0].to_pydict().values()
    lines = [[cell or "" for cell in line] for line in zip(*cells, strict=True)]
    assert loaded.sources[0].rows == len(loaded.rows) == len(lines)
    return loaded.rows["row"].to_pylist(), lines


@given(records=RECORDS, delimiter=st.sampled_from(",;\t|"), quoting=st.sampled_from([0, 1]))
@settings(deadline=None, max_examples=60)
def test_what_python_s_own_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[list[str]],
    delimiter: str,
    quoting: int,
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([HEADER, *records, ["1", "2", "3", "4"]])
    expected = {
        number: record
        for number, record in enumerate([*records, ["1", "2", "3", "4"]], start=2)
        if any(cell.strip() for cell in record)
    }
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    rows, lines = read(path, written.getvalue().encode())
    assert dict(zip(rows, lines, strict=True)) == expected


@given(widths=WIDTHS)
@settings(deadline=None, max_examples=60)
def test_rows_of_any_width_stay_in_place_and_unshifted(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int]
) -> None:
    records = [[f"r{n}c{column}" for column in range(width)] for n, width in enumerate(widths)]
    content = "\n".join(map(",".join, [HEADER, *records])) + "\n"
    rows, lines = read(tmp_path_factory.mktemp("csv") / "a.csv", content.encode())
    assert rows == list(range(2, len(widths) + 2))
    assert lines == [(record + [""] * 4)[:4] for record in records]


NUMBERS = st.one_of(st.none(), st.integers(-(2**53) + 1, 2**53 - 1))


@given(
    texts=st.lists(st.one_of(st.none(), CELLS), min_size=1, max_size=30),
    drawn=st.data(),
    group_rows=st.integers(1, 12),
)
@settings(deadline=None, max_examples=12)
def test_every_record_of_a_parquet_file_is_a_row_with_its_cells(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str | None],
    drawn: st.DataObject,
    group_rows: int,
) -> None:
    count = len(texts)
    numbers = drawn.draw(st.lists(NUMBERS, min_size=count, max_size=count))
    columns = {
        "referrer_mobile": pa.array(["x"] * count),
        "identifier": pa.array(numbers, pa.int64()),
        "name": pa.array(texts, pa.string()),
        "notes": pa.array(numbers, pa.int64()).cast(pa.float64()),
        "more": pa.array(texts, pa.string()).dictionary_encode(),
    }
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, row_group_size=group_rows)
    rows, lines = read(tmp_path_factory.mktemp("parquet") / "a.parquet", written.getvalue())
    assert rows == list(range(1, count + 1))
    digits = ["" if number is None else str(number) for number in numbers]
    cells = [text or "" for text in texts]
    assert lines == [
        ["x", number, cell, number, cell] for number, cell in zip(digits, cells, strict=True)
    ]


@given(
    content=st.binary(max_size=300), header=st.sampled_from([b"", b"referrer_mobile,id,name\n"])
)
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_bytes(header + content)
    try:
        loaded = load([str(path)], LoadOptions())
    except UsageError:
        return
    assert len(loaded.rows) == loaded.sources[0].rows > 0


def level_1(charset: str, first: int, last: int) -> str:
    pairs = (bytes([a, b]) for a in range(first, last + 1) for b in range(0xA1, 0xFF))
    return "".join(pair.decode(charset, "ignore") for pair in pairs)


WRITTEN = {
    ("cp1252", "aeiouáéíóúüñ"),
    ("cp1252", "aeiouàâæçéèêëîïôœùûü"),
    ("cp1252", "aeiouäöüß"),
    ("cp1252", "aeiouáâãàçéêíóôõú"),
    ("cp1252", "aeiouæøåé"),
    ("cp1250", "aeiouyąćęłńóśźż"),
    ("cp1250", "aeiouáčďéěíňóřšťúůýž"),
    ("cp1250", "aeiouáéíóöőúüű"),
    ("cp1254", "aeiouçğ\u0131öşü"),
    ("cp1251", "абвгдежзийклмнопрстуфхцчшщыэюя"),
    ("koi8-r", "абвгдежзийклмнопрстуфхцчшщыэюя"),
    ("cp1253", "αβγδεζηθικλμνξοπρσςτυφχψω"),
    ("cp932", level_1("euc_jp", 0xB0, 0xCF)),
    ("cp932", level_1("euc_jp", 0xA4, 0xA5)),
    ("euc_jp", level_1("euc_jp", 0xB0, 0xCF)),
    ("gb18030", level_1("gb2312", 0xB0, 0xD7)),
    ("big5", level_1("big5", 0xA4, 0xC6)),
    ("euc_kr", level_1("euc_kr", 0xB0, 0xC8)),
    ("mac_roman", "aeiouáéíóúüñ"),
    ("cp850", "aeiouáéíóúüñ"),
}


@given(written=st.sampled_from(sorted(WRITTEN)), drawn=st.data())
@settings(deadline=None, max_examples=400)
def test_a_guess_is_refused_or_right(written: tuple[str, str], drawn: st.DataObject) -> None:
    charset, alphabet = written
    words = st.text(alphabet, min_size=2, max_size=8).map(str.capitalize)
    names = drawn.draw(st.lists(words, min_size=1, max_size=20))
    content = ("name,id\n" + ",1\n".join(names)).encode(charset, "ignore")
    try:
        read_back, _ = encoding.to_utf8("a.csv", content, "")
    except UsageError:
        return
    if not encoding.is_utf8(content):
        assert read_back.decode() == content.decode(charset)


def test_small_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [f'{n},id{n},"a ""quoted""\n, name",{"x" * (n % 300)}' for n in range(500)]
    content = "\n".join([",".join(HEADER), *records, ""]).encode()
    whole = read(tmp_path / "a.csv", content)
    monkeypatch.setattr(text, "_BLOCK_BYTES", 64)
    assert read(tmp_path / "b.csv", content) == whole
