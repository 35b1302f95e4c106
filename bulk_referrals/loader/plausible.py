"""In which encodings a sample of text makes sense, by the alphabets that people write in.

A reading in a Latin encoding makes sense where every word with an accent keeps its case (`José`,
`JOSÉ`, never `JosÉ`), no word is all accents, and all its letters belong to one language written
in that encoding, or, failing every encoding, to two. A reading in an East Asian encoding makes
sense where nearly all characters are the common ones, for a wrong reading falls on rare ones,
and where they are not just a few.
"""

import re
from collections.abc import Callable, Mapping
from itertools import combinations, pairwise
from typing import Final

_WESTERN: Final = (
    "áéíóúüñ",  # Spanish
    "àâæçéèêëîïôœùûüÿ",  # French
    "äöüßé",  # German
    "áâãàçéêíóôõúü",  # Portuguese
    "àèéìíîòóù",  # Italian
    "æøåé",  # Danish, Norwegian
    "åäöé",  # Swedish, Finnish
    "éëïóöüáèí",  # Dutch
    "áéíóúýþæöð",  # Icelandic
    "àçéèíïóòúü",  # Catalan
)
_CENTRAL: Final = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "ăâîşţ",  # Romanian
    "čćđšž",  # Croatian, Slovene
    "äöüßé",  # German
)
_TURKISH: Final = ("çğ\u0131i\u0307öşüâîû", "äöüßé")
_BALTIC: Final = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")
_RUSSIAN: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_CYRILLIC: Final = (_RUSSIAN, _RUSSIAN + "іїєґ", _RUSSIAN + "јљњћђџќѓѕ")
_GREEK: Final = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)
# Their letters stand in a row in Unicode.
_HEBREW: Final = ("".join(map(chr, range(0x05D0, 0x05EB))),)
_ARABIC: Final = ("".join(map(chr, range(0x0621, 0x0653))) + "پچژگ",)
_THAI: Final = ("".join(map(chr, range(0x0E01, 0x0E4F))),)
_OTHER_SCRIPTS: Final = (_CYRILLIC, _GREEK, _HEBREW, _ARABIC, _THAI)
# Punctuation that stands among words in any of them.
_NEUTRAL: Final = frozenset("\u2018\u2019\u201c\u201d\u2013\u2014«»¿¡°ºª€£©®™·•\u00a0")
_ALPHABETS: Final[Mapping[str, tuple[str, ...]]] = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "cp1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "cp1253": _GREEK,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "cp874": _THAI,
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
}
_WORD: Final = re.compile(r"[^\W\d_]+")
_ALL_ACCENTS: Final = re.compile(r"[^\W\d_a-zA-Z]{3,}|\b[^\W\d_a-zA-Z]{2,}\b")
_BESIDE_LATIN: Final = re.compile(
    r"[a-zA-Z][^\x00-\x9f\u2018-\u201d]|[^\x00-\x9f\u2018-\u201d][a-zA-Z]"
)
# What is a sign in Western Europe is a letter elsewhere: `£ukasz` is no word, `£5` is none either.
_SIGN_IN_WORD: Final = re.compile("[A-Za-zÀ-ÿ][£€©®™°·ªº¿¡]|[£€©®™°·ªº¿¡][A-Za-zÀ-ÿ]")
# A Thai mark stands on a consonant, and a vowel that is written first stands before one.
_NOT_THAI: Final = re.compile(
    "(?:^|[^\u0e01-\u0e2e\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
    "|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)
_LONE: Final = re.compile(
    r"(?<=[a-zA-Z])[^\x00-\x7f](?![^\x00-\x7f])|"
    r"(?<![^\x00-\x7f])[^\x00-\x7f](?=[a-zA-Z])"
)
_MOSTLY: Final = 0.9
# Its bytes are the accented letters of Latin encodings: a few accents in pairs can make a few
# common characters, but not so many different ones.
_FEWEST_CHARACTERS: Final = {"gb18030": 8}
_SELDOM: Final = 0.2
_ASCII: Final = frozenset(map(chr, range(0x80)))


def readings(sample: bytes, everywhere: bytes) -> set[str]:
    """Return one encoding for each different reading of the sample that makes sense.

    Args:
        sample: lines of text that are neither ASCII nor UTF-8.
        everywhere: each byte above 0x7F that the whole text holds, once.
    """
    found: dict[str, str] = {}
    for name, makes_sense in _EAST_ASIAN.items():
        text = _text(sample, name)
        enough = len(set(text) - _ASCII) >= _FEWEST_CHARACTERS.get(name, 1)
        if enough and makes_sense(text):
            found.setdefault(text, name)
    for languages in (1, 2):
        for name in _ALPHABETS:
            text = _text(sample, name)
            if text and _is_written(text, _text(everywhere, name), _ALPHABETS[name], languages):
                found.setdefault(text, name)
        if found:
            break
    return set(found.values())


def _text(sample: bytes, name: str) -> str:
    try:
        return sample.decode(name)
    except UnicodeDecodeError:
        return ""


def _is_written(text: str, everywhere: str, alphabets: tuple[str, ...], languages: int) -> bool:
    letters = {part for each in everywhere if each not in _NEUTRAL for part in each.lower()}
    if not everywhere or not any(
        letters <= set("".join(chosen)) for chosen in combinations(alphabets, languages)
    ):
        return False
    words = {word for word in _WORD.findall(text) if not word.isascii()}
    if any(_breaks_case(word) for word in words):
        return False
    if alphabets in _OTHER_SCRIPTS:
        return not _BESIDE_LATIN.search(text) and not _NOT_THAI.search(text)
    if _SIGN_IN_WORD.search(text):
        return False
    return not any(_ALL_ACCENTS.search(word) for word in words)


def _breaks_case(word: str) -> bool:
    return any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(word))


def _share(text: str, accepts: Callable[[str], bool]) -> float:
    beyond = [each for each in text if each > "\x7f"]
    return sum(map(accepts, beyond)) / len(beyond) if beyond else 0.0


def _stands_alone(text: str) -> bool:
    """Whether most characters stand singly in Latin words: an accent read as half a character."""
    return _share(text, lambda _: True) > 0 and (
        len(_LONE.findall(text)) > _SELDOM * sum(each > "\x7f" for each in text)
    )


def _lead(letter: str, name: str) -> int:
    encoded = letter.encode(name, "ignore")
    return encoded[0] if len(encoded) > 1 else 0


def _is_japanese(text: str) -> bool:
    def common(letter: str) -> bool:
        point = ord(letter)
        if 0x3000 <= point < 0x3100 or 0xFF00 <= point < 0xFF61:  # noqa: PLR2004 - kana, wide forms
            return True
        return 0xB0 <= _lead(letter, "euc_jp") <= 0xCF  # noqa: PLR2004 - JIS X 0208, level 1

    return _share(text, common) >= _MOSTLY and not _stands_alone(text)


def _is_half_width(text: str) -> bool:
    katakana = _share(text, lambda letter: 0xFF61 <= ord(letter) < 0xFFA0)  # noqa: PLR2004 - JIS X 0201
    return katakana > _SELDOM and not _stands_alone(text)


def _is_chinese(text: str) -> bool:
    def common(letter: str) -> bool:
        lead = _lead(letter, "gb2312")
        return lead in (0xA1, 0xA3) or 0xB0 <= lead <= 0xD7  # noqa: PLR2004 - GB 2312, level 1

    return _share(text, common) >= _MOSTLY - 0.05 and not _stands_alone(text)


def _is_taiwanese(text: str) -> bool:
    def common(letter: str) -> bool:
        return 0xA1 <= _lead(letter, "big5") <= 0xC6  # noqa: PLR2004 - Big5, level 1

    return _share(text, common) >= _MOSTLY and not _stands_alone(text)


def _is_korean(text: str) -> bool:
    hangul = _share(text, lambda letter: 0xAC00 <= ord(letter) <= 0xD7A3)  # noqa: PLR2004 - Unicode
    return hangul >= _MOSTLY and not _stands_alone(text)


_EAST_ASIAN: Final[Mapping[str, Callable[[str], bool]]] = {
    "cp932": _is_japanese,
    "shift_jis": _is_half_width,  # only ever a rival: signs and letters of others look alike
    "gb18030": _is_chinese,
    "euc_jp": _is_japanese,
    "big5": _is_taiwanese,
    "euc_kr": _is_korean,
}
