"""The suppression list: people who are never invited, whoever asks."""

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals import contacts
from bulk_referrals.model import Rules
from bulk_referrals.validator.columns import filled, mask_of, trimmed


def suppression_keys(cells: pa.ChunkedArray, rules: Rules) -> tuple[frozenset[str], int]:
    """Return the canonical keys of a column that mixes mobiles and e-mails.

    Args:
        cells: text, as typed; null and blank cells count as nothing.
        rules: `region` and the brand's rule for mobiles count here.

    Returns:
        The keys, for `Rules.suppressed`; and how many cells could not be read.
    """
    typed = trimmed(cells)
    typed = typed.filter(pa.array(filled(typed)))
    email = mask_of(contacts.looks_like_email(typed))
    found = (
        contacts.emails(typed.filter(pa.array(email))),
        contacts.mobiles(
            typed.filter(pa.array(~email)),
            region=rules.region,
            rule=rules.mobile,
            mobile_format=rules.mobile_format,
        ),
    )
    keys = [key for part in found for key in pc.drop_null(part.key).to_pylist()]
    return frozenset(keys), len(typed) - len(keys)
