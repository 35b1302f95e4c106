"""Check a workbook, and show what is to be corrected."""

import bulk_referrals

checked = bulk_referrals.check("launch.csv", region="IN", campaign_token="J0H7Q")

print(checked.headline)
wrong = checked.results.query("outcome == 'rejected'")
for row in wrong.itertuples():
    print(f"row {row.row}: {row.reason}")
print("The report:", checked.paths["report.xlsx"])
