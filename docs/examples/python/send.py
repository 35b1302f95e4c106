"""Send an export, follow it, and tell what needs a person."""

import sys

import bulk_referrals
from bulk_referrals import Progress
from bulk_referrals.errors import BulkReferralsError


def follow(progress: Progress) -> None:
    """Say how far it is."""
    print(f"{progress.settled} of {progress.rows} rows")


try:
    sent = bulk_referrals.run(
        "launch.csv",
        region="IN",
        campaign_token="J0H7Q",
        rate="unlimited",
        lookup_codes=True,
        progress=follow,
    )
except BulkReferralsError as error:
    sys.exit(str(error))  # a sentence for people: what is wrong, and what to do

print(sent.headline)
for outcome, rows in sent.outcomes.items():
    if rows:
        print(f"{outcome}: {rows}")
if not sent.books_balance:
    sys.exit("The books do not balance.")
