"""How far probabilities are off: the expected calibration error, beyond what chance makes of it, and its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BINS = 10
_DRAWS = 1_000
_SEED = 20
_NORMAL = 1.96
# Halvings of the interval from 0 to 1, which end far below what is shown of a number.
_HALVINGS = 12


@dataclass(frozen=True)
class CalibrationError:
    """By how much a probability is off on average, over bins of about as many rows each.

    Attributes:
        value: less what chance adds to it; 0 where a perfectly calibrated model may well show as much.
        interval: its least and its greatest value, of 95 % confidence; the least is 0 where `value` is.
        chance: what a perfectly calibrated model of these probabilities shows on so many rows, on average.
    """

    value: float
    interval: tuple[float, float]
    chance: float


def calibration_error(predicted: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> CalibrationError:
    """Measures probabilities by what came of them.

    What a sample shows, the mean over bins of |mean probability - share observed|, is too large (Kumar, Liang and Ma,
    "Verified Uncertainty Calibration", NeurIPS 2019, section 4). So the value is that multiple of the bins' differences
    of which samples show on average what this one shows, and the least value the multiple of which they show it in
    2.5 of 100. A sum of absolute values is convex: it exceeds the true sum by no less than the errors with the true
    differences' signs, whose sum is normal. So the greatest value is 1.96 of its standard errors above what is shown.

    Args:
        predicted: probabilities [rows], at least one.
        observed: 0 or 1 [rows].
        weights: at least 0, of which one is greater [rows].
    """
    weighs = weights > 0.0
    order = np.flatnonzero(weighs)[np.argsort(predicted[weighs], kind="stable")]
    predicted, observed, weights = predicted[order], observed[order], weights[order] / weights[order].sum()
    starts = bin_starts(predicted, _BINS)
    rows = np.diff(np.append(starts, len(order)))
    shares = np.add.reduceat(weights, starts)
    gaps = np.add.reduceat(weights * (observed - predicted), starts) / shares
    spread = observed - predicted - np.repeat(gaps, rows)
    # A bin without an event has no spread, and is not certain for that.
    of_chance = np.add.reduceat(weights**2 * predicted * (1.0 - predicted), starts) / shares**2
    of_rows = np.add.reduceat(weights**2 * spread**2, starts) / shares**2 * rows / np.maximum(rows - 1, 1)
    variances = np.maximum(of_rows, of_chance)
    shown = float(shares @ np.abs(gaps))
    normal = np.random.default_rng(_SEED).normal(size=(_DRAWS, len(starts)))
    errors = normal * np.sqrt(variances)

    def drawn(multiple: float) -> np.ndarray:
        return np.abs(multiple * gaps + errors) @ shares

    low = shown * _least(lambda multiple: float(np.quantile(drawn(multiple), 0.975)) >= shown)
    value = shown * _least(lambda multiple: float(drawn(multiple).mean()) >= shown) if low else 0.0
    high = min(1.0, shown + _NORMAL * float(np.sqrt(shares**2 @ variances)))
    return CalibrationError(value, (low, high), float((np.abs(normal * np.sqrt(of_chance)) @ shares).mean()))


def bin_starts(ascending: np.ndarray, bins: int) -> np.ndarray:
    """Where bins of about as many values each begin; equal values are in one bin, whatever the order of their rows.

    Args:
        ascending: values [rows], at least one.
        bins: how many there are at most.
    """
    cuts = np.arange(bins) * len(ascending) // bins
    return np.unique(np.searchsorted(ascending, ascending[cuts], side="left"))


def _least(reaches: Callable[[float], bool]) -> float:
    """The least multiple from 0 to 1 that reaches it, by halving; 1 where none does."""
    if reaches(0.0):
        return 0.0
    below, above = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (below + above) / 2.0
        below, above = (below, middle) if reaches(middle) else (middle, above)
    return above
