"""The exact definition of an e-mail address, one cell at a time; the fast way agrees with it.

Folded (NFKC; invisible marks and no-break spaces dropped), then refused where a person could
have meant otherwise, then checked by email-validator without the network. Sent with the part
before the @ as typed and the domain in lower-case ASCII (IDNA), the one form that every
system takes. Letters beyond ASCII before the @ are refused: they need SMTPUTF8, which few
mail systems speak.
"""

import re
import unicodedata
from typing import Final

from bulk_referrals.contacts.contact import EMPTY, Contact, refused

LONGEST_CHARS: Final = 100  # the platform stores an identifier as varchar(100)

_RETYPE: Final = "Correct the address and save again."
_ONE: Final = "Keep one address in the cell, and put the other into a row of its own."
_ASK: Final = "Ask for the right address."
_MARKS: Final = "'\N{RIGHT SINGLE QUOTATION MARK}"
_NO_BREAK: Final = dict.fromkeys(
    map(ord, "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{FIGURE SPACE}")
)

# Domains that nobody means, as typed again and again, by what was meant.
_MISTYPED_AS: Final = {
    "gmail.com": (
        "gmial.com gmai.com gmal.com gamil.com gnail.com gmaill.com gmil.com gmali.com gmaul.com "
        "gmail.co gmail.con gmail.cm gmail.om gmail.comm gmail.cpm gmail.in gmail.co.in"
    ),
    "yahoo.com": "yaho.com yahooo.com yhoo.com yaoo.com yahoo.con yahoo.cm yahoo.comm",
    "hotmail.com": "hotmial.com hotmal.com hotmil.com hotmai.com hotamil.com hotmail.con",
    "outlook.com": "outlok.com outllok.com outloo.com outlook.con",
    "icloud.com": "iclod.com icoud.com icloud.con",
    "rediffmail.com": "rediffmial.com redifmail.com reddiffmail.com rediffmail.con",
}
MISTYPED: Final = {
    typed: meant for meant, all_typed in _MISTYPED_AS.items() for typed in all_typed.split()
}

# What a person could have meant otherwise: (what it looks like, problem, advice), in order.
_CAUSES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), problem, advice)
    for pattern, problem, advice in (
        ("^#", "a spreadsheet's error, not an address", "Mend the formula and save again."),
        ("^[^@]*$", "no @ in it", _ASK),
        ("^mailto:", "a mailto: link", "Keep only the address after mailto:."),
        ("@[^@]*@", "more than one @, so perhaps two addresses", _ONE),
        ("[<>]", "a name around the address", "Keep only what stands between < and >."),
        (r"\s", "a space in it", _RETYPE),
        (r"\.$", "a full stop at its end", _RETYPE),
        ("[,;:]$", "a comma or the like at its end", _RETYPE),
        (r"^[^@]*[^\x00-\x7f]", "letters before the @ that few mail systems take", _ASK),
    )
)


def email(text: str) -> Contact:
    """Return what one cell says, if it says an e-mail address (see the module's docstring).

    Returns:
        The contact, with a warning where the domain looks mistyped; `EMPTY` for a cell without
        a visible character.
    """
    folded = fold(text)
    if not folded:
        return EMPTY
    refusal = _policy(folded)
    if refusal is not None:
        return refusal
    local, _, domain = folded.rpartition("@")
    checked = checked_domain(local, domain)
    if isinstance(checked, Contact):
        return checked
    value = f"{local}@{checked}"
    if len(value) > LONGEST_CHARS:
        return refused(f"{len(value)} characters, the platform stores {LONGEST_CHARS}", _ASK)
    return Contact(value=value, key=value.casefold(), warning=domain_warning(checked))


def fold(text: str) -> str:
    """Return the text in its compatible form (NFKC), without what cannot be seen."""
    if not text.isascii():
        seen = (char for char in text if unicodedata.category(char) != "Cf")
        text = unicodedata.normalize("NFKC", "".join(seen).translate(_NO_BREAK))
    text = text.strip()
    return text[1:].strip() if text[:1] in _MARKS else text


def domain_warning(domain: str) -> str | None:
    """Return the clause that warns of a mistyped domain; None for the others."""
    meant = MISTYPED.get(domain)
    return f"{domain} looks like {meant}" if meant else None


def _policy(folded: str) -> Contact | None:
    """Refuse what a person could have meant otherwise; None where nothing of that kind."""
    return next(
        (refused(problem, advice) for cause, problem, advice in _CAUSES if cause.search(folded)),
        None,
    )


def checked_domain(local: str, domain: str) -> str | Contact:
    """Return the domain in lower-case ASCII, or email-validator's refusal in our words."""
    # Imported here because of start-up time: a run without e-mails needs none of its tables.
    from email_validator import EmailSyntaxError, validate_email  # noqa: PLC0415

    address = f"{local}@{domain}"
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailSyntaxError as error:
        return refused(_clause(str(error)), _ASK)
    return (found.ascii_domain or domain).lower()


def _clause(message: str) -> str:
    """Return the library's sentences as one clause, without what they quote."""
    sentences = message.partition(": ")[0].rstrip(".").replace("@-sign", "@").split(". ")
    return ", ".join(sentence[:1].lower() + sentence[1:] for sentence in sentences)
