"""How far two equally good models may lie apart by chance, by the metric and the number of examples.

Two models are measured on the same examples, and so their values rise and fall together; how much, no count tells. A
correlation of one half is taken, at which the standard error of the difference is that of one value. Networks that were
trained anew on a few hundred rows agree less, on many thousands more.
"""

import math
from collections.abc import Sequence
from typing import Optional

_ERRORS = 2.0
# The variance of normal errors' mean size and mean square, as a share of their squares, of one example.
_MEAN_ERROR, _SQUARED_ERROR = math.pi / 2.0 - 1.0, 2.0
# Near nothing explained the formula would say that chance is nothing.
_LEAST_EXPLAINED = 0.1


def difference(metric: str, value: float, examples: int, classes: Optional[Sequence[int]] = None) -> Optional[float]:
    """Two standard errors of the difference between two equally good models.

    Args:
        metric: its name as TFMA or the configuration has it.
        value: what one of them scores.
        examples: on which both are measured.
        classes: examples by class id; AUC needs them.

    Returns:
        In the metric's unit; None where it is not known for this metric, or for so few examples.
    """
    name = metric.partition(" (")[0].replace("_", "").lower()
    if examples < 1 or not math.isfinite(value):
        return None
    if name == "auc":
        variance = _auc(value, examples, classes or ())
    elif name in ("accuracy", "binaryaccuracy", "categoricalaccuracy", "sparsecategoricalaccuracy"):
        variance = value * (1.0 - value) / examples
    elif name in ("r2score", "squaredpearsoncorrelation"):
        explained = min(max(value, _LEAST_EXPLAINED), 1.0)
        variance = 4.0 * explained * (1.0 - explained) ** 2 / examples
    elif name in ("meansquarederror", "mse"):
        variance = value**2 * _SQUARED_ERROR / examples
    elif name == "rootmeansquarederror":
        variance = value**2 * _SQUARED_ERROR / 4.0 / examples
    elif name in ("meanabsoluteerror", "mae"):
        variance = value**2 * _MEAN_ERROR / examples
    else:
        return None
    return _ERRORS * math.sqrt(variance) if variance is not None and variance >= 0.0 else None


def _auc(value: float, examples: int, classes: Sequence[int]) -> Optional[float]:
    """Hanley and McNeil's variance of an AUC (1982), and of the mean of several classes' AUCs.

    Each row is in all of them, so that they are not independent: of two classes they are the same number, whose mean
    varies as one does. Of more, twice the variance of an independent mean is taken.
    """
    rows = [count for count in classes if 0 < count < examples]
    if len(rows) < 2:
        return None
    positive, negative = value / (2.0 - value), 2.0 * value**2 / (1.0 + value)
    total = 0.0
    for ones in rows:
        others = examples - ones
        spread = (ones - 1) * (positive - value**2) + (others - 1) * (negative - value**2)
        total += (value * (1.0 - value) + spread) / (ones * others)
    return 2.0 * total / len(rows) ** 2
