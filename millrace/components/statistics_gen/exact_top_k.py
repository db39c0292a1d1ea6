"""Most frequent values and numbers of distinct values, exactly, as TFDV's `TopKUniquesStatsGenerator` counts them.

That one is a Beam transform. TFDV's in-memory choice is a sketch, whose numbers differ from 1,024 distinct values on.
"""

from collections.abc import Iterable
from typing import Optional

import pyarrow as pa
from tensorflow_data_validation import types as tfdv_types
from tensorflow_data_validation.arrow import arrow_util
from tensorflow_data_validation.statistics.generators import stats_generator
from tensorflow_data_validation.utils import schema_util, stats_util, top_k_uniques_stats_util
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.arrow import array_util

_STRING = statistics_pb2.FeatureNameStatistics.STRING
_INT = statistics_pb2.FeatureNameStatistics.INT
_MERGE_AT = 1 << 20

Counts = dict[tuple[str, ...], "ValueCounts"]


class ValueCounts:
    """Distinct values of one feature and how often each was seen; merged when many were added."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._merge_at = _MERGE_AT

    def add(self, values: pa.Array) -> None:
        """Counts values."""
        counted = values.value_counts()
        self._append(pa.table([counted.field("values"), counted.field("counts")], names=["value", "count"]))

    def merge(self, other: "ValueCounts") -> None:
        """Adds another's counts."""
        for part in other._parts:
            self._append(part)

    def _append(self, part: pa.Table) -> None:
        self._parts.append(part)
        if sum(map(len, self._parts)) > self._merge_at:
            merged = self.merged()
            self._parts = [merged]
            self._merge_at = max(_MERGE_AT, 2 * len(merged))

    def merged(self) -> pa.Table:
        """Columns `value` and `count`, each value once."""
        grouped = pa.concat_tables(self._parts).group_by("value").aggregate([("count", "sum")])
        return pa.table([grouped["value"], grouped["count_sum"]], names=["value", "count"])


class ExactTopKUniques(stats_generator.CombinerStatsGenerator):
    """Counts every value of string features, and of integer features that the schema declares categorical.

    Args:
        schema: the schema of the statistics options, if any.
        num_top_values: most frequent values to list.
        num_rank_histogram_buckets: most frequent values in the rank histogram.
        frequency_threshold: least count of a listed value.
    """

    def __init__(
        self,
        schema: Optional[schema_pb2.Schema],
        num_top_values: int,
        num_rank_histogram_buckets: int,
        frequency_threshold: int,
    ) -> None:
        super().__init__("ExactTopKUniques", schema)
        self._bytes = frozenset(schema_util.get_bytes_features(schema) if schema else [])
        self._categorical = schema_util.get_categorical_numeric_feature_types(schema) if schema else {}
        self._num_top_values = num_top_values
        self._num_buckets = num_rank_histogram_buckets
        self._threshold = frequency_threshold

    def create_accumulator(self) -> Counts:
        """No counts yet."""
        return {}

    def add_input(self, accumulator: Counts, input_record_batch: pa.RecordBatch) -> Counts:
        """Counts the values of a batch."""
        for path, array, _ in arrow_util.enumerate_arrays(
            input_record_batch, example_weight_map=None, enumerate_leaves_only=True
        ):
            if self._counted(path, stats_util.get_feature_type_from_arrow_type(path, array.type)):
                values, _ = array_util.flatten_nested(array, False)
                accumulator.setdefault(path.steps(), ValueCounts()).add(values)
        return accumulator

    def _counted(self, path: tfdv_types.FeaturePath, kind: Optional[int]) -> bool:
        if path in self._bytes:
            return False
        if kind == _STRING:
            return True
        return kind == _INT and top_k_uniques_stats_util.output_categorical_numeric(self._categorical, path, kind)

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        """Adds counts up."""
        result: Counts = {}
        for accumulator in accumulators:
            for steps, counts in accumulator.items():
                result.setdefault(steps, ValueCounts()).merge(counts)
        return result

    def extract_output(self, accumulator: Counts) -> statistics_pb2.DatasetFeatureStatistics:
        """Ranks the values; of equally frequent ones the larger comes first."""
        result = statistics_pb2.DatasetFeatureStatistics()
        for steps, counts in accumulator.items():
            merged = counts.merged()
            if not len(merged):
                continue
            ranked = merged.sort_by([("count", "descending"), ("value", "descending")])
            top = ranked.slice(0, max(self._num_top_values, self._num_buckets)).to_pydict()
            pairs = map(top_k_uniques_stats_util.FeatureValueCount, top["value"], top["count"])
            result.features.add().CopyFrom(
                top_k_uniques_stats_util.make_feature_stats_proto_topk_uniques(
                    tfdv_types.FeaturePath(steps),
                    self._num_top_values,
                    self._num_buckets,
                    len(merged),
                    list(pairs),
                    frequency_threshold=self._threshold,
                )
            )
        return result
