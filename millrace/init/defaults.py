"""Numbers that depend on the data: thresholds from what no model at all would reach, and training by size."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.init.label import LabelPlan

SPLITS = {"train": 4, "eval": 1, "test": 1}
"""Hash buckets: two thirds to learn from, a sixth that picks the best step, a sixth that only judges."""
TRAIN_SHARE = SPLITS["train"] / sum(SPLITS.values())
_TEST_SHARE = SPLITS["test"] / sum(SPLITS.values())
_MOST_LUCK = 0.1


@dataclass(frozen=True)
class NoModelBaseline:
    """What is measured, what a model has to reach, and what is reached without one, in words."""

    metrics: tuple[str, ...]
    thresholds: tuple[dict[str, Any], ...]
    words: str


def baseline(label: LabelPlan, rows: int) -> NoModelBaseline:
    """The thresholds that a model must reach to be better than no model by more than luck.

    Luck is two standard errors of the metric on a test split of a sixth of the rows, at most 0.1 (at most half of
    the way to perfection). For AUC the error is Hanley and McNeil's for a model without skill (1982).

    Args:
        label: what is predicted.
        rows: rows of the whole table.
    """
    test_rows = max(rows * _TEST_SHARE, 1.0)
    if label.task == "regression":
        return _regression(label, test_rows)
    if label.task == "binary":
        return _binary(label, test_rows)
    error = math.sqrt(label.majority * (1.0 - label.majority) / test_rows)
    least = _rounded(label.majority + min(2.0 * error, _MOST_LUCK, (1.0 - label.majority) / 2.0))
    return NoModelBaseline(
        ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "AUC", "ExampleCount"),
        (
            {"metric": "SparseCategoricalAccuracy", "at_least": least},
            {"metric": "SparseCategoricalAccuracy", "worse_by_at_most": 0.01},
        ),
        f"always saying the most frequent class is right in {label.majority:.1%} of the rows",
    )


def _binary(label: LabelPlan, test_rows: float) -> NoModelBaseline:
    positive = label.rows[1] / sum(label.rows)
    ones, others = max(positive * test_rows, 1.0), max((1.0 - positive) * test_rows, 1.0)
    error = math.sqrt((ones + others + 1.0) / (12.0 * ones * others))
    metrics = ("AUC", "AUCPrecisionRecall", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration", "ExampleCount")
    thresholds: list[dict[str, Any]] = [{"metric": "AUC", "at_least": _rounded(0.5 + min(2.0 * error, _MOST_LUCK))}]
    words = f"guessing gives an AUC of 0.5; always saying {label.classes[0 if positive < 0.5 else 1]} is right in "
    words += f"{label.majority:.1%} of the rows"
    if label.imbalanced:
        thresholds.append({"metric": "AUCPrecisionRecall", "at_least": _rounded(positive)})
        words = (
            f"guessing gives an AUC of 0.5 and an AUCPrecisionRecall of {positive:.4f}, the share of the second class"
        )
    else:
        thresholds.append({"metric": "BinaryAccuracy", "at_least": _rounded(label.majority)})
    thresholds.append({"metric": "AUC", "worse_by_at_most": 0.005})
    return NoModelBaseline(metrics, tuple(thresholds), words)


def _regression(label: LabelPlan, test_rows: float) -> NoModelBaseline:
    seen = label.column.numbers[np.isfinite(label.column.numbers)].astype(np.float64)
    centred = seen - seen.mean()
    deviation, absolute = float(centred.std()), float(np.abs(centred).mean())
    kurtosis = float((centred**4).mean() / deviation**4)
    # The standard error of a standard deviation, as a share of it.
    error = math.sqrt(max(kurtosis - 1.0, 0.0) / (4.0 * test_rows))
    most = deviation * (1.0 - min(2.0 * error, _MOST_LUCK))
    return NoModelBaseline(
        ("RootMeanSquaredError", "MeanAbsoluteError", "SquaredPearsonCorrelation", "ExampleCount"),
        (
            {"metric": "RootMeanSquaredError", "at_most": _significant(most)},
            {"metric": "MeanAbsoluteError", "at_most": _significant(absolute)},
            {"metric": "RootMeanSquaredError", "worse_by_at_most": _significant(deviation / 50)},
        ),
        f"always saying the mean, {seen.mean():.4g}, is wrong by {deviation:.4g} (root mean square), "
        f"{absolute:.4g} on average",
    )


def _rounded(value: float) -> float:
    """Up to four decimals, never beyond 1."""
    return min(math.ceil(value * 10_000) / 10_000, 1.0)


def _significant(value: float) -> float:
    return float(f"{value:.4g}")


@dataclass(frozen=True)
class TrainingPlan:
    """Sections `model` and `training`."""

    model: dict[str, Any]
    training: dict[str, Any]


# Rows of the train split up to which a line holds; batch size, passes or steps, learning rate, units, dropout.
_SIZES: tuple[tuple[float, int, dict[str, int], float, list[int], float], ...] = (
    (300, 8, {"epochs": 60}, 0.005, [16], 0.0),
    (2_000, 32, {"epochs": 60}, 0.003, [32, 16], 0.0),
    (20_000, 64, {"steps": 2_000}, 0.002, [64, 32], 0.1),
    (200_000, 256, {"steps": 3_000}, 0.002, [64, 32], 0.1),
    (2_000_000, 512, {"steps": 6_000}, 0.001, [128, 64], 0.1),
    (math.inf, 1_024, {"steps": 10_000}, 0.001, [256, 128], 0.1),
)
_LARGE_EVALUATION = 200_000


def training_plan(label: LabelPlan, rows: int) -> TrainingPlan:
    """How a table of so many rows is learned: long enough to learn, stopped when nothing gets better.

    Args:
        label: what is predicted; a rare class weighs more.
        rows: rows of the whole table.
    """
    train_rows = rows * TRAIN_SHARE
    _, batch, length, rate, units, dropout = next(line for line in _SIZES if train_rows <= line[0])
    training: dict[str, Any] = {"batch_size": batch, **length, "learning_rate": rate}
    if "steps" in length:
        training["validate_every"] = max(length["steps"] // 10, 100)
    training["patience"] = 5 if "epochs" in length else 3
    if rows * (1.0 - TRAIN_SHARE - _TEST_SHARE) > _LARGE_EVALUATION:
        training["eval_steps"] = _LARGE_EVALUATION // batch
    training["class_weights"] = "balanced" if label.imbalanced else "none"
    training["seed"] = 20
    return TrainingPlan({"hidden_units": units, "dropout": dropout}, training)
