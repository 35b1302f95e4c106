"""Who appears in the sample: invented people with invented contacts.

Every mobile is valid to libphonenumber but plainly made up: the block after the operator's
prefix is all zeros (90000 xxxxx in India, 50 000 xxxx in the Emirates, 9000 xxxx in Singapore).
Mobiles whose first free digit is 0 are left to the faults, which write theirs out by hand. All
e-mail addresses end in the domains that RFC 2606 keeps for examples.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

# Calling code and the fixed digits after it, then how many digits are free.
BLOCKS = {"IN": ("9190000", 5), "AE": ("97150000", 4), "SG": ("659000", 4)}
# First names and last names, between commas.
NAMES = {
    "IN": (
        "Aarav,Aditi,Akash,Ananya,Arjun,Asha,Bhavna,Deepak,Devika,Divya,Farhan,Gauri,Isha,Jatin",
        "Agarwal,Bhat,Chauhan,Das,Desai,Ghosh,Gupta,Iyer,Jain,Joshi,Kapoor,Khan,Kulkarni,Kumar",
    ),
    "AE": (
        "Ahmed,Aisha,Ali,Amal,Dana,Fatima,Hamad,Hind,Huda,Khalid,Layla,Maha,Mariam,Mona,Noor,Omar",
        "Al Ali,Al Farsi,Al Hosani,Al Marri,Al Suwaidi,Haddad,Khoury,Mansour,Nasser,Rahman,Saleh",
    ),
    "SG": (
        "Adeline,Benjamin,Celine,Daniel,Elaine,Farid,Grace,Hui Min,Irfan,Jasmine,Kelvin,Li Ting",
        "Chan,Chua,Goh,Ho,Koh,Lee,Lim,Low,Ng,Ong,Quek,Seah,Sim,Tan,Tay,Teo,Toh,Wong,Yeo",
    ),
}
DOMAINS = ("example.com", "example.com", "example.org", "example.net", "mail.example.com")
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One invented person.

    Attributes:
        name: at most 20 characters, as many as the platform keeps.
        mobile: digits, country code first.
        email: in a domain kept for examples.
        code: the referral code, should this person refer somebody.
    """

    name: str
    mobile: str
    email: str
    code: str


class Cast:
    """Draws people, nobody twice; the same seed draws the same people."""

    def __init__(self, seed: int) -> None:
        """Start a cast whose every draw follows from the seed."""
        self.chance = random.Random(seed)
        self._taken: set[str] = set()

    def person(self, region: str) -> Person:
        """Return somebody new who lives in the region, one of `BLOCKS`."""
        first, last = (self.chance.choice(names.split(",")) for names in NAMES[region])
        return Person(
            name=f"{first} {last}",
            mobile=self._new(lambda: self._mobile(region)),
            email=self._new(lambda: self._email(first, last)),
            code=self._new(lambda: "".join(self.chance.choices(CODE_LETTERS, k=6))),
        )

    def people(self, region: str, count: int) -> list[Person]:
        """Return so many new people of the region."""
        return [self.person(region) for _ in range(count)]

    def _mobile(self, region: str) -> str:
        prefix, free = BLOCKS[region]
        return prefix + str(self.chance.randrange(10 ** (free - 1), 10**free))

    def _email(self, first: str, last: str) -> str:
        between = self.chance.choice((".", "", "_"))
        given, surname = first.split(maxsplit=1)[0], last.rsplit(maxsplit=1)[-1]
        local = f"{given}{between}{surname}{self.chance.randrange(10, 99)}"
        return f"{local}@{self.chance.choice(DOMAINS)}".lower()

    def _new(self, draw: Callable[[], str]) -> str:
        while (drawn := draw()) in self._taken or drawn.endswith("000"):
            pass
        self._taken.add(drawn)
        return drawn
