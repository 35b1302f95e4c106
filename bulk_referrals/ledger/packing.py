"""Runs and frames as a store keeps them: JSON, and Arrow streams compressed by zstd."""

from typing import Final

import pyarrow as pa
from pydantic import TypeAdapter

from bulk_referrals.ledger.port import RunRecord

LINES_PER_PART: Final = 200_000

_RECORD: Final = TypeAdapter(RunRecord)


def run_as_json(run: RunRecord) -> str:
    """Return a run's record as one line of JSON."""
    return _RECORD.dump_json(run).decode()


def run_from_json(text: str | bytes) -> RunRecord:
    """Return the record that `run_as_json` wrote, or an earlier version of it.

    Raises:
        ValueError: it is no run's record.
    """
    return _RECORD.validate_json(text)


def packed(table: pa.Table) -> bytes:
    """Return the table as a compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def unpacked(stream: bytes) -> pa.Table:
    """Return the table that `packed` wrote."""
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()
