"""The folder through which steps hand each other rows, in files that are whole or not there.

Rows change hands as in any shuffle: who writes has a batch for each who reads, in one file, and
who reads takes its own batch out of all files. So there are as many files as parts, and no more
is read than is needed. The folder is its owner's only (0700), and gone when the run has ended.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import ipc

_OPTIONS: Final = ipc.IpcWriteOptions(compression="lz4")

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spool:
    """The folder of one run.

    Attributes:
        folder: every worker can reach it under this name.
    """

    folder: Path

    def make(self) -> None:
        """Make the folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Return where a file of that name is or is to be."""
        return self.folder / name

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Lend a fresh file (0600) that takes its place, whole, at the end."""
        lent = self.folder / f".{name}.{secrets.token_hex(4)}"
        os.close(os.open(lent, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield lent
            lent.replace(self.path(name))
        finally:
            lent.unlink(missing_ok=True)

    def write(self, name: str, tables: Sequence[pa.Table]) -> None:
        """Write tables of one schema, a batch each."""
        with (
            self.replacing(name) as path,
            ipc.new_file(str(path), tables[0].schema, options=_OPTIONS) as file,
        ):
            for table in tables:
                file.write_batch(_as_batch(table))

    def read(self, name: str, batch: int = 0) -> pa.Table:
        """Return one table of a file."""
        with pa.memory_map(str(self.path(name))) as mapped:
            return pa.Table.from_batches([ipc.open_file(mapped).get_batch(batch)])

    def discard(self, *kinds: str) -> None:
        """Remove the files of these kinds, which nobody reads any more."""
        for kind in kinds:
            for path in self.folder.glob(f"{kind}-*"):
                path.unlink(missing_ok=True)

    def gather(self, kind: str, count: int, batch: int) -> pa.Table:
        """Return what every file of a kind holds for one reader, in the order of the files."""
        return pa.concat_tables([self.read(f"{kind}-{index}", batch) for index in range(count)])


def _as_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    if len(batches) == 1:
        return batches[0]
    columns = [pa.concat_arrays(each.chunks) if each.num_chunks else pa.array([], each.type)
               for each in table.columns]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def dealt(table: pa.Table, key: str, count: int) -> list[pa.Table]:
    """Return the lines in so many lots, in order; lines with the same key are in the same lot.

    Args:
        table: the lines.
        key: a text column without nulls.
        count: of lots.
    """
    lot = (_hashed(table[key]) % np.uint64(count)).astype(np.int64)
    order = np.argsort(lot, kind="stable")
    ends = np.searchsorted(lot[order], np.arange(count + 1))
    arranged = table.take(pa.array(order))
    return [arranged.slice(start, stop - start) for start, stop in pairwise(ends.tolist())]


def _hashed(cells: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Return a number of each text, the same on every machine."""
    encoded = cells.combine_chunks().dictionary_encode()
    texts = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    hashed = pd.util.hash_array(texts, categorize=False)
    taken: npt.NDArray[np.uint64] = hashed[encoded.indices.to_numpy()]
    return taken
