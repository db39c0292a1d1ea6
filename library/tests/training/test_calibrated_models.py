"""Calibration: the numbers that made probabilities wrong are found again, and the exported model's are right."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from millrace.training.calibration import Calibration, fitted
from models.trainer import run_fn

RANDOM = np.random.default_rng(11)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-values))


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


def test_of_two_classes_slope_and_offset_are_found_again() -> None:
    scores = RANDOM.normal(0.0, 2.0, 40_000)
    labels = (RANDOM.random(len(scores)) < sigmoid(0.5 * scores - 1.0)).astype(np.int64)
    slope, offsets = fitted(sigmoid(scores)[:, None], labels, np.ones(len(labels)), with_offsets=True)
    assert (slope, *offsets) == pytest.approx((0.5, -1.0), abs=0.05)
    slope, offsets = fitted(sigmoid(scores)[:, None], labels, np.ones(len(labels)), with_offsets=False)
    assert offsets == [0.0] and slope < 0.5, "without an offset, all that it can be is less sure"


def test_of_several_classes_too_and_rows_count_by_their_weights() -> None:
    scores = RANDOM.normal(0.0, 2.0, (40_000, 3))
    shares = softmax(0.5 * scores + [0.5, 0.0, -0.5])
    labels = (RANDOM.random((len(scores), 1)) > shares.cumsum(axis=1)).sum(axis=1)
    weights = np.where(np.arange(len(scores)) < 30_000, 1.0, 0.0)
    labels[30_000:] = 0
    slope, offsets = fitted(softmax(scores), labels, weights, with_offsets=True)
    assert (slope, *offsets) == pytest.approx((0.5, 0.5, 0.0, -0.5), abs=0.06)


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_layer_is_that_map_and_keeps_zero_and_one_finite(outputs: int) -> None:
    offsets = [0.3, -0.1, -0.2][:outputs]
    logits = RANDOM.normal(0.0, 2.0, (50, outputs))
    given = sigmoid(logits) if outputs == 1 else softmax(logits)
    expected = sigmoid(0.7 * logits + 0.3) if outputs == 1 else softmax(0.7 * logits + offsets)
    layer = Calibration.from_config(Calibration(0.7, offsets).get_config())
    assert np.allclose(layer(given.astype(np.float32)), expected, atol=1e-5)
    assert np.isfinite(layer(np.eye(outputs, dtype=np.float32))).all()


@pytest.mark.slow
@pytest.mark.parametrize("task", [pytest.param("binary", marks=pytest.mark.thorough), "multiclass"])
def test_platt_gives_each_class_its_share_of_eval_whatever_class_weights_did(
    table: Any, task: str, tmp_path: Any
) -> None:
    data = table(task)
    means = {}
    for method in ("none", "platt"):
        args = data.fn_args(tmp_path / method, model={"calibrate": method}, training={"class_weights": "balanced"})
        run_fn(args)
        model = tf.saved_model.load(args.serving_model_dir)
        examples = tf.constant(data.raw["eval"])
        answers = model.signatures["serving_default"](examples=examples)
        features = model.signatures["transform_features"](examples=examples)
        label = next(value for key, value in features.items() if key.startswith("income_band")).numpy()
        probabilities = answers["probabilities"].numpy().reshape(len(label), -1)[label >= 0]
        known = label[label >= 0]
        shares = [np.mean(known == 1)] if task == "binary" else [np.mean(known == one) for one in range(3)]
        means[method] = np.abs(probabilities.mean(axis=0) - shares[: probabilities.shape[1]]).max()
    assert means["platt"] < 0.005 < means["none"]
