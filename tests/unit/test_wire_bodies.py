"""Many bodies at once are, byte for byte, the bodies that are sent one by one."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.grouper import Plan, group, lanes
from bulk_referrals.wire import BODY_COLUMNS, bodies, payload

_CELL = st.text(st.characters(codec="utf-8"), max_size=8)
_AWKWARD = st.sampled_from(['"', "\\", "\x00\x1f\x7f", "é\u2028", "</script>", "😀", "\n\t"])
_INVITE = st.fixed_dictionaries(
    {
        "referrer_key": st.sampled_from(["919876543210", "919876543211", 'a"b@x.org']),
        "campaign_token": st.sampled_from(["J0H7Q", "K2LM9"]),
        "type": st.sampled_from(["MOBILE", "EMAIL"]),
        "identifier": _CELL | _AWKWARD,
        "name": st.none() | _CELL | _AWKWARD,
        "id": st.none() | _CELL,
        "invited_on": st.just("20240910T16:35:52.pV7BF"),
    }
)


def _checked(invites: list[dict[str, str | None]]) -> pa.Table:
    lines = [
        {
            **invite,
            "referrer": invite["referrer_key"],
            "referrer_type": "EMAIL" if "@" in str(invite["referrer_key"]) else "MOBILE",
            "identifier_key": invite["identifier"],
            "outcome": None,
        }
        for invite in invites
    ]
    return pa.Table.from_pylist(lines, pa.schema(dict.fromkeys(lines[0], pa.string())))


def at_once(checked: pa.Table, plan: Plan) -> bytes:
    table = checked.select(BODY_COLUMNS)
    return b"".join(map(bytes, bodies(table, plan.lines, plan.parts, plan.requests)))


@given(
    invites=st.lists(_INVITE, min_size=1, max_size=30),
    batch_size=st.integers(1, 4),
    customers=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_bodies_are_the_payloads_of_the_lanes_in_their_order(
    invites: list[dict[str, str | None]], batch_size: int, customers: int
) -> None:
    checked = _checked(invites)
    plan = group(checked, batch_size=batch_size, customers_per_request=customers)

    one_by_one = [payload(request) + b"\n" for lane in lanes(checked, plan) for request in lane]
    assert at_once(checked, plan) == b"".join(one_by_one)


def test_no_requests_have_no_bodies() -> None:
    checked = _checked([{"referrer_key": "919876543210", "identifier": "919876543211",
                         "campaign_token": "J0H7Q", "type": "MOBILE", "name": None, "id": None,
                         "invited_on": ""}])  # fmt: skip
    plan = group(checked.slice(0, 0), batch_size=50)
    assert at_once(checked.slice(0, 0), plan) == b""
