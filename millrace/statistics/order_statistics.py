"""How the numbers of a column lie, finer than TFDV's deciles: the values at some ranks, the smallest and largest exact.

TFDV's Jensen-Shannon divergence of two samples depends on their smallest and largest numbers, since these are the ends
of its histograms. How far two samples lie apart by chance alone can therefore not be told from deciles. It can from
these: some two kilobytes a column, beside the statistics.
"""

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_FOLDER = ".order_statistics"
EXTREMES = 16
"""How many of the smallest, and of the largest, numbers are kept each by itself."""
_BETWEEN = 255


@dataclass(frozen=True)
class OrderStatistics:
    """The numbers of a column at some ranks.

    Args:
        count: how many numbers there are, at least one.
        values: those at `ranks_of(count)`, ascending.
    """

    count: int
    values: np.ndarray

    @classmethod
    def of(cls, sample: np.ndarray, count: int, lowest: np.ndarray, highest: np.ndarray) -> "OrderStatistics":
        """From a sample of the numbers and the exact ends of all of them.

        Args:
            sample: finite [numbers of the sample], at least one.
            count: how many numbers there are.
            lowest: the `EXTREMES` smallest of all numbers, ascending; fewer where there are fewer.
            highest: the largest ones, ascending.
        """
        ranks = ranks_of(count)
        if len(sample) == count:
            return cls(count, np.sort(sample)[ranks - 1].astype(np.float64))
        values = np.quantile(sample, (ranks - 0.5) / count)
        values[:EXTREMES], values[-EXTREMES:] = lowest, highest
        return cls(count, np.maximum.accumulate(values))

    def pooled(self, other: "OrderStatistics") -> "OrderStatistics":
        """Those of the numbers of two samples together."""
        samples = self.steps(), other.steps()
        places = np.unique(np.concatenate([values for values, _ in samples]))
        # Seen from the other side, a step counts to what lies behind it.
        before = sum(np.interp(-places, -values[::-1], below[::-1]) for values, below in samples)
        up_to = sum(np.interp(places, values, below) for values, below in samples)
        below = np.stack([before, up_to], axis=1).ravel()
        count = self.count + other.count
        return OrderStatistics(count, np.interp(ranks_of(count) - 0.5, below, np.repeat(places, 2)))

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Values, and how many numbers lie below each: a step of one at each kept rank, a line between two of them."""
        ranks = ranks_of(self.count)
        return np.repeat(self.values, 2), np.stack([ranks - 1.0, ranks], axis=1).ravel()


def ranks_of(count: int) -> np.ndarray:
    """The ranks, from 1, at which so many numbers are kept: all of few numbers."""
    if count <= 2 * EXTREMES + _BETWEEN:
        return np.arange(1, count + 1)
    between = np.linspace(EXTREMES, count - EXTREMES + 1, _BETWEEN + 2)[1:-1].round().astype(np.int64)
    last = np.arange(count - EXTREMES + 1, count + 1)
    return np.concatenate([np.arange(1, EXTREMES + 1), between, last])


def file_of(folder: str, split: str) -> str:
    """Where those of a split lie, beside its statistics: TFX's components list `Split-NAME/*` only."""
    return os.path.join(folder, _FOLDER, f"Split-{split}.npz")


def to_bytes(columns: Mapping[str, OrderStatistics]) -> bytes:
    """The content of a file; the same columns give the same bytes."""
    content = io.BytesIO()
    arrays = {name: np.concatenate([[one.count], one.values]) for name, one in sorted(columns.items())}
    # By number, since a column's name need be no name of a file.
    np.savez_compressed(
        content,
        names=np.array(list(arrays), np.str_),
        **{f"column_{place}": values for place, values in enumerate(arrays.values())},
    )
    return content.getvalue()


def from_bytes(content: bytes) -> dict[str, OrderStatistics]:
    """Those of each column; none where the content is damaged."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            names = [str(name) for name in arrays["names"]]
            columns = [arrays[f"column_{place}"] for place in range(len(names))]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}
    return {name: OrderStatistics(int(one[0]), one[1:]) for name, one in zip(names, columns, strict=True)}
