"""The executor in this process on real trips, beside plain arithmetic: what is measured, written and decided."""

from pathlib import Path

import evaluator_world as world
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import baseline_fall, in_process, reading
from millrace.components.evaluator.executor import Executor
from millrace.components.evaluator.gate_report import GateReport

pytestmark = [
    # TFMA's own: numpy's array-to-number conversion, ratios without a value, a deprecated module of importlib.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CONFIG = world.eval_config(world.AT_LEAST.format(0.6) + world.CHANGE.format(-0.005))


@pytest.fixture(scope="module")
def table():
    return world.rows(300)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("here")


@pytest.fixture(scope="module")
def examples(home, table):
    return world.write_examples(home / "examples", world.uniform(table), shards=2)


@pytest.fixture(scope="module")
def models(home, table):
    """The candidate, and a baseline that was trained for less long."""
    return [
        world.write_model(home / name, world.Linear(world.train(table, steps)), number=number)
        for name, steps, number in (("model", 400, 12), ("weaker", 20, 11))
    ]


@pytest.fixture(scope="module")
def outcome(home, examples, models):
    """Read in five batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_process, "BATCH_SIZE", 64)
        return world.run(Executor, home / "out", CONFIG, examples, *models)


def measured(folder):
    """What TFMA's file says: by slice, metric, model and whether it is a difference."""
    values = {}
    for record in tfma.load_metrics(str(folder)):
        [where] = record.slice_key.single_slice_keys or [None]
        place = "" if where is None else f"{where.column}={getattr(where, where.WhichOneof('kind'))}"
        for entry in record.metric_keys_and_values:
            key = entry.key
            values[place, key.name, key.model_name, key.is_diff] = entry.value.double_value.value
    return values


def by_hand(scores, labels):
    ones, zeros = scores[labels == 1], scores[labels == 0]
    entropy = -np.mean(np.where(labels == 1, np.log(scores), np.log(1 - scores)))
    return {
        "binary_accuracy": np.mean((scores > 0.5) == labels),
        "binary_crossentropy": entropy,
        "calibration": scores.sum() / labels.sum(),
        "example_count": len(labels),
        "auc": np.mean(ones[:, None] > zeros[None, :]) + np.mean(ones[:, None] == zeros[None, :]) / 2,
    }


def test_each_metric_of_each_slice_and_model_is_what_arithmetic_gives(outcome, table, models):
    records = tf.constant([example.SerializeToString() for example in world.uniform(table)])
    labels = np.array([int(row["big_tipper"]) for row in table])
    card = np.array([row["payment_type"] == "Credit Card" for row in table])
    hour = np.array([row["trip_start_hour"] == "10" for row in table])
    values = measured(outcome.folder)
    kinds = {row["payment_type"] for row in table} | {row["trip_start_hour"] for row in table}
    assert len({place for place, *_ in values}) == 1 + len(kinds)
    every = np.ones(len(table), bool)
    for place, rows in {"": every, "payment_type=b'Credit Card'": card, "trip_start_hour=10": hour}.items():
        found = {}
        for artifact, name in zip(models, ("candidate", "baseline"), strict=True):
            loaded = tf.saved_model.load(f"{artifact.uri}/Format-Serving")
            scores = loaded.signatures["serving_default"](records)["probabilities"].numpy()[:, 0].astype(float)
            found[name] = by_hand(scores[rows], labels[rows])
            for metric, value in found[name].items():
                close = 5e-3 if metric == "auc" else 1e-4
                assert values[place, metric, name, False] == pytest.approx(value, rel=close), (place, metric, name)
        for metric in ("binary_accuracy", "calibration"):
            difference = found["candidate"][metric] - found["baseline"][metric]
            assert values[place, metric, "candidate", True] == pytest.approx(difference, abs=1e-4), metric


def test_the_report_and_the_blessing_say_so(outcome):
    first, second = outcome.report.rows
    assert (first.metric, first.slice, first.examples, first.threshold) == ("AUC", "overall", 300, "at least 0.6")
    assert first.value > first.baseline > 0.5
    assert (second.verdict, outcome.report.blessed) == ("pass", True)
    properties = outcome.properties()
    assert [properties[name] for name in ("blessed", "current_model_id", "baseline_model_id")] == [1, 12, 11]
    assert properties["reason"] == outcome.report.reason == "All 2 thresholds judged are met."
    assert tfma.load_validation_result(str(outcome.folder)).validation_ok
    text, said = (outcome.folder / "gate_report.txt").read_text(), outcome.report.to_text()
    assert text.startswith(said)
    assert "\ncalibration: probabilities are off by" in text[len(said) :]
    assert "the best F1 on these very examples, which flatters it: here" in text[len(said) :]
    assert {file.name for file in outcome.folder.parent.glob("blessing/*")} == {"BLESSED", "gate_report.json"}
    result = tfma.load_eval_result(str(outcome.folder), model_name="candidate")
    assert len(result.slicing_metrics) > 10


def test_a_worse_candidate_is_not_blessed(tmp_path, examples, models):
    better, worse = models
    outcome = world.run(Executor, tmp_path, CONFIG, examples, worse, better)
    assert outcome.properties()["blessed"] == 0
    assert {file.name for file in (tmp_path / "blessing").iterdir()} == {"NOT_BLESSED"}
    [failed] = [row for row in outcome.report.rows if row.verdict == "fail"]
    assert failed.baseline > failed.value and "the baseline's is" in outcome.report.reason


def test_the_first_model_has_nothing_to_be_compared_with(tmp_path, examples, models):
    outcome = world.run(Executor, tmp_path, CONFIG, examples, models[0])
    assert outcome.report.rubber_stamped and outcome.properties()["blessed"] == 1
    assert [row.verdict for row in outcome.report.rows] == ["pass", "not judged"]
    assert "baseline_model_id" not in outcome.properties()
    assert {model for _, _, model, _ in measured(outcome.folder)} == {""}


class NotANumber(world.Linear):
    """Divides by the miles, which are 0 for some trips."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        inputs = self._inputs(examples)[:, :1]
        return {"probabilities": tf.where(inputs > 0, inputs / (1.0 + inputs), inputs / inputs)}


def test_a_candidate_that_cannot_be_scored_is_refused_and_leaves_what_tfma_reads(tmp_path, table, examples, models):
    model = world.write_model(tmp_path / "nan", NotANumber(world.train(table, 5)), number=31)
    outcome = world.run(Executor, tmp_path, CONFIG, examples, model, models[1])
    assert outcome.report.reason.startswith("The model cannot be evaluated: it predicts NaN for ")
    assert outcome.properties()["blessed"] == 0
    assert not tfma.load_validation_result(str(outcome.folder)).validation_ok
    assert tfma.load_eval_result(str(outcome.folder)).slicing_metrics == []


def test_a_model_without_the_signature_that_is_asked_for_is_named(tmp_path, table, examples, models):
    other = world.write_model(tmp_path / "other", world.Linear(world.train(table, 5)), "other_features", 21)
    refused = world.run(Executor, tmp_path / "gap", CONFIG, examples, other)
    assert "transform_features" in refused.report.reason and refused.report.remedy
    assert tfma.load_eval_result(str(refused.folder)).slicing_metrics == []
    compared = world.run(Executor, tmp_path / "compared", CONFIG, examples, models[0], other)
    assert "transform_features" in compared.report.baseline_problem and not compared.report.blessed
    assert [row.verdict for row in compared.report.rows] == ["pass", "not judged"]


class Payment(world.Linear):
    """Knows nothing but how a trip was paid for, and takes that as a feature and not as a serialized example."""

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.string, name="payment_type")])
    def serve(self, payment_type):
        return {"probabilities": tf.where(payment_type == "Credit Card", 0.9, 0.1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.int64, name="big_tipper")])
    def transform(self, big_tipper):
        return {"label": tf.cast(big_tipper, tf.float32)}


class PaymentOfExamples(Payment):
    """The same, with a transformation of serialized examples."""

    transform = world.Linear.transform


@pytest.mark.parametrize("kind", [Payment, PaymentOfExamples])
def test_a_model_of_one_text_feature_is_given_the_feature(tmp_path, table, examples, kind):
    model = world.write_model(tmp_path / "model", kind(np.zeros(6)))
    config = world.eval_config()
    del config.slicing_specs[1:]  # nothing but the model asks for the feature
    values = measured(world.run(Executor, tmp_path, config, examples, model).folder)
    paid_by_card = np.array([row["payment_type"] == "Credit Card" for row in table])
    labels = np.array([int(row["big_tipper"]) for row in table])
    expected = np.mean(paid_by_card == labels)
    assert values["", "binary_accuracy", "", False] == pytest.approx(expected, rel=1e-6)


def with_sql(config):
    config.slicing_specs.add(slice_keys_sql="SELECT STRUCT(payment_type) FROM example.payment_type")


@pytest.mark.parametrize(
    ("change", "arguments", "why"),
    [
        (lambda config: None, ["--runner=DataflowRunner"], "the Beam runner is DataflowRunner"),
        (lambda config: config.metrics_specs[0].metrics.add(class_name="ExactMatch"), [], "ExactMatch"),
        (lambda config: setattr(config.metrics_specs[0], "query_key", "payment_type"), [], "metrics over queries"),
        (lambda config: config.options.disabled_outputs.values.append("analysis"), [], "outputs left out"),
        (with_sql, [], "slices by SQL"),
    ],
)
def test_a_configuration_that_this_process_cannot_serve_is_left_to_beam(
    tmp_path, examples, models, change, arguments, why
):
    config = world.eval_config()
    change(config)
    inputs = reading.Inputs([examples], ["eval"], models[0], None, None, config)
    with pytest.raises(NeedsBeam, match=why):
        in_process.evaluate(inputs, str(tmp_path), arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "why"), [("MAX_BYTES", "MiB of compressed examples"), ("_MAX_KEPT_BYTES", "predictions and labels take")]
)
def test_data_beyond_a_limit_are_left_to_beam(tmp_path, monkeypatch, examples, models, limit, why):
    inputs = reading.Inputs([examples], ["eval"], models[0], None, None, world.eval_config())
    size = {
        "MAX_BYTES": sum(file.stat().st_size for file in Path(examples.uri, "Split-eval").iterdir()),
        # A label and a prediction, four bytes each, of 300 trips.
        "_MAX_KEPT_BYTES": 300 * (4 + 4),
    }[limit]
    monkeypatch.setattr(in_process, limit, size)
    in_process.evaluate(inputs, str(tmp_path / "whole"), [])
    monkeypatch.setattr(in_process, limit, size - 1)
    with pytest.raises(NeedsBeam, match=why):
        in_process.evaluate(inputs, str(tmp_path / "none"), [])
    assert not (tmp_path / "none").exists()


def test_examples_elsewhere_or_of_another_kind_are_left_to_beam(tmp_path, examples, models):
    def inputs(schema=None, **properties):
        artifact = standard_artifacts.Examples()
        artifact.uri, artifact.split_names = properties.pop("uri", examples.uri), examples.split_names
        for name, value in properties.items():
            artifact.set_string_custom_property(name, value)
        return reading.Inputs([artifact], ["eval"], models[0], None, schema, world.eval_config())

    for given, why in (
        (inputs(uri="gs://bucket/examples"), "not on this machine"),
        (inputs(schema=schema_pb2.Schema()), "a schema says how"),
        (inputs(payload_format="FORMAT_PARQUET"), "not tf.Examples in TFRecords"),
        (inputs(file_format="tfrecord_plain"), "not tf.Examples in TFRecords"),
    ):
        with pytest.raises(NeedsBeam, match=why):
            in_process.evaluate(given, str(tmp_path), [])


def blessing_of(folder, **metrics):
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder)
    report = GateReport(blessed=True, reason="", examples=3_000, metrics=metrics)
    baseline_fall.keep(blessing, report)
    return blessing


@pytest.mark.parametrize(("consequence", "blessed"), [("block", 0), ("warn", 1)])
def test_a_baseline_that_fell_since_it_was_blessed_ends_or_warns(
    tmp_path, table, examples, models, consequence, blessed
):
    """Its weights turned around stand for a label that means the opposite now."""
    turned = world.write_model(tmp_path / "turned", world.Linear(-world.train(table, 50)), number=13)
    before = blessing_of(tmp_path / "before", auc=0.9, binary_accuracy=0.8)
    config = world.eval_config()
    given = {"baseline_blessing": before, "baseline_fall": consequence}
    outcome = world.run(Executor, tmp_path / "out", config, examples, models[0], turned, **given)
    assert outcome.report.baseline_fall.startswith("The latest blessed model does far worse on this data")
    assert "auc is 0." in outcome.report.baseline_fall and "and was 0.9" in outcome.report.baseline_fall
    assert outcome.properties()["blessed"] == blessed
    assert (outcome.report.reason == outcome.report.baseline_fall) == (not blessed)
    kept = [file.name for file in Path(outcome.blessing.uri).glob("gate_report.json")]
    assert kept == (["gate_report.json"] if blessed else []), "only what a later run may measure a fall from"


def test_a_trial_is_judged_and_leaves_nothing_for_later_runs(tmp_path, examples, models):
    outcome = world.run(Executor, tmp_path, world.eval_config(), examples, models[0], trial=True)
    assert outcome.properties()["blessed"] == outcome.properties()["trial"] == 1
    assert not (tmp_path / "blessing" / "gate_report.json").exists()
