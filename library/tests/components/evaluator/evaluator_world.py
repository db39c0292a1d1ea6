"""Real artifacts for the Evaluator's tests: taxi trips as tf.Examples, and small trained models that read them."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tfx
from google.protobuf import text_format
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig
from tfx.types import Channel, artifact_utils, standard_artifacts

from millrace.components.evaluator import gate_report
from millrace.components.evaluator.component import Evaluator

TAXI = Path(tfx.__file__).parent / "examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv"
NUMBERS = ("trip_miles", "fare", "trip_seconds", "trip_start_hour")

EVAL_CONFIG = """
model_specs {{
  signature_name: "serving_default" label_key: "label" preprocessing_function_names: "transform_features"
}}
slicing_specs {{ }}
slicing_specs {{ feature_keys: "payment_type" }}
slicing_specs {{ feature_keys: "trip_start_hour" }}
metrics_specs {{
  metrics {{ class_name: "AUC" {thresholds} }}
  metrics {{ class_name: "AUCPrecisionRecall" }}
  metrics {{ class_name: "BinaryAccuracy" {accuracy} }}
  metrics {{ class_name: "BinaryCrossEntropy" }}
  metrics {{ class_name: "Calibration" }}
  metrics {{ class_name: "ExampleCount" }}
}}
options {{ compute_confidence_intervals {{ value: {intervals} }} }}
"""
AT_LEAST = (
    "per_slice_thresholds {{ slicing_specs {{ }} threshold {{ value_threshold {{ lower_bound {{ value: {} }} }} }} }}"
)
CHANGE = (
    "per_slice_thresholds {{ slicing_specs {{ }} threshold {{ change_threshold {{ direction: HIGHER_IS_BETTER"
    " absolute {{ value: {} }} }} }} }}"
)
EACH_HOUR = (
    'per_slice_thresholds {{ slicing_specs {{ feature_keys: "trip_start_hour" }}'
    " threshold {{ value_threshold {{ lower_bound {{ value: {} }} }} }} }}"
)


def eval_config(thresholds: str = AT_LEAST.format(0.6), accuracy: str = "", intervals: bool = False) -> EvalConfig:
    text = EVAL_CONFIG.format(thresholds=thresholds, accuracy=accuracy, intervals=str(intervals).lower())
    return text_format.Parse(text, EvalConfig())


def rows(limit: Optional[int] = None) -> list[dict[str, str]]:
    with TAXI.open() as file:
        return [row for row, _ in zip(csv.DictReader(file), range(limit or 10**9), strict=False)]


def example(row: dict[str, str]) -> tf.train.Example:
    """As CsvExampleGen types the columns; an empty cell has no values."""
    features = tf.train.Example()
    for name, cell in row.items():
        feature = features.features.feature[name]
        if cell == "":
            continue
        try:
            feature.int64_list.value.append(int(cell))
        except ValueError:
            try:
                feature.float_list.value.append(float(cell))
            except ValueError:
                feature.bytes_list.value.append(cell.encode())
    return features


def uniform(table: list[dict[str, str]]) -> list[tf.train.Example]:
    """Examples whose columns have one type each: floats for the numbers that are not whole everywhere."""
    built = [example(row) for row in table]
    for name in table[0]:
        kinds = {e.features.feature[name].WhichOneof("kind") for e in built} - {None}
        if kinds == {"int64_list", "float_list"}:
            for e in built:
                whole = list(e.features.feature[name].int64_list.value)
                if whole:
                    e.features.feature[name].float_list.value.extend(map(float, whole))
    return built


def write_examples(folder: Path, examples: list[tf.train.Example], copies: int = 1, shards: int = 1) -> Any:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["eval"])
    split = folder / "Split-eval"
    split.mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    serialized = [e.SerializeToString() for e in examples]
    for shard in range(shards):
        name = split / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
        with tf.io.TFRecordWriter(str(name), options) as writer:
            for at in range(shard, len(serialized) * copies, shards):
                writer.write(serialized[at % len(serialized)])
    return artifact


def _first(values: tf.SparseTensor) -> tf.Tensor:
    """The first value of each row, [rows, 1]; zero or an empty text where there is none."""
    dense = tf.sparse.to_dense(
        tf.sparse.reset_shape(values, [values.dense_shape[0], tf.maximum(values.dense_shape[1], 1)])
    )
    return dense[:, :1]


class Linear(tf.Module):
    """Logistic regression on a few columns of serialized examples, with the signatures that the Trainer exports."""

    def __init__(self, weights: np.ndarray, columns: tuple[str, ...] = NUMBERS, outputs: int = 1) -> None:
        super().__init__()
        self.weights = tf.Variable(weights.astype(np.float32))
        self.columns = columns
        self.outputs = outputs

    def _inputs(self, examples: tf.Tensor) -> tf.Tensor:
        kinds = {"trip_miles": tf.float32, "fare": tf.float32, "payment_type": tf.string}
        spec = {name: tf.io.VarLenFeature(kinds.get(name, tf.int64)) for name in (*self.columns, "payment_type")}
        parsed = {name: _first(values) for name, values in tf.io.parse_example(examples, spec).items()}
        card = tf.cast(parsed["payment_type"] == "Credit Card", tf.float32)
        numbers = [tf.math.log1p(tf.maximum(tf.cast(parsed[name], tf.float32), 0.0)) for name in self.columns]
        return tf.concat([*numbers, card], axis=1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = self._inputs(examples)
        ones = tf.ones([tf.shape(inputs)[0], 1])
        score = tf.sigmoid(tf.matmul(tf.concat([inputs, ones], axis=1), self.weights[:, None]))
        return {"probabilities": tf.repeat(score, self.outputs, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def transform(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"big_tipper": tf.io.FixedLenFeature([1], tf.int64)})
        return {"label": tf.cast(parsed["big_tipper"], tf.float32)}


def train(table: list[dict[str, str]], steps: int, columns: tuple[str, ...] = NUMBERS) -> np.ndarray:
    """Fits the logistic regression by full-batch gradient descent: a real, if modest, model."""
    inputs = np.array([[float(row[name] or 0) for name in columns] for row in table])
    card = np.array([[float(row["payment_type"] == "Credit Card")] for row in table])
    inputs = np.concatenate([np.log1p(np.maximum(inputs, 0)), card, np.ones((len(table), 1))], axis=1)
    labels = np.array([float(row["big_tipper"]) for row in table])
    weights = np.zeros(inputs.shape[1])
    for _ in range(steps):
        weights += 0.05 * inputs.T @ (labels - 1 / (1 + np.exp(-inputs @ weights))) / len(labels)
    return weights


def write_model(folder: Path, model: tf.Module, transform_name: str = "transform_features", number: int = 1) -> Any:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    artifact.id = number
    tf.saved_model.save(
        model,
        str(folder / "Format-Serving"),
        signatures={"serving_default": model.serve, transform_name: model.transform},
    )
    return artifact


@dataclass
class Outcome:
    """What an executor left behind."""

    evaluation: Any
    blessing: Any

    @property
    def folder(self) -> Path:
        return Path(self.evaluation.uri)

    @property
    def report(self) -> gate_report.GateReport:
        return gate_report.load(self.folder)

    def properties(self) -> dict[str, Any]:
        return {
            name: getattr(value, value.WhichOneof("value"))
            for name, value in self.blessing.mlmd_artifact.custom_properties.items()
        }


def run(
    executor: type,
    folder: Path,
    config: EvalConfig,
    examples: Any,
    model: Any,
    baseline: Any = None,
    baseline_blessing: Any = None,
    **given: Any,
) -> Outcome:
    """Runs an executor with the execution properties that the component records."""
    component = Evaluator(
        Channel(type=standard_artifacts.Examples),
        Channel(type=standard_artifacts.Model),
        Channel(type=standard_artifacts.Model) if baseline else None,
        config,
        **given,
    )
    outputs = {"evaluation": standard_artifacts.ModelEvaluation(), "blessing": standard_artifacts.ModelBlessing()}
    for name, artifact in outputs.items():
        artifact.uri = str(folder / name)
        (folder / name).mkdir(parents=True)
    context = executor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory", "--direct_num_workers=1"],
        tmp_dir=str(folder),
        unique_id="1",
    )
    inputs = {"examples": [examples], "model": [model]}
    if baseline:
        inputs["baseline_model"] = [baseline]
    if baseline_blessing:
        inputs["baseline_blessing"] = [baseline_blessing]
    executor(context).Do(
        inputs, {name: [artifact] for name, artifact in outputs.items()}, dict(component.exec_properties)
    )
    return Outcome(**outputs)
