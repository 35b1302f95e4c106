"""The ledger in PostgreSQL: many processes on many hosts use it at once.

session   one connection that is made again when it is lost; errors translated once
schema    the tables, and the way to them from any earlier version
lease     who holds what, fenced by a number that is never given twice
batch     which entries can be written together, and which invites may leave; pure
writing   a batch as a few statements in one transaction
moving    keys out of this ledger, and keys of another one in
rate      the beats of an organisation's rate, dealt out
store     the port, put together from these
"""

from bulk_referrals.ledger.postgres.store import PostgresLedger

__all__ = ["PostgresLedger"]
