"""`python -m bulk_referrals`, and the console script."""

from bulk_referrals.cli import main

if __name__ == "__main__":
    main()
