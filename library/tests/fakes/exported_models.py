"""Models exported as a training exports them, around a graph that stands for Transform's: nothing is learned."""

from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import impl_helper
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from millrace.features.description import FeatureTable
from millrace.statistics.typical_row import write_typical_row
from millrace.training.columns import texts
from millrace.training.signatures import ServedModel, write

SCHEMA = """
feature { name: "seats" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "miles" type: FLOAT }
feature { name: "tolls" type: INT }
feature { name: "company" type: BYTES }
feature { name: "route taken" type: FLOAT }
feature { name: "place" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 2 } } }
feature { name: "tip" type: FLOAT }
feature { name: "driver" type: BYTES }
"""
FEATURES = {
    **{name: {"kind": "numeric"} for name in ("seats", "fare", "miles", "tolls")},
    "company": {"kind": "hashed"},
    "route taken": {"kind": "sequence", "values": "numbers", "encoder": "mean"},
    "place": {"kind": "vector", "length": 2},
}
NA_VALUES = {name: ["N/A", "-9"] for name in ("seats", "fare", "miles", "tolls", "company")}
TYPICAL = {"seats": 2, "fare": 10.0, "company": "Blue"}
LABELS = {
    "regression": {"column": "tip", "task": "regression"},
    "binary": {"column": "tip", "task": "binary", "classes": ["small", "large"]},
    "multiclass": {"column": "tip", "task": "multiclass", "classes": ["none", "small", "large"]},
}


def trace_graph(folder: Path, schema_text: str, preprocessing_fn: Any, made: dict[str, Any]) -> None:
    """Writes what Transform leaves behind.

    Args:
        folder: where.
        schema_text: of the raw columns.
        preprocessing_fn: raw columns to transformed features.
        made: how each of these is parsed.
    """
    schema = text_format.Parse(schema_text, schema_pb2.Schema())
    specs = schema_utils.schema_as_feature_spec(schema).feature_spec
    signature = {
        name: tf.TensorSpec([None, *spec.shape], spec.dtype)
        if isinstance(spec, tf.io.FixedLenFeature)
        else tf.SparseTensorSpec([None, None], spec.dtype)
        for name, spec in specs.items()
    }
    impl_helper.trace_and_write_v2_saved_model(
        f"{folder}/transform_fn", preprocessing_fn, signature, f"{folder}/temp", {}, None, {}, None
    )
    metadata_io.write_metadata(dataset_metadata.DatasetMetadata(schema), f"{folder}/metadata")
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata.from_feature_spec(made), f"{folder}/transformed_metadata"
    )


def _number(column: Any) -> tf.Tensor:
    """The number of a row, or the sum of several; 0 where there is none."""
    if isinstance(column, tf.SparseTensor):
        return tf.reshape(tf.sparse.reduce_sum(tf.cast(column, tf.float32), axis=1), [-1])
    return tf.cast(tf.reshape(column, [tf.shape(column)[0], -1])[:, 0], tf.float32)


def _preprocessing_fn(inputs: Any) -> dict[str, tf.Tensor]:
    made = {}
    for name in ("seats", "fare", "miles", "tolls", "route taken", "place"):
        numbers = _number(inputs[name])
        made[f"{name[:5]}_xf"] = tf.where(tf.math.is_finite(numbers), numbers, -1.0)
    made["company_xf"] = tf.cast(tf.strings.length(texts(inputs["company"]).values), tf.float32)
    return made


class Digits(tf.Module):
    """Shows what reaches a model: a weighted sum of the features, as a value or as probabilities."""

    NAMES = ("seats", "fare", "miles", "tolls", "company", "route", "place")

    def __init__(self, task: str) -> None:
        super().__init__()
        self.task = task

    def __call__(self, features: Any) -> tf.Tensor:
        total = sum(tf.reshape(features[f"{name}_xf"], [-1, 1]) * 1.5**at for at, name in enumerate(self.NAMES))
        if self.task == "regression":
            return total
        return (
            tf.sigmoid(total / 100 - 1)
            if self.task == "binary"
            else tf.nn.softmax(total * tf.constant([[0.0, 0.01, 0.02]]))
        )


def export_digits(folder: Path, task: str = "regression", number: str = "7", explained: bool = False) -> Path:
    """Exports `Digits` with the signatures that a client and a table need.

    Args:
        folder: where the graph and the model go.
        task: of the label.
        number: the version's.
        explained: whether it explains itself, from the row of `TYPICAL`.

    Returns:
        The SavedModel's folder.
    """
    specs = {f"{name}_xf": tf.io.FixedLenFeature([], tf.float32) for name in Digits.NAMES}
    trace_graph(folder / "graph", SCHEMA, _preprocessing_fn, specs)
    table = FeatureTable.model_validate({"label": LABELS[task], "features": FEATURES})
    write_typical_row(str(folder / "graph"), TYPICAL)
    explanations = {"paths": None, "seed": 20, "baseline": {}} if explained else None
    graph = tft.TFTransformOutput(str(folder / "graph"))
    served = ServedModel(Digits(task), table, graph, na_values=NA_VALUES, explanations=explanations)
    signatures = {"serving_default": served.of_examples(), "predict_json": served.of_columns()}
    if explained:
        signatures["explain"] = served.explanations_of_columns()
    write(served, signatures, str(folder / number))
    return folder / number
