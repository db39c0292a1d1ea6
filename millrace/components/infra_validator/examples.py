"""Reads a few records of an Examples artifact, however many shards it has."""

import os
from collections.abc import Sequence

import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils

from millrace.base.errors import DataError

PREFERRED_SPLIT = "eval"
_REMEDY = "run the pipeline again from ExampleGen, so that the examples are written again"


def read_records(examples: types.Artifact, count: int) -> list[bytes]:
    """Reads records of the eval split, or of the last split where there is no eval.

    Args:
        examples: an Examples artifact with GZIP TFRecord shards, as TFX writes them.
        count: how many records at most; they are taken from the shards in turn.

    Returns:
        The serialised records; fewer than `count` when there are no more.

    Raises:
        DataError: there is no record, or a shard is damaged.
    """
    splits = artifact_utils.decode_split_names(examples.split_names)
    split = PREFERRED_SPLIT if PREFERRED_SPLIT in splits else splits[-1]
    folder = artifact_utils.get_split_uri([examples], split)
    try:
        names = sorted(tf.io.gfile.listdir(folder))
        paths = [os.path.join(folder, name) for name in names if not name.startswith((".", "_"))]
        shards = [path for path in paths if not tf.io.gfile.isdir(path)]
        records = _first_records(shards, count) if shards else []
    except tf.errors.OpError as error:
        raise DataError(f"the split {split} in {folder} cannot be read: {error.message}", remedy=_REMEDY) from error
    if not records:
        raise DataError(f"the split {split} in {folder} holds no examples", remedy=_REMEDY)
    return records


def _first_records(shards: Sequence[str], count: int) -> list[bytes]:
    """Serialized examples, taken from the shards in turn."""
    records = tf.data.Dataset.from_tensor_slices(list(shards)).interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"), cycle_length=min(len(shards), count)
    )
    return list(records.take(count).as_numpy_iterator())
