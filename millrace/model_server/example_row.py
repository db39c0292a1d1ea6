"""A real row of a model, taken from the requests that InfraValidator sent it and left beside it for warming up."""

import base64
import json
import math
from typing import Any, Optional

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from millrace.model_server.about import MANY, About, ModelColumn
from millrace.model_server.servable import WARM_UP_FILE

JSON_SIGNATURE = "predict_json"
_MOST_LOOKED_AT = 1000


def example_row(model_path: str, about: About) -> dict[str, Any]:
    """Finds the row with the most values.

    Args:
        model_path: the SavedModel, a path or a URI that TensorFlow knows.
        about: what it reads.

    Returns:
        A value for each column as JSON has it, None where it is missing; all None where no request was left.
    """
    best: dict[str, Any] = {column.name: None for column in about.columns}
    place = f"{model_path}/{WARM_UP_FILE}"
    if not tf.io.gfile.exists(place):
        return best
    for record in tf.data.TFRecordDataset(place).take(_MOST_LOOKED_AT).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        if request.model_spec.signature_name == JSON_SIGNATURE:
            arrays = {alias: tf.make_ndarray(tensor) for alias, tensor in request.inputs.items()}
            row = {column.name: _value(arrays.get(column.input), column) for column in about.columns}
            if _filled(row) > _filled(best):
                best = row
    return best


def request_body(row: dict[str, Any], about: About, plain: bool = False) -> str:
    """A request that asks for one row.

    Args:
        row: as `example_row` gives it.
        about: what the model reads.
        plain: write it as TensorFlow Serving takes it: every key, by its tensor's name, NaN or `""` for missing.
    """
    if plain:
        row = {column.input: _for_tensor(row[column.name], column) for column in about.columns}
    else:
        row = {name: value for name, value in row.items() if value is not None}
    return json.dumps({"signature_name": JSON_SIGNATURE, "instances": [row]}, ensure_ascii=False)


def _value(array: Optional[np.ndarray], column: ModelColumn) -> Any:
    """The first row's value."""
    if array is None or not len(array):
        return None
    values = [_plain(value, column) for value in np.asarray(array[0]).reshape(-1)]
    if column.values == 1:
        return values[0]
    while column.values == MANY and values and values[-1] is None:
        values.pop()
    return values if any(value is not None for value in values) else None


def _plain(value: Any, column: ModelColumn) -> Any:
    if column.type == "BYTES":
        content = bytes(value)
        if column.image:
            return {"b64": base64.b64encode(content).decode()} if content else None
        try:
            return content.decode() or None
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(content).decode()}
    if not math.isfinite(value):
        return None
    # The data's floats are float32: written as those, 12.45 is not 12.449999809.
    return int(value) if column.type == "INT" else float(str(np.float32(value)))


def _for_tensor(value: Any, column: ModelColumn) -> Any:
    nothing: Any = "" if column.type == "BYTES" else math.nan
    if column.values == 1:
        return nothing if value is None else value
    if value is None:
        return [nothing] * (1 if column.values == MANY else int(column.values))
    return [nothing if one is None else one for one in value]


def _filled(row: dict[str, Any]) -> int:
    return sum(value is not None for value in row.values())
