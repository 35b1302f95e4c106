import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from bulk_referrals.errors import InputError, NothingToDoError, UsageError
from bulk_referrals.loader import files, load, load_list
from bulk_referrals.model import Loaded, LoadOptions

CONTENT = b"referrer_mobile,identifier\n1,2\n"


def read(*paths: Path | str, stdin: bytes | None = None) -> Loaded:
    opened = None if stdin is None else io.BytesIO(stdin)
    return load([str(path) for path in paths], LoadOptions(), stdin=opened)


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def workbook_bytes() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["referrer_mobile", "identifier"])
    sheet.append(["1", "2"])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def zipped(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_a_source_says_what_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    source = read(path).sources[0]
    assert source.path == str(path)
    assert source.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert source.size_bytes == len(CONTENT)
    assert source.rows == 1


def test_several_files_with_other_headers_make_one_frame(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv")
    second = write(tmp_path / "b.csv", b"Friend email;Referrer email;Note\na@b.co;c@d.co;x\n")
    loaded = read(second, first)
    assert loaded.rows["table"].to_pylist() == [0, 1]
    assert [source.path for source in loaded.sources] == [str(second), str(first)]
    assert [table.source for table in loaded.tables] == [0, 1]
    assert loaded.rows["invitee_email"].fill_null("").to_pylist() == ["a@b.co", ""]
    assert loaded.rows["identifier"].fill_null("").to_pylist() == ["", "2"]


def test_a_folder_stands_for_its_spreadsheets_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.CSV", "a.csv.gz", "c.xlsx"):
        packed = gzip.compress(CONTENT) if name.endswith("gz") else CONTENT
        write(tmp_path / name, workbook_bytes() if name.endswith("xlsx") else packed)
    for name in ("~$c.xlsx", ".hidden.csv", ".~lock.c.xlsx#", "readme.md"):
        write(tmp_path / name, b"x")
    (tmp_path / "more.csv").mkdir()
    names = [Path(source.path).name for source in read(tmp_path).sources]
    assert names == ["a.csv.gz", "b.CSV", "c.xlsx"]


def test_a_folder_without_spreadsheets_is_a_sentence(tmp_path: Path) -> None:
    write(tmp_path / "readme.md", b"x")
    with pytest.raises(
        InputError, match="the folder holds no spreadsheet; found 1 files of other kinds"
    ):
        read(tmp_path)


def test_a_glob_stands_for_what_it_matches(tmp_path: Path) -> None:
    write(tmp_path / "b1.csv")
    write(tmp_path / "a1.csv")
    write(tmp_path / "other.txt")
    names = [Path(source.path).name for source in read(tmp_path / "*1.csv").sources]
    assert names == ["a1.csv", "b1.csv"]
    with pytest.raises(InputError, match="no file matches this pattern"):
        read(tmp_path / "*.ods")


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    path = write(tmp_path / "invites [1].csv")
    assert read(path).sources[0].rows == 1


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    loaded = read(path, tmp_path, tmp_path / "*.csv")
    assert len(loaded.sources) == 1
    assert len(loaded.notices) == 2
    assert "read once" in loaded.notices[0]


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT), workbook_bytes()])
def test_standard_input_is_read_by_what_it_is(content: bytes) -> None:
    loaded = read("-", stdin=content)
    assert loaded.sources[0].path == "-"
    assert loaded.sources[0].sha256 == hashlib.sha256(content).hexdigest()
    assert loaded.rows["identifier"].to_pylist() == ["2"]
    assert loaded.notices == ()


def test_without_standard_input_a_dash_is_a_sentence() -> None:
    with pytest.raises(InputError, match="no standard input"):
        read("-")
    with pytest.raises(UsageError, match="no file to read"):
        load([], LoadOptions())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(CONTENT)),
        ("a.xlsx.gz", gzip.compress(workbook_bytes())),
        ("a.zip", zipped(**{"in/a.csv": CONTENT, "__MACOSX/in/._a.csv": b"x", ".DS_Store": b"x"})),
        ("b.zip", zipped(**{"a.xlsx": workbook_bytes()})),
    ],
)
def test_packed_files_are_unpacked(tmp_path: Path, name: str, content: bytes) -> None:
    loaded = read(write(tmp_path / name, content))
    assert loaded.rows["identifier"].to_pylist() == ["2"]
    assert loaded.sources[0].size_bytes == len(content)
    assert loaded.notices == ()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.zip", zipped(a=CONTENT, b=CONTENT), "must hold one spreadsheet; found 2 files"),
        ("a.zip", zipped(a=b""), "the file in the archive is empty"),
        ("a.zip", zipped(a=CONTENT * 9)[:60], "damaged, cut short or locked"),
        ("a.gz", gzip.compress(CONTENT)[:20], "damaged, cut short or locked"),
        ("a.xlsx", b"%PDF-1.7 ...", "it is a PDF, not a spreadsheet"),
        ("a.xls", b"\n<html><table><tr><td>1</td></tr></table>", "it is a web page"),
        ("a.xls", b'<?xml version="1.0"?><Workbook/>', "it is an XML document"),
        ("a.csv", b'[{"a": 1}]', "it is a JSON file"),
        ("a.xlsx", zipped(**{"word/document.xml": b"x", "[Content_Types].xml": b"x"}), "document"),
        ("a.xlsx", b"", "the file is empty"),
        (
            "a.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 WordDocument", "but not a spreadsheet"),
    ],
)
def test_what_is_no_spreadsheet_is_a_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read(write(tmp_path / name, content))


def test_a_file_is_read_by_what_it_is_not_by_its_name(tmp_path: Path) -> None:
    text = read(write(tmp_path / "a.xlsx"))
    assert text.rows["identifier"].to_pylist() == ["2"]
    assert text.notices[0].endswith("its name ends in .xlsx, but it is text; it was read as text.")
    book = read(write(tmp_path / "b.csv", workbook_bytes()))
    assert book.rows["identifier"].to_pylist() == ["2"]
    assert "it was read as a workbook" in book.notices[0]


def test_what_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.gz", gzip.compress(bytes(2 << 20)), "it unpacks to more than 0.000977 GiB. Split"),
        ("a.zip", zipped(a=bytes(2 << 20)), "it unpacks to more than"),
        ("a.csv", bytes(2 << 20), "it is larger than"),
    ],
)
def test_a_file_too_large_for_the_memory_allowed_is_a_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        files.read(str(write(tmp_path / name, content)), None, 2 << 20)
    with pytest.raises(InputError, match=words):
        files.read("-", io.BytesIO(content), 2 << 20)


# --- nothing to do


@pytest.mark.parametrize(
    ("name", "content"),
    [("none.csv", None), ("empty.csv", b""), ("head.csv", b"referrer_mobile,identifier\n")],
)
def test_what_is_missing_or_empty_is_told_from_what_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(NothingToDoError, match=name):
        load([str(tmp_path / name)], LoadOptions())
    (tmp_path / "broken.csv").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError) as caught:
        load([str(tmp_path / "broken.csv")], LoadOptions(allow_empty=True))
    assert not isinstance(caught.value, NothingToDoError)


def test_an_empty_source_among_others_is_passed_over_only_where_that_is_allowed(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("referrer_mobile,identifier\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("referrer_mobile,identifier\n", encoding="utf-8")
    paths = [str(tmp_path / each) for each in ("x*.csv", "b.csv", "a.csv", "c.csv")]
    with pytest.raises(NothingToDoError, match="no file matches"):
        load(paths, LoadOptions())
    loaded = load(paths, LoadOptions(allow_empty=True))
    assert [source.rows for source in loaded.sources] == [1]
    assert [notice.partition(": ")[2][:13] for notice in loaded.notices] == [
        "no file match", "there are col", "no such file.",
    ]  # fmt: skip
    with pytest.raises(NothingToDoError, match="no file matches"):
        load(paths[:2], LoadOptions(allow_empty=True))


def test_a_list_of_contacts_that_is_missing_is_no_empty_night(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        load_list(str(tmp_path / "stop.csv"), LoadOptions())
    assert not isinstance(caught.value, NothingToDoError)
