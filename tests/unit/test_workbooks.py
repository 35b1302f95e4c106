"""The process that reads a workbook may do what it likes: its parent says one sentence."""

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
import xlsxwriter
import xlwt

from bulk_referrals.errors import InputError
from bulk_referrals.workbooks import isolated, prescan
from bulk_referrals.workbooks.sheets import Layout, Limits, Raw

LIMITS = Limits(memory_bytes=1 << 30, time_s=60)
DAMAGED = "a.xlsx: the workbook is damaged and cannot be read. Open it"


def book(**cells: bool | float | str) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for place, value in cells.items():
        sheet[place] = value
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def with_sheet(old: bytes, new: bytes, content: bytes | None = None) -> bytes:
    members = parts(content or book(A1="x"))
    name = "xl/worksheets/sheet1.xml"
    assert old in members[name]
    return packed({**members, name: members[name].replace(old, new)})


def with_shared(text: str) -> bytes:
    written = io.BytesIO()
    made = xlsxwriter.Workbook(written)
    made.add_worksheet().write_string(0, 0, text)
    made.close()
    return written.getvalue()


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def children() -> set[str]:
    """The processes that this one has begun and not yet waited for, where /proc tells."""
    begun = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                begun.add(stat.parent.name)
    return begun


# --- the child


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("aborts", r"takes more memory than 1 GiB\. Delete stray cells"),
        ("is killed", "takes more memory than 1 GiB"),
        ("spins", r"takes longer than 0.5 s\. Save it again"),
        ("hangs", "takes longer than 0.5 s"),
        ("fails", DAMAGED),
        ("says nothing", DAMAGED),
        ("says garbage", DAMAGED),
        ("says another thing", DAMAGED),
        ("nests deeply", DAMAGED),
        ("floods stdout", DAMAGED),
        ("floods stderr", DAMAGED),
        ("lies about lengths", DAMAGED),
        ("writes garbage", DAMAGED),
    ],
)
def test_whatever_the_reader_does_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, behaviour: str, words: str
) -> None:
    monkeypatch.setattr(isolated, "_CHILD", "hostile_child")
    patient = behaviour not in {"spins", "hangs"}
    limits = Limits(memory_bytes=1 << 30, time_s=30 if patient else 0.5)
    files, processes = open_files(), children()
    with pytest.raises(InputError, match=words):
        isolated.read_workbook("a.xlsx", book(A1="x"), [behaviour], limits)
    assert open_files() == files
    assert children() == processes  # nobody is left behind


def test_a_reader_that_cannot_be_started_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(InputError, match="no process could be started to read it"):
        isolated.read_workbook("a.xlsx", book(A1="x"), [], LIMITS)


def test_the_reader_knows_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **how: object) -> None:
            given.append({"argv": " ".join(command), **how["env"]})  # type: ignore[dict-item]
            super().__init__(command, **how)  # type: ignore[call-overload]

    monkeypatch.setenv("BULK_REFERRALS_PASSWORD", "marker-of-a-secret")
    monkeypatch.setattr(subprocess, "Popen", Watched)
    isolated.read_workbook("secret name.xlsx", book(A1="9876543210"), [], LIMITS)
    assert len(given) == 1
    assert "marker-of-a-secret" not in str(given)
    assert "9876543210" not in str(given)


def test_the_reader_ends_itself_when_its_parent_is_gone() -> None:
    asked = '{"memory_bytes": 1073741824, "time_s": -4}'
    code = f"""
import io, sys
from bulk_referrals.workbooks import child
sys.stdin = io.StringIO('{asked}')
child._answer = lambda asked: [0 for _ in iter(int, 1)]
child.main()
"""
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode in {-signal.SIGALRM, -signal.SIGXCPU}
    assert time.monotonic() - started < 30


def test_a_stray_cell_in_the_far_corner_is_a_sentence_that_names_it() -> None:
    far = b'<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row></sheetData>'
    content = with_sheet(b"</sheetData>", far)
    assert len(content) < 6000
    with pytest.raises(InputError, match=r"found cells up to row 1048576 and column 16384 on"):
        isolated.read_workbook("a.xlsx", content, [], LIMITS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="A1"', b'r="A0"'),
        (b'r="A1"', b'r="ZZZZZZ99999999"'),
        (b'r="A1"', b'r="A99999999999999999999"'),
        (b't="inlineStr"', b't="s"><v>4294967295</v'),
        (b"</sheetData>", b""),
        (b"<sheetData>", b"<sheetData>" + b"</row" * 50_000),
    ],
)
def test_cells_outside_the_grid_and_broken_xml_are_a_sentence(old: bytes, new: bytes) -> None:
    with pytest.raises(InputError):
        isolated.read_workbook("a.xlsx", with_sheet(old, new), [], LIMITS)


def test_a_sheet_larger_than_the_memory_allowed_is_a_sentence() -> None:
    line = b"".join(b'<c r="%c1"><v>%d</v></c>' % (65 + n, n) for n in range(20))
    lines = b"".join(
        b'<row r="%d">' % n + line.replace(b'1">', b'%d">' % n) + b"</row>"
        for n in range(2, 60_000)
    )
    content = with_sheet(b"</sheetData>", lines + b"</sheetData>")
    small = Limits(memory_bytes=160 << 20, time_s=60)
    with pytest.raises(InputError, match=r"more memory than 0\.156 GiB"):
        isolated.read_workbook("a.xlsx", content, [], small)
    assert isolated.read_workbook("a.xlsx", content, [], LIMITS)[0].cells.num_rows == 59_999


def test_xls_files_cut_and_scrambled_are_a_sentence() -> None:
    for content in (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 4096,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<I", 7) * 4096,
    ):
        with pytest.raises(InputError, match="damaged"):
            isolated.read_workbook("a.xls", content, [], LIMITS)


# --- what comes back


def test_what_is_read_outlives_the_files_it_came_in() -> None:
    sheets = isolated.read_workbook("a.xlsx", book(A1="x", B2=True, A3=1.5), [], LIMITS)
    assert sheets[0].cells.to_pydict() == {"0": ["x", None, "1.5"], "1": [None, "TRUE", None]}
    assert sheets[0].cells.schema.types == [pa.string()] * 2
    assert sheets[0].layout == Layout()


def test_hidden_rows_and_columns_and_merged_cells_are_read_and_counted() -> None:
    made = openpyxl.load_workbook(io.BytesIO(book(A1="a", B2="b", D5="d")))
    sheet = made.worksheets[0]
    sheet.row_dimensions[2].hidden = True
    sheet.row_dimensions[9].hidden = True
    sheet.column_dimensions.group("B", "D", hidden=True)
    sheet.merge_cells("A7:B8")
    written = io.BytesIO()
    made.save(written)
    read = isolated.read_workbook("a.xlsx", written.getvalue(), [], LIMITS)[0]
    assert read.layout == Layout(hidden_rows=2, hidden_columns=3, merged=1)
    assert read.cells.column("1").to_pylist()[1] == "b"
    assert read.cells.column("3").to_pylist()[4] == "d"


@pytest.mark.parametrize("tag", [b"si", b"is"])
def test_phonetic_runs_are_left_out_and_rich_text_is_joined(tag: bytes) -> None:
    content = (
        "<r><t>東</t></r><r><rPr><b/></rPr><t xml:space='preserve'>京 9</t></r>"
        "<rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/>"
    ).encode()
    inline = b'<c r="A1" t="inlineStr"><is>' + content + b"</is></c>"
    made = parts(with_shared("x"))
    if tag == b"si":
        shared = made["xl/sharedStrings.xml"]
        made["xl/sharedStrings.xml"] = shared.replace(b"<t>x</t>", content)
    else:
        sheet = made["xl/worksheets/sheet1.xml"]
        start, end = sheet.index(b"<c "), sheet.index(b"</c>") + 4
        made["xl/worksheets/sheet1.xml"] = sheet[:start] + inline + sheet[end:]
    read = isolated.read_workbook("a.xlsx", packed(made), [], LIMITS)
    assert read[0].cells.column("0").to_pylist() == ["東京 9"]


def test_kinds_of_cells_are_told_in_the_order_asked() -> None:
    content = book(A1="x", B1=3, C1=True, B3=4)
    places = [(2, 1), (0, 0), (0, 2), (0, 1), (99, 99)]
    kinds = isolated.number_kinds("a.xlsx", content, "Sheet", places, LIMITS)
    assert kinds == [Raw.NUMBER, Raw.TEXT, Raw.BOOLEAN, Raw.NUMBER, Raw.TEXT]


# --- from outside


def refused(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        prescan.check("a.xlsx", content)
    return str(caught.value)


def test_a_sane_workbook_passes() -> None:
    prescan.check("a.xlsx", book(A1="x"))
    prescan.check("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def test_a_bomb_is_told_by_its_ratio_and_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed({"xl/workbook.xml": b"<workbook/>", "xl/x.xml": bytes(65 << 20)})
    assert "unpacks to far more than it should; found 65 MiB out of 6" in refused(content)
    monkeypatch.setattr(prescan, "MOST_INFLATED_BYTES", 1000)
    assert "unpacks to far more" in refused(book(A1="x"))


def test_an_archive_of_endless_parts_is_not_listed() -> None:
    content = b"PK\x03\x04" + b"PK\x01\x02" * (prescan.MOST_PARTS + 1)
    assert "more than 10,000 parts; found 10,001" in refused(content)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_parts_of_one_name_that_overlap_or_are_locked_are_refused() -> None:
    written = io.BytesIO(book(A1="x"))
    with zipfile.ZipFile(written, "a") as archive:
        archive.writestr("XL/Workbook.xml", b"<workbook/>")
    assert "two parts of the workbook have one name" in refused(written.getvalue())

    content = bytearray(book(A1="x"))
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    overlapping = bytearray(content)
    overlapping[second + 42 : second + 46] = content[first + 42 : first + 46]
    assert "parts of the workbook overlap" in refused(bytes(overlapping))

    locked = bytearray(content)
    locked[first + 8] |= 1
    assert "protected by a password" in refused(bytes(locked))


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(charset: str) -> None:
    text = '<?xml version="1.0"?>' + " " * 6000 + '<!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>'
    members = parts(book(A1="x"))
    content = packed({**members, "xl/styles.xml": text.encode(charset)})
    assert "holds a document type" in refused(content)
    endless = packed({**members, "xl/styles.xml": b" " * (200 << 10)})
    assert "holds a document type" in refused(endless)


def test_damage_to_the_archive_is_a_sentence(tmp_path: Path) -> None:
    content = book(A1="x")
    for damaged in (content[:-30], content[:40], content[:60] + bytes(40) + content[100:]):
        assert "damaged and cannot be read" in refused(damaged)
    assert not list(tmp_path.iterdir())


def test_a_locked_workbook_of_an_older_or_open_format_is_told_from_a_damaged_one() -> None:
    members = {**parts(book(A1="x")), "META-INF/manifest.xml": b"<m:encryption-data x='1'/>"}
    assert "protected by a password" in refused(packed(members))

    made = xlwt.Workbook()
    made.add_sheet("S").write(0, 0, "x")
    written = io.BytesIO()
    made.save(written)
    content = bytearray(written.getvalue())
    assert isolated.read_workbook("a.xls", bytes(content), [], LIMITS)[0].cells.num_rows == 1
    content[content.index(b"\x09\x08\x10\x00") + 20] = 0x2F  # the record after the first
    assert "protected by a password" in refused(bytes(content))
