"""Between what the next value lies, as far as those before it tell."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

LEVEL = 0.95
# A time below a millisecond is one that was not measured.
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Spread:
    """A value that is expected, and between what it lies.

    Args:
        middle: what is expected: of values, as often below it as above it.
        low: nothing where a single value is known, which has no spread.
        high: likewise.
        count: how many values it comes from.
    """

    middle: float
    low: Optional[float]
    high: Optional[float]
    count: int


def next_value(values: Sequence[float], level: float = LEVEL) -> Optional[Spread]:
    """The prediction interval of one more value, for values that are positive and now and then much larger.

    It is the one of a normal sample, taken of the logarithms: mean +/- t(n-1) s sqrt(1 + 1/n) (Hahn and Meeker,
    Statistical Intervals, 1991, chapter 4). Of two values it is very wide, and it should be: two say little.

    Args:
        values: those before, in any order.
        level: how often the next one should lie within, such as 0.95.

    Returns:
        None where there are none.
    """
    if not values:
        return None
    logs = [math.log(max(value, _SMALLEST)) for value in values]
    middle = statistics.fmean(logs)
    if len(logs) == 1:
        return Spread(values[0], None, None, 1)
    # scipy.special alone comes in a fraction of the second that scipy.stats takes.
    from scipy.special import stdtrit

    reach = float(stdtrit(len(logs) - 1, (1 + level) / 2)) * statistics.stdev(logs) * math.sqrt(1 + 1 / len(logs))
    return Spread(math.exp(middle), math.exp(middle - reach), _exp(middle + reach), len(logs))


def _exp(value: float) -> float:
    """Of two values that lie far apart the upper end is beyond what a float holds."""
    return math.exp(min(value, math.log(1e300)))
