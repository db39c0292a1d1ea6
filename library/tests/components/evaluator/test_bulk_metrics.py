"""Metrics from arrays against TFMA's own combiners, which are fed example by example."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import r2_score
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.metrics import binary_confusion_matrices, metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import bulk_metrics, tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.eval_config import eval_config as eval_config_of
from millrace.components.evaluator.section import Evaluation
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples
from millrace.features.label import Labels

# TFMA's own combiners, the reference here, turn arrays of one value into numbers in a way that numpy discourages.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")

RANDOM = np.random.default_rng(7)
SIZE = 301


def binary():
    predictions = RANDOM.random((SIZE, 1)).astype(np.float32)
    predictions[:6, 0] = [0.0, 1.0, 0.5, 0.25, 1e-7, 0.9999]
    return RANDOM.integers(0, 2, (SIZE, 1)).astype(np.float32), predictions


def fractional():
    return RANDOM.random((SIZE, 1)).astype(np.float32), RANDOM.random((SIZE, 1)).astype(np.float32)


def regression():
    return RANDOM.integers(0, 5, (SIZE, 1)), (3 * RANDOM.random((SIZE, 1))).astype(np.float32)


def multiclass():
    scores = RANDOM.random((SIZE, 4)).astype(np.float32)
    return RANDOM.integers(0, 4, (SIZE, 1)), scores / scores.sum(axis=1, keepdims=True)


def one_hot():
    labels, predictions = multiclass()
    return np.eye(4, dtype=np.float32)[labels[:, 0]], predictions


BINARY = [
    "AUC", "AUCPrecisionRecall", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration", "ExampleCount", "Precision",
    "Recall", "F1Score", "MeanLabel", "MeanPrediction", "BalancedAccuracy", "MatthewsCorrelationCoefficient",
    "CalibrationPlot", "ConfusionMatrixPlot", "MeanAbsoluteError",
]  # fmt: skip
REGRESSION = [
    "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
    "SquaredPearsonCorrelation", "RootMeanSquaredError", "ExampleCount",
]  # fmt: skip
CASES = [
    (BINARY, binary),
    (["AUC", "BinaryAccuracy", "BinaryCrossEntropy", "Precision", "Calibration"], fractional),
    (REGRESSION, regression),
    (
        ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "AUC", "MultiClassConfusionMatrixPlot"],
        multiclass,
    ),
    (["CategoricalAccuracy", "CategoricalCrossEntropy", "AUC", "MultiClassConfusionMatrixPlot"], one_hot),
]


def config(names, weighted=False, class_ids=()):
    made = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="y", example_weight_key="w" if weighted else "")]
    )
    spec = made.metrics_specs.add(metrics=[config_pb2.MetricConfig(class_name=name) for name in names])
    if weighted:
        spec.example_weights.weighted = True
        spec.example_weights.unweighted = True
    if class_ids:
        spec.binarize.class_ids.values.extend(class_ids)
    return tfma_results.complete(made, has_baseline=False)


def example_by_example(eval_config, rows):
    steps = metrics_plots_and_validations_evaluator._filter_and_separate_computations(
        metric_specs.to_computations(list(eval_config.metrics_specs), eval_config=eval_config)
    )
    inputs = [
        metric_types.StandardMetricInputs({"labels": label, "predictions": prediction, "example_weights": weight})
        for label, prediction, weight in zip(
            rows.labels, rows.predictions, [None] * SIZE if rows.weights is None else rows.weights[:, None], strict=True
        )
    ]
    values = {}
    for step in steps.non_derived_computations:
        step.combiner.setup()
        total = step.combiner.create_accumulator()
        for each in inputs:
            total = step.combiner.add_input(total, each)
        values.update(step.combiner.extract_output(total))
    for step in steps.derived_computations:
        values.update(step.result(values))
    return {key: value for key, value in values.items() if not key.name.startswith("_")}


def from_arrays(eval_config, rows):
    ((_, values),) = Computations(eval_config).of_slices(
        ScoredExamples({("", ""): rows}, {(): np.arange(len(rows.labels))})
    )
    return values


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        if isinstance(key, metric_types.PlotKey):
            assert_same_plot(ours[key], value)
        else:
            np.testing.assert_allclose(ours[key], value, rtol=1e-6, err_msg=str(key))


def assert_same_plot(ours, theirs):
    if isinstance(theirs, list):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(list(vars(mine).values()), list(vars(other).values()), rtol=1e-6)
    elif isinstance(theirs, binary_confusion_matrices.Matrices):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6)
    else:
        # A message; its text, since a NaN in it is not equal to itself.
        assert str(ours) == str(theirs)


@pytest.mark.parametrize(("names", "data"), CASES, ids=lambda case: getattr(case, "__name__", None))
@pytest.mark.parametrize("weighted", [False, True])
def test_every_rule_equals_tfma(names, data, weighted):
    labels, predictions = data()
    rows = Rows(labels, predictions, RANDOM.integers(0, 4, SIZE).astype(np.float32) if weighted else None)
    eval_config = config(names, weighted)
    # Predictions of exactly 0 and 1 are among them, of which TFMA takes the logarithm.
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs = example_by_example(eval_config, rows)
    assert_same(from_arrays(eval_config, rows), theirs)


@pytest.mark.parametrize("data", [multiclass, one_hot])
def test_metrics_of_one_class_equal_tfma(data):
    rows, eval_config = Rows(*data(), None), config(["AUC", "BinaryAccuracy", "Precision"], class_ids=[0, 2])
    assert_same(from_arrays(eval_config, rows), example_by_example(eval_config, rows))


@pytest.mark.parametrize("name", ["ExactMatch", "TotalAttributions"])
def test_a_metric_without_a_rule_is_left_to_beam(name):
    with pytest.raises(NeedsBeam):
        Computations(config([name]))


def of_outputs():
    """Keras metrics of a number and of classes, which TFMA puts into one combiner, and the rows of both outputs."""
    measured = {"classes": ("SparseCategoricalAccuracy", multiclass), "number": ("R2Score", regression)}
    made = eval_config_of(
        Labels.model_validate(
            {
                "outputs": {
                    "number": {"column": "a", "task": "regression"},
                    "classes": {"column": "b", "task": "multiclass", "classes": [0, 1, 2, 3]},
                }
            }
        ),
        Evaluation.model_validate(
            {
                "metrics": [metric for metric, _ in measured.values()],
                "thresholds": [{"metric": "R2Score", "at_least": 0.0}],
            }
        ),
        has_baseline=False,
    )
    rows = {name: Rows(*data(), None) for name, (_, data) in measured.items()}
    return tfma_results.complete(made, has_baseline=False), rows


def test_keras_metrics_of_several_outputs_are_each_of_its_own_rows():
    made, rows = of_outputs()
    table = ScoredExamples({("", name): each for name, each in rows.items()}, {(): np.arange(SIZE)})
    ((_, values),) = Computations(made).of_slices(table)
    shown = {(key.name, key.output_name): value for key, value in values.items()}
    labels, predictions, _ = rows["number"]
    assert shown["r2_score", "number"] == pytest.approx(r2_score(labels, predictions), rel=1e-5)
    labels, predictions, _ = rows["classes"]
    right = np.mean(np.argmax(predictions, axis=1) == labels[:, 0])
    assert shown["sparse_categorical_accuracy", "classes"] == pytest.approx(right, rel=1e-6)


def test_r2_is_read_from_sums_of_other_workers():
    """As Beam does: what was added up in one place is put into a metric that has seen no row."""
    made, rows = of_outputs()
    steps = metric_specs.to_computations(list(made.metrics_specs), eval_config=made)
    (step,) = [one for one in steps if bulk_metrics.outputs_of(getattr(one, "combiner", None))]
    other = pickle.loads(pickle.dumps(step.combiner))
    combiner = step.combiner
    total = bulk_metrics.rule(combiner)(combiner, *(rows[name] for name in bulk_metrics.outputs_of(combiner)))
    other.setup()
    values = {key.output_name: value for key, value in other.extract_output(total).items()}
    assert values["number"] == pytest.approx(r2_score(*rows["number"][:2]), rel=1e-5)


def test_top_k_is_left_to_beam():
    made = config(["Precision"])
    made.metrics_specs[0].binarize.top_k_list.values.append(2)
    rows = Rows(*multiclass(), None)
    with pytest.raises(NeedsBeam, match="topK"):
        from_arrays(made, rows)


def test_a_matrix_of_classes_at_several_thresholds_is_left_to_beam():
    made = config(["MultiClassConfusionMatrixPlot"])
    made.metrics_specs[0].metrics[0].config = '"thresholds": [0.2, 0.4]'
    with pytest.raises(NeedsBeam, match="several thresholds"):
        from_arrays(made, Rows(*multiclass(), None))


def test_a_matrix_of_classes_has_no_predicted_class_up_to_its_one_threshold():
    made = config(["MultiClassConfusionMatrixPlot"])
    made.metrics_specs[0].metrics[0].config = '"thresholds": [0.375]'
    labels, predictions = multiclass()
    predictions[5] = [0.375, 0.25, 0.25, 0.125]  # a top score that is just the threshold
    rows = Rows(labels, predictions, None)
    assert_same(from_arrays(made, rows), example_by_example(made, rows))


def test_a_matrix_of_classes_of_one_prediction_is_left_to_beam():
    with pytest.raises(NeedsBeam, match="confusion matrix of classes"):
        from_arrays(config(["MultiClassConfusionMatrixPlot"]), Rows(*binary(), None))


def test_labels_that_are_neither_classes_nor_one_each_are_left_to_beam():
    labels, predictions = one_hot()
    with pytest.raises(NeedsBeam, match="labels of 3 values for 4 predictions"):
        from_arrays(config(["AUC"]), Rows(labels[:, :3], predictions, None))
    with pytest.raises(NeedsBeam, match="not one-hot"):
        from_arrays(config(["CategoricalCrossEntropy"]), Rows(labels[:, :3], predictions, None))


WITH_PARAMETERS = [
    ("CalibrationPlot", regression, '"left": 1.0, "right": 2.5, "num_buckets": 7'),
    ("BinaryCrossEntropy", binary, '"label_smoothing": 0.2'),
    ("BinaryCrossEntropy", binary, '"from_logits": true, "label_smoothing": 0.1'),
    ("CategoricalCrossEntropy", one_hot, '"label_smoothing": 0.2'),
    ("CategoricalCrossEntropy", one_hot, '"from_logits": true'),
]


@pytest.mark.parametrize(("name", "data", "parameters"), WITH_PARAMETERS)
def test_a_metric_with_parameters_equals_tfma(name, data, parameters):
    made = config([name])
    made.metrics_specs[0].metrics[0].config = parameters
    labels, predictions = data()
    rows = Rows(labels, 4 * predictions - 2 if "logits" in parameters else predictions, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        assert_same(from_arrays(made, rows), example_by_example(made, rows))


def test_a_label_outside_its_range_is_refused_as_by_tfma():
    labels, predictions = binary()
    labels[3] = 2.0
    with pytest.raises(ValueError, match=r"label must be within \[0, 1\]"):
        from_arrays(config(["AUC"]), Rows(labels, predictions, None))


def test_the_quick_derivation_is_the_one_in_use_and_gives_tfma_s_numbers_exactly():
    eval_config = config(["AUC"])
    steps = metric_specs.to_computations(list(eval_config.metrics_specs), eval_config=eval_config)
    (slow,) = [step for step in steps if step.keys[0].name.startswith("_binary") and hasattr(step, "result")]
    quick = bulk_metrics.derivation(slow)
    assert quick is not slow.result
    for rows in (Rows(*binary(), None), Rows(*fractional(), RANDOM.random(SIZE))):
        combiner = steps[0].combiner
        values = combiner.extract_output(bulk_metrics.rule(combiner)(combiner, rows))
        ours, theirs = quick(values)[slow.keys[0]], slow.result(values)[slow.keys[0]]
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


def test_more_rows_than_are_handled_at_once():
    """Ratios of counts are what they are for one copy of the rows, however many copies there are."""
    eval_config = config(["AUC", "AUCPrecisionRecall", "BinaryAccuracy", "Precision", "Recall", "Calibration"])
    rows = Rows(*binary(), None)
    copies = bulk_metrics._ROWS_AT_ONCE // SIZE + 2
    many = Rows(np.tile(rows.labels, (copies, 1)), np.tile(rows.predictions, (copies, 1)), None)
    with np.errstate(divide="ignore", invalid="ignore"):  # TFMA's derivations, which `Computations` calls the same way
        expected = example_by_example(eval_config, rows)
    assert_same(from_arrays(eval_config, many), expected)
