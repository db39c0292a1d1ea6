"""The same rows as Arrow, beside the TFRecords of an Examples artifact: where they lie and how they are read.

`URI/.arrow/Split-NAME/data-00000-of-00001.arrow` is an Arrow IPC file (lz4) with the rows of the TFRecord shard of the
same number, in the form that tfx_bsl decodes from them. TFX's components list `URI/Split-NAME/*` only.
"""

import os
from collections.abc import Iterator

import pyarrow as pa
from tfx.dsl.io import fileio

FOLDER = ".arrow"


def split_folder(examples_uri: str, split: str) -> str:
    """The folder of one split."""
    return os.path.join(examples_uri, FOLDER, f"Split-{split}")


def files(examples_uri: str, split: str) -> list[str]:
    """The Arrow files of one split, in order; none where the artifact has no sidecar."""
    return sorted(fileio.glob(os.path.join(split_folder(examples_uri, split), "*.arrow")))


def batches(path: str) -> Iterator[pa.RecordBatch]:
    """Reads a file batch by batch: by memory map where it is on this machine."""
    if os.path.exists(path):
        with pa.memory_map(path) as source:
            yield from _all(source)
        return
    with fileio.open(path, "rb") as remote:
        yield from _all(pa.BufferReader(remote.read()))


def _all(source: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    reader = pa.ipc.open_file(source)
    for place in range(reader.num_record_batches):
        yield reader.get_batch(place)
