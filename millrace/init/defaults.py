"""Numbers that depend on the data: thresholds from what no model at all would reach, and training by size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.components.evaluator import chance
from millrace.init import luck
from millrace.init.label import LabelPlan

SPLITS = {"train": 4, "eval": 1, "test": 1}
"""Hash buckets: two thirds to learn from, a sixth that picks the best step, a sixth that only judges."""
EXAMPLE_COUNT = "ExampleCount"
"""The metric that counts what the others are of."""
TRAIN_SHARE = SPLITS["train"] / sum(SPLITS.values())
_TEST_SHARE = SPLITS["test"] / sum(SPLITS.values())
# What a model may score that is compared with another, before there is one: chance depends on it a little.
_AUC, _EXPLAINED = 0.8, 0.5
# Bars beyond these ask of a model what many useful ones do not reach.
_HARD_AUC, _HARD_EXPLAINED = 0.75, 0.2
# Less is no model's achievement, however many rows tell it from nothing.
_LEAST_EXPLAINED = 0.001
# Keras sums squares in single precision, which keeps a variance to four digits up to so large a mean.
_MOST_OFFSET = 10.0


@dataclass(frozen=True)
class NoModelBaseline:
    """What is measured, what a model has to reach, and what is reached without one, in words.

    `doubt` is set where the test split is so small that many good models do not reach it.
    """

    metrics: tuple[str, ...]
    thresholds: tuple[dict[str, Any], ...]
    words: str
    doubt: str = ""


def baseline(label: LabelPlan, rows: int) -> NoModelBaseline:
    """The threshold that is beyond what no model reaches by luck, and one against another model.

    Of models without skill a share of `luck.PASSING` reaches the first, on a test split of a sixth of the rows. The
    second allows what two equally good models differ by on it.

    Args:
        label: what is predicted.
        rows: rows of the whole table.
    """
    return _regression(label, rows) if label.task == "regression" else _classes(label, rows)


def _classes(label: LabelPlan, rows: int) -> NoModelBaseline:
    # A sample of a large table was counted; the shares are the table's.
    class_rows = [round(share * rows) for share in label.shares]
    if label.task == "multilabel":
        # The mean of the classes' AUCs goes with chance no farther than the class in the middle does alone.
        middle = sorted(min(count, rows - count) for count in class_rows)[len(class_rows) // 2]
        class_rows = [rows - middle, middle]
    least = _rounded(luck.auc(class_rows, _TEST_SHARE))
    test_rows = [max(round(count * _TEST_SHARE), 1) for count in class_rows]
    words = "guessing gives an AUC of 0.5"
    frequent = label.classes[label.rows.index(max(label.rows))]
    words += f"; always saying {frequent} is right in {label.majority:.1%} of the rows"
    metrics: tuple[str, ...]
    if label.task == "multilabel":
        metrics = ("AUC", "BinaryAccuracy", "BinaryCrossEntropy", EXAMPLE_COUNT)
        words = f"guessing gives an AUC of 0.5; {frequent} is in {label.majority:.1%} of the rows"
    elif label.task == "multiclass":
        metrics = ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "AUC", EXAMPLE_COUNT)
    else:
        metrics = ("AUC", "AUCPrecisionRecall", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration", EXAMPLE_COUNT)
    if label.imbalanced:
        positive = label.rows[1] / sum(label.rows)
        words = (
            f"guessing gives an AUC of 0.5 and an AUCPrecisionRecall of {positive:.4f}, the share of the second class"
        )
    doubt = ""
    if least > _HARD_AUC:
        doubt = (
            f"test has some {min(test_rows)} rows of the rarest class, on which guessing comes to an AUC of "
            f"{least:.2f} by luck: a good model may not reach that; more rows make it lower"
        )
    allowed = chance.difference("AUC", _AUC, sum(test_rows), test_rows) or 0.0
    return NoModelBaseline(metrics, _thresholds("AUC", least, allowed), words, doubt)


def _regression(label: LabelPlan, rows: int) -> NoModelBaseline:
    seen = label.column.numbers[np.isfinite(label.column.numbers)].astype(np.float64)
    deviation, absolute = float(seen.std()), float(np.abs(seen - seen.mean()).mean())
    offset = abs(float(seen.mean())) > _MOST_OFFSET * deviation
    metric = "SquaredPearsonCorrelation" if offset else "R2Score"
    explained = luck.explained_variance(seen, rows, _TEST_SHARE, squared_correlation=offset)
    least = _rounded(max(explained, _LEAST_EXPLAINED))
    doubt = ""
    if least > _HARD_EXPLAINED:
        doubt = (
            f"test has some {round(rows * _TEST_SHARE)} rows, of whose variance chance explains {least:.0%}: a good "
            "model may not reach that; more rows make it lower"
        )
    allowed = chance.difference(metric, _EXPLAINED, max(round(rows * _TEST_SHARE), 1)) or 0.0
    return NoModelBaseline(
        ("R2Score", "RootMeanSquaredError", "MeanAbsoluteError", "SquaredPearsonCorrelation", EXAMPLE_COUNT),
        _thresholds(metric, least, allowed),
        f"always saying the mean, {seen.mean():.4g}, is wrong by {deviation:.4g} (root mean square), "
        f"{absolute:.4g} on average, and explains nothing of the variance (an R2Score of 0)",
        doubt,
    )


def _thresholds(metric: str, least: float, allowed: float) -> tuple[dict[str, Any], ...]:
    worse = min(max(math.ceil(allowed * 1_000) / 1_000, 0.001), 0.5)
    return {"metric": metric, "at_least": least}, {"metric": metric, "worse_by_at_most": worse}


def _rounded(value: float) -> float:
    """Up to four decimals, never beyond 1."""
    return min(math.ceil(value * 10_000) / 10_000, 1.0)


@dataclass(frozen=True)
class TrainingPlan:
    """Sections `model` and `training`."""

    model: dict[str, Any]
    training: dict[str, Any]


# Rows of the train split up to which a line holds; batch size, passes or steps at most, learning rate, units, members.
# `make quality` tries them: with 300 rows more units or larger steps learn the rows by heart.
_SIZES: tuple[tuple[float, int, dict[str, int], float, list[int], int], ...] = (
    (300, 16, {"epochs": 200}, 0.001, [32], 8),
    (2_000, 64, {"epochs": 100}, 0.001, [64, 64], 8),
    (20_000, 128, {"epochs": 60}, 0.002, [128, 64], 8),
    (200_000, 256, {"steps": 12_000}, 0.002, [128, 64], 8),
    (2_000_000, 512, {"steps": 20_000}, 0.002, [128, 64], 4),
    (math.inf, 1_024, {"steps": 20_000}, 0.001, [256, 128], 4),
)
_DROPOUT = 0.1
# Evaluations without an improvement before the end; of few rows each evaluation varies more.
_PATIENCE = 12
_EVALUATIONS = 40
_LARGE_EVALUATION = 200_000


def training_plan(labels: Sequence[LabelPlan], rows: int) -> TrainingPlan:
    """How a table of so many rows is learned: long enough to learn, stopped when nothing gets better.

    Args:
        labels: what is predicted; a rare class weighs more, where there is one label.
        rows: rows of the whole table.
    """
    train_rows = rows * TRAIN_SHARE
    _, batch, length, rate, units, members = next(line for line in _SIZES if train_rows <= line[0])
    training: dict[str, Any] = {"batch_size": batch, **length, "learning_rate": rate}
    if "steps" in length:
        training["validate_every"] = length["steps"] // _EVALUATIONS
    training["patience"] = _PATIENCE
    if rows * (1.0 - TRAIN_SHARE - _TEST_SHARE) > _LARGE_EVALUATION:
        training["eval_steps"] = _LARGE_EVALUATION // batch
    training["class_weights"] = "balanced" if weights_doubt(labels) else "none"
    training["seed"] = 20
    return TrainingPlan({"hidden_units": units, "dropout": _DROPOUT, "members": members}, training)


def weights_doubt(labels: Sequence[LabelPlan]) -> str:
    """What a person should decide about `class_weights`; empty where they are none, as of several labels."""
    if len(labels) > 1 or not labels[0].imbalanced:
        return ""
    return f"{labels[0].minority:.1%} of the rows are of one class; weights make probabilities too high for it"
