"""The slices of a run's rows that statistics were made of: how large each is, and what lies apart in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from millrace.base.kept import Kept
from millrace.schema.evidence import Evidence
from millrace.views.data import FeatureRow, data_view


@dataclass(frozen=True)
class SliceSummary:
    """A slice, over all rows.

    Args:
        name: TFDV's name of it: columns and values, such as `payment_type_Cash`.
        rows: by split.
        share: of the rows of all splits, from 0 to 1.
        apart: how many features lie apart by more than chance.
        furthest: the one that lies furthest apart; None where none does.
    """

    name: str
    rows: Mapping[str, int]
    share: float
    apart: int
    furthest: Optional[FeatureRow]


# A run's artifacts do not change once they are published.
_KEPT: Kept[tuple[SliceSummary, ...]] = Kept(6)


def slice_summaries(run: Evidence, most: int) -> tuple[SliceSummary, ...]:
    """The slices of a run's rows, the largest first.

    Args:
        run: what it saw.
        most: so many at most.

    Raises:
        SchemaError: an artifact is damaged.
    """
    return _KEPT.get((run, most), lambda: _summaries(run, most))


def _summaries(run: Evidence, most: int) -> tuple[SliceSummary, ...]:
    total = sum(int(split.num_examples) for split in run.statistics.values())
    sizes = {name: sum(int(one.num_examples) for one in splits.values()) for name, splits in run.slices.items()}
    result = []
    for name in sorted(sizes, key=lambda name: -sizes[name])[:most]:
        data = data_view(run, slice=name)
        moved = [row for row in data.rows if row.state == "moved"]
        furthest = moved[0] if moved else None
        result.append(SliceSummary(name, data.splits, sizes[name] / max(total, 1), len(moved), furthest))
    return tuple(result)
