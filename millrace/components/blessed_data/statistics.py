"""The statistics of a blessed model's data, kept inside of its blessing.

A blessing is the one artifact that says "blessed", is found by every platform's resolver, and is written when a model
is judged. So the statistics lie there, and a resolver of blessings finds the latest blessed data too.
"""

import hashlib
import logging
import os
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from millrace.base import files
from millrace.components.marks import BLESSED_STATISTICS, DATA_SPAN, STATISTICS_DIGEST
from millrace.statistics import order_statistics
from millrace.statistics.columns import STATISTICS_FILE

_SPLIT = "Split-"


def keep(blessing: Artifact, statistics: Artifact) -> None:
    """Copies the statistics of each split into a blessing, with the order statistics beside them.

    Args:
        blessing: a ModelBlessing of a model that was blessed.
        statistics: the ExampleStatistics of the data that the model was learned from and judged on.
    """
    for split, content in _contents(statistics):
        files.write(os.path.join(blessing.uri, BLESSED_STATISTICS, f"{_SPLIT}{split}", STATISTICS_FILE), content)
        numbers = order_statistics.file_of(statistics.uri, split)
        if fileio.exists(numbers):
            with fileio.open(numbers, "rb") as stream:
                kept_numbers = order_statistics.file_of(os.path.join(blessing.uri, BLESSED_STATISTICS), split)
                files.write(kept_numbers, stream.read())
    blessing.set_string_custom_property(STATISTICS_DIGEST, digest(statistics))
    blessing.set_int_custom_property(DATA_SPAN, statistics.span)


def digest(statistics: Artifact) -> str:
    """A digest of what an ExampleStatistics holds, wherever it lies: the same data has the same, run or rehearsed."""
    sums = hashlib.sha256()
    for split, content in _contents(statistics):
        sums.update(f"{split}\0{len(content)}\0".encode() + content)
    return sums.hexdigest()


def _contents(statistics: Artifact) -> Iterator[tuple[str, bytes]]:
    for split in sorted(artifact_utils.decode_split_names(statistics.split_names)):
        file = os.path.join(artifact_utils.get_split_uri([statistics], split), STATISTICS_FILE)
        with fileio.open(file, "rb") as stream:
            yield split, stream.read()


def kept(blessing: Artifact) -> dict[str, DatasetFeatureStatisticsList]:
    """The statistics by split that a blessing holds, whole; none where they are damaged, or it is of 0.1.0."""
    folder = os.path.join(blessing.uri, BLESSED_STATISTICS)
    if not fileio.isdir(folder):
        return {}
    splits: dict[str, DatasetFeatureStatisticsList] = {}
    names = (entry.rstrip("/") for entry in fileio.listdir(folder))
    for name in sorted(name for name in names if name.startswith(_SPLIT)):
        file = os.path.join(folder, name, STATISTICS_FILE)
        try:
            with fileio.open(file, "rb") as stream:
                splits[name.removeprefix(_SPLIT)] = DatasetFeatureStatisticsList.FromString(stream.read())
        except (tf.errors.NotFoundError, fileio.NotFoundError, DecodeError):
            logging.warning("The statistics of the latest blessed data are damaged: %s.", file)
            return {}
    return splits
