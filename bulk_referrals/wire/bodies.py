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
from bulk_referrals.weaving import (
    Few,
    Many,
    Octets,
    Weave,
    encoded,
    few,
    flat,
    octets_of,
    signs_in,
)

Positions = npt.NDArray[np.int64]

_ESCAPED: Final = r'["\\\x00-\x1f]'  # what JSON cannot hold as it is (RFC 8259, section 7)
_TO_ESCAPE: Final = bytes([*range(0x20), *b'"\\'])
_WHO: Final = ('{"email":"', '{"mobile":"')

_HEAD_COLUMNS: Final = ("referrer", "referrer_type", "campaign_token", "type")
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


def bodies(
    checked: pa.Table, lines: Positions, parts: Positions, requests: Positions
) -> Iterator[Octets]:
    """Return the body of each request, each ended by a line feed, some lines at a time.

    Args:
        checked: the checked frame as a table; `BODY_COLUMNS` are read.
        lines: positions in it of what is to be sent, in that order.
        parts: offsets into `lines`, one more than there are parts (customer entries).
        requests: offsets into `parts`, likewise.
    """
    begins, ends = parts[:-1], parts[1:] - 1
    before = np.zeros(len(lines), np.int64)
    before[begins] = np.arange(1, len(parts))
    behind = np.zeros(len(lines), np.int32)
    behind[ends] = 1
    behind[ends[requests[1:] - 1]] = 2
    firsts = checked.select(_HEAD_COLUMNS).take(pa.array(lines[begins]))
    heads = pa.concat_arrays([pa.array([","]), _heads(firsts, requests)])
    pieces = (
        Many(values=pa.array(before), shaped=heads.take),
        '{"id":"', _json(checked, "id", lines),
        '","invited_on":"', _json(checked, "invited_on", lines),
        '","name":"', _json(checked, "name", lines),
        '","identifier":"', _json(checked, "identifier", lines),
        Few(codes=behind, texts=pa.array(['"}', '"}]}}}', '"}]}}}]}}\n'])),
    )  # fmt: skip
    return Weave(pieces, len(lines)).blocks()


def _heads(firsts: pa.Table, requests: Positions) -> pa.Array:
    """Return what stands before the first invite of each part, from the lines of these."""
    opening = np.zeros(len(firsts), np.int32)
    opening[requests[:-1]] = 1
    by_mobile = flat(pc.equal(firsts["referrer_type"], ReferralType.MOBILE.value))
    pieces = (
        Few(codes=opening, texts=pa.array([",", '{"root":{"customer":['])),
        Few(codes=np.asarray(by_mobile).astype(np.int32), texts=pa.array(_WHO)),
        _json(firsts, "referrer"),
        '","referrals":{"campaign_token":"', _json(firsts, "campaign_token"),
        '","referral_type":{"type":"', _json(firsts, "type"),
        '","referral":[',
    )  # fmt: skip
    return Weave(pieces, len(firsts)).texts()


def _json(checked: pa.Table, name: str, lines: Positions | None = None) -> Few | Many:
    """Return texts of a column as they stand between the quotes in JSON, null as empty."""
    values = encoded(checked[name])
    if isinstance(repeated := few(values), Few):
        written = repeated.written(_escaped)
        return written if lines is None else written.at(lines)
    texts = flat(values)
    return Many(values=texts if lines is None else texts.take(pa.array(lines)), shaped=_escaped)


def _escaped(texts: pa.Array) -> pa.Array:
    if not signs_in(octets_of(texts), _TO_ESCAPE):
        return texts
    escaped = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), fill_value=False)
    mended = [orjson.dumps(text)[1:-1].decode() for text in texts.filter(escaped).to_pylist()]
    return pc.replace_with_mask(texts, escaped, pa.array(mended, pa.string()))
