"""How far a feature lies from the same feature of other rows, as a share of the rows, and whether that can be chance.

TFDV's own measures are what a schema's drift limits are in. To look at they serve badly: the Jensen-Shannon divergence
of two histograms of ten buckets each is 0.7 between two random parts of one table, where a column has a long tail.
Here every distance is a share of rows, of texts and of numbers alike, so that features can be put in order by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Optional

from millrace.statistics.columns import ColumnStatistics
from millrace.statistics.distances import distributions_differ, least_distance, shares_differ
from millrace.statistics.histograms import shared_bounds, shares_between

CHANCE = 0.001
"""Of all features of a comparison together, one comparison in so many may call chance a difference."""

# Of a text's values, those that are looked at: rarer ones hardly tell.
_MOST_VALUES = 50


@dataclass(frozen=True)
class FeatureDistance:
    """The distance of one feature between two sets of rows.

    Args:
        value: from 0, the same, to 1.
        of: what moved: the share of one value; or the share of rows below some number, which differs by at least so
            much.
        at: the value whose share moved most; empty for a share below a number.
        is_chance: whether so small a difference may come of chance alone.
    """

    value: float
    of: Literal["share of a value", "share below a number"]
    at: str
    is_chance: bool


def feature_distance(
    before: ColumnStatistics, after: ColumnStatistics, chance: float = CHANCE
) -> Optional[FeatureDistance]:
    """Measures one feature.

    Args:
        before: the feature in the one set of rows.
        after: in the other.
        chance: how often chance alone may be called a difference; of many features, `CHANCE` by their number.

    Returns:
        The distance; None where the two are not of one type, or one holds no value.
    """
    numbers = before.range is not None
    if (
        not (before.filled and after.filled)
        or numbers != (after.range is not None)
        or "STRUCT" in (before.type, after.type)
    ):
        return None
    if not numbers:
        return _of_shares(before, after, _of_texts(before), _of_texts(after), chance)
    bounds = shared_bounds([before, after])
    if len(bounds) > 2 and before.type == after.type == "INT" and bounds[1] - bounds[0] == 1.0:
        names = [str(int(bound + 0.5)) for bound in bounds]
        old, new = (dict(zip(names, shares_between(column, bounds), strict=False)) for column in (before, after))
        return _of_shares(before, after, old, new, chance)
    quantiles, others = before.quantiles, after.quantiles
    if len(quantiles) < 2 or len(others) < 2:
        return None
    differ = distributions_differ(quantiles, before.filled, others, after.filled, chance)
    distance = least_distance(quantiles, others)
    return FeatureDistance(distance, "share below a number", "", not differ)


def _of_texts(column: ColumnStatistics) -> Mapping[str, float]:
    values = max(column.filled, int(column.common.tot_num_values))  # a row may have several
    return {value: count / values for value, count in column.counts.items()}


def _of_shares(
    old: ColumnStatistics,
    new: ColumnStatistics,
    before: Mapping[str, float],
    after: Mapping[str, float],
    chance: float,
) -> FeatureDistance:
    values = dict.fromkeys([*list(before)[:_MOST_VALUES], *list(after)[:_MOST_VALUES]])
    moves = {value: abs(after.get(value, 0.0) - before.get(value, 0.0)) for value in values}
    at = max(moves, key=lambda value: moves[value], default="")
    each, rows, other_rows = chance / max(len(moves), 1), old.filled, new.filled
    differ = any(
        shares_differ(before.get(value, 0.0), rows, after.get(value, 0.0), other_rows, each) for value in moves
    )
    return FeatureDistance(moves.get(at, 0.0), "share of a value", at, not differ)
