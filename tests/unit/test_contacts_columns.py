import pyarrow as pa
import pytest

from bulk_referrals.contacts import Contacts, contact, emails, looks_like_email, mobiles
from bulk_referrals.contacts.folding import fold
from bulk_referrals.model import MobileFormat, MobileRule


def read(cells: pa.ChunkedArray, region: str | pa.ChunkedArray = "IN") -> Contacts:
    return mobiles(cells, region=region, rule=MobileRule(), mobile_format=MobileFormat.DIGITS)


def test_columns_keep_the_number_and_order_of_the_cells() -> None:
    found = read(pa.chunked_array([["9876543210", None], ["", "98-76", "+971 50 123 4567"]]))
    assert found.value.to_pylist() == ["919876543210", None, None, None, "971501234567"]
    assert found.problem.to_pylist() == [
        None,
        None,
        None,
        "4 digits, a mobile of India (+91) has 10",
        None,
    ]


def test_cells_in_many_slices_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_SLICE_ROWS", 3)
    cells = [f"98765432{count:02}" for count in range(20)]
    found = read(pa.chunked_array([cells[:7], cells[7:]]))
    assert found.key.to_pylist() == [f"91{cell}" for cell in cells]


def test_each_cell_is_read_in_the_region_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "_SLICE_ROWS", 2)
    cells = pa.chunked_array([["0501234567", "9876543210", "9876543210", "9876543210", None]])
    regions = pa.chunked_array([["AE", "in", None, "XX", "IN"]])
    assert read(cells, regions).key.to_pylist() == [
        "971501234567",
        "919876543210",
        None,
        None,
        None,
    ]


def test_regions_must_be_as_many_as_cells() -> None:
    with pytest.raises(ValueError, match="1 regions for 2 cells"):
        read(pa.chunked_array([["9876543210", "9876543211"]]), pa.chunked_array([["IN"]]))


@pytest.mark.parametrize("type_", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_any_kind_of_text_column_is_read(type_: pa.DataType) -> None:
    cells = pa.chunked_array([["9876543210", None]]).cast(type_)
    assert read(cells).key.to_pylist() == ["919876543210", None]


@pytest.mark.parametrize("cells", [pa.chunked_array([], pa.string()), pa.chunked_array([[None]])])
def test_no_cells_and_empty_cells_give_text_columns(cells: pa.ChunkedArray) -> None:
    for found in (emails(cells.cast(pa.string())), read(cells.cast(pa.string()))):
        for column in (found.value, found.key, found.problem, found.advice, found.warning):
            assert column.type == pa.string()
            assert column.to_pylist() == [None] * len(cells)


def test_a_mistyped_domain_is_warned_of_by_the_column() -> None:
    found = emails(pa.chunked_array([["a@gmial.com", "a@gmail.com"]]))
    assert found.warning.to_pylist() == ["gmial.com looks like gmail.com", None]


def test_an_at_sign_of_any_width_looks_like_an_email() -> None:
    cells = ["a@b", "a\N{FULLWIDTH COMMERCIAL AT}b", "9876543210", None]
    found = looks_like_email(pa.chunked_array([cells]))
    assert found.to_pylist() == [True, True, False, None]


def test_folding_keeps_what_it_does_not_know() -> None:
    assert fold("9\N{SUPERSCRIPT TWO}\N{VULGAR FRACTION ONE HALF}x") == (
        "9\N{SUPERSCRIPT TWO}\N{VULGAR FRACTION ONE HALF}x"
    )
