"""The order statistics of every column of numbers, taken while its rows pass by."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from millrace.statistics.order_statistics import EXTREMES, OrderStatistics

# Of a column's numbers, at least so many are kept where there are as many, and at most twice as many.
_KEPT = 4_096


class NumberSample:
    """What is known of the numbers of each column of a split."""

    def __init__(self) -> None:
        self._columns: dict[str, _Numbers] = {}

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Hands batches on, and looks at their numbers.

        Args:
            batches: rows as tfx_bsl decodes tf.Examples: each column a list of values.
        """
        for batch in batches:
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                kind = column.type
                if pa.types.is_list(kind) or pa.types.is_large_list(kind):
                    if pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type):
                        values = column.flatten().to_numpy(zero_copy_only=False)
                        self._columns.setdefault(name, _Numbers()).add(values[np.isfinite(values)])
            yield batch

    def order_statistics(self) -> dict[str, OrderStatistics]:
        """Those of each column that has a number."""
        return {name: numbers.order_statistics() for name, numbers in self._columns.items() if numbers.count}


class _Numbers:
    """Each n-th number of a column, and its ends."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[np.ndarray] = []
        self._step = 1
        self._lowest = self._highest = np.zeros(0)

    def add(self, values: np.ndarray) -> None:
        taken = values[-self.count % self._step :: self._step]
        self.count += len(values)
        if len(taken):
            self._kept.append(taken)
        while sum(map(len, self._kept)) > 2 * _KEPT:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._step *= 2
        if len(self._lowest) == EXTREMES:
            values = values[(values < self._lowest[-1]) | (values > self._highest[0])]
        if len(values):
            self._lowest = np.sort(np.concatenate([self._lowest, values]))[:EXTREMES]
            self._highest = np.sort(np.concatenate([self._highest, values]))[-EXTREMES:]

    def order_statistics(self) -> OrderStatistics:
        return OrderStatistics.of(np.concatenate(self._kept), self.count, self._lowest, self._highest)
