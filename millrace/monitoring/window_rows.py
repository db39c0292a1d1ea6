"""The statistics of a window: TFDV's, by StatisticsGen's own generators, with the order statistics that tell chance."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from tensorflow_data_validation import StatsOptions
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from millrace.components.statistics_gen import in_process
from millrace.components.statistics_gen.number_sample import NumberSample
from millrace.statistics.columns import of_all_rows
from millrace.statistics.comparison import Rows


@dataclass(frozen=True)
class WindowRows:
    """The statistics of a split of a window.

    Args:
        statistics: TFDV's, as a file holds them.
        rows: the same, with the order statistics of its numbers.
    """

    statistics: DatasetFeatureStatisticsList
    rows: Rows


def statistics_of(batches: Iterable[pa.RecordBatch]) -> WindowRows:
    """Counts rows, one batch after the other.

    Args:
        batches: as tfx_bsl decodes tf.Examples.
    """
    numbers = NumberSample()
    statistics = in_process.generate(numbers.watch(batches), StatsOptions())
    return WindowRows(statistics, Rows(of_all_rows(statistics), numbers.order_statistics()))
