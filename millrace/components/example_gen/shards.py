"""Output shards: TFRecords and Arrow, written beside and renamed when every one of them is whole."""

import contextlib
import dataclasses
import io
import os
import uuid
import zlib
from typing import IO, Any, Optional

import numpy as np
import pyarrow as pa
from tfx.dsl.io import fileio

from millrace.components.example_gen import sidecar

STAGING = ".beside"
_FILE_PREFIX = "data_tfrecord"
_GZIP_WINDOW = 31
_LEVEL = 1


@dataclasses.dataclass(frozen=True)
class Shard:
    """A pair of files that is whole but not in its place yet: rows of one split from one unit of work.

    `keys` are the distinct hashes, uint64, of the key's values in these rows, where a key is followed.
    """

    split: str
    index: int
    rows: int
    records: str
    arrow: str
    keys: Optional[np.ndarray] = None


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Rows of one unit of work that do not meet the condition, and are in no shard."""

    rows: int


class Packer:
    """TFRecords to one gzip member; members can follow each other in a file (RFC 1952, section 2.2)."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        self._parts: list[bytes] = []

    def add(self, rows: pa.Array) -> None:
        """Takes rows, as `examples.FramedRows` has them, from an array that is no slice."""
        if len(rows):
            self._parts.append(self._packer.compress(rows.buffers()[2]))

    def finish(self) -> bytes:
        """The member."""
        return b"".join([*self._parts, self._packer.flush()])


class ShardWriter(contextlib.AbstractContextManager["ShardWriter"]):
    """Writes the rows of one unit of work to one shard a split, under names that no other attempt has.

    Args:
        staging: folder to write in.
        index: the unit of work's place among all, which orders the shards.
    """

    def __init__(self, staging: str, index: int) -> None:
        self._stem = os.path.join(staging, f"{index:05d}-{uuid.uuid4().hex}")
        self._index = index
        self._open: dict[str, _OpenShard] = {}

    def write(self, split: str, packed: bytes, batch: pa.RecordBatch, keys: Optional[np.ndarray] = None) -> None:
        """Appends rows, as a gzip member of TFRecords and as features, with the hashes of their keys."""
        if split not in self._open:
            self._open[split] = _OpenShard(f"{self._stem}-{split}", batch.schema)
        self._open[split].write(packed, batch, keys)

    def __exit__(self, *_: Any) -> None:
        for shard in self._open.values():
            shard.close()

    def shards(self) -> list[Shard]:
        """What was written."""
        return [
            Shard(split, self._index, shard.rows, shard.records_path, shard.arrow_path, shard.keys)
            for split, shard in self._open.items()
        ]


class _Sink(io.RawIOBase):
    """What Arrow needs of a file that TFX's filesystems do not give: whether it is closed, and where it stands."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._written = file, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._file.write(bytes(data))
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _OpenShard:
    """Two open files."""

    def __init__(self, stem: str, schema: pa.Schema) -> None:
        self.records_path, self.arrow_path = f"{stem}.gz", f"{stem}.arrow"
        self.rows = 0
        self.keys: Optional[np.ndarray] = None
        self._records: IO[bytes] = fileio.open(self.records_path, "wb")
        self._arrow_file = _Sink(fileio.open(self.arrow_path, "wb"))
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._arrow = pa.ipc.new_file(pa.PythonFile(self._arrow_file, mode="w"), schema, options=options)

    def write(self, packed: bytes, batch: pa.RecordBatch, keys: Optional[np.ndarray]) -> None:
        self._records.write(packed)
        self._arrow.write_batch(batch)
        self.rows += batch.num_rows
        if keys is not None:
            self.keys = np.unique(keys if self.keys is None else np.concatenate([self.keys, keys]))

    def close(self) -> None:
        self._arrow.close()
        self._arrow_file.close()
        self._records.close()


def publish(uri: str, split_folders: dict[str, str], shards: list[Shard]) -> None:
    """Gives every shard its final name. Doing it again does no harm.

    Args:
        uri: the artifact's.
        split_folders: folder of the TFRecords of each split; a split without rows gets one empty file.
        shards: what was written, in any order.
    """
    for split, folder in split_folders.items():
        mine = sorted((shard for shard in shards if shard.split == split), key=lambda shard: shard.index)
        beside = sidecar.split_folder(uri, split)
        fileio.makedirs(folder)
        fileio.makedirs(beside)
        for place, shard in enumerate(mine):
            name = f"{place:05d}-of-{len(mine):05d}"
            _move(shard.records, os.path.join(folder, f"{_FILE_PREFIX}-{name}.gz"))
            _move(shard.arrow, os.path.join(beside, f"data-{name}.arrow"))
        if not mine:
            with fileio.open(os.path.join(folder, f"{_FILE_PREFIX}-00000-of-00001.gz"), "wb") as empty:
                empty.write(zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW).flush())


def _move(source: str, target: str) -> None:
    if fileio.exists(source) or not fileio.exists(target):
        fileio.rename(source, target, overwrite=True)
