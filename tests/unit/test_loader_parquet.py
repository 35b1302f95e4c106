import base64
import datetime as dt
import gzip
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from bulk_referrals.errors import InputError, NothingToDoError
from bulk_referrals.loader import load, load_list, read_long
from bulk_referrals.model import Loaded, LoadOptions

MOBILE: Final = 919000000142
MOMENT: Final = dt.datetime(2024, 9, 10, 16, 35, 52)  # noqa: DTZ001 - of no zone, as meant
SMALL: Final = LoadOptions(max_memory_bytes=512 << 20)


def write(path: Path, columns: dict[str, Any] | pa.Table, **how: Any) -> Path:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, **how)
    return path


def read(path: Path, options: LoadOptions | None = None) -> Loaded:
    return load([str(path)], options or LoadOptions())


def column_of(tmp_path: Path, values: pa.Array, name: str = "name") -> Loaded:
    contacts = pa.array(["1"] * len(values))
    columns = {"referrer_mobile": contacts, "identifier": contacts}
    return read(write(tmp_path / "a.parquet", {**columns, name: values}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([MOBILE, None], pa.int64()), [str(MOBILE), None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([-5], pa.int8()), ["-5"]),
        (pa.array([float(MOBILE), None, 98.5, float("nan")]), [str(MOBILE), None, "98.5", None]),
        (pa.array([2.0**53 - 1]), ["9007199254740991"]),
        (pa.array([1.0, -0.0, 0.25], pa.float32()), ["1", "0", "0.25"]),
        (pa.array(["00123", "NA", "1E5", " x ", "", "TRUE"]),
         ["00123", "NA", "1E5", "x", None, "TRUE"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a"], pa.string_view()), ["a"]),
        (pa.array([True, False, None]), ["TRUE", "FALSE", None]),
        (pa.array([Decimal("917999836466.00"), Decimal("12.50")]), ["917999836466", "12.50"]),
        (pa.array([Decimal(10) ** 37], pa.decimal128(38, 0)), ["1" + "0" * 37]),
        (pa.array([dt.date(2024, 9, 10)]), ["2024-09-10"]),
        (pa.array([dt.date(2024, 9, 10)], pa.date64()), ["2024-09-10"]),
        (pa.array([MOMENT], pa.timestamp("us")), ["2024-09-10 16:35:52"]),
        (pa.array([MOMENT], pa.timestamp("ms", "Asia/Kolkata")), ["2024-09-10 16:35:52Z"]),
        (pa.array([MOMENT.replace(microsecond=5)]), ["2024-09-10 16:35:52.000005"]),
        (pa.nulls(2), [None, None]),
    ],
)  # fmt: skip
def test_every_kind_of_cell_reads_as_its_author_meant_it(
    tmp_path: Path, values: pa.Array, expected: list[str | None]
) -> None:
    loaded = column_of(tmp_path, values)
    assert [None if cell is pa.NA else cell for cell in loaded.original[0]["2"].to_pylist()] == [
        "" if wanted is None and raw == "" else (" x " if wanted == "x" else wanted)
        for wanted, raw in zip(expected, values.to_pylist(), strict=True)
    ]
    assert loaded.rows["name"].to_pylist() == expected
    assert loaded.rows["fault"].null_count == len(loaded.rows)


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("name", pa.array([2.0**53]), "damaged-number"),
        ("name", pa.array([-(2.0**60)]), "damaged-number"),
        ("name", pa.array([float("inf")]), "damaged-number"),
        ("name", pa.array([float(MOBILE)], pa.float32()), "damaged-number"),
        ("referral_code", pa.array([dt.date(2024, 1, 2)]), "date-in-cell"),
        ("referral_code", pa.array([MOMENT]), "date-in-cell"),
        ("invited_on", pa.array([dt.time(16, 35)]), "bad-invited-on"),
        ("name", pa.array([dt.time(16, 35)]), "date-in-cell"),
    ],
)
def test_what_can_no_longer_be_what_was_meant_is_refused(
    tmp_path: Path, name: str, values: pa.Array, code: str
) -> None:
    assert column_of(tmp_path, values, name).rows["fault"].to_pylist() == [code]


def test_a_column_that_is_not_used_may_hold_anything(tmp_path: Path) -> None:
    for values in (pa.array([2.0**60]), pa.array([dt.time(1)]), pa.array([dt.date(2024, 1, 2)])):
        rows = column_of(tmp_path, values, "shelf").rows
        assert rows["fault"].null_count == len(rows) == 1
    loaded = column_of(tmp_path, pa.array([[1, 2]]), "shelf")
    assert loaded.tables[0].header == ("referrer_mobile", "identifier")
    assert loaded.notices[0].endswith(
        "a.parquet: 'shelf' holds lists, records or bytes; it was not used."
    )


@pytest.mark.parametrize(
    "values",
    [pa.array([["a"]]), pa.array([{"a": 1}]), pa.array([b"1"]), pa.array([b"1"], pa.binary(1))],
)
def test_a_column_that_is_used_must_be_text_or_numbers(tmp_path: Path, values: pa.Array) -> None:
    with pytest.raises(InputError, match=r"the column 'name' holds lists, records or bytes"):
        column_of(tmp_path, values)


def test_row_n_is_the_nth_record_blank_ones_counted(tmp_path: Path) -> None:
    one = pa.array(["1", None, None, "2", "3"])
    path = write(tmp_path / "a.pq", {"referrer_mobile": one, "identifier": one}, row_group_size=2)
    loaded = read(path)
    assert loaded.rows["row"].to_pylist() == [1, 4, 5]
    assert loaded.sources[0].rows == 3
    assert loaded.tables[0].header_row == 0


def test_names_may_hold_dots_and_are_matched_as_in_any_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"Referrer.Mobile": ["1"], "Friend's phone": [2]})
    assert read(path).rows["invitee_mobile"].to_pylist() == ["2"]


def test_numbers_that_all_end_in_zeros_are_seen(tmp_path: Path) -> None:
    rounded = pa.array([919880000000.0, 919990000000.0])
    path = write(tmp_path / "a.parquet", {"referrer_mobile": rounded, "identifier": [1, 2]})
    assert read(path).rows["fault"].to_pylist() == ["rounded-number"] * 2


@pytest.mark.parametrize("name", ["a.parquet", "a.PARQ", "a.pq", "a.parquet.gz"])
def test_folders_and_archives_give_their_parquet_files(tmp_path: Path, name: str) -> None:
    written = io.BytesIO()
    pq.write_table(pa.table({"referrer_mobile": ["1"], "identifier": ["2"]}), written)
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(written.getvalue()))
    (tmp_path / "_SUCCESS").touch()
    assert read(tmp_path).rows["identifier"].to_pylist() == ["2"]


def test_a_parquet_file_under_another_name_is_read_with_a_notice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"referrer_mobile": ["1"], "identifier": ["2"]})
    loaded = read(path)
    assert "it is a Parquet file; it was read as a Parquet file" in loaded.notices[0]


def test_a_suppression_list_may_be_a_parquet_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"any": [MOBILE, 5], "mail": ["a@example.com", "x"]})
    assert load_list(str(path), LoadOptions()).to_pylist() == [str(MOBILE), "a@example.com"]
    write(path, {"any": [MOBILE], "more": [["a@example.com"]]})
    with pytest.raises(InputError, match="the column 'more' holds lists"):
        load_list(str(path), LoadOptions())


GOOD: Final[dict[str, Any]] = {"referrer_mobile": ["1"] * 9, "identifier": ["2"] * 9}


def bytes_of(columns: dict[str, Any] | pa.Table, **how: Any) -> bytes:
    written = io.BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, written, **how)
    return written.getvalue()


class NoKeys(pe.KmsClient):  # type: ignore[misc]
    def wrap_key(self, key_bytes: bytes, _: str) -> bytes:
        return base64.b64encode(key_bytes)


def encrypted(*, plaintext_footer: bool) -> bytes:
    factory = pe.CryptoFactory(lambda _: NoKeys())
    config = pe.EncryptionConfiguration(
        footer_key="one", column_keys={"two": ["identifier"]}, plaintext_footer=plaintext_footer
    )
    written = io.BytesIO()
    table = pa.table(GOOD)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    with pq.ParquetWriter(written, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    return written.getvalue()


def duplicate_names() -> bytes:
    columns = [pa.array(["1"]), pa.array(["2"]), pa.array(["3"])]
    return bytes_of(pa.Table.from_arrays(columns, names=["referrer_mobile", "identifier", "x"])
                    .rename_columns(["referrer_mobile", "identifier", "identifier"]))  # fmt: skip


def not_utf8() -> bytes:
    content = bytes_of({**GOOD, "name": ["mark-of-ours"] * 9}, compression="none")
    return content.replace(b"mark-of-ours", b"mark\xff\xfe\xfdours")


def much_text() -> bytes:
    """Return a few kilobytes that unpack to gigabytes."""
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), ["x" * 60_000])
    return bytes_of(pa.table({"referrer_mobile": long, "identifier": long}))


WHOLE: Final = bytes_of(GOOD)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: WHOLE[:-9], "is damaged and cannot be read"),
        (lambda: WHOLE[:60] + WHOLE[:4] * 9, "is damaged and cannot be read"),
        (lambda: b"PAR1" + b"\xff" * 400 + b"\x90\x01\0\0PAR1", "is damaged and cannot be read"),
        (lambda: b"PAR1....", "is damaged and cannot be read"),
        (not_utf8, "is damaged and cannot be read"),
        (lambda: encrypted(plaintext_footer=False), "it is encrypted"),
        (lambda: encrypted(plaintext_footer=True), "it is encrypted"),
        (duplicate_names, "two of its columns are called 'identifier'"),
        (lambda: bytes_of({"a": [1]}), "nor the invitee .*; found the columns 'a'"),
        (lambda: bytes_of({str(n): [1] for n in range(16_385)}), "more than 16,384 columns"),
        (much_text, "reading it takes more memory than 0.5 GiB"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    tmp_path: Path, content: Callable[[], bytes], words: str
) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content())
    with pytest.raises(InputError, match=words):
        read(path, SMALL)
    with pytest.raises(InputError, match=words):
        read_long(str(path), SMALL, place=path, piece_bytes=1 << 20, take=lambda *_: None)


@pytest.mark.parametrize("empty", [{"referrer_mobile": [], "identifier": []},
                                   {"referrer_mobile": [None], "identifier": [" "]}])  # fmt: skip
def test_a_file_without_rows_is_nothing_to_do(tmp_path: Path, empty: dict[str, Any]) -> None:
    columns = {name: pa.array(cells, pa.string()) for name, cells in empty.items()}
    path = write(tmp_path / "a.parquet", columns)
    with pytest.raises(NothingToDoError, match="no rows under them"):
        read(path)
    with pytest.raises(NothingToDoError, match="no rows under them"):
        read_long(str(path), SMALL, place=path, piece_bytes=1 << 20, take=lambda *_: None)


def test_reading_that_takes_too_long_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", GOOD)
    with pytest.raises(InputError, match=r"reading it takes longer than 0.01 s"):
        read(path, LoadOptions(read_timeout_s=0.01))


@pytest.mark.parametrize("at", range(0, len(WHOLE), 29))
def test_no_damaged_byte_is_more_than_a_sentence(tmp_path: Path, at: int) -> None:
    content = bytearray(WHOLE)
    content[at] ^= 0xA5
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    try:
        loaded = read(path, SMALL)
    except InputError:
        return
    assert len(loaded.rows) == 9


def pieces_of(path: Path, piece_bytes: int) -> tuple[pa.Table, list[int]]:
    found: dict[int, pa.Table] = {}
    long = read_long(
        str(path),
        LoadOptions(),
        place=path,
        piece_bytes=piece_bytes,
        take=lambda number, rows, _: found.__setitem__(number, rows),
    )
    assert long is not None
    assert list(long.pieces) == [found[number].num_rows for number in range(len(found))]
    return pa.concat_tables([found[number] for number in range(len(found))]), list(long.pieces)


@pytest.mark.parametrize("group_rows", [4, 100])
def test_pieces_of_any_size_give_the_rows_of_the_whole(tmp_path: Path, group_rows: int) -> None:
    numbers: list[float | None] = [float(MOBILE + n) for n in range(20)]
    numbers[5], numbers[12], numbers[13] = 2.0**55, 919880000000.0, 919990000000.0
    numbers[15] = None
    columns = {
        "referrer_mobile": numbers,
        "identifier": [None if n is None else 5 for n in numbers],
    }
    path = write(tmp_path / "a.parquet", columns, row_group_size=group_rows)
    whole = read(path).rows
    for piece_bytes in (150, 1 << 20):
        rows, counts = pieces_of(path, piece_bytes)
        assert rows["row"].to_pylist() == whole["row"].to_pylist()
        for name in ("referrer_mobile", "identifier", "fault", "fault_detail"):
            assert rows[name].to_pylist() == whole[name].to_pylist()
        assert (len(counts) > 1) == (piece_bytes < 1 << 20)
