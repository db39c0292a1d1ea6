"""A root with two runs that pushed real SavedModels, which decide differently about some rows."""

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from recorded_runs import RecordedRuns
from saved_models import FEATURES, SERIALIZED, example

from millrace.base.plain_values import plain
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, Row
from millrace.components.infra_validator.queries import plan
from millrace.config.config import Config
from millrace.config.loading import load

DISTANCES = [number / 10 for number in range(40)]


class Deciding(tf.Module):
    """Says `far` from some distance on."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = tf.Variable(limit)

    @tf.function(input_signature=SERIALIZED)
    def decide(self, examples):
        distance = tf.io.parse_example(examples, FEATURES)["distance"][:, 0]
        probabilities = tf.sigmoid(distance - self.limit)
        return {"label": tf.where(distance < self.limit, "near", "far"), "probabilities": probabilities}


def push(recorded: RecordedRuns, run_id: str, number: int, limit: float) -> Path:
    """A run that pushed a model, with the warm-up requests that it answered, and its evaluation."""
    recorded.begin(run_id)
    examples = recorded.stage(run_id, "ExampleGen", {}, {"examples": "Examples"})["examples"]
    examples = recorded.note(examples, span="3", input_fingerprint="num_files:1")
    trained = recorded.stage(run_id, "Trainer", {"examples": [examples]}, {"model": "Model"})
    outputs = {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"}
    judged = recorded.stage(run_id, "Evaluator", {"examples": [examples], "model": [trained["model"]]}, outputs)
    blessing = recorded.note(judged["blessing"], blessed=1, reason="AUC is above 0.9")
    pushed = recorded.stage(run_id, "Pusher", {"model_blessing": [blessing]}, {"pushed_model": "PushedModel"})
    row = Row(metric="AUC", slice="overall", value=0.9 + limit / 100, threshold="at least 0.9", verdict="pass")
    report = GateReport(blessed=True, reason="AUC is above 0.9", examples=40, metrics={"auc": row.value}, rows=(row,))
    Path(judged["evaluation"].uri, JSON_NAME).write_text(json.dumps(plain(report)))
    split = Path(examples.uri) / "Split-test"
    split.mkdir()
    records = [example(distance, "Cash") for distance in DISTANCES]
    with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for record in records:
            writer.write(record)
    folder = recorded.root / "serving" / "taxi" / str(number)
    model = Deciding(limit)
    tf.saved_model.save(model, str(folder), {"serving_default": model.decide})
    warm_up = folder / "assets.extra" / "tf_serving_warmup_requests"
    warm_up.parent.mkdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    queries = plan("serving_default", graph.signature_def["serving_default"], records, 4)
    with tf.io.TFRecordWriter(str(warm_up)) as writer:
        for query in queries.singles:
            writer.write(query.warm_up_record("taxi"))
    recorded.note(pushed["pushed_model"], pushed=1, pushed_destination=str(folder), pushed_version=str(number))
    return folder


@pytest.fixture(scope="session")
def _two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pushed") / "taxi"
    recorded = RecordedRuns(root)
    push(recorded, "20310101-000001", 11, 1.95)
    push(recorded, "20310101-000002", 12, 0.95)
    return root


@pytest.fixture
def two_versions(_two_versions: Path, tmp_path: Path) -> Config:
    """The configuration of a copy of that root, in which nothing is registered."""
    root = tmp_path / "taxi"
    shutil.copytree(_two_versions, root)
    return load("conf/taxi.yaml", [f"root={root}"])
