import pyarrow as pa

from bulk_referrals.contacts import emails, mobiles
from bulk_referrals.model import MobileFormat, MobileRule


def test_columns_keep_the_number_and_order_of_the_cells() -> None:
    cells = pa.chunked_array([["9876543210", None], ["", "98-76", "+971 50 123 4567"]])
    found = mobiles(cells, region="IN", rule=MobileRule(), mobile_format=MobileFormat.DIGITS)
    assert found.value.to_pylist() == ["919876543210", None, None, None, "971501234567"]
    assert found.problem.to_pylist() == [
        None,
        None,
        None,
        "4 digits, a mobile of India (+91) has 10",
        None,
    ]


def test_no_cells_give_empty_columns() -> None:
    found = emails(pa.chunked_array([], pa.string()))
    assert len(found.value) == 0
    assert found.value.type == pa.string()
