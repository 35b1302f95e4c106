"""A ledger's keys as one file, to be taken to another machine, store or place.

The file is a zip archive, format `bulk-referrals-keys`, version 1. Its members are stored as they
are, each once:

| member | content |
|---|---|
| `ledger.json` | `format`, `version`, `written_by`, `exported_at`, `secret` (hex) and the numbers of `invites`, `codes` and `runs` |
| `runs.jsonl` | the record of each run, one JSON object a line, the oldest first |
| `invites.arrows` | an Arrow IPC stream (zstd) of `INVITES`, in the order of their keys |
| `codes.arrows` | the same of `CODES` |

It holds no contact, but with its secret a contact that one already has can be looked for: it is
to be kept like the ledger. It is written and read in pieces, however many keys there are.
"""  # noqa: E501 - a table

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.errors import InputError
from bulk_referrals.ledger.packing import run_as_json, run_from_json
from bulk_referrals.ledger.port import CODES, INVITES, InviteState, Ledger, RunRecord

FORMAT: Final = "bulk-referrals-keys"
VERSION: Final = 1

_HEAD: Final = "ledger.json"
_RUNS: Final = "runs.jsonl"
_INVITES: Final = "invites.arrows"
_CODES: Final = "codes.arrows"
_SECRET_BYTES: Final = 32
_LARGEST_HEAD_BYTES: Final = 1 << 20
_STATES: Final = pa.array([int(state) for state in InviteState], pa.int8())
# Whatever these libraries say of bytes that are not as they should be.
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, pa.ArrowException, OSError, EOFError, KeyError, ValueError,
    TypeError, NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an export says of itself.

    Attributes:
        secret: that its keys were made with.
        written_by: version of the package that wrote it.
        exported_at: aware, UTC.
        invites: how many there are.
        codes: how many referral codes there are.
        runs: how many there are.
    """

    secret: bytes = field(repr=False)
    written_by: str
    exported_at: datetime
    invites: int
    codes: int
    runs: int


def write_keys(ledger: Ledger, file: BinaryIO, *, written_by: str, now: datetime) -> Head:
    """Write all keys of a ledger that is held.

    Args:
        ledger: whose keys.
        file: to be written to.
        written_by: version of the package.
        now: aware, UTC.

    Raises:
        LedgerError: the ledger cannot be read.
        OSError: the file cannot be written.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        invites = _write_stream(archive, _INVITES, ledger.every_invite(), INVITES)
        codes = _write_stream(archive, _CODES, ledger.every_code(), CODES)
        runs = ledger.runs()
        with archive.open(_RUNS, "w", force_zip64=True) as member:
            for run in runs:
                member.write(f"{run_as_json(run)}\n".encode())
        head = Head(
            secret=ledger.keys().secret, written_by=written_by, exported_at=now,
            invites=invites, codes=codes, runs=len(runs),
        )  # fmt: skip
        told = {"format": FORMAT, "version": VERSION, **asdict(head)}
        told |= {"secret": head.secret.hex(), "exported_at": now.isoformat()}
        archive.writestr(_HEAD, json.dumps(told, indent=2) + "\n")
    return head


def _write_stream(
    archive: zipfile.ZipFile, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema
) -> int:
    rows = 0
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        archive.open(name, "w", force_zip64=True) as member,
        pa.PythonFile(member, mode="w") as sink,
        pa.ipc.new_stream(sink, schema, options=options) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


class KeyFile:
    """An export, opened; what it holds is read as it is asked for.

    Args:
        path: of the file.

    Raises:
        InputError: it is no export, or of a newer version. While it is read, too: it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise InputError(
                str(path),
                "it cannot be read",
                found=error.strerror or "",
                advice="Check the path.",
            ) from error
        try:
            with _told(path):
                self._archive = zipfile.ZipFile(self._file)
                self.head = self._read_head()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return the export itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the file."""
        self._archive.close()
        self._file.close()

    def runs(self) -> Iterator[RunRecord]:
        """Yield the runs, the oldest first."""
        count = 0
        with _told(self._path), self._archive.open(_RUNS) as member:
            for line in member:
                yield run_from_json(line)
                count += 1
            _require(count, self.head.runs)

    def invites(self) -> Iterator[pa.RecordBatch]:
        """Yield the invites, as `INVITES`."""
        return self._stream(_INVITES, INVITES, self.head.invites)

    def codes(self) -> Iterator[pa.RecordBatch]:
        """Yield the referral codes, as `CODES`."""
        return self._stream(_CODES, CODES, self.head.codes)

    def _stream(self, name: str, schema: pa.Schema, due: int) -> Iterator[pa.RecordBatch]:
        rows = 0
        with (
            _told(self._path),
            self._archive.open(name) as member,
            pa.ipc.open_stream(pa.PythonFile(member, mode="r")) as reader,
        ):
            _require(reader.schema, schema)
            for batch in reader:
                _check(batch)
                yield batch
                rows += batch.num_rows
            _require(rows, due)
            _require(member.read(), b"")  # to its very end, where its checksum is looked at

    def _read_head(self) -> Head:
        if self._archive.getinfo(_HEAD).file_size > _LARGEST_HEAD_BYTES:
            raise ValueError
        told: dict[str, Any] = json.loads(self._archive.read(_HEAD))
        _require(told.pop("format"), FORMAT)
        if told.pop("version") > VERSION:
            raise InputError(
                str(self._path),
                "this export was written by a newer version of bulk-referrals",
                advice="Upgrade bulk-referrals to import it.",
            )
        secret = bytes.fromhex(told.pop("secret"))
        _require(len(secret), _SECRET_BYTES)
        exported_at = datetime.fromisoformat(told.pop("exported_at"))
        return Head(secret=secret, exported_at=exported_at, **told)


def _check(batch: pa.RecordBatch) -> None:
    """Refuse what no ledger would have given out."""
    batch.validate(full=True)
    _require(sum(column.null_count for column in batch.columns), 0)
    if "state" in batch.schema.names:
        strange = pc.invert(pc.is_in(batch["state"], value_set=_STATES))
        _require(pc.sum(strange, min_count=0).as_py(), 0)


def _require(found: object, due: object) -> None:
    if found != due:
        raise ValueError


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of whatever is wrong with a file that it is damaged, or none of ours."""
    try:
        yield
    except _DAMAGED as error:
        raise InputError(
            str(path),
            "it is no export of a ledger's keys, or it is damaged; nothing was taken in",
            advice="Export again where it came from.",
        ) from error
