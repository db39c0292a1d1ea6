"""How wrong a model is about each row, and which rows are the worst: plain arrays, without TFX."""

import numpy as np

_LEAST = 1e-7  # keeps the loss of a probability of 0 finite


def losses(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The loss of each row.

    Args:
        labels: [n] class ids, -1 where unknown; or float numbers, NaN where unknown.
        predictions: [n] probabilities of the second class, [n, classes] probabilities, or [n] numbers.

    Returns:
        float64 [n]: -log of the probability of the row's class, or the distance of two numbers; NaN where unknown.
    """
    if labels.dtype.kind == "f":
        return np.abs(predictions.reshape(-1) - labels.astype(np.float64))
    if predictions.ndim == 1:
        predictions = np.stack([1.0 - predictions, predictions], axis=1)
    of_class = np.take_along_axis(predictions.astype(np.float64), np.maximum(labels, 0)[:, np.newaxis], axis=1)[:, 0]
    return np.where(labels < 0, np.nan, -np.log(np.maximum(of_class, _LEAST)))


def worst(values: np.ndarray, count: int) -> list[int]:
    """The places of the greatest values.

    Args:
        values: float [n].
        count: how many places, at most.

    Returns:
        Indices, that of the greatest value first, of equal ones in their order; never of a NaN.
    """
    order = np.argsort(-values, kind="stable")
    return [int(place) for place in order if not np.isnan(values[place])][:count]
