"""How rare a row is among the training data: the histogram-based outlier score.

M. Goldstein and A. Dengel, "Histogram-based Outlier Score (HBOS): A fast unsupervised anomaly detection algorithm"
(2012): for each column the logarithm of how much more frequent its most frequent values are than the row's own, added
up over the columns. The histograms are those of TFDV's statistics, which the version's run recorded; so nothing is
learned and nothing more is kept. Columns are taken one by one: a row whose values are usual each and odd together is
not found.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

from millrace.statistics.columns import ColumnStatistics, columns_by_name

RARE = 0.01
"""A row is rare that scores higher than all but this share of training rows."""
# A value that no training row has counts as half of one.
_UNSEEN = 0.5
_STANDARD = statistics_pb2.Histogram.HistogramType.STANDARD


class Rarity:
    """Scores rows by the statistics of others.

    Args:
        statistics: of the training data.
        names: the columns that are looked at; those of lists, and texts of which TFDV has kept less than half, are not.
    """

    def __init__(self, statistics: DatasetFeatureStatistics, names: Iterable[str]) -> None:
        known = columns_by_name(statistics)
        made = ((name, _histogram_of(known[name])) for name in names if name in known)
        self._histograms = {name: one for name, one in made if one is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        return tuple(self._histograms)

    def scores(self, batch: pa.RecordBatch) -> np.ndarray:
        """How rare each value is, 0 for the most usual: [rows, columns].

        Args:
            batch: `large_list` columns, as tfx_bsl decodes tf.Examples; a column that is not there is missing.
        """
        there = set(batch.schema.names)
        scores = np.zeros((batch.num_rows, len(self._histograms)))
        for at, (name, histogram) in enumerate(self._histograms.items()):
            column = batch.column(batch.schema.get_field_index(name)) if name in there else None
            lists = [None] * batch.num_rows if column is None else column.to_pylist()
            scores[:, at] = histogram.scores([values[0] if values else None for values in lists])
        return scores


class WatchedRarity:
    """Scores the rows of batches that go by.

    Args:
        rarity: scores them.
        limit: the score from which a row is rare.

    Attributes:
        rows: that went by.
        rare: those among them.
        columns: in how many of the rare rows a column has the rarest value.
    """

    def __init__(self, rarity: Rarity, limit: float) -> None:
        self._rarity, self._limit = rarity, limit
        self.rows = self.rare = 0
        self.columns: Counter[str] = Counter()

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Hands batches on."""
        for batch in batches:
            scores = self._rarity.scores(batch)
            rare = scores[scores.sum(axis=1) > self._limit]
            self.rows += batch.num_rows
            self.rare += len(rare)
            if rare.size:
                self.columns.update(self._rarity.columns[at] for at in rare.argmax(axis=1))
            yield batch


def limit_of(rarity: Rarity, batch: pa.RecordBatch) -> float:
    """The score that all but `RARE` of some training rows stay below.

    Args:
        rarity: scores them.
        batch: the rows.
    """
    return float(np.quantile(rarity.scores(batch).sum(axis=1), 1 - RARE))


class _Texts:
    def __init__(self, column: ColumnStatistics) -> None:
        counts = {label: float(count) for label, count in column.counts.items()}
        most = max([*counts.values(), float(column.missing)])
        self._scores = {label: np.log(most / count) for label, count in counts.items() if count}
        self._unseen = np.log(most / _UNSEEN)
        self._missing = np.log(most / max(float(column.missing), _UNSEEN))

    def scores(self, values: list) -> list[float]:
        return [self._score(value) for value in values]

    def _score(self, value: object) -> float:
        if value is None:
            return float(self._missing)
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return float(self._scores.get(text, self._unseen))


class _Numbers:
    def __init__(self, column: ColumnStatistics, histogram: statistics_pb2.Histogram) -> None:
        self._edges = np.array([*(one.low_value for one in histogram.buckets), histogram.buckets[-1].high_value])
        counts = np.maximum([one.sample_count for one in histogram.buckets], _UNSEEN)
        most = max(counts.max(), float(column.missing))
        # Below the first edge, the buckets, and above the last.
        self._scores = np.log(most / np.concatenate([[_UNSEEN], counts, [_UNSEEN]]))
        self._missing = np.log(most / max(float(column.missing), _UNSEEN))

    def scores(self, values: list) -> np.ndarray:
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        places = np.searchsorted(self._edges, numbers, side="right")
        # The last bucket has its upper edge, too.
        places[numbers == self._edges[-1]] = len(self._edges) - 1
        found = self._scores[places]
        found[~np.isfinite(numbers)] = self._missing
        return found


def _histogram_of(column: ColumnStatistics) -> "_Texts | _Numbers | None":
    if column.common.max_num_values > 1 or not column.filled:
        return None
    if column.proto.WhichOneof("stats") == "string_stats":
        return _Texts(column) if 2 * sum(column.counts.values()) > column.filled else None
    standard = [one for one in column.proto.num_stats.histograms if one.type == _STANDARD and one.buckets]
    return _Numbers(column, standard[0]) if standard else None
