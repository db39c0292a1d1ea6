"""A served version, what it learned from, and a log of requests at chosen times, all of real taxi trips.

Nothing is served: the log is written as a server writes it, and the version's SavedModel says what it reads.
"""

import csv
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from recorded_runs import RecordedRuns
from tensorflow_serving.apis import prediction_log_pb2

from millrace.base import files
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.model_server.about import About, ModelColumn, ModelOutput
from millrace.monitoring.window_rows import statistics_of
from millrace.statistics import order_statistics

VERSION = 11
NOON = datetime(2021, 1, 31, 12, tzinfo=timezone.utc)
"""The window that is looked at begins here, and lasts an hour."""
TRAINING = 6000
_TYPES: dict[str, Callable[[str], Any]] = {"INT": int, "FLOAT": float, "BYTES": str.encode}
COLUMNS = {
    "fare": "FLOAT",
    "trip_miles": "FLOAT",
    "trip_seconds": "INT",
    "trip_start_hour": "INT",
    "payment_type": "BYTES",
    "company": "BYTES",
}

LABEL = "big_tipper"

Trip = dict[str, Any]


@cache
def _trips(label: bool = False) -> tuple[Trip, ...]:
    columns = {**COLUMNS, LABEL: "INT"} if label else COLUMNS
    place = importlib.util.find_spec("tfx").submodule_search_locations[0]
    [table] = Path(place, "examples/chicago_taxi_pipeline/data/big_tipper_label").glob("*.csv")
    with open(table, newline="") as lines:
        rows = [
            {name: _TYPES[kind](row[name]) if row[name] else None for name, kind in columns.items()}
            for row in csv.DictReader(lines)
        ]
    # The table is sorted, and requests are not.
    return tuple(rows[place] for place in np.random.default_rng(1).permutation(len(rows)))


def trips(count: int, start: int = TRAINING, label: bool = False) -> list[Trip]:
    """Trips in no order; those before `TRAINING` are what the version learned from."""
    return [dict(one) for one in _trips(label)[start : start + count]]


def as_batch(rows: Sequence[Trip]) -> pa.RecordBatch:
    """Rows as tfx_bsl decodes them."""
    kinds = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": pa.large_binary()}
    columns = [
        pa.array([None if row[name] is None else [row[name]] for row in rows], pa.large_list(kinds[kind]))
        for name, kind in COLUMNS.items()
    ]
    return pa.RecordBatch.from_arrays(columns, list(COLUMNS))


def example(row: Trip) -> bytes:
    """A row as a serialized tf.Example."""
    made = tf.train.Example()
    for name, value in row.items():
        if isinstance(value, bytes):
            made.features.feature[name].bytes_list.value.append(value)
        elif isinstance(value, int):
            made.features.feature[name].int64_list.value.append(value)
        elif value is not None:
            made.features.feature[name].float_list.value.append(value)
    return made.SerializeToString()


def probability(row: Trip) -> float:
    """What the version answers: who pays by card tips."""
    by_card = row["payment_type"] == b"Credit Card"
    fare = row["fare"] if isinstance(row["fare"], float) else 0.0
    return min(0.9, 0.5 + fare / 50) if by_card else 0.04


def log_requests(
    config: Config,
    rows: Sequence[Trip],
    start: datetime = NOON,
    seconds: int = 3600,
    version: int = VERSION,
    form: str = "predict_json",
    name: str = "",
) -> Path:
    """Writes a shard: the requests are spread over a time, one row each, and are called `NAME-0` and so on."""
    folder = Path(config.root) / "requests" / "taxi"
    folder.mkdir(parents=True, exist_ok=True)
    name = name or f"{int(start.timestamp())}-{version}"
    shard = folder / f"requests-{name}.tfrecord"
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for place, row in enumerate(rows):
            log = prediction_log_pb2.PredictionLog()
            spec = log.log_metadata.model_spec
            spec.name, spec.version.value, spec.signature_name = "taxi", version, form
            log.log_metadata.timestamp_secs = int(start.timestamp()) + place * seconds // len(rows)
            log.log_metadata.request_origin = f"{name}-{place}"
            inputs, outputs = log.predict_log.request.inputs, log.predict_log.response.outputs
            if form == "serving_default":
                inputs["examples"].CopyFrom(tf.make_tensor_proto([example(row)]))
            else:
                for column, kind in COLUMNS.items():
                    missing = b"" if kind == "BYTES" else np.nan
                    value = missing if row[column] is None else row[column]
                    dtype = tf.string if kind == "BYTES" else tf.float64
                    inputs[column].CopyFrom(tf.make_tensor_proto([value], dtype))
            score = probability(row)
            outputs["probabilities"].CopyFrom(tf.make_tensor_proto([score], tf.float32))
            outputs["label"].CopyFrom(tf.make_tensor_proto([b"1" if score >= 0.5 else b"0"]))
            outputs["classes"].CopyFrom(tf.make_tensor_proto([[b"0", b"1"]]))
            writer.write(log.SerializeToString())
    # A shard that was last written before a window has nothing of it.
    os.utime(shard, (start.timestamp() + seconds,) * 2)
    return shard


def push(recorded: RecordedRuns, number: int, rows: Optional[Sequence[Trip]] = None) -> Path:
    """A run that measured its data, and pushed a version; its folder is filled where no SavedModel is there."""
    run_id = f"20310101-{number:06d}"
    folder = recorded.begin(run_id)
    examples = recorded.stage(run_id, "ExampleGen", {}, {"examples": "Examples"})["examples"]
    outputs = {"statistics": "ExampleStatistics"}
    statistics = recorded.stage(run_id, "StatisticsGen", {"examples": [examples]}, outputs)["statistics"]
    learned = statistics_of([as_batch(trips(TRAINING, 0) if rows is None else rows)])
    place = Path(statistics.uri)
    files.write(place / "Split-train" / "FeatureStats.pb", learned.statistics.SerializeToString())
    kept = order_statistics.to_bytes(learned.rows.numbers)
    files.write(order_statistics.file_of(statistics.uri, "train"), kept)
    trained = recorded.stage(run_id, "Trainer", {"examples": [examples]}, {"model": "Model"})
    pushed = recorded.stage(run_id, "Pusher", {"model": [trained["model"]]}, {"pushed_model": "PushedModel"})
    served = recorded.root / "serving" / "taxi" / str(number)
    columns = tuple(ModelColumn(name, name, kind) for name, kind in COLUMNS.items())  # type: ignore[arg-type]
    about = About((ModelOutput("", "big_tipper", "binary", ("0", "1")),), columns)
    if not served.exists():
        files.write(served / "assets.extra" / "millrace.json", json.dumps(about.to_json()))
        files.write(served / "saved_model.pb", b"")
    destination = {"pushed": 1, "pushed_destination": str(served), "pushed_version": str(number)}
    recorded.note(pushed["pushed_model"], **destination)
    return folder


@pytest.fixture(scope="session")
def _served_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served") / "taxi"
    push(RecordedRuns(root), VERSION)
    return root


@pytest.fixture
def served(_served_root: Path, tmp_path: Path) -> Callable[..., Config]:
    """The configuration of a root with one served version and no request yet; it takes what `--set` takes."""
    root = tmp_path / "taxi"
    shutil.copytree(_served_root, root)

    def configured(*overrides: str, schema: Optional[Path] = None) -> Config:
        more = [f"schema.file={schema}"] if schema else []
        return load("conf/taxi.yaml", [f"root={root}", "monitoring.window=1h", *more, *overrides])

    return configured
