"""The row that explanations are measured from: the median of each number and the most frequent of each text in train.

StatisticsGen has counted all of it. Transform keeps the row beside its graph, where the Trainer finds it and exports it
with the model, so that a served model can be explained without the data.
"""

import json
import math
from collections.abc import Mapping
from typing import Union

import tensorflow as tf
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

from millrace.statistics.columns import ColumnStatistics, columns_by_name

Typical = Union[int, float, str]

_FILE = "typical_row.json"
# A text as long as this is no category: an image's bytes, or a letter.
_LONGEST = 200


def typical_row(statistics: DatasetFeatureStatistics) -> dict[str, Typical]:
    """Finds the row; a column has no value in it where at least half of the rows have none, or where none is typical.

    Args:
        statistics: of the training data.

    Returns:
        A value a column. None for a column of lists, nor for one of texts that no two rows share.
    """
    found = {name: _typical_value(column) for name, column in columns_by_name(statistics).items()}
    return {name: value for name, value in found.items() if value is not None}


def write_typical_row(folder: str, row: Mapping[str, Typical]) -> None:
    """Writes the row beside a transform graph.

    Args:
        folder: of the artifact.
        row: as `typical_row` gives it.
    """
    with tf.io.gfile.GFile(f"{folder}/{_FILE}", "w") as file:
        file.write(json.dumps(row, indent=1, ensure_ascii=False))


def read_typical_row(folder: str) -> dict[str, Typical]:
    """Reads the row; an empty one where an older Transform, or a pipeline of one's own, has left none.

    Args:
        folder: of the artifact.
    """
    place = f"{folder}/{_FILE}"
    if not tf.io.gfile.exists(place):
        return {}
    with tf.io.gfile.GFile(place) as file:
        return dict(json.loads(file.read()))


def _typical_value(column: ColumnStatistics) -> Union[Typical, None]:
    if column.common.max_num_values > 1 or 2 * column.filled <= column.rows:
        return None
    kind = column.proto.WhichOneof("stats")
    if kind == "num_stats":
        median = float(column.proto.num_stats.median)
        if not math.isfinite(median):
            return None
        return int(median) if column.type == "INT" else median
    if kind != "string_stats" or not column.proto.string_stats.top_values:
        return None
    first = column.proto.string_stats.top_values[0]
    if first.frequency < 2 or len(first.value) > _LONGEST:
        return None
    return int(first.value) if column.type == "INT" else str(first.value)
