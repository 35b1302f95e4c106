"""Send from asyncio code, whose loop goes on meanwhile."""

import asyncio

import bulk_referrals


async def main() -> None:
    """Send the file in a thread."""
    sent = await asyncio.to_thread(
        bulk_referrals.run, "launch.csv", region="IN", campaign_token="J0H7Q"
    )
    print(sent.headline)


asyncio.run(main())
