"""What is sent: the body of one request, or of many at once column by column.

The columnar way gives byte for byte what the other gives. A body is one text after another: what
stands before an invite, the invite, what stands behind it; so each column is made JSON as a
whole, and many bodies are one column of text, joined.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.exchange import Part
from bulk_referrals.model import ReferralType

Positions = npt.NDArray[np.int64]

_ESCAPED: Final = r'["\\\x00-\x1f]'  # what JSON cannot hold as it is (RFC 8259, section 7)
_BLOCK_REQUESTS: Final = 40_000

BODY_COLUMNS: Final = (
    "referrer",
    "referrer_type",
    "campaign_token",
    "type",
    "id",
    "invited_on",
    "name",
    "identifier",
)


def payload(parts: Sequence[Part]) -> bytes:
    """Return the body of a POST for these customer entries, as the API's reference shows it."""
    return orjson.dumps({"root": {"customer": [_customer(part) for part in parts]}})


def _customer(part: Part) -> dict[str, Any]:
    by_mobile = part.referrer_type == ReferralType.MOBILE
    return {
        "mobile" if by_mobile else "email": part.referrer,
        "referrals": {
            "campaign_token": part.campaign_token,
            "referral_type": {
                "type": part.type,
                "referral": [
                    {
                        "id": invite.id,
                        "invited_on": invite.invited_on,
                        "name": invite.name,
                        "identifier": invite.identifier,
                    }
                    for invite in part.invites
                ],
            },
        },
    }


def bodies(lines: pa.Table, parts: Positions, requests: Positions) -> Iterator[pa.Buffer]:
    """Yield the body of each request, each ended by a line feed, many at a time.

    Args:
        lines: the invites in sending order, text: `BODY_COLUMNS`.
        parts: offsets into `lines`, one more than there are parts (customer entries).
        requests: offsets into `parts`, likewise.
    """
    for first in range(0, len(requests) - 1, _BLOCK_REQUESTS):
        own = requests[first : first + _BLOCK_REQUESTS + 1]
        bounds = parts[own[0] : own[-1] + 1]
        block = lines.slice(bounds[0], bounds[-1] - bounds[0]).combine_chunks()
        yield _block(block, bounds - bounds[0], own - own[0])


def _block(lines: pa.Table, parts: Positions, requests: Positions) -> pa.Buffer:
    before = np.zeros(lines.num_rows, np.int64)
    before[parts[:-1]] = np.arange(1, len(parts))
    behind = np.zeros(lines.num_rows, np.int64)
    behind[parts[1:] - 1] = 1
    behind[parts[requests[1:]] - 1] = 2
    heads = _heads(lines.take(pa.array(parts[:-1])), requests)
    text = pc.binary_join_element_wise(
        pa.concat_arrays([pa.array([","]), heads]).take(pa.array(before)),
        '{"id":"', _json(lines, "id"),
        '","invited_on":"', _json(lines, "invited_on"),
        '","name":"', _json(lines, "name"),
        '","identifier":"', _json(lines, "identifier"),
        pa.array(['"}', '"}]}}}', '"}]}}}]}}\n']).take(pa.array(behind)),
        "",
    )  # fmt: skip
    return _content(text)


def _heads(firsts: pa.Table, requests: Positions) -> pa.Array:
    """Return what stands before the first invite of each part."""
    opening = np.zeros(firsts.num_rows, np.int64)
    opening[requests[:-1]] = 1
    by_mobile = pc.equal(firsts["referrer_type"], ReferralType.MOBILE.value)
    return pc.binary_join_element_wise(
        pa.array([",", '{"root":{"customer":[']).take(pa.array(opening)),
        pc.if_else(by_mobile, '{"mobile":"', '{"email":"').combine_chunks(),
        _json(firsts, "referrer"),
        '","referrals":{"campaign_token":"', _json(firsts, "campaign_token"),
        '","referral_type":{"type":"', _json(firsts, "type"),
        '","referral":[',
        "",
    )  # fmt: skip


def _json(lines: pa.Table, name: str) -> pa.Array:
    """Return a column's texts as they stand between the quotes in JSON, null as empty."""
    texts = pc.fill_null(lines[name].combine_chunks(), "")
    escaped = pc.match_substring_regex(texts, _ESCAPED)
    if not pc.any(escaped, min_count=0).as_py():
        return texts
    mended = [orjson.dumps(text)[1:-1].decode() for text in texts.filter(escaped).to_pylist()]
    return pc.replace_with_mask(texts, escaped, pa.array(mended, pa.string()))


def _content(texts: pa.Array) -> pa.Buffer:
    """Return all the texts one after another, without a copy."""
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4)
    return content.slice(int(bounds[0]), int(bounds[-1] - bounds[0]))
