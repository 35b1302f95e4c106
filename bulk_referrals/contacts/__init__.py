"""Mobiles and e-mail addresses: one exact definition of each, and one fast way to it.

`mobile` and `email` define, one cell each, what a contact is; `mobiles` and `emails` give
exactly the same for whole columns, in a small part of the time.
"""

from bulk_referrals.contacts.contact import Contact, Contacts
from bulk_referrals.contacts.email_columns import emails, looks_like_email
from bulk_referrals.contacts.mobile_columns import mobiles
from bulk_referrals.contacts.numbering import is_region
from bulk_referrals.contacts.one_email import email
from bulk_referrals.contacts.one_mobile import mobile

__all__ = [
    "Contact",
    "Contacts",
    "email",
    "emails",
    "is_region",
    "looks_like_email",
    "mobile",
    "mobiles",
]
