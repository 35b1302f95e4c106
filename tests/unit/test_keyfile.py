"""An export of keys: what it holds, and what is refused as one."""

import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bulk_referrals.errors import InputError
from bulk_referrals.ledger import (
    CODES,
    INVITES,
    Intent,
    Ledger,
    Merged,
    RunRecord,
    open_ledger,
)
from bulk_referrals.ledger.keyfile import FORMAT, VERSION, Head, KeyFile, write_keys
from bulk_referrals.model import RunState

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
KEYS = [bytes([n]) * 16 for n in range(10)]


def record(run_id: str) -> RunRecord:
    return RunRecord(
        run_id=run_id, version="1", started_at=NOW, state=RunState.FINISHED, target="sandbox",
        organisation="sandbox", timezone="UTC",
    )  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(open_ledger(tmp_path / "ledger.sqlite3")) as one:
        one.begin(record("run-1"))
        invites = [(key, line) for line, key in enumerate(KEYS)]
        one.write("run-1", [Intent(request=1, sent_at=NOW, attempt=1, invites=invites)])
        one.save_codes({KEYS[0]: "pV7BF"})
        yield one


@pytest.fixture
def path(tmp_path: Path, ledger: Ledger) -> Path:
    """A good export."""
    found = tmp_path / "keys.zip"
    written(ledger, found)
    return found


def written(ledger: Ledger, path: Path) -> Head:
    with path.open("wb") as file:
        return write_keys(ledger, file, written_by="1.2", now=NOW)


def taken_in(path: Path, folder: Path) -> Merged:
    with KeyFile(path) as keys, closing(open_ledger(folder / "new.sqlite3")) as new:
        return new.merge(keys.head.secret, keys.runs(), keys.invites(), keys.codes())


def changed(path: Path, **members: bytes | None) -> None:
    """Write the archive again with other members; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held |= {name.replace("_", "."): member for name, member in members.items()}  # type: ignore[misc]
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in held.items():
            if member is not None:
                archive.writestr(name, member)


def head_with(path: Path, **changes: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read("ledger.json"))
    changed(path, ledger_json=json.dumps(told | changes).encode())


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_an_export_tells_what_it_is_and_holds(path: Path, ledger: Ledger) -> None:
    with KeyFile(path) as keys:
        assert keys.head == Head(
            secret=ledger.keys().secret, written_by="1.2", exported_at=NOW,
            invites=10, codes=1, runs=1,
        )  # fmt: skip
        assert list(keys.runs()) == [record("run-1")]
        assert pa.Table.from_batches(keys.invites(), INVITES)["key"].to_pylist() == KEYS
        assert pa.Table.from_batches(keys.codes(), CODES)["code"].to_pylist() == ["pV7BF"]


def test_the_secret_is_not_shown(path: Path, ledger: Ledger) -> None:
    with KeyFile(path) as keys:
        assert ledger.keys().secret.hex() not in repr(keys.head)
        assert repr(ledger.keys().secret) not in repr(keys.head)


def test_its_members_are_what_is_documented(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == [
            "codes.arrows", "invites.arrows", "ledger.json", "runs.jsonl",
        ]  # fmt: skip
        head = json.loads(archive.read("ledger.json"))
        invites = pa.ipc.open_stream(archive.read("invites.arrows")).read_all()
    assert (head["format"], head["version"]) == (FORMAT, VERSION) == ("bulk-referrals-keys", 1)
    assert len(bytes.fromhex(head["secret"])) == 32
    assert invites.schema == INVITES


def test_an_empty_ledger_is_exported_and_taken_in(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / "empty.sqlite3")) as empty:
        head = written(empty, tmp_path / "keys.zip")
    assert (head.invites, head.codes, head.runs) == (0, 0, 0)
    assert taken_in(tmp_path / "keys.zip", tmp_path) == Merged()


def test_a_good_export_is_taken_in(path: Path, tmp_path: Path) -> None:
    assert taken_in(path, tmp_path) == Merged(invites=10, runs=1, codes=1)


TABLE = pa.table([KEYS, [1] * 10, ["run-1"] * 10, [1] * 10], schema=INVITES)


def cell(name: str, value: object) -> bytes:
    at = INVITES.get_field_index(name)
    column = pa.array([value, *TABLE[name].to_pylist()[1:]], INVITES.field(at).type)
    return stream(TABLE.set_column(at, INVITES.field(at), column))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("Referrer,Invitee\n"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "another archive": lambda path: changed(path, ledger_json=None),
    "no json": lambda path: changed(path, ledger_json=b"{"),
    "no object": lambda path: changed(path, ledger_json=b"[]"),
    "another format": lambda path: head_with(path, format="keys"),
    "short secret": lambda path: head_with(path, secret="00"),
    "no secret": lambda path: head_with(path, secret=None),
    "odd time": lambda path: head_with(path, exported_at="yesterday"),
    "more told": lambda path: head_with(path, mobile="98"),
    "too few invites": lambda path: head_with(path, invites=11),
    "too many runs": lambda path: head_with(path, runs=0),
    "no runs": lambda path: changed(path, runs_jsonl=None),
    "odd run": lambda path: changed(path, runs_jsonl=b'{"run_id": 7}\n'),
    "no stream": lambda path: changed(path, invites_arrows=b"key,state\n"),
    "cut stream": lambda path: changed(path, invites_arrows=stream(TABLE)[:-200]),
    "stream and more": lambda path: changed(path, invites_arrows=stream(TABLE) + b"more"),
    "other columns": lambda path: changed(
        path, invites_arrows=stream(TABLE.drop_columns("state"))
    ),
    "unknown state": lambda path: changed(path, invites_arrows=cell("state", 5)),
    "no state": lambda path: changed(path, invites_arrows=cell("state", None)),
    "no key": lambda path: changed(path, invites_arrows=cell("key", None)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_export_is_refused_and_nothing_is_taken_in(
    path: Path, tmp_path: Path, damage: str
) -> None:
    DAMAGE[damage](path)
    with pytest.raises(InputError, match="no export of a ledger's keys, or it is damaged"):
        taken_in(path, tmp_path)
    with closing(open_ledger(tmp_path / "new.sqlite3")) as new:
        assert (new.runs(), new.invites(KEYS), new.codes(KEYS)) == ([], {}, {})


def test_any_octet_of_a_key_that_changes_on_the_way_is_noticed(path: Path, tmp_path: Path) -> None:
    good = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("invites.arrows")
    name, extra = struct.unpack_from("<HH", good, member.header_offset + 26)
    start = member.header_offset + 30 + name + extra
    for at in range(start, start + member.file_size, 41):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        with pytest.raises(InputError):
            taken_in(path, tmp_path)


def test_an_export_of_a_newer_version_says_what_to_do(path: Path) -> None:
    head_with(path, version=2)
    with pytest.raises(InputError, match=r"newer version.*Upgrade bulk-referrals"):
        KeyFile(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        KeyFile(tmp_path / "none.zip")


def test_memory_does_not_grow_with_the_keys(path: Path, tmp_path: Path) -> None:
    """A quarter of a million keys are 4 MB of hashes alone, and some 60 MB as Python objects."""

    class Many:
        """A ledger that gives out keys without end."""

        def __init__(self, batches: int) -> None:
            self.batches = batches

        def every_invite(self) -> Iterator[pa.RecordBatch]:
            for n in range(self.batches):
                keys = [(n << 40 | row).to_bytes(16, "big") for row in range(5_000)]
                columns = [keys, [3] * 5_000, ["run-1"] * 5_000, [1] * 5_000]
                yield pa.record_batch(columns, schema=INVITES)

        def every_code(self) -> Iterator[pa.RecordBatch]:
            yield from ()

        def __getattr__(self, name: str) -> Any:
            return getattr(held, name)

    def peak_bytes(batches: int) -> int:
        many: Any = Many(batches)
        tracemalloc.start()
        written(many, path)
        taken_in(path, tmp_path / str(batches))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    with closing(open_ledger(tmp_path / "ledger.sqlite3")) as held:
        few, more = peak_bytes(5), peak_bytes(50)
    assert more < 1.5 * few
