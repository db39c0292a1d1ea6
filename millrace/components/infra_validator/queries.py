"""The requests that are sent to a model: eval examples, put into the form that a signature takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from millrace.base.errors import Signal
from millrace.model_server.about import ABOUT_FILE
from millrace.model_server.query import Arrays, Query

DEFAULT_SIGNATURE = "serving_default"
JSON_SIGNATURE = "predict_json"


class CannotAsk(Signal):
    """The examples cannot be put into the form that a signature takes; the message says why."""


@dataclass(frozen=True)
class QueryPlan:
    """What is asked of one signature: each example by itself, then all of them at once."""

    singles: tuple[Query, ...]
    batch: Query


def input_columns(model_path: Path) -> dict[str, str]:
    """The column behind each input whose name differs from it, as the model's own file says.

    TensorFlow takes fewer names than a table does: a column `zero or more` is asked for under another name.
    """
    file = model_path / ABOUT_FILE
    if not file.is_file():
        return {}
    return {alias: column for column, alias in json.loads(file.read_text(encoding="utf-8")).get("inputs", {}).items()}


def plan(
    name: str,
    signature: meta_graph_pb2.SignatureDef,
    records: Sequence[bytes],
    count: int,
    columns: Optional[Mapping[str, str]] = None,
) -> QueryPlan:
    """Plans the queries of one signature.

    A signature with one string input that is not named as a feature gets the records as they are; any other gets the
    features of its inputs' names, from examples that have them all. The JSON signature is also asked with missing
    values, which it takes as NaN and as empty text, since JSON's null is not understood by TensorFlow Serving.

    Args:
        name: the signature's name.
        signature: its inputs and outputs.
        records: serialised tf.Examples.
        count: how many examples to send.
        columns: the feature that an input takes, where it has another name (see `input_columns`).

    Returns:
        The queries.

    Raises:
        CannotAsk: the signature takes something that the examples do not hold.
    """
    serialized = _serialized_input(signature, records)
    if serialized is not None:
        rows: list[Arrays] = [{serialized: np.array(record, object)} for record in records[:count]]
    else:
        rows = _feature_rows(signature, records, columns or {}, fill=name == JSON_SIGNATURE)[:count]
    queries = [_query(name, signature, [row]) for row in rows]
    return QueryPlan(tuple(queries), _query(name, signature, rows))


def _query(name: str, signature: meta_graph_pb2.SignatureDef, rows: Sequence[Arrays]) -> Query:
    inputs = {alias: _stacked([row[alias] for row in rows]) for alias in rows[0]}
    return Query(name, inputs, dict(signature.outputs), len(rows))


def _stacked(values: Sequence[np.ndarray]) -> np.ndarray:
    """One value a row; of lists of several lengths, the shorter end in values that are none."""
    if len({value.shape for value in values}) == 1:
        return np.stack(values)
    longest = max(len(value) for value in values)
    nothing = b"" if values[0].dtype == object else np.nan
    return np.stack([np.pad(value, (0, longest - len(value)), constant_values=nothing) for value in values])


def _serialized_input(signature: meta_graph_pb2.SignatureDef, records: Sequence[bytes]) -> Optional[str]:
    if len(signature.inputs) != 1:
        return None
    alias, info = next(iter(signature.inputs.items()))
    shape = tf.TensorShape(info.tensor_shape)
    if info.dtype != tf.string.as_datatype_enum or shape.rank not in (None, 1):
        return None
    try:
        is_feature = alias in tf.train.Example.FromString(records[0]).features.feature
    except Exception:  # protobuf's DecodeError moved between versions; any failure means: no tf.Example
        is_feature = False
    return None if is_feature else alias


def _feature_rows(
    signature: meta_graph_pb2.SignatureDef, records: Sequence[bytes], columns: Mapping[str, str], fill: bool
) -> list[Arrays]:
    rows: list[Arrays] = []
    met: set[str] = set()
    for record in records:
        features = tf.train.Example.FromString(record).features.feature
        row = {alias: _value(features.get(columns.get(alias, alias)), info) for alias, info in signature.inputs.items()}
        met.update(alias for alias, value in row.items() if value is not None)
        if fill:
            row = {alias: _missing(signature.inputs[alias]) if row[alias] is None else row[alias] for alias in row}
        if all(value is not None for value in row.values()):
            rows.append({alias: value for alias, value in row.items() if value is not None})
    unmet = ", ".join(sorted(set(signature.inputs) - met)) or "at once"
    if not rows or not met:
        raise CannotAsk(f"no eval example has a value for each of its inputs ({unmet})")
    return rows


def _value(feature: Optional[tf.train.Feature], info: meta_graph_pb2.TensorInfo) -> Optional[np.ndarray]:
    kind = (feature.WhichOneof("kind") if feature is not None else None) or ""
    dtype, shape = tf.as_dtype(info.dtype), _example_shape(info)
    accepted = {
        "bytes_list": dtype == tf.string,
        "int64_list": dtype.is_integer or dtype.is_floating,
        "float_list": dtype.is_floating,
    }
    if feature is None or shape is None or not accepted.get(kind, False):
        return None
    values = np.array(getattr(feature, kind).value, object if dtype == tf.string else dtype.as_numpy_dtype)
    if shape == [None]:
        return values if values.size else None
    return values.reshape(shape) if values.size and values.size == np.prod(shape) else None


def _missing(info: meta_graph_pb2.TensorInfo) -> Optional[np.ndarray]:
    dtype, shape = tf.as_dtype(info.dtype), _example_shape(info)
    if shape is None or not (dtype == tf.string or dtype.is_floating):
        return None
    shape = [1 if size is None else size for size in shape]
    return np.full(shape, b"", object) if dtype == tf.string else np.full(shape, np.nan, dtype.as_numpy_dtype)


def _example_shape(info: meta_graph_pb2.TensorInfo) -> Optional[list[Optional[int]]]:
    """The shape of one row; `[None]` is a list of any length, of numbers or texts that may be missing."""
    shape = tf.TensorShape(info.tensor_shape)
    if shape.rank == 2 and shape[1] is None and not tf.as_dtype(info.dtype).is_integer:
        return [None]
    return shape.as_list()[1:] if shape.rank and shape[1:].is_fully_defined() else None
