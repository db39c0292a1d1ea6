"""A city of taxis on a clock of its own: days of real trips, what changes in them, and a service that answers.

The model, the log of requests, the monitor, alerts, triggers and the controller of rollouts are the real ones. What is
not: the clock, the gateway (its access log is written here), and the pipeline, in whose place a day is held to
DataGate's own judgement and a logistic regression is fitted to it, which is exported as a training exports one.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from exported_models import trace_graph
from google.protobuf import text_format
from recorded_runs import RecordedRuns
from sklearn.linear_model import LogisticRegression
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.config import logging_config_pb2
from watched_traffic import COLUMNS, LABEL, Trip, as_batch, push, trips

from millrace.components.data_gate.compared import compare_split
from millrace.components.data_gate.findings import read_split
from millrace.components.data_gate.gate import Verdict, judge
from millrace.components.data_gate.references import Reference, References
from millrace.components.data_gate.rules import Use
from millrace.config.config import Config
from millrace.features.description import FeatureTable
from millrace.metadata.run_summaries import Runs
from millrace.model_server.request_log import RequestLog
from millrace.model_server.servable import Servable
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import statistics_of
from millrace.registry.intake import open_registry, up_to_date
from millrace.serving.controller import Controller, new_rollout
from millrace.serving.rollouts import places_of, policies_of_candidates, policy_of, requests_folder
from millrace.serving.state import Order, give_order
from millrace.statistics.comparison import Rows
from millrace.statistics.validation import anomalies_of
from millrace.training.signatures import ServedModel, write

FIRST = datetime(2021, 2, 1, tzinfo=timezone.utc)
"""Day 0 begins here."""
_NUMBERS = ("fare", "trip_miles", "trip_seconds")
_SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} presence {{ min_fraction: 1 }} shape {{ dim {{ size: 1 }} }} }}\n'
    if name in ("fare", "trip_miles", "trip_start_hour", "payment_type")
    else f'feature {{ name: "{name}" type: {kind} }}\n'
    for name, kind in COLUMNS.items()
)
_FEATURES = {
    **{name: {"kind": "numeric"} for name in (*_NUMBERS, "trip_start_hour")},
    **{name: {"kind": "hashed"} for name in ("payment_type", "company")},
}
_CARD = b"Credit Card"


@dataclass
class Clock:
    """Seconds since the epoch, which go on when they are told to."""

    now: float = FIRST.timestamp()

    def __call__(self) -> float:
        return self.now


class Tipping(tf.Module):
    """A logistic regression on whether a card is used and on logarithms of three numbers."""

    def __init__(self, weights: Sequence[float], constant: float) -> None:
        super().__init__()
        self.weights, self.constant = tf.constant(weights, tf.float32), constant

    def __call__(self, features: Any) -> tf.Tensor:
        columns = [tf.reshape(features[f"{name}_xf"], [-1, 1]) for name in ("card", *_NUMBERS)]
        return tf.sigmoid(tf.concat(columns, 1) @ self.weights[:, None] + self.constant)


def _preprocessing_fn(inputs: Any) -> dict[str, tf.Tensor]:
    made = {}
    for name in _NUMBERS:
        column = inputs[name]
        if isinstance(column, tf.SparseTensor):
            column = tf.sparse.to_dense(tf.sparse.reset_shape(column, [tf.shape(column)[0], 1]))
        made[f"{name}_xf"] = tf.math.log1p(tf.reshape(tf.cast(column, tf.float32), [-1]))
    made["card_xf"] = tf.cast(tf.equal(tf.reshape(inputs["payment_type"], [-1]), _CARD), tf.float32)
    return made


def _as_numbers(rows: Sequence[Trip]) -> np.ndarray:
    columns = [[float(row["payment_type"] == _CARD) for row in rows]]
    columns += [[np.log1p(row[name] or 0.0) for row in rows] for name in _NUMBERS]
    return np.array(columns, np.float32).T


def export(folder: Path, rows: Sequence[Trip], number: int) -> None:
    """Fits the model to rows, and exports it with the signatures of a served one."""
    fitted = LogisticRegression(solver="newton-cholesky").fit(_as_numbers(rows), [row[LABEL] for row in rows])
    specs = {f"{name}_xf": tf.io.FixedLenFeature([], tf.float32) for name in ("card", *_NUMBERS)}
    trace_graph(folder / f"graph-{number}", _SCHEMA, _preprocessing_fn, specs)
    label = {"column": LABEL, "task": "binary", "classes": [0, 1]}
    table = FeatureTable.model_validate({"label": label, "features": _FEATURES})
    graph = tft.TFTransformOutput(str(folder / f"graph-{number}"))
    served = ServedModel(Tipping(fitted.coef_[0], float(fitted.intercept_[0])), table, graph)
    signatures = {"serving_default": served.of_examples(), "predict_json": served.of_columns()}
    write(served, signatures, str(folder / "serving" / "taxi" / str(number)))


@dataclass
class City:
    """The trips of each day, the service that prices them, and what learns from them.

    Args:
        config: of a pipeline whose root is empty.
        a_day: trips.
    """

    config: Config
    a_day: int = 500
    clock: Clock = field(default_factory=Clock)
    changes: list[tuple[range, Callable[[Trip, int, float], Trip]]] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Path(self.config.root)
        self.runs = RecordedRuns(self.root)
        self._servables: dict[int, Servable] = {}
        self._passed = self._splits(trips(6000, 0))
        self.number = 0
        self.push(trips(6000, 0, label=True))

    # -- the world -----------------------------------------------------------------------------------------------------
    def trips(self, day: int, count: int = 0, part: int = 0) -> list[Trip]:
        """Some trips of a day, the same each time; those of another part are others of the same day."""
        random = np.random.default_rng([15, day, part])
        pool = trips(9000, 6000, label=True)
        rows = [dict(pool[place]) for place in random.integers(len(pool), size=count or self.a_day)]
        for days, change in self.changes:
            if day in days:
                rows = [change(row, day - days.start + 1, random.random()) for row in rows]
        return rows

    def window(self, day: int) -> Window:
        """The day as a window."""
        start = FIRST + timedelta(days=day)
        return Window(start, start + timedelta(days=1))

    # -- the service ---------------------------------------------------------------------------------------------------
    def push(self, rows: Sequence[Trip]) -> Path:
        """A run that has learned from rows, and pushed a version."""
        self.number += 1
        export(self.root, rows, self.number)
        folder = push(self.runs, self.number, rows)
        with open_registry(self.config) as registry:
            up_to_date(registry, Runs(self.config))
        return folder

    def champion(self) -> int:
        """The version that is served."""
        with open_registry(self.config) as registry:
            return registry.champion().number

    def serve(self, day: int, slow: float = 0.0) -> list[Trip]:
        """Answers a day's trips by the champion, and logs them as the model server and the gateway do."""
        rows, version = self.trips(day), self.champion()
        begin = self.window(day).start.timestamp()
        random, folder = np.random.default_rng([16, day]), requests_folder(self.config)
        config = logging_config_pb2.LoggingConfig()
        config.log_collector_config.filename_prefix = str(folder / "requests")
        config.sampling_config.sampling_rate = 1.0
        log = RequestLog(config, now=self.clock)
        for place, (request, response) in enumerate(self._answers(version, rows)):
            self.clock.now = begin + place * 86400 // len(rows)
            log.offer(f"{day}-{place}", request, response)
            self.access(version, f"{day}-{place}", 2000.0 if random.random() < slow else 3.0)
        log.close(60)
        assert not log.dropped and log.written == len(rows)
        self.clock.now = begin + 86400
        for file in [*folder.glob("*.tfrecord"), places_of(self.config).gateway / "access.log"]:
            os.utime(file, (self.clock.now,) * 2) if file.stat().st_mtime > self.clock.now else None
        return rows

    def access(self, version: int, name: str, milliseconds: float, code: int = 200) -> None:
        """A line of the gateway's access log."""
        folder = places_of(self.config).gateway
        folder.mkdir(parents=True, exist_ok=True)
        fields = {"time": str(self.clock.now), "id": name, "cluster": f"{version}-rest", "code": code, "grpc": None}
        with open(folder / "access.log", "a") as file:
            file.write(json.dumps({**fields, "path": "/v1/models/taxi:predict", "ms": milliseconds, "flags": "-"}))
            file.write("\n")

    def _answers(self, version: int, rows: Sequence[Trip]) -> list[tuple[Any, Any]]:
        """A request of one row with its answer, for each row; the model is asked once."""
        place = self.root / "serving" / "taxi" / str(version)
        servable = self._servables.setdefault(version, Servable("taxi", version, str(place)))
        whole = servable.predict(_request(rows), None)
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in whole.outputs.items()}
        answers = []
        for at, row in enumerate(rows):
            response = predict_pb2.PredictResponse(model_spec=whole.model_spec)
            for name, values in arrays.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(values[at : at + 1]))
            answers.append((_request([row]), response))
        return answers

    # -- what comes of it ----------------------------------------------------------------------------------------------
    def spawn(self, command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        """In the place of a pipeline's process: the newest day is learned from, where DataGate lets it pass."""
        assert list(command[1:4]) == ["-m", "millrace.cli.main", "run"]
        process = subprocess.Popen(["true"])
        process.wait()
        day = int((self.clock.now - FIRST.timestamp()) // 86400) - 1
        self.started.append(day)
        verdict = self.verdicts[day]
        if verdict.passed:
            folder = self.push(self.learned(day))
        else:
            folder = self.runs.begin(f"20310102-{day:06d}", verdict.exit_code)
        record = json.loads((folder / "run.json").read_text())
        record |= {"process": process.pid, "started": self.clock.now, "ended": self.clock.now + 1800}
        (folder / "run.json").write_text(json.dumps(record))
        return process

    def gate(self, day: int) -> Verdict:
        """In the place of `millrace run --to DataGate`, each night: the day's data, drift from the last that passed."""
        assert self.config.schema_.file
        schema = text_format.Parse(Path(self.config.schema_.file).read_text(), schema_pb2.Schema())
        kept = [one for one in schema.feature if one.name in COLUMNS]
        del schema.feature[:]
        schema.feature.extend(kept)
        before = Reference("the span before", "the last day that passed", self._passed)
        measured, columns, section, splits = self._splits(self.learned(day)), tuple(COLUMNS), self.config.data_gate, []
        for name, rows in measured.items():
            anomalies = anomalies_of(rows.statistics, schema, environment="SERVING")
            compared = compare_split(name, rows, anomalies, References(before, None), schema, section, columns)
            splits.append(read_split(name, rows.statistics, anomalies, compared, True))
        verdict = judge(splits, schema, Use((), columns), section=section, today=date(2021, 2, 1))
        self.verdicts[day] = verdict
        if verdict.passed:
            self._passed = measured
        return verdict

    def _splits(self, rows: Sequence[Trip]) -> dict[str, Rows]:
        return {
            name: statistics_of([as_batch(part)]).rows for name, part in (("train", rows[::2]), ("eval", rows[1::2]))
        }

    def learned(self, day: int) -> list[Trip]:
        """The rows of a day that the pipeline reads: other trips than those that are asked about."""
        return self.trips(day, 1200, part=1)

    def roll_out(self, slow_version: int = 0, again: bool = False) -> str:
        """Some hours of the controller: a hundred answers a minute; a slow version takes two seconds for each.

        Args:
            slow_version: which; 0 for none.
            again: a person starts what went back.
        """
        places = places_of(self.config)
        with open_registry(self.config) as registry:
            if again:
                policy = policy_of(self.config, "quick")
                versions = registry.champion(), registry.version("candidate")
                started = new_rollout(*versions, "quick", policy, self.clock())
                give_order(places, Order("start", "the machine was slow", "ann@desk", state=started))
            candidates = policies_of_candidates(self.config)
            controller = Controller(places, registry, clock=self.clock, candidates=candidates)
            rollout = controller.look()
            while rollout is not None and not rollout.over:
                self.clock.now += 60
                for version, answers in ((rollout.progress.champion, 90), (rollout.progress.candidate, 10)):
                    for place in range(answers):
                        took = 2000.0 if version == slow_version else 3.0
                        self.access(version, f"rollout-{self.clock.now:.0f}-{version}-{place}", took)
                rollout = controller.look()
            return f"{rollout.progress.candidate} {rollout.status}: {rollout.decisions[-1].reason}" if rollout else ""


def _request(rows: Sequence[Trip]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "taxi", "predict_json"
    for name, kind in COLUMNS.items():
        missing = b"" if kind == "BYTES" else np.nan
        values = [missing if row[name] is None else row[name] for row in rows]
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values, tf.string if kind == "BYTES" else tf.float64))
    return request


# -- what is planted ---------------------------------------------------------------------------------------------------
def four_times_the_fare(row: Trip, day: int, chance: float) -> Trip:
    """Another unit."""
    return {**row, "fare": min(row["fare"] * 4, 999.0)}


def a_new_way_to_pay(row: Trip, day: int, chance: float) -> Trip:
    """A category that nobody has decided about, in three of a hundred trips."""
    return {**row, "payment_type": b"Shells"} if chance < 0.03 else row


def longer_each_day(rate: float, row: Trip, day: int, chance: float) -> Trip:
    """Trips that take longer by a rate a day, for six days."""
    seconds = row["trip_seconds"]
    return {**row, "trip_seconds": seconds and min(round(seconds * rate ** min(day, 6)), 86_400)}


def tips_turned_round(row: Trip, day: int, chance: float) -> Trip:
    """The same trips, and other people tip."""
    return {**row, LABEL: 1 - row[LABEL]}


slowly_longer = partial(longer_each_day, 1.3)
