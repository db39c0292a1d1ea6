"""What a model without skill reaches on a test split by luck: the bar that so few of them pass.

Of AUC and of the explained variance the null is known whatever the label looks like: neither the share of a class nor
a heavy tail moves it, as both move the null of accuracy, of AUCPrecisionRecall and of errors in the label's unit. How
many rows of a class a test split gets is chance too, so a bar is a quantile over many such splits, with a fixed seed.
"""

import statistics
from collections.abc import Sequence

import numpy as np

PASSING = 0.02
"""The share of models without skill that pass: one in fifty, about what lies beyond two standard errors."""

_SEED = 20
_SPLITS = 500
# The middles of equally likely parts of the standard normal distribution.
_NORMAL = np.array([statistics.NormalDist().inv_cdf((part + 0.5) / 250) for part in range(250)])
# So many correlations of a heavy tail are drawn, on so many rows at most: on more they only come nearer to the normal.
_DRAWN, _MOST_ROWS = 2_000, 400


def auc(class_rows: Sequence[int], test_share: float) -> float:
    """The AUC, averaged over the classes that a split has, beyond which a share of `PASSING` lies without skill.

    Scores that know nothing of the label are exchangeable between rows, so that an AUC is 0.5 plus, by first order, a
    sum over the rows of each row's rank, uniform between -1/2 and 1/2, times what it moves the average by: its own
    class's AUC by one over that class's rows, each other class's by one over the rows outside of that class. All of a
    row's ranks may go together, which is the worst case. For two classes it is Mann and Whitney's variance (1947).

    Args:
        class_rows: rows of each class in the whole table.
        test_share: of the rows.

    Returns:
        Between 0.5 and 1; at 1 the splits are so small that luck reaches anything.
    """
    random = np.random.default_rng(_SEED)
    rows = random.binomial(np.asarray(class_rows), test_share, size=(_SPLITS, len(class_rows))).astype(np.float64)
    rows = rows[(rows > 0).sum(axis=1) > 1]
    if not len(rows):
        return 1.0
    weight = (rows > 0) / (rows > 0).sum(axis=1, keepdims=True)
    own = weight / np.maximum(rows, 1.0)
    others = weight / (rows.sum(axis=1, keepdims=True) - rows)
    moved = own + others.sum(axis=1, keepdims=True) - others
    pairs = rows * (rows.sum(axis=1, keepdims=True) - rows)
    second_order = (weight / np.sqrt(np.maximum(pairs, 1.0))).sum(axis=1) ** 2
    error = np.sqrt(((rows * moved**2).sum(axis=1) + second_order) / 12.0)
    return min(0.5 + float(np.quantile(np.outer(error, _NORMAL), 1.0 - PASSING)), 1.0)


def explained_variance(label: np.ndarray, rows: float, test_share: float, *, squared_correlation: bool) -> float:
    """The share of a test split's variance beyond which a share of `PASSING` lies without skill.

    A constant explains at most nothing of it, since the split's own mean is the best constant. Predictions that vary
    explain at most the square of their correlation with the label, and nothing where that is negative. Without skill
    the correlation of n rows has a variance of 1/(n - 1) whatever the distributions (Pitman 1937), and is about normal
    but where label and predictions both have a heavy tail: that worst case is drawn from the label's own values.

    Args:
        label: values of the label, finite.
        rows: rows of the whole table.
        test_share: of the rows.
        squared_correlation: for a metric that takes a negative correlation for a positive one.
    """
    random = np.random.default_rng(_SEED)
    size = rows * test_share
    of_splits = np.maximum(random.normal(size, np.sqrt(size * (1.0 - test_share)), _SPLITS), 3.0)
    light = np.outer(1.0 / np.sqrt(of_splits - 1.0), _NORMAL)
    drawn = int(min(max(size, 3), _MOST_ROWS))
    left, right = (_standardised(label[random.integers(len(label), size=(_DRAWN, drawn))]) for _ in range(2))
    heavy = (left * right).mean(axis=1) * np.sqrt(drawn / max(size, 3.0))
    bars = [np.quantile(np.abs(r) if squared_correlation else r, 1.0 - PASSING) for r in (light, heavy)]
    return min(float(max(bars)) ** 2, 1.0)


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return centred / np.where(deviation > 0.0, deviation, 1.0)
