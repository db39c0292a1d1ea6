"""Probabilities that are right on average: fitted to eval after the training, and part of the exported model."""

import logging
from typing import Any

import keras
import numpy as np

from millrace.base.numbers import rounded
from millrace.training import fitting
from millrace.training.fitting import Job

LOG = logging.getLogger(__name__)

_NEARLY_ZERO = 1e-7


def calibrated(model: keras.Model, job: Job) -> keras.Model:
    """The model with the calibration that `model.calibrate` names.

    The probabilities' logarithms are multiplied by one number (temperature scaling: Guo et al., arXiv 1706.04599), and
    under `platt` each class is given an offset too (Platt, 1999; of several classes Alexandari et al., arXiv
    1901.06852), which undoes what class weights did to them. Both are fitted to the eval split by its cross entropy: it
    has picked the training's best step, one of a few dozen. The split that judges is not looked at.

    Args:
        model: trained; gives probabilities, [n, 1] of the second class or [n, classes].
        job: what it was trained on.

    Returns:
        The same model where nothing is to be calibrated; else one with a layer more.
    """
    method = job.config.model.get("calibrate", "none")
    if method == "none":
        return model
    parts = [
        (np.asarray(model(x, training=False)), *map(np.asarray, rest)) for x, *rest in fitting.evaluation_data(job)
    ]
    probabilities, labels, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    slope, offsets = fitted(probabilities, labels.astype(np.int64), weights, with_offsets=method == "platt")
    LOG.info("calibrated by %s: slope %s, offsets %s", method, rounded(slope, 4), [rounded(one, 4) for one in offsets])
    layer = Calibration(slope, offsets, name="calibrated", dtype="float32")
    return keras.Model(model.inputs, layer(model.output), name=model.name)


def fitted(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, with_offsets: bool
) -> tuple[float, list[float]]:
    """The slope and the offsets with the least cross entropy; a convex problem.

    Args:
        probabilities: float [n, 1] of the second class, or [n, classes].
        labels: class ids int [n].
        weights: float [n].
        with_offsets: fit them too; they are 0 otherwise.

    Returns:
        The slope, above 0, so that no order is reversed; an offset for the second class, or for each, with mean 0.
    """
    from scipy.optimize import minimize

    logits = _logits(probabilities.astype(np.float64))
    outputs = logits.shape[1]
    share = weights / weights.sum()
    hot = np.eye(outputs)[labels] if outputs > 1 else labels[:, None].astype(np.float64)

    def cross_entropy(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scores = parameters[0] * logits + parameters[1:]
        if outputs > 1:
            partition = np.logaddexp.reduce(scores, axis=1)
            predicted = np.exp(scores - partition[:, None])
        else:
            partition = np.logaddexp(0.0, scores[:, 0])
            predicted = np.exp(-np.logaddexp(0.0, -scores))
        error = (predicted - hot) * share[:, None]
        gradient = np.append((error * logits).sum(), error.sum(axis=0))
        return float(share @ (partition - (scores * hot).sum(axis=1))), gradient

    free = (None, None) if with_offsets else (0.0, 0.0)
    start = np.append(1.0, np.zeros(outputs))
    best = minimize(cross_entropy, start, jac=True, method="L-BFGS-B", bounds=[(0.01, 100.0), *[free] * outputs])
    offsets = best.x[1:] - (best.x[1:].mean() if outputs > 1 else 0.0)
    return float(best.x[0]), [float(offset) for offset in offsets]


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Up to a constant a row: of one probability its log odds, of several their logarithms."""
    inside = np.clip(probabilities, _NEARLY_ZERO, 1.0 - _NEARLY_ZERO)
    return np.log(inside) if inside.shape[1] > 1 else np.log(inside) - np.log1p(-inside)


@keras.saving.register_keras_serializable(package="millrace")
class Calibration(keras.layers.Layer):
    """Multiplies the logarithms of probabilities and shifts them: float [n, 1] or [n, classes], and gives the same.

    Args:
        slope: what they are multiplied by; the inverse of a temperature.
        offsets: what is added to the log odds of the second class, or to the logarithm of each class's probability.
    """

    def __init__(self, slope: float, offsets: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope, self.offsets = slope, offsets

    def call(self, inputs: Any) -> Any:
        """Maps probabilities to calibrated ones."""
        inside = keras.ops.clip(inputs, _NEARLY_ZERO, 1.0 - _NEARLY_ZERO)
        offsets = keras.ops.convert_to_tensor(self.offsets, dtype=inside.dtype)
        if len(self.offsets) > 1:
            return keras.ops.softmax(self.slope * keras.ops.log(inside) + offsets)
        log_odds = keras.ops.log(inside) - keras.ops.log1p(-inside)
        return keras.ops.sigmoid(self.slope * log_odds + offsets)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As it came."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "slope": self.slope, "offsets": self.offsets}
