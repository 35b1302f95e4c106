"""Parquet files: messy, damaged, and made to do harm."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from corpus_case import COLUMNS, Case, lines, refused

_INVITEE: Final = 917999836416


def columns_of(count: int = 2, **more: Any) -> bytes:
    """Return good rows as a Parquet file, some of its columns replaced."""
    texts = zip(*lines(*range(16, 16 + count)), strict=True)
    return packed(pa.table(dict(zip(COLUMNS, texts, strict=True)) | more))


def packed(table: pa.Table, **how: Any) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written, **how)
    return written.getvalue()


def invitees(values: Sequence[Any], kind: pa.DataType | None = None) -> bytes:
    return columns_of(len(values), identifier=pa.array(values, kind))


def no_rows() -> bytes:
    return packed(pa.table({name: pa.array([], pa.string()) for name in COLUMNS}))


def bomb() -> bytes:
    """Return kilobytes that unpack to hundreds of gigabytes."""
    many = pa.array([0] * 4_000_000, pa.int32())
    text = pa.DictionaryArray.from_arrays(many, ["x" * 60_000])
    return packed(pa.table(dict.fromkeys(COLUMNS, text)), row_group_size=4_000_000)


def lying() -> bytes:
    """Return a file whose footer says that it is as long as there are numbers."""
    whole = bytearray(columns_of())
    whole[-8:-4] = b"\xff\xff\xff\x7f"
    return bytes(whole)


def scrambled() -> bytes:
    """Return a file whose footer is noise."""
    whole = bytearray(columns_of())
    length = int.from_bytes(whole[-8:-4], "little")
    footer = range(len(whole) - 8 - length, len(whole) - 8)
    for at in footer:
        whole[at] ^= 0x5A
    return bytes(whole)


PARQUETS: Final = (
    Case(file="text.parquet", content=columns_of, rows=(1, 2)),
    Case(file="integers.parquet", rows=(1, 2),
         content=lambda: invitees([_INVITEE, _INVITEE + 1])),
    Case(file="decimals.parquet", rows=(1,),
         content=lambda: invitees([Decimal(_INVITEE)], pa.decimal128(18, 2))),
    Case(file="fractions.parquet", exit_code=1, rows=(1, 2, 3, 4),
         codes={2: "1701", 3: "missing-invitee", 4: "damaged-number"},
         content=lambda: invitees([float(_INVITEE), _INVITEE + 0.5, float("nan"), 2.0**70])),
    Case(file="narrow_fractions.parquet", exit_code=1, rows=(1,), codes={1: "damaged-number"},
         content=lambda: invitees([float(_INVITEE)], pa.float32())),
    Case(file="moments.parquet", rows=(1, 2),
         content=lambda: columns_of(invited_on=[datetime(2024, 9, 10, 16, 35, 52, 7, UTC)] * 2)),
    Case(file="dates_as_codes.parquet", exit_code=1, rows=(1, 2),
         codes=dict.fromkeys((1, 2), "date-in-cell"),
         content=lambda: columns_of(referral_code=[datetime(2024, 9, 1, tzinfo=UTC)] * 2)),
    Case(file="lists_beside.parquet", rows=(1, 2), content=lambda: columns_of(tags=[[1], [2]])),
    Case(file="named.csv", content=columns_of, rows=(1, 2)),
    refused("lists.parquet", lambda: columns_of(name=[[1], [2]]), "the column 'name' holds lists"),
    refused("no_rows.parquet", no_rows, "no rows under them"),
    refused("cut.parquet", lambda: columns_of()[:-20], "is damaged"),
    refused("lying.parquet", lying, "is damaged", hostile=True),
    refused("scrambled.parquet", scrambled, "is damaged", hostile=True),
    refused("noise.parquet", lambda: b"PAR1" + bytes(range(256)) * 999 + b"PAR1", "is damaged"),
    refused("bomb.parquet", bomb, "takes more memory than 1 GiB", hostile=True),
)  # fmt: skip
