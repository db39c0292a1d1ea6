"""What a metric is expected to be before any label has come, from the probabilities that were answered.

Where a model is calibrated, of the rows to which it gives 0.8 eight in ten are of the second class, and what its
answers are worth follows from them alone. It is the idea of NannyML's Confidence-Based Performance Estimation
(https://nannyml.readthedocs.io, "How it works: estimation of performance of the monitored model"). It holds as long as
the probabilities are right: where a column means something else by now (another unit, say), they are not, and the skew
of that column says so. The interval is of what chance makes of the labels, and knows nothing of such errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Optional

import numpy as np
from scipy.stats import rankdata

from millrace.base.numbers import rounded
from millrace.components.evaluator.section import Threshold
from millrace.features.label import AnyLabel, Label
from millrace.monitoring.findings import Estimate, MonitorFinding
from millrace.monitoring.window import Window

AUC, BINARY_ACCURACY, ACCURACY = "AUC", "BinaryAccuracy", "Accuracy"
_DRAWS, _LEAST_DRAWS = 999, 199
_MOST_NUMBERS = 100_000_000
_ENDS = (2.5, 97.5)
_SEED = 15


def of_answers(label: AnyLabel, probabilities: Optional[np.ndarray], by_labels: Mapping[str, float]) -> list[Estimate]:
    """What is expected of a window's answers.

    Args:
        label: what is predicted.
        probabilities: of the second of two classes, or of the most probable of several [rows]; None where the answers
            have none.
        by_labels: what labels said by now, by metric.

    Returns:
        None for a number, and for several labels a row.
    """
    # What a model could not compute is no probability.
    known = np.zeros(0) if probabilities is None else probabilities[np.isfinite(probabilities)]
    if not len(known) or not isinstance(label, Label):
        return []
    if label.task == "binary":
        estimates = of_two_classes(known)
    else:
        estimates = of_many_classes(known) if label.task == "multiclass" else []
    return [replace(one, measured=by_labels.get(one.metric)) for one in estimates]


def below(
    estimates: Sequence[Estimate], thresholds: Sequence[Threshold], version: int, window: Window
) -> list[MonitorFinding]:
    """Where even the best that is expected misses a threshold of the whole data, and no label says better.

    Args:
        estimates: of the window.
        thresholds: the Evaluator's.
        version: that answered.
        window: which.
    """
    findings = []
    for one in estimates:
        same = [each for each in thresholds if each.metric == one.metric and not each.slice]
        limit = max((each.at_least for each in same if each.at_least is not None), default=None)
        if limit is None or one.high >= limit or one.measured is not None:
            continue
        expected = f"{one.metric} is expected to be {rounded(one.value, 4)}"
        text = f"{expected}, {rounded(one.low, 4)} to {rounded(one.high, 4)}; at least {rounded(limit)}"
        remedy = "millrace labels add says what was right; millrace run on newer data"
        findings.append(
            MonitorFinding("estimate", one.metric, "", one.value, limit, text, version, window, True, remedy)
        )
    return findings


def of_two_classes(probabilities: np.ndarray) -> list[Estimate]:
    """AUC and accuracy of a binary model.

    The labels are drawn as the probabilities say, and each time measured: 2.5 % of the draws lie beyond each end.

    Args:
        probabilities: of the second class [rows], at least one.

    Returns:
        An accuracy, and an AUC where both classes may well occur.
    """
    draws = int(np.clip(_MOST_NUMBERS // len(probabilities), _LEAST_DRAWS, _DRAWS))
    random = np.random.default_rng(_SEED)
    ranks, decided, rows = rankdata(probabilities), probabilities >= 0.5, len(probabilities)
    accuracies, areas = np.empty(draws), np.full(draws, np.nan)
    for draw in range(draws):
        labels = random.random(rows) < probabilities
        accuracies[draw] = np.mean(labels == decided)
        positives = int(labels.sum())
        if 0 < positives < rows:
            # Mann and Whitney: how often a row of the second class has the greater probability.
            above = ranks[labels].sum() - positives * (positives + 1) / 2
            areas[draw] = above / (positives * (rows - positives))
    # Its mean needs no draw.
    expected = float(np.maximum(probabilities, 1.0 - probabilities).mean())
    estimates = [Estimate(BINARY_ACCURACY, expected, *_interval(accuracies))]
    if not np.isnan(areas).any():
        estimates.insert(0, Estimate(AUC, float(areas.mean()), *_interval(areas)))
    return estimates


def of_many_classes(largest: np.ndarray) -> list[Estimate]:
    """The accuracy of a model of several classes.

    Args:
        largest: the probability of the class that was answered [rows], at least one.
    """
    expected = float(largest.mean())
    # Rows are right or wrong independently of each other, each with its own probability.
    error = 1.96 * float(np.sqrt((largest * (1.0 - largest)).sum())) / len(largest)
    return [Estimate(ACCURACY, expected, max(expected - error, 0.0), min(expected + error, 1.0))]


def _interval(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, _ENDS)
    return float(low), float(high)
