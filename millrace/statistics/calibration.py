"""How far probabilities are off: the expected calibration error, without what chance makes of it, and its interval."""

from dataclasses import dataclass

import numpy as np

_BINS = 10
_DRAWS = 2_000
_SEED = 20


@dataclass(frozen=True)
class CalibrationError:
    """By how much a probability is off on average, in bins of as many rows each.

    Attributes:
        value: less what chance adds; 0 where that is all there is.
        interval: its least and its greatest value, of 95 % confidence.
        chance: what a perfectly calibrated model of these probabilities shows on so many rows.
    """

    value: float
    interval: tuple[float, float]
    chance: float


def calibration_error(predicted: np.ndarray, observed: np.ndarray) -> CalibrationError:
    """Measures probabilities by what came of them.

    The mean over bins of equal mass of |mean probability - share observed| is never 0 of a sample: its bias is
    estimated, and taken off, by drawing the bins' differences anew from their normal distribution (the bootstrap's
    bias correction and its basic interval; Efron and Tibshirani, 1993, chapters 10 and 13). The interval begins at 0
    where a perfectly calibrated model may well show as much.

    Args:
        predicted: probabilities [rows], at least one.
        observed: 0 or 1 [rows].
    """
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, min(_BINS, len(order))) if len(part)]
    shares = np.array([len(part) for part in parts]) / len(order)
    gaps = np.array([np.mean(observed[part] - predicted[part]) for part in parts])
    errors = np.array([np.std(observed[part] - predicted[part]) / np.sqrt(len(part)) for part in parts])
    of_chance = np.array([np.sqrt(np.mean(predicted[part] * (1.0 - predicted[part])) / len(part)) for part in parts])
    value = float(shares @ np.abs(gaps))
    normal = np.random.default_rng(_SEED).normal(size=(_DRAWS, len(parts)))
    drawn, perfect = np.abs(gaps + normal * errors) @ shares, np.abs(normal * of_chance) @ shares
    low, high = (max(0.0, 2.0 * value - float(at)) for at in np.quantile(drawn, (0.975, 0.025)))
    if value <= np.quantile(perfect, 0.975):
        low = 0.0
    corrected = min(max(2.0 * value - float(drawn.mean()), low), high)
    return CalibrationError(corrected, (low, high), float(perfect.mean()))
