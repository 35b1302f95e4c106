from pathlib import Path

import pytest

from bulk_referrals.errors import InputError, UsageError
from bulk_referrals.loader import load
from bulk_referrals.loader.encoding import is_utf8, to_utf8
from bulk_referrals.model import LoadOptions

SURE = {
    "cp1252": [
        "José",
        "Müller",
        "Andr\u00e9\u2019s",
        "JOSÉ",
        "Muñoz,Peña,Íñigo,Gómez",
        "François,Hélène,Noël,Benoît",
        "Søren,Bjørn,Åse",
        "São,João,Conceição",
    ],
    "cp932": ["山田太郎", "ヤマダ", "佐藤 花子,東京", "鈴木一郎,高橋,伊藤美咲,中村さくら"],
    "gb18030": ["王芳,李娜,刘洋,陈静,杨勇,赵敏", "中文姓名,用户编号,手机号码"],
}
DOUBTFUL = {
    "cp1252": ["Muñoz"],  # Muńoz in cp1250
    "cp932": ["ﾔﾏﾀﾞ ﾀﾛｳ"],
    "gb18030": ["张伟", "北京"],
    "cp1250": ["Łukasz", "Wałęsa,Łódź", "Dvořák,Novák,Jiří", "Kovács Zoltán,Erdős"],
    "cp1251": ["Иван Петров,Мария"],
    "koi8-r": ["Иван Петров"],
    "cp1253": ["Γιώργος Παπαδόπουλος"],
    "cp1254": ["Şükrü,Gökçe,İbrahim"],
    "cp1255": ["דוד כהן,שרה לוי"],
    "cp1256": ["محمد علي,فاطمة"],
    "cp874": ["สมชาย ใจดี"],
    "mac_roman": ["José,Muñoz,François"],
    "cp850": ["José,Muñoz,François"],
    "euc_kr": ["김민수,이영희,박지성"],
    "euc_jp": ["山田太郎,佐藤花子,鈴木一郎"],
    "big5": ["陳小明,林志玲,王大明"],
    "iso2022_jp": ["山田太郎"],
}


def export(names: str) -> str:
    lines = [f"9198765{n:05},9198764{n:05},{name}" for n, name in enumerate(names.split(","))]
    return "\n".join(["referrer_mobile,identifier,name", *lines, ""])


@pytest.mark.parametrize(("name", "names"), [(e, n) for e, all_ in SURE.items() for n in all_])
def test_an_encoding_without_doubt_is_taken(name: str, names: str) -> None:
    text, found = to_utf8("x.csv", export(names).encode(name), "")
    assert (text.decode(), found) == (export(names), name)


@pytest.mark.parametrize(("name", "names"), [(e, n) for e, all_ in DOUBTFUL.items() for n in all_])
def test_a_doubtful_encoding_is_refused_with_the_way_to_say_it(name: str, names: str) -> None:
    content = export(names).encode(name)
    with pytest.raises(InputError, match="--encoding"):
        to_utf8("x.csv", content, "")
    assert to_utf8("x.csv", content, name)[0].decode() == export(names)


def test_a_doubt_shows_how_the_letter_would_read() -> None:
    with pytest.raises(InputError) as caught:
        to_utf8("x.csv", export("Muñoz").encode("cp1252"), "")
    assert str(caught.value) == (
        "x.csv: its encoding is in doubt: its text makes sense in cp1250, cp1252. Save it as UTF-8"
        " (in Excel: 'CSV UTF-8'), or say which it is: --encoding cp1252 if it should read 'ñ',"
        " cp1250 if 'ń'."
    )


def test_a_long_export_is_judged_by_all_of_its_letters() -> None:
    # The first 200 kB are French; one Polish letter at the end makes it neither.
    lines = export("Hélène,François,Benoît,Zoë" + ",Noël" * 9_000).encode("cp1252")
    assert to_utf8("x.csv", lines, "")[1] == "cp1252"
    with pytest.raises(InputError, match="--encoding"):
        to_utf8("x.csv", lines + "1,2,Łukasz\n".encode("cp1250"), "")


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_unicode_is_read_with_and_without_a_byte_order_mark(name: str) -> None:
    content = export("José,山田,Łukasz,😀").encode(name)
    assert to_utf8("x.csv", content, "")[0].decode() == export("José,山田,Łukasz,😀")


def test_plain_text_and_utf8_are_passed_on_as_they_are() -> None:
    content = export("José,山田").encode()
    assert to_utf8("x.csv", content, "")[0] is content
    assert is_utf8(b"plain")
    assert not is_utf8(b"Jos\xe9")
    assert not is_utf8("José".encode()[:-1])


def test_utf8_with_a_few_foreign_bytes_is_refused() -> None:
    content = export("José,山田,Łukasz").encode() + "1,2,André\n".encode("cp1252")
    with pytest.raises(InputError, match=r"mixes encodings; found .* not in line 5"):
        to_utf8("x.csv", content, "")


def test_a_given_encoding_that_does_not_fit_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"not utf-8; found byte 61 does not fit"):
        to_utf8("x.csv", export("José").encode("cp1252"), "utf8")
    with pytest.raises(InputError, match="cut off"):
        to_utf8("x.csv", export("José").encode("utf-16") + b"\x00", "")


def test_an_unknown_encoding_is_answered_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cp1252'"):
        to_utf8("x.csv", b"x", "cp-1253x")


def test_the_source_says_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(export("José").encode("cp1252"))
    loaded = load([str(path)], LoadOptions())
    assert loaded.tables[0].encoding == "cp1252"
    assert loaded.rows["name"].to_pylist() == ["José"]


def test_a_text_that_mixes_encodings_is_refused_with_the_line() -> None:
    good, bad = "1,2,Zoë\n".encode(), "1,2,José\n".encode("cp1252")
    words = "mixes encodings; found UTF-8 in most lines, but not in line 5. Correct that line"
    with pytest.raises(InputError, match=words):
        to_utf8("a.csv", b"a,b,c\n" + good * 3 + bad + good, "")
    read_back, charset = to_utf8("a.csv", b"a,b,c\n" + bad * 3, "")
    assert (read_back.count("José".encode()), charset) == (3, "cp1252")
