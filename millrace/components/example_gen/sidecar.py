"""The same rows as Arrow, beside the TFRecords of an Examples artifact: where they lie and how they are read.

`URI/.arrow/Split-NAME/data-00000-of-00001.arrow` is an Arrow IPC file (lz4) with the rows of the TFRecord shard of the
same number, in the form that tfx_bsl decodes from them. TFX's components list `URI/Split-NAME/*` only.
"""

import os
import re
from collections.abc import Iterator

import pyarrow as pa
from absl import logging
from tfx.dsl.io import fileio

FOLDER = ".arrow"
# How many shards there are, as each one's name says.
_OF = re.compile(r"-of-(\d+)\.arrow$")


def split_folder(examples_uri: str, split: str) -> str:
    """The folder of one split."""
    return os.path.join(examples_uri, FOLDER, f"Split-{split}")


def files(examples_uri: str, split: str) -> list[str]:
    """The Arrow files of one split, in order; none where the artifact has no sidecar, or a damaged one.

    The TFRecords have the same rows, and whoever finds no sidecar reads those.

    Args:
        examples_uri: where the Examples artifact lies.
        split: the split's name.
    """
    paths = sorted(fileio.glob(os.path.join(split_folder(examples_uri, split), "*.arrow")))
    problem = next(filter(None, map(_problem, paths)), "")
    shards = _OF.search(paths[0]) if paths else None
    if shards and int(shards[1]) != len(paths):
        problem = f"{os.path.dirname(paths[0])} has {len(paths)} of {int(shards[1])} files"
    if problem:
        logging.warning("%s; the TFRecords of split %s are read instead.", problem, split)
        return []
    return paths


def _problem(path: str) -> str:
    """Why a file of this machine is no whole Arrow file; its end, which the format's reader asks for first, tells."""
    if not os.path.exists(path):
        return ""
    try:
        with pa.memory_map(path) as source:
            pa.ipc.open_file(source)
    except (pa.ArrowInvalid, OSError) as error:
        return f"{path} cannot be read ({error})"
    return ""


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
