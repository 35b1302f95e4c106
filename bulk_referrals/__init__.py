"""Turn spreadsheets of invitees into referrals, every valid one exactly once."""

__version__ = "0.1.0"
