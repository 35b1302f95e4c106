"""Text files: every cell comes back, and none comes alive in a spreadsheet."""

import codecs
import csv
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulk_referrals.reporter.delimited import write_delimited
from bulk_referrals.wayback import DEFUSED, defused
from bulk_referrals.wayback import restored as restored_column

LIVE = ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a")  # noqa: RUF001 - fullwidth is meant

texts = st.one_of(
    st.sampled_from(LIVE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.text("'=+-@\t\r\n\",; a", max_size=8),
)


def restored(text: str) -> str:
    return text[1:] if re.match(DEFUSED, text) else text


@pytest.mark.parametrize("text", LIVE)
def test_a_cell_that_would_come_alive_gets_an_apostrophe(text: str) -> None:
    assert defused(pa.chunked_array([[text, "'" + text]])).to_pylist() == [
        "'" + text,
        "''" + text,
    ]


def test_other_cells_stay_as_they_are() -> None:
    harmless = ["a=1", " =1", "'t Hooft", "'", "", "919876543210", None, "ana@example.org"]
    assert defused(pa.chunked_array([harmless], pa.string())).to_pylist() == harmless


@given(values=st.lists(texts))
def test_no_cell_is_live_and_none_is_lost(values: list[str]) -> None:
    safe = defused(pa.chunked_array([values], pa.string())).to_pylist()
    assert not any(text[:1] in set("=+-@\t\r\n＝＋－＠") for text in safe if text)  # noqa: RUF001 - as above
    assert [restored(text) for text in safe] == values
    column = pa.chunked_array([safe], pa.string())
    assert restored_column(column).to_pylist() == values


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.one_of(st.none(), texts), min_size=1), delimiter=st.sampled_from(",;\t|")
)
def test_what_was_written_is_read_back(
    tmp_path: Path, values: list[str | None], delimiter: str
) -> None:
    path = tmp_path / "a.csv"
    numbers = list(range(len(values)))
    table = pa.table({"text": pa.array(values, pa.string()), "n, m": numbers})
    write_delimited(table, path, delimiter=delimiter)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file, delimiter=delimiter, strict=True))
    assert header == ["text", "n, m"]
    assert [(restored(text), int(number)) for text, number in rows] == [
        (text or "", number) for text, number in zip(values, numbers, strict=True)
    ]


def test_a_byte_order_mark_stands_only_before_what_is_for_a_spreadsheet(tmp_path: Path) -> None:
    table = pa.table({"name": ["Zoë"]})
    write_delimited(table, tmp_path / "machine.csv")
    write_delimited(table, tmp_path / "people.csv", for_spreadsheet=True)
    plain = 'name\n"Zoë"\n'.encode()
    assert (tmp_path / "machine.csv").read_bytes() == plain
    assert (tmp_path / "people.csv").read_bytes() == codecs.BOM_UTF8 + plain


def test_a_header_with_one_name_twice_is_kept(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["phone", "phone"])
    write_delimited(table, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == 'phone,phone\n"1","2"\n'
