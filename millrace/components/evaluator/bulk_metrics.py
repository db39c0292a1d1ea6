"""TFMA's combiners, filled from arrays: each rule does at once what `add_input` does example by example.

A metric is the result of a combiner (its accumulator is filled here, everything after it is TFMA's) and of the
computations that TFMA derives from it. A combiner without a rule, or set up in a way that its rule does not know,
raises `NeedsBeam`, and the evaluation goes through Beam. The rules are compared with TFMA's own results in
library/tests/components/evaluator/test_bulk_metrics.py, metric by metric.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Optional

import numpy as np
from tensorflow_model_analysis.metrics import (
    binary_confusion_matrices,
    calibration,
    calibration_histogram,
    cross_entropy_metrics,
    example_count,
    mean_regression_error,
    metric_util,
    multi_class_confusion_matrix_metrics,
    squared_pearson_correlation,
    tf_metric_wrapper,
)

from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator.cross_entropy import FiniteBinaryCrossEntropyCombiner, inside


class Rows(NamedTuple):
    """Labels and predictions, [rows, values]; weights, [rows], None where the examples are not weighted."""

    labels: np.ndarray
    predictions: np.ndarray
    weights: Optional[np.ndarray]

    def weighted(self) -> np.ndarray:
        """The weights as numbers."""
        return np.ones(len(self.labels)) if self.weights is None else self.weights.astype(np.float64)

    def flat(self) -> "FlatRows":
        """One row per value: a multi-class prediction becomes one yes-or-no prediction per class."""
        width = self.predictions.shape[1]
        if width == 1 and self.labels.shape[1] == 1:
            return FlatRows(self.labels[:, 0], self.predictions[:, 0], self.weighted())
        return FlatRows(
            self.dense_labels().reshape(-1), self.predictions.reshape(-1), np.repeat(self.weighted(), width)
        )

    def dense_labels(self) -> np.ndarray:
        """Labels in the predictions' shape; class numbers become one-hot."""
        if self.labels.shape == self.predictions.shape:
            return self.labels
        if self.labels.shape[1] != 1:
            raise NeedsBeam(f"labels of {self.labels.shape[1]} values for {self.predictions.shape[1]} predictions")
        return metric_util.one_hot(self.labels[:, 0], self.predictions)


class FlatRows(NamedTuple):
    """One label, one prediction and one weight per row, [rows] each."""

    labels: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray


Rule = Callable[..., Any]
"""Fills a combiner's accumulator from rows: of one output, or of each of `outputs_of` in their order."""

# What is computed along the way takes many times the rows' own memory, so it is computed for so many at once.
_ROWS_AT_ONCE = 1 << 18


def _parts(rows: FlatRows) -> Iterator[FlatRows]:
    for start in range(0, len(rows.labels), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        yield FlatRows(rows.labels[part], rows.predictions[part], rows.weights[part])


def rule(combiner: Any) -> Rule:
    """The rule for a combiner.

    Raises:
        NeedsBeam: there is none.
    """
    fill = _RULES.get(type(combiner))
    if fill is None:
        raise NeedsBeam(f"the metric of {type(combiner).__name__} has no rule for arrays")
    for name in ("_aggregation_type", "_class_weights", "_example_id_key"):
        if getattr(combiner, name, None):
            raise NeedsBeam(f"{type(combiner).__name__} is set up with {name.lstrip('_')}")
    extract = getattr(combiner, "_extract_label_prediction_and_weight", metric_util.to_label_prediction_example_weight)
    if extract is not metric_util.to_label_prediction_example_weight:
        raise NeedsBeam(f"{type(combiner).__name__} extracts labels and predictions in its own way")
    return fill


def derivation(step: Any) -> Callable[[dict[Any, Any]], dict[Any, Any]]:
    """What derives metrics from others: TFMA's own function, or the same with arrays for its one slow case.

    AUC and its like come from confusion matrices at 10,000 thresholds, which TFMA sums up in Python from a histogram.
    """
    known = inspect.getclosurevars(step.result).nonlocals
    module = getattr(step.result, "__module__", "")
    if module != binary_confusion_matrices.__name__ or known.keys() < _HISTOGRAM_NAMES or not known["use_histogram"]:
        return step.result
    thresholds = np.asarray(known["thresholds"], dtype=np.float64)
    if len(thresholds) < 2 or thresholds[0] < -1e-6 or np.any(np.diff(thresholds) < 0):
        return step.result
    source, target = known["input_metric_key"], known["matrices_key"]
    return lambda metrics: {target: _matrices(known["thresholds"], thresholds, metrics[source])}


_HISTOGRAM_NAMES = {"use_histogram", "thresholds", "input_metric_key", "matrices_key"}


def is_weighted(combiner: Any) -> bool:
    """Whether a combiner counts examples by their weights."""
    return bool(combiner._example_weighted)


def _example_count(combiner: Any, rows: Rows) -> float:
    return combiner.create_accumulator() + float(np.sum(rows.weighted()))


def _weighted_sums(combiner: Any, rows: Rows) -> Any:
    flat, sums = rows.flat(), combiner.create_accumulator()
    sums.total_weighted_labels = float(np.dot(flat.labels.astype(np.float64), flat.weights))
    sums.total_weighted_predictions = float(np.dot(flat.predictions.astype(np.float64), flat.weights))
    sums.total_weighted_examples = float(np.sum(flat.weights))
    return sums


def _pearson(combiner: Any, rows: Rows) -> Any:
    flat, sums = rows.flat(), _weighted_sums(combiner, rows)
    labels, predictions = flat.labels.astype(np.float64), flat.predictions.astype(np.float64)
    sums.total_weighted_squared_labels = float(np.dot(labels**2, flat.weights))
    sums.total_weighted_squared_predictions = float(np.dot(predictions**2, flat.weights))
    sums.total_weighted_labels_times_predictions = float(np.dot(labels * predictions, flat.weights))
    return sums


def _histogram(combiner: Any, rows: Rows) -> dict[int, calibration_histogram.Bucket]:
    sums = np.zeros((3, combiner._num_buckets + 2))
    used = np.zeros(combiner._num_buckets + 2, dtype=bool)
    for part in _parts(rows.flat()):
        at, *values = _bucketed(combiner, part)
        used[at] = True
        for total, value in zip(sums, values, strict=True):
            total += np.bincount(at, value, len(used))
    numbers = np.flatnonzero(used)
    return {
        number: calibration_histogram.Bucket(number, *values)
        for number, values in zip(numbers.tolist(), sums[:, numbers].T.tolist(), strict=True)
    }


def _bucketed(combiner: Any, rows: FlatRows) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Each row's bucket, and its weighted label, weighted prediction and weight."""
    labels, predictions = rows.labels.astype(np.float64), rows.predictions.astype(np.float64)
    weights = rows.weights
    if combiner._fractional_labels:
        _verify_fractions(labels)
        if not combiner._prediction_based_bucketing:
            raise NeedsBeam("a histogram of fractional labels")
        # TFMA splits an example into a positive and a negative part and leaves out parts of no weight.
        kept = ~np.isclose(weights, 0.0, rtol=1e-9, atol=0.0)
        labels, predictions, weights = labels[kept], predictions[kept], weights[kept]
    by = predictions if combiner._prediction_based_bucketing else labels
    count = combiner._num_buckets
    at = np.clip(np.trunc((by - combiner._left) / combiner._range * count + 1), 0, count + 1).astype(np.int64)
    return at, labels * weights, predictions * weights, weights


def _confusion(combiner: Any, rows: Rows) -> Any:
    matrices = combiner._binary_confusion_matrices
    total = matrices.create_accumulator()
    for part in _parts(rows.flat()):
        total = _add_confusion(combiner, matrices, total, part)
    return total


def _add_confusion(combiner: Any, matrices: Any, total: Any, rows: FlatRows) -> Any:
    """Adds one example for each interval between thresholds and each side of the label, with their weights' sum."""
    labels, predictions, weights = rows.labels.astype(np.float64), rows.predictions, rows.weights
    if combiner._enable_fractional_labels:
        _verify_fractions(labels)
        labels = np.repeat([0.0, 1.0], len(labels))
        predictions = np.tile(predictions, 2)
        weights = np.concatenate([rows.weights * (1 - rows.labels), rows.weights * rows.labels])
    limits = np.sort(np.asarray(matrices._thresholds, dtype=np.float64))
    # Both sides are compared with `>`, so that a value on a threshold belongs to the interval below it.
    intervals = np.searchsorted(limits, predictions.astype(np.float64), side="left")
    sides = np.searchsorted(limits, labels, side="left") if not combiner._enable_fractional_labels else labels
    _, firsts, groups = np.unique(np.stack([intervals, sides]), axis=1, return_index=True, return_inverse=True)
    return matrices.add_input(
        total,
        labels=labels[firsts].tolist(),
        predictions=predictions[firsts].tolist(),
        example_weights=np.bincount(groups.reshape(-1), weights, len(firsts)).tolist(),
        example_id=None,
    )


def _verify_fractions(labels: np.ndarray) -> None:
    outside = labels[~((labels >= 0.0) & (labels <= 1.0))]
    if len(outside):
        raise ValueError(f"label must be within [0, 1]: label={outside[0]}")


def _binary_cross_entropy(combiner: Any, rows: Rows) -> Any:
    labels = rows.labels * (1.0 - combiner._label_smoothing) + 0.5 * combiner._label_smoothing
    predictions = rows.predictions
    if combiner._from_logits:
        parts = np.maximum(predictions, 0) - predictions * labels + np.log(1 + np.exp(-np.abs(predictions)))
    else:
        predictions = inside(predictions)
        parts = -labels * np.log(predictions) - (1 - labels) * np.log(1 - predictions)
    return _entropy(combiner, np.mean(parts, axis=1), rows)


def _categorical_cross_entropy(combiner: Any, rows: Rows) -> Any:
    if rows.labels.shape != rows.predictions.shape:
        raise NeedsBeam("categorical cross entropy of labels that are not one-hot")
    width = rows.predictions.shape[1]
    labels = rows.labels * (1.0 - combiner._label_smoothing) + combiner._label_smoothing / width
    predictions = np.exp(rows.predictions) if combiner._from_logits else rows.predictions
    shares = predictions / np.sum(predictions, axis=1, keepdims=True)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return _entropy(combiner, -np.sum(labels * logs, axis=1), rows)


def _entropy(combiner: Any, parts: np.ndarray, rows: Rows) -> Any:
    total = combiner.create_accumulator()
    total.total_cross_entropy = float(np.dot(parts.astype(np.float64), rows.weighted()))
    total.total_example_weights = float(np.sum(rows.weighted()))
    return total


def _regression_error(error: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Rule:
    def fill(combiner: Any, rows: Rows) -> Any:
        flat, total = rows.flat(), combiner.create_accumulator()
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = error(flat.labels, flat.predictions).astype(np.float64)
        counted = ~np.isnan(errors)
        total.total_regression_error = float(np.dot(errors[counted], flat.weights[counted]))
        total.total_example_weights = float(np.sum(flat.weights[counted]))
        return total

    return fill


def _percentage(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.where(labels == 0, np.nan, 100 * np.abs((labels - predictions) / labels))


def _squared_logarithmic(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.abs(np.log(labels + 1) - np.log(predictions + 1)).astype(np.float64) ** 2


def outputs_of(combiner: Any) -> list[str]:
    """The outputs that one combiner measures together, as those of Keras metrics do; none where it is of one."""
    return list(getattr(combiner, "_output_names", ()))


def _keras(combiner: Any, *by_output: Rows) -> Any:
    """Keras metrics, by the batch as in TFMA, only with larger ones."""
    combiner.setup()
    total = combiner.create_accumulator()
    for place, (name, rows) in enumerate(zip(outputs_of(combiner), by_output, strict=True)):
        weights = np.ones((len(rows.labels), 1), np.float32) if rows.weights is None else rows.weights.reshape(-1, 1)
        for at, metric in enumerate(combiner._metrics[name]):
            for start in range(0, len(rows.labels), _KERAS_ROWS):
                part = slice(start, start + _KERAS_ROWS)
                metric.reset_state()
                metric.update_state(rows.labels[part], rows.predictions[part], weights[part])
                total.add_weights(place, at, metric.get_weights())
    return total


# Keras sums in single precision; past this many rows a sum would lose what TFMA's batches keep.
_KERAS_ROWS = 16_384


def _class_matrix(combiner: Any, rows: Rows) -> Any:
    if len(combiner._thresholds) != 1 or rows.predictions.shape[1] < 2:
        raise NeedsBeam("a confusion matrix of classes at several thresholds")
    threshold = combiner._thresholds[0]
    actual = np.argmax(rows.labels, axis=1) if rows.labels.shape[1] > 1 else rows.labels[:, 0].astype(np.int64)
    predicted = np.argmax(rows.predictions, axis=1)
    predicted = np.where(
        rows.predictions[np.arange(len(predicted)), predicted] <= threshold,
        multi_class_confusion_matrix_metrics.NO_PREDICTED_CLASS_ID,
        predicted,
    )
    pairs, groups = np.unique(np.stack([actual, predicted]), axis=1, return_inverse=True)
    sums = np.bincount(groups.reshape(-1), rows.weighted(), pairs.shape[1])
    matrix = combiner.create_accumulator()
    entry = multi_class_confusion_matrix_metrics.MatrixEntryKey
    matrix[threshold] = {entry(*pair): weight for pair, weight in zip(pairs.T.tolist(), sums.tolist(), strict=True)}
    return matrix


_RULES: dict[type, Rule] = {
    example_count._ExampleCountCombiner: _example_count,
    calibration._WeightedLabelsPredictionsExamplesCombiner: _weighted_sums,
    squared_pearson_correlation._SquaredPearsonCorrelationCombiner: _pearson,
    calibration_histogram._CalibrationHistogramCombiner: _histogram,
    binary_confusion_matrices._BinaryConfusionMatrixCombiner: _confusion,
    FiniteBinaryCrossEntropyCombiner: _binary_cross_entropy,
    cross_entropy_metrics._CategoricalCrossEntropyCombiner: _categorical_cross_entropy,
    mean_regression_error._MeanAbsoluteErrorCombiner: _regression_error(lambda label, given: np.abs(label - given)),
    mean_regression_error._MeanSquaredErrorCombiner: _regression_error(
        lambda label, given: np.abs(label - given).astype(np.float64) ** 2
    ),
    mean_regression_error._MeanAbsolutePercentageErrorCombiner: _regression_error(_percentage),
    mean_regression_error._MeanSquaredLogarithmicErrorCombiner: _regression_error(_squared_logarithmic),
    tf_metric_wrapper._CompilableMetricsCombiner: _keras,
    multi_class_confusion_matrix_metrics._MultiClassConfusionMatrixCombiner: _class_matrix,
}


def _matrices(given: list[float], thresholds: np.ndarray, histogram: list[Any]) -> binary_confusion_matrices.Matrices:
    """As `calibration_histogram.rebin` and `_histogram_to_binary_confusion_matrices`, in the same order of addition."""
    epsilon = binary_confusion_matrices._EPSILON
    starts = np.where(thresholds != 0, thresholds + epsilon, thresholds)
    before = 0
    if thresholds[0] >= 0:
        before = 1
        starts = np.insert(starts, 0, -epsilon)
    if thresholds[-1] < 1.0:
        starts = np.append(starts, 1.0 + epsilon)
    buckets = np.array([bucket.bucket_id for bucket in histogram], dtype=np.int64)
    count = calibration_histogram.DEFAULT_NUM_BUCKETS
    lefts = np.where(buckets == 0, -np.inf, np.where(buckets > count, np.inf, (buckets - 1) / count))
    at = np.maximum(np.searchsorted(starts, lefts, side="right") - 1, 0)
    positive = np.bincount(at, [bucket.weighted_labels for bucket in histogram], len(starts))
    negative = np.bincount(at, [bucket.weighted_examples for bucket in histogram], len(starts)) - positive
    shown = slice(before, before + len(thresholds))
    true_positive, false_positive = (np.cumsum(part[::-1])[::-1][shown].copy() for part in (positive, negative))
    false_negative, true_negative = (
        np.concatenate([[0.0], np.cumsum(part)[:-1]])[shown].copy() for part in (positive, negative)
    )
    beyond = thresholds >= 1.0 + epsilon
    false_negative[beyond], true_negative[beyond] = true_positive[0], false_positive[0]
    true_positive[beyond] = false_positive[beyond] = 0.0
    parts = (true_positive, true_negative, false_positive, false_negative)
    return binary_confusion_matrices.Matrices(given, *(part.tolist() for part in parts))
