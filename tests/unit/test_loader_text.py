import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulk_referrals.errors import InputError
from bulk_referrals.loader import load, ragged, text
from bulk_referrals.model import FIELDS, Loaded, LoadOptions

HEADER = "referrer_mobile,identifier,name\n"


def read(tmp_path: Path, content: bytes | str, **options: str) -> Loaded:
    path = tmp_path / "invites.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load([str(path)], LoadOptions(**options))  # type: ignore[arg-type]


def column(loaded: Loaded, name: str) -> list[str | None]:
    cells: list[str | None] = loaded.rows[name].to_pylist()
    return cells


def faults(loaded: Loaded) -> dict[int, str]:
    faulty = loaded.rows.filter(loaded.rows["fault"].is_valid())
    return dict(zip(faulty["row"].to_pylist(), faulty["fault"].to_pylist(), strict=True))


def rows(loaded: Loaded) -> list[int]:
    numbers: list[int] = loaded.rows["row"].to_pylist()
    return numbers


def test_the_rows_frame_has_the_agreed_columns_and_dtypes(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "919876543210,919876500001,Ravi\n")
    assert loaded.rows.column_names == ["table", "row", *FIELDS, "fault", "fault_detail"]
    table, row, *texts = loaded.rows.schema.types
    assert (table, row, set(texts)) == (pa.int32(), pa.int64(), {pa.string()})


def test_cells_stay_the_text_that_they_are(tmp_path: Path) -> None:
    words = ["NA", "TRUE", "1E5", "00123", "null", "nan", "N/A", "-", "+91 98765", "9.19E+11"]
    body = "".join(f"919876543210,{word},None\n" for word in words)
    loaded = read(tmp_path, HEADER + body)
    assert column(loaded, "identifier") == words
    assert column(loaded, "name") == ["None"] * len(words)
    assert faults(loaded) == {}


def test_whitespace_is_taken_off_the_rows_but_not_off_the_original(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + '  919876543210,\u00a091\u00a0,"  Ravi K "\n1,2,   \n')
    assert column(loaded, "referrer_mobile") == ["919876543210", "1"]
    assert column(loaded, "identifier") == ["91", "2"]
    assert column(loaded, "name") == ["Ravi K", None]
    assert loaded.original[0].column("2").to_pylist() == ["  Ravi K ", "   "]
    assert loaded.original[0].column("0").to_pylist() == ["  919876543210", "1"]


def test_a_column_without_spaces_shares_its_text_with_the_original(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,\n3,4,x\n")
    original = loaded.original[0].column("2").chunk(0).buffers()[2]
    tidied = loaded.rows["name"].chunk(0).buffers()[2]
    assert tidied.address == original.address


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_separator_is_found_outside_quotes(tmp_path: Path, delimiter: str) -> None:
    cells = ['"one, two; three | four\tfive"', "919876500001", "919876543210"]
    content = delimiter.join(["name", "identifier", "referrer_mobile"]) + "\n"
    loaded = read(tmp_path, content + delimiter.join(cells) + "\n")
    assert loaded.tables[0].delimiter == delimiter
    assert column(loaded, "name") == ["one, two; three | four\tfive"]
    assert column(loaded, "referrer_mobile") == ["919876543210"]


def test_a_separator_that_is_given_wins(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile^identifier\n1^2\n", delimiter="^")
    assert column(loaded, "identifier") == ["2"]
    tabs = "referrer_mobile\tidentifier\n1\t2\n"
    assert column(read(tmp_path, tabs, delimiter="tab"), "identifier") == ["2"]
    for wrong in ("::", "é", '"'):
        with pytest.raises(InputError, match="not one character"):
            read(tmp_path, HEADER, delimiter=wrong)


def test_excel_s_own_separator_line_is_obeyed_and_not_counted(tmp_path: Path) -> None:
    loaded = read(tmp_path, "sep=;\r\nreferrer_mobile;identifier\r\n1;2\r\n")
    assert loaded.tables[0].header_row == 1
    assert rows(loaded) == [2]


def test_title_lines_above_the_header_are_passed_over(tmp_path: Path) -> None:
    loaded = read(tmp_path, "Diwali campaign\n\nexported,today\n" + HEADER + "1,2,Ravi\n")
    assert loaded.tables[0].header_row == 4
    assert rows(loaded) == [5]


def test_blank_lines_count_as_rows_but_are_none(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a\n\n , ,\n3,4,b\n\n\n")
    assert rows(loaded) == [2, 5]
    assert loaded.sources[0].rows == 2
    assert loaded.original[0].num_rows == 2


def test_a_record_over_several_lines_is_one_row(tmp_path: Path) -> None:
    content = 'referrer_mobile,identifier,notes\n1,2,"two\nlines"\n3,4,x\n'
    loaded = read(tmp_path, content)
    assert rows(loaded) == [2, 3]
    assert loaded.original[0].column("2").to_pylist() == ["two\nlines", "x"]
    assert faults(loaded) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_and_none_at_the_end(tmp_path: Path, end: str) -> None:
    content = end.join(["referrer_mobile,identifier", "1,2", "", "3,4"])
    loaded = read(tmp_path, content)
    assert column(loaded, "identifier") == ["2", "4"]
    assert rows(loaded) == [2, 4]


def test_mixed_line_ends(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,identifier\r\n1,2\n3,4\r5,6\r\n")
    assert column(loaded, "identifier") == ["2", "4", "6"]
    assert rows(loaded) == [2, 3, 4]


def test_rows_with_fewer_cells_lack_their_last_ones(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a\n3,4\n5\n6,7,b\n")
    assert column(loaded, "referrer_mobile") == ["1", "3", "5", "6"]
    assert column(loaded, "identifier") == ["2", "4", None, "7"]
    assert column(loaded, "name") == ["a", None, None, "b"]
    assert rows(loaded) == [2, 3, 4, 5]
    assert faults(loaded) == {}


def test_rows_with_more_cells_than_their_neighbours_are_refused(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a\n3,4,b,,\n5,6,Rao, R\n7,8,c\n")
    assert faults(loaded) == {3: "ragged-row", 4: "ragged-row"}
    assert column(loaded, "identifier") == ["2", "4", "6", "8"]
    detail = [each for each in column(loaded, "fault_detail") if each]
    assert detail == ["5 cells under 3 column names", "4 cells under 3 column names"]


def test_a_comma_in_a_cell_is_noticed_though_the_shifted_end_is_empty(tmp_path: Path) -> None:
    header = "referrer_mobile,identifier,name,referral_code,id\n"
    loaded = read(tmp_path, header + "1,2,a,c,\n3,4,Menon, Latha,c,\n")
    assert faults(loaded) == {3: "ragged-row"}


def test_rows_all_wider_than_the_header_are_read_fast_and_judged_alike(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a,\n3,4,b,x\n5,6,c,\n7,8,d\n")
    assert faults(loaded) == {3: "ragged-row"}
    assert loaded.tables[0].header == ("referrer_mobile", "identifier", "name")
    assert loaded.original[0].num_columns == 3
    assert column(loaded, "name") == ["a", "b", "c", "d"]


def test_many_ragged_rows_keep_their_places(tmp_path: Path) -> None:
    lines = [f"{n},id{n},n{n}" + (",x" if n % 3 == 0 else "") * (n % 2) for n in range(1, 4000)]
    lines = [line if n % 7 else line.rsplit(",", 1)[0] for n, line in enumerate(lines)]
    loaded = read(tmp_path, HEADER + "\n".join(lines) + "\n")
    assert column(loaded, "referrer_mobile") == [str(n) for n in range(1, 4000)]
    assert column(loaded, "identifier") == [f"id{n}" for n in range(1, 4000)]
    wide = [n + 2 for n, line in enumerate(lines) if line.count(",") > 2]
    assert sorted(faults(loaded)) == wide


def test_a_last_row_that_breaks_off_is_refused(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a\n3,9198765")
    assert faults(loaded) == {3: "cut-row"}
    assert faults(read(tmp_path, HEADER + "1,2,a\n3,9198765,b")) == {}


def test_a_stray_quote_that_swallows_lines_is_noticed(tmp_path: Path) -> None:
    content = HEADER + '1,2,a\n3,4,"Ravi\n5,6,b\n7,8,c\n9,10,"Anu"\n11,12,d\n'
    loaded = read(tmp_path, content)
    assert faults(loaded)[3] == "swallowed-lines"
    assert "'name' runs over 4 lines" in column(loaded, "fault_detail")


def test_an_unclosed_quote_in_a_column_of_no_use_is_noticed(tmp_path: Path) -> None:
    content = 'referrer_mobile,identifier,notes\n1,2,"5 inch\n3,4,x\n5,6,y\n'
    loaded = read(tmp_path, content)
    assert faults(loaded) == {2: "swallowed-lines"}


def test_a_contact_with_a_line_break_is_refused_where_it_began(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + '1,2,a\n3,"4\n5,6",b\n7,8,c\n')
    assert faults(loaded) == {3: "swallowed-lines"}


def test_an_unclosed_quote_over_a_large_file_does_not_crash(tmp_path: Path) -> None:
    body = '1,"2,a\n' + "3,4,b\n" * 2_000_000
    loaded = read(tmp_path, HEADER + body)
    assert faults(loaded) == {2: "swallowed-lines"}


def test_a_field_of_fifty_megabytes_does_not_crash(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2,a\n3,4," + "x" * 50_000_000 + "\n5,6,b\n")
    assert column(loaded, "identifier") == ["2", "4", "6"]


def test_zero_bytes_stay_in_their_cell(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,2\x003,a\n4,5,b\n")
    assert column(loaded, "identifier") == ["2\x003", "5"]


def test_errors_saved_from_a_workbook_are_refused(tmp_path: Path) -> None:
    loaded = read(tmp_path, HEADER + "1,#N/A,a\n2,3,#REF!\n4,5,#1 fan\n")
    assert faults(loaded) == {2: "error-cell", 3: "error-cell"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n\n", "blank lines only"),
        (HEADER.encode(), "no rows under them"),
        (HEADER.encode() + b"\n \n,,\n", "no rows under them"),
        (b"," * 20_000 + b"\n1\n", "more than 16,384 columns"),
        (b"a," * 4_000_000, "more than 16,384 columns"),
    ],
)
def test_what_holds_no_rows_is_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path, content)


def test_a_row_of_data_taken_for_a_header_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "919876543210,ravi@example.com,Ravi\n919876543211,a@example.com,Anu\n")
    assert "9198" not in str(caught.value)
    assert "@" not in str(caught.value)


def test_columns_without_a_name_are_kept_and_said_to_be_unused(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,,identifier,\n1,x,2,\n")
    assert loaded.tables[0].header == ("referrer_mobile", "", "identifier", "")
    assert loaded.original[0].column("1").to_pylist() == ["x"]
    assert [each.split(": ")[1] for each in loaded.notices] == [
        "Column 2 has no name; it was not used."
    ]


def test_duplicate_names_of_no_use_are_kept_apart(tmp_path: Path) -> None:
    loaded = read(tmp_path, "referrer_mobile,notes,notes,identifier\n1,a,b,2\n")
    assert loaded.original[0].to_pydict() == {"0": ["1"], "1": ["a"], "2": ["b"], "3": ["2"]}


@pytest.mark.parametrize("many_rows", [1, 10**9])
def test_ragged_rows_are_the_same_by_columns_and_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many_rows: int
) -> None:
    monkeypatch.setattr(ragged, "_MANY_ROWS", many_rows)
    good = "919876543210,919876500001,Ravi\n"
    odd = ['1,"2, and ""3"""\n', "1\n", "1,2,3,,\n", '1,2,3,"x\ny"\n', "1,2,3, ,x\n", '"1\n2",3\n']
    loaded = read(tmp_path, HEADER + good * 3 + "".join(odd) * 2 + good + "1,2")
    assert rows(loaded) == list(range(2, 19))
    assert column(loaded, "identifier")[3:9] == ['2, and "3"', None, "2", "2", "2", "3"]
    ragged_rows = {row + again for row in (7, 8, 9) for again in (0, 6)}
    assert faults(loaded) == {
        **dict.fromkeys(ragged_rows, "ragged-row"),
        **dict.fromkeys((10, 16), "swallowed-lines"),
        18: "cut-row",
    }


def test_thousands_of_widths_and_a_row_of_a_million_cells_cost_no_more_than_their_bytes(
    tmp_path: Path,
) -> None:
    good = b"919876543210,919876500001,Ravi\n"
    widths = b"".join(b",".join([b"9"] * n) + b"\n" for n in range(1, 2000))
    started = time.process_time()
    wide = read(tmp_path, HEADER.encode() + good * 150_000 + b"1,2,3" + b"," * 1_000_000 + b"\n")
    assert faults(wide) == {150_002: "ragged-row"}
    assert len(read(tmp_path, HEADER.encode() + good * 300 + widths).rows) == 2299
    with pytest.raises(InputError, match="more than 16,384 columns"):
        read(tmp_path, b"a," * 10_000_000 + b"b\n1,2\n")
    assert time.process_time() - started < 30


_LINE = st.sampled_from(
    ["91,92,Ravi", "91,92", "91", "", " ", ",,", "91,92,R,S", "9" * 40 + ",1,x"]
)
_END = st.sampled_from(["\n", "\r\n", "\r"])


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(_LINE, _END), min_size=1, max_size=12), st.integers(64, 96))
def test_lines_without_a_quote_read_as_they_do_beside_one(
    tmp_path: Path,
    lines: list[tuple[str, str]],
    block_bytes: int,
) -> None:
    written = HEADER + "91,93,Asha\n" + "".join(line + end for line, end in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_BLOCK_BYTES", block_bytes)
        plain = read(tmp_path, written + "91,94,Zoe\n")
        quoted = read(tmp_path, written + '91,94,"Zoe"\n')
    assert plain.rows.equals(quoted.rows)
    assert plain.original[0].equals(quoted.original[0])
