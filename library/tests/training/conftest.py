"""Tables turned into what TFX's Transform leaves behind, by TensorFlow Transform, in this process."""

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import income_table
import pytest

from millrace.features.description import FeatureTable

Row = Mapping[str, Any]

MODEL = {"hidden_units": [16], "dropout": 0.0, "l2": 0.0, "wide": True, "members": 1}
TRAINING = {
    "batch_size": 32,
    "learning_rate": 0.01,
    "steps": 100,
    "epochs": None,
    "eval_steps": None,
    "validate_every": 50,
    "patience": 3,
    "class_weights": "none",
    "mixed_precision": False,
    "seed": 7,
}


class Transformed(NamedTuple):
    """What Transform made of a table: its folder, the feature table, and the serialised raw examples by split."""

    folder: Path
    table: FeatureTable
    raw: Mapping[str, list[bytes]]

    def fn_args(self, out: Path, model: Optional[Row] = None, training: Optional[Row] = None, **more: Any) -> Any:
        """TFX's `FnArgs` for Trainer and Tuner, as far as user code reads them."""
        values: dict[str, Any] = {
            "train_files": [f"{self.folder}/Split-train/*"],
            "eval_files": [f"{self.folder}/Split-eval/*"],
            "transform_graph_path": f"{self.folder}/graph",
            "serving_model_dir": f"{out}/Format-Serving",
            "model_run_dir": f"{out}/run",
            "working_dir": f"{out}/working",
            "train_steps": 0,
            "eval_steps": 0,
            "hyperparameters": None,
            "custom_config": {
                "features": self.table.model_dump(mode="json"),
                "model": {**MODEL, **(model or {})},
                "training": {**TRAINING, **(training or {})},
                "model_fn": "models.model.build_model",
            },
        }
        return types.SimpleNamespace(**{**values, **more})


def serialised(row: Row, schema: Any) -> bytes:
    """One tf.Example; None and absent keys leave the feature out."""
    import tensorflow as tf

    example = tf.train.Example()
    for feature in schema.feature:
        given = row.get(feature.name)
        values = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
        if not values:
            continue
        target = example.features.feature[feature.name]
        if feature.type == 1:
            target.bytes_list.value.extend(v if isinstance(v, bytes) else str(v).encode() for v in values)
        elif feature.type == 2:
            target.int64_list.value.extend(values)
        else:
            target.float_list.value.extend(values)
    return bytes(example.SerializeToString(deterministic=True))


def transformed(
    folder: Path,
    schema_text: str,
    table: FeatureTable,
    splits: Mapping[str, list[Row]],
    preprocessing_fn: Optional[Callable[..., Any]] = None,
) -> Transformed:
    """Analyses the train split and transforms every split, into the layout that TFX's Transform writes.

    `preprocessing_fn` is the project's unless another is given.
    """
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx.types import standard_artifacts

    from millrace.components.transform import in_process
    from millrace.components.transform.request import Request, SplitFiles
    from models.preprocessing import preprocessing_fn as of_the_project

    preprocess = preprocessing_fn or of_the_project
    config = {"features": table.model_dump(mode="json")}
    schema = text_format.Parse(schema_text, schema_pb2.Schema())
    raw = {split: [serialised(row, schema) for row in rows] for split, rows in splits.items()}
    folder.mkdir(parents=True, exist_ok=True)
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    sources = []
    for split, records in raw.items():
        with tf.io.TFRecordWriter(f"{folder}/raw-{split}.gz", "GZIP") as writer:
            for record in records:
                writer.write(record)
        with tf.io.TFRecordWriter(f"{folder}/raw-{split}-plain") as writer:  # as tfma.run_model_analysis reads it
            for record in records:
                writer.write(record)
        sources.append(SplitFiles(examples, split, f"{folder}/raw-{split}.gz", f"{folder}/Split-{split}/part"))
    request = Request(
        preprocessing_fn=lambda inputs: preprocess(inputs, config),
        schema=schema,
        analyzed=tuple(source for source in sources if source.split == "train"),
        transformed=tuple(sources),
        graph_uri=f"{folder}/graph",
        cache_uri=None,
        save_options=None,
    )
    (folder / "temp").mkdir()
    in_process.run(request, str(folder / "temp"))
    return Transformed(folder, table, raw)


@pytest.fixture(scope="session")
def transform() -> Callable[..., Transformed]:
    """`transformed`, for tests that make their own table."""
    return transformed


@pytest.fixture(scope="session")
def table(transform: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The transformed table of a task, made once."""
    done: dict[str, Any] = {}

    def of(task: str) -> Any:
        if task not in done:
            label, label_schema = income_table.LABELS[task]
            described = FeatureTable.model_validate({"label": label, "features": income_table.FEATURES})
            splits = {"train": income_table.rows(task, 600, 1), "eval": income_table.rows(task, 300, 2)}
            folder = tmp_path_factory.mktemp(task)
            done[task] = transform(folder, income_table.SCHEMA + label_schema, described, splits)
        return done[task]

    return of


@pytest.fixture(scope="session")
def trained_table(table: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The transformed table of a task and the folder of a model that was trained on it."""
    done: dict[str, str] = {}

    def of(task: str) -> tuple[Transformed, str]:
        from models.trainer import run_fn

        if task not in done:
            args = table(task).fn_args(tmp_path_factory.mktemp(f"{task}-model"))
            run_fn(args)
            done[task] = args.serving_model_dir
        return table(task), done[task]

    return of
