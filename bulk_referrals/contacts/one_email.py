"""The exact definition of an e-mail address, one cell at a time; the fast way agrees with it.

Folded (NFKC; invisible marks and no-break spaces dropped), then refused where a person could
have meant otherwise, then checked by email-validator without the network. Sent with the part
before the @ as typed and the domain in lower-case ASCII (IDNA), the one form that every
system takes. Letters beyond ASCII before the @ are refused: they need SMTPUTF8, which few
mail systems speak.
"""

import unicodedata
from typing import Final

from bulk_referrals.contacts.contact import EMPTY, Contact, refused

LONGEST_CHARS: Final = 100  # the platform stores an identifier as varchar(100)

_RETYPE: Final = "Correct the address and save again."
_ONE: Final = "Keep one address in the cell, and put the other into a row of its own."
_ASK: Final = "Ask for the right address."
_MARKS: Final = "'\N{RIGHT SINGLE QUOTATION MARK}"
_NO_BREAK: Final = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{FIGURE SPACE}"

# Domains that nobody means, as typed again and again -> what was meant.
MISTYPED: Final = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gmal.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gnail.com": "gmail.com",
    "gmaill.com": "gmail.com",
    "gmil.com": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail.con": "gmail.com",
    "gmail.cm": "gmail.com",
    "gmail.om": "gmail.com",
    "gmail.comm": "gmail.com",
    "gmail.in": "gmail.com",
    "gmail.co.in": "gmail.com",
    "gmailcom.com": "gmail.com",
    "yaho.com": "yahoo.com",
    "yahooo.com": "yahoo.com",
    "yhoo.com": "yahoo.com",
    "yahoo.con": "yahoo.com",
    "yahoo.cm": "yahoo.com",
    "hotmial.com": "hotmail.com",
    "hotmal.com": "hotmail.com",
    "hotmil.com": "hotmail.com",
    "hotmai.com": "hotmail.com",
    "hotamil.com": "hotmail.com",
    "hotmail.con": "hotmail.com",
    "outlok.com": "outlook.com",
    "outllok.com": "outlook.com",
    "outlook.con": "outlook.com",
    "iclod.com": "icloud.com",
    "icloud.con": "icloud.com",
    "rediffmial.com": "rediffmail.com",
    "redifmail.com": "rediffmail.com",
    "rediffmail.con": "rediffmail.com",
}


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
    checked = _checked(local, domain)
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
        text = unicodedata.normalize("NFKC", "".join(seen).translate(_DROPPED))
    text = text.strip()
    return text[1:].strip() if text[:1] in _MARKS else text


_DROPPED: Final = dict.fromkeys(map(ord, _NO_BREAK))


def domain_warning(domain: str) -> str | None:
    """Return the clause that warns of a mistyped domain; None for the others."""
    meant = MISTYPED.get(domain)
    return f"{domain} looks like {meant}" if meant else None


def _policy(folded: str) -> Contact | None:
    """Refuse what a person could have meant otherwise; None where nothing of that kind."""
    if "@" not in folded:
        return refused("no @ in it", _ASK)
    if folded.lower().startswith("mailto:"):
        return refused("a mailto: link", "Keep only the address after mailto:.")
    if folded.count("@") > 1:
        return refused("more than one @, so perhaps two addresses", _ONE)
    if "<" in folded or ">" in folded:
        return refused("a name around the address", "Keep only what stands between < and >.")
    if any(map(str.isspace, folded)):
        return refused("a space in it", _RETYPE)
    if folded[-1] in ".,;:":
        return refused(f"a {_SIGNS[folded[-1]]} at its end", _RETYPE)
    if not folded.split("@")[0].isascii():
        return refused("letters beyond A to Z before the @, which few mail systems take", _ASK)
    return None


_SIGNS: Final = {".": "full stop", ",": "comma", ";": "semicolon", ":": "colon"}


def _checked(local: str, domain: str) -> str | Contact:
    """Return the domain in ASCII and lower-case, or email-validator's refusal in our words."""
    # Imported here because of start-up time: idna's tables.
    from email_validator import EmailSyntaxError, validate_email  # noqa: PLC0415

    try:
        found = validate_email(
            f"{local}@{domain}", check_deliverability=False, allow_smtputf8=False
        )
    except EmailSyntaxError as error:
        return refused(_clause(str(error)), _ASK)
    return (found.ascii_domain or domain).lower()


def _clause(message: str) -> str:
    """Return the library's sentences as one clause, without what they quote."""
    sentences = message.partition(": ")[0].rstrip(".").replace("@-sign", "@").split(". ")
    return ", ".join(sentence[:1].lower() + sentence[1:] for sentence in sentences)
