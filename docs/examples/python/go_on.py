"""Send a few first, look at them, then go on with the rest."""

import bulk_referrals
from bulk_referrals.model import Outcome

first = bulk_referrals.run("launch.csv", region="IN", campaign_token="J0H7Q", limit=1)
if first.outcomes[Outcome.ACCEPTED] == 1:
    rest = bulk_referrals.resume(first.run_id)
    print(rest.headline)
