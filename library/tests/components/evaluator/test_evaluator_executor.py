"""The executor on real trips and trained models, in this process and by Beam, beside TFX's own."""

import json

import evaluator_world as world
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2 as tfma_keys
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer
from tfx.components.evaluator import executor as tfx_executor

from millrace.base.errors import CouldNotJudge
from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import in_process, prediction_summary, reading
from millrace.components.evaluator.executor import Executor

pytestmark = [
    pytest.mark.slow,
    # Beam and TFMA, when they run: numpy's array-to-number conversion and ratios without a value; and TFMA's own
    # modules, which use a deprecated module of importlib.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CONFIG = world.eval_config(world.AT_LEAST.format(0.6) + world.CHANGE.format(-0.005), world.EACH_HOUR.format(0.5))


class Renamed(world.Linear):
    """Reads a column that the examples do not have as a number."""

    def __init__(self, weights):
        super().__init__(weights, (*world.NUMBERS[:-1], "company"))


class NotANumber(world.Linear):
    """Divides by the miles, which are 0 for some trips."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        inputs = self._inputs(examples)[:, :1]
        return {"probabilities": tf.where(inputs > 0, inputs / (1.0 + inputs), inputs / inputs)}


@pytest.fixture(scope="module")
def table():
    return world.rows()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluator")


@pytest.fixture(scope="module")
def examples(home, table):
    return world.write_examples(home / "examples", world.uniform(table)[:700], shards=2)


@pytest.fixture(scope="module")
def model(home, table):
    return world.write_model(home / "model", world.Linear(world.train(table, 400)), number=12)


@pytest.fixture(scope="module")
def weaker(home, table):
    return world.write_model(home / "weaker", world.Linear(world.train(table, 60)), number=11)


@pytest.fixture(scope="module")
def stock(home, examples, model, weaker):
    """TFX's own Evaluator."""
    return world.run(tfx_executor.Executor, home / "stock", CONFIG, examples, model, weaker)


@pytest.fixture(scope="module", params=["in process", "beam"])
def ours(request, home, examples, model, weaker):
    here = request.param == "in process"
    return world.run(Executor, home / request.param, CONFIG, examples, model, weaker, in_process=here)


def metrics(folder):
    """Every value by slice and key; messages of structured values as they are."""
    found = {}
    for record in tfma.load_metrics(str(folder)):
        for entry in record.metric_keys_and_values:
            place = (record.slice_key.SerializeToString(), entry.key.SerializeToString())
            found[place] = (entry.value.double_value.value, entry.confidence_interval)
    return found


def test_every_metric_of_every_slice_is_tfx_s(stock, ours):
    theirs, mine = metrics(stock.folder), metrics(ours.folder)
    assert len(theirs) > 300
    assert mine.keys() == theirs.keys()
    values = {place: (mine[place][0], theirs[place][0]) for place in theirs}
    differences = {place for place in values if tfma_keys.MetricKey.FromString(place[1]).is_diff}
    # A model's float32 predictions depend on the batch in their last digit; TFX's own results differ by that from run
    # to run, and a difference of two nearly equal metrics shows it.
    for places, absolute in ((differences, 1e-7), (values.keys() - differences, 0.0)):
        np.testing.assert_allclose(*zip(*(values[place] for place in places), strict=True), rtol=1e-6, atol=absolute)


def test_validation_configuration_and_plots_are_tfx_s(stock, ours):
    mine, theirs = (tfma.load_validation_result(str(each.folder)) for each in (ours, stock))
    assert mine.validation_ok == theirs.validation_ok

    def places(result):
        return sorted(each.slice_key.SerializeToString() for each in result.metric_validations_per_slice)

    assert places(mine) == places(theirs)
    assert sorted(map(str, mine.validation_details.slicing_details)) == sorted(
        map(str, theirs.validation_details.slicing_details)
    )
    assert json.loads((ours.folder / "eval_config.json").read_text()) == json.loads(
        (stock.folder / "eval_config.json").read_text()
    )
    assert {file.name for file in stock.folder.iterdir()} == {
        file.name
        for file in ours.folder.iterdir()
        if not file.name.startswith(("gate_report", prediction_summary.FILE))
    }
    plots = [list(tfma_writer.load_and_deserialize_plots(str(each.folder))) for each in (ours, stock)]
    assert len(plots[0]) == len(plots[1])


@pytest.mark.thorough
def test_predictions_are_summed_up_and_each_slice_has_its_intervals(tmp_path, examples, model):
    result = world.run(Executor, tmp_path, world.eval_config(intervals=True), examples, model, in_process=True)
    report, summary = result.report, prediction_summary.load(result.folder)[""]
    assert (summary.task, summary.examples, summary.not_finite) == ("binary", report.examples, 0)
    right = summary.confusion[0][0] + summary.confusion[1][1]
    assert right / summary.examples == pytest.approx(report.metrics["binary_accuracy"])
    low, high = report.intervals["auc"]
    assert low < report.metrics["auc"] < high
    assert all("auc" in each.intervals for each in report.slices if each.examples > 100)
    [row] = [row for row in report.rows if row.metric == "AUC"]
    assert (row.measured_as, row.limits) == ("auc", (0.6, None))


def test_tfma_reads_the_folder(ours):
    result = tfma.load_eval_result(str(ours.folder), model_name=tfma.CANDIDATE_KEY)
    overall = dict(result.slicing_metrics)[()][""][""]
    assert overall["auc"]["doubleValue"] == pytest.approx(ours.report.metrics["auc"])
    assert len(result.slicing_metrics) > 25


def test_the_blessing_is_tfx_s_with_a_reason(stock, ours):
    mine = ours.properties()
    assert mine.pop("reason") == ours.report.reason
    assert mine == stock.properties()
    # Beside TFX's file stands the report, for the evaluation that this model will be the baseline of.
    assert {p.name for p in ours.folder.parent.glob("blessing/*")} == {
        "gate_report.json",
        *(p.name for p in stock.folder.parent.glob("blessing/*")),
    }


def test_the_report_shows_both_models(ours):
    first = ours.report.rows[0]
    assert (first.metric, first.slice, first.examples, first.threshold) == ("AUC", "overall", 700, "at least 0.6")
    assert first.value > first.baseline > 0.5
    assert {row.slice for row in ours.report.rows[2:]} == {f"trip_start_hour={hour}" for hour in range(24)}
    text = (ours.folder / "gate_report.txt").read_text()
    assert text.startswith(ours.report.to_text())
    below = text.removeprefix(ours.report.to_text()).split("\n")
    of_predictions = {"calibration", "threshold", "rare class"}
    assert {line.partition(":")[0] for line in below} <= {"", *of_predictions}


@pytest.mark.parametrize("here", [True, False])
def test_small_slices_do_not_refuse_but_are_shown(tmp_path, examples, model, here):
    config = world.eval_config(world.AT_LEAST.format(0.6), world.EACH_HOUR.format(0.74))
    strict = world.run(Executor, tmp_path / "strict", config, examples, model, in_process=here)
    lenient = world.run(Executor, tmp_path / "lenient", config, examples, model, in_process=here, min_slice_size=30)
    assert not strict.report.blessed
    small = [row for row in lenient.report.rows if row.verdict == "not judged"]
    assert small
    assert all(row.examples < 30 and row.value is not None for row in small)
    assert lenient.report.blessed == all(row.verdict != "fail" for row in lenient.report.rows)
    assert not tfma.load_validation_result(str(lenient.folder)).validation_ok


@pytest.mark.parametrize("here", [True, False])
def test_auc_of_a_slice_with_one_positive_is_not_judged(tmp_path, table, model, here):
    """30 rows of each of two hours; the second has a single tip."""
    rows = [dict(row, trip_start_hour="1") for row in table[:30]]
    rows += [dict(row, trip_start_hour="2", big_tipper=str(int(at == 7))) for at, row in enumerate(table[30:60])]
    config = world.eval_config(world.EACH_HOUR.format(0.999))
    config.metrics_specs.add().metrics.add(class_name="MeanLabel", config='{"name": "class_share"}')
    examples = world.write_examples(tmp_path / "examples", world.uniform(rows))
    given = {"in_process": here, "min_slice_size": 20, "min_slice_class_size": 2}
    report = world.run(Executor, tmp_path / "out", config, examples, model, **given).report
    first, second = report.rows
    tips = sum(int(row["big_tipper"]) for row in rows[:30])
    assert (first.verdict, first.classes) == ("fail", (30 - tips, tips))
    assert (second.verdict, second.reason) == (
        "not judged",
        "slice with 1 positive and 29 negatives; AUC needs 2 of each",
    )
    assert "class_share" not in report.metrics
    without = [measured.slice for measured in report.without_threshold()]
    assert without == sorted(f"payment_type={name}" for name in {row["payment_type"] for row in rows})


def test_the_first_model(tmp_path, examples, model):
    outcome = world.run(Executor, tmp_path, CONFIG, examples, model)
    assert outcome.report.rubber_stamped
    assert "no model but trials was blessed yet" in outcome.report.reason
    assert outcome.properties()["blessed"] == 1
    assert "baseline_model" not in outcome.properties()


def test_a_slice_that_is_not_in_the_data_refuses(tmp_path, examples, model):
    absent = world.EACH_HOUR.format(0.5).replace(
        'feature_keys: "trip_start_hour"', 'feature_values { key: "payment_type" value: "Prcad" }'
    )
    outcome = world.run(Executor, tmp_path, world.eval_config(accuracy=absent), examples, model)
    assert outcome.report.reason == "No example of the evaluated data is in slice payment_type=Prcad."
    assert not tfma.load_validation_result(str(outcome.folder)).validation_ok


def broken_baselines(home, table):
    weights = world.train(table, 60)
    yield (
        "no signature",
        world.write_model(home / "other", world.Linear(weights), "other_features", 21),
        "transform_features",
    )
    yield "another column type", world.write_model(home / "renamed", Renamed(weights), number=22), "company"
    yield "other outputs", world.write_model(home / "wide", world.Linear(weights, outputs=3), number=23), "outputs"
    gone = world.write_model(home / "gone", world.Linear(weights), number=24)
    (home / "gone/Format-Serving/saved_model.pb").unlink()
    yield "gone", gone, "cannot be loaded"
    yield "NaN", world.write_model(home / "nan", NotANumber(weights), number=25), "NaN"


@pytest.mark.parametrize("here", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_a_baseline_that_cannot_be_evaluated_refuses_and_says_why(tmp_path, table, examples, model, here):
    for name, baseline, words in broken_baselines(tmp_path / "models", table):
        if not here and name != "no signature":
            continue
        report = world.run(Executor, tmp_path / name, CONFIG, examples, model, baseline, in_process=here).report
        assert not report.blessed, name
        assert words in report.baseline_problem, (name, report.baseline_problem)
        assert report.baseline_problem in report.reason
        assert report.remedy
        assert {row.verdict for row in report.rows if "baseline" in row.threshold} == {"not judged"}
        assert {row.verdict for row in report.rows if "baseline" not in row.threshold} == {"pass"}


def test_a_broken_baseline_does_not_matter_where_nothing_is_compared_with_it(tmp_path, table, examples, model):
    baseline = world.write_model(tmp_path / "other", world.Linear(world.train(table, 60)), "other_features", 21)
    outcome = world.run(Executor, tmp_path, world.eval_config(), examples, model, baseline)
    assert outcome.report.blessed
    assert outcome.report.baseline_problem
    assert outcome.properties()["baseline_model_id"] == 21


@pytest.mark.parametrize("here", [True, False])
def test_a_candidate_that_predicts_nan_is_refused_and_the_run_goes_on(tmp_path, table, examples, weaker, here):
    model = world.write_model(tmp_path / "nan", NotANumber(world.train(table, 5)), number=31)
    outcome = world.run(Executor, tmp_path, CONFIG, examples, model, weaker, in_process=here)
    assert outcome.report.reason.startswith("The model cannot be evaluated: it predicts NaN for ")
    assert outcome.properties()["blessed"] == 0
    assert outcome.properties()["current_model_id"] == 31
    assert not tfma.load_validation_result(str(outcome.folder)).validation_ok
    assert tfma.load_eval_result(str(outcome.folder)).slicing_metrics == []


class OutOfMemory(world.Linear):
    """Says what TensorFlow says on a machine whose memory others have taken."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        with tf.control_dependencies([tf.debugging.Assert(tf.size(examples) < 0, ["Cannot allocate memory"])]):
            return {"probabilities": tf.sigmoid(self._inputs(examples)[:, :1])}


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("role", ["candidate", "baseline"])
def test_a_fault_of_the_machine_is_no_verdict(tmp_path, table, examples, model, here, role):
    broken = world.write_model(tmp_path / "model", OutOfMemory(world.train(table[:9], 1)), number=31)
    models = (broken, model) if role == "candidate" else (model, broken)
    with pytest.raises(CouldNotJudge, match="there is not enough memory"):
        world.run(Executor, tmp_path / "out", CONFIG, examples, *models, in_process=here)
    assert list((tmp_path / "out" / "blessing").iterdir()) == []
    assert not list((tmp_path / "out" / "evaluation").glob("gate_report*"))


def test_no_examples_at_all_refuse(tmp_path, model):
    empty = world.write_examples(tmp_path / "empty", [])
    outcome = world.run(Executor, tmp_path, CONFIG, empty, model)
    assert not outcome.report.blessed
    assert "No example" in outcome.report.reason


@pytest.mark.thorough
def test_confidence_intervals_are_as_wide_as_tfma_s(tmp_path, examples, model):
    config = world.eval_config(intervals=True)
    del config.slicing_specs[1:]
    theirs = metrics(world.run(tfx_executor.Executor, tmp_path / "stock", config, examples, model).folder)
    outcome = world.run(Executor, tmp_path / "ours", config, examples, model)
    mine = metrics(outcome.folder)
    assert mine.keys() == theirs.keys()
    low, high = outcome.report.rows[0].interval
    assert low < outcome.report.rows[0].value < high
    compared = 0
    for place in theirs:
        name = tfma_keys.MetricKey.FromString(place[1]).name
        ours, stocks = (each[place][1].standard_error.double_value.value for each in (mine, theirs))
        if not theirs[place][1].HasField("standard_error"):
            assert not mine[place][1].HasField("standard_error")
        elif name != "binary_crossentropy":
            # Both are estimates from 20 random samples.
            assert 0.4 < ours / stocks < 2.5, name
            compared += 1
    assert compared == 4


def test_an_interval_of_cross_entropy_is_the_one_of_its_examples(tmp_path, examples, model):
    """Not TFMA's: its combiner of entropies and of regression errors adds the first of several accumulators twice."""
    config = world.eval_config(intervals=True)
    del config.slicing_specs[1:]
    outcome = world.run(Executor, tmp_path, config, examples, model)
    (found,) = [
        value
        for place, value in metrics(outcome.folder).items()
        if tfma_keys.MetricKey.FromString(place[1]).name == "binary_crossentropy"
    ]
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")
    inputs = reading.Inputs([examples], ["eval"], model, None, None, config)
    (batch,) = reading.batches(inputs, 700)
    predictions = loaded.signatures["serving_default"](batch.serialized)["probabilities"].numpy()
    labels = loaded.signatures["transform_features"](batch.serialized)["label"].numpy()
    entropies = -labels * np.log(predictions) - (1 - labels) * np.log(1 - predictions)
    assert found[0] == pytest.approx(entropies.mean(), rel=1e-5)
    assert found[1].standard_error.double_value.value == pytest.approx(entropies.std() / np.sqrt(700), rel=0.6)


def test_the_same_data_give_the_same_intervals(tmp_path, examples, model):
    config = world.eval_config(intervals=True)
    del config.slicing_specs[1:]
    outcome = world.run(Executor, tmp_path / "once", config, examples, model)
    again = world.run(Executor, tmp_path / "again", config, examples, model)
    assert again.report == outcome.report.model_copy(update={"model": again.report.model})


def test_what_needs_beam_goes_through_beam(tmp_path, examples, model):
    config = world.eval_config()
    config.metrics_specs[0].metrics.add(class_name="ExactMatch")
    inputs = reading.Inputs([examples], ["eval"], model, None, None, config)
    with pytest.raises(NeedsBeam, match="ExactMatch"):
        in_process.evaluate(inputs, str(tmp_path), [])
    with pytest.raises(NeedsBeam, match="DataflowRunner"):
        in_process.evaluate(inputs, str(tmp_path), ["--runner=DataflowRunner"])
    assert not list(tmp_path.iterdir())
