"""Numbers that stand for a missing value, such as -999: they lie apart from all others, and come again and again."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

_FEWEST_OTHERS = 20
_FEWEST_ROWS, _LEAST_SHARE = 5, 0.002
_NINES = re.compile(r"-?9{2,}(\.0*|\.9+)?")


@dataclass(frozen=True)
class Sentinel:
    """A number at the end of a column's range.

    Attributes:
        value: the number.
        rows: rows that have it.
        sure: whether it is taken for missing; else a person is asked.
        why: what is odd about it, as a phrase.
    """

    value: float
    rows: int
    sure: bool
    why: str


def find_sentinel(rows: Mapping[float, int]) -> Optional[Sentinel]:
    """Looks at both ends of a column's numbers.

    Args:
        rows: rows of each distinct number; of a large table, of the sample.

    Returns:
        A number that several rows have and that lies apart: beyond the others' whole range, or, written in nines,
        beyond half of it, or as the only negative one. None where neither end has one.
    """
    if len(rows) <= _FEWEST_OTHERS:
        return None
    values = sorted(rows)
    total = sum(rows.values())
    for value, rest in ((values[0], values[1:]), (values[-1], values[:-1])):
        if not value.is_integer():  # nobody writes 2.718 for nothing
            continue
        count = rows[value]
        nines = _NINES.fullmatch(f"{value:.12g}") is not None
        if count < (2 if nines else max(_FEWEST_ROWS, _LEAST_SHARE * total)) or not _is_heaped(rows, value):
            continue
        gap, spread = min(abs(value - rest[0]), abs(value - rest[-1])), rest[-1] - rest[0]
        where = f"{value:.12g} in {count / total:.1%} of the rows"
        apart = f"{where} lies apart from the rest ({rest[0]:g} to {rest[-1]:g})"
        if (gap > spread and value != 0) or (nines and gap > 0.5 * spread):
            return Sentinel(value, count, True, apart)
        if value < 0 <= rest[0]:
            return Sentinel(value, count, value <= -9, f"{where} is the only negative value")
        if value == 0 and gap > 0.25 * spread:
            return Sentinel(value, count, False, apart)
    return None


def _is_heaped(rows: Mapping[float, int], value: float) -> bool:
    """Whether more rows have it than have most other numbers."""
    frequent = Counter(dict(rows)).most_common(4)
    return rows[value] >= min(count for _, count in frequent)
