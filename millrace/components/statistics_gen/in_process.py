"""Statistics of record batches by TFDV's combiners, one batch after the other, in this process."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.statistics.generators import (
    basic_stats_generator,
    stats_generator,
    top_k_uniques_sketch_stats_generator,
)
from tensorflow_data_validation.statistics.stats_options import StatsOptions
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.arrow import table_util
from tfx_bsl.public.proto import slicing_spec_pb2
from tfx_bsl.statistics import merge_util

from millrace.base.errors import DataError
from millrace.base.tfx_versions import slice_functions, slices_by_sql
from millrace.components.statistics_gen.basic_statistics import BasicStatistics
from millrace.components.statistics_gen.exact_top_k import ExactTopKUniques
from millrace.components.statistics_gen.section import MOST_SLICES
from millrace.statistics.columns import ALL_ROWS

Sketch = top_k_uniques_sketch_stats_generator.TopKUniquesSketchStatsGenerator

# No column of the data is called so.
_ROW = "##ROW##"
_ROWS_AT_ONCE, _BYTES_AT_ONCE = 16_384, 32 << 20
# Of the rows of all slices together.
_MOST_WAITING = 256 << 20


def slicing_config(slices: Sequence[Sequence[str]]) -> slicing_spec_pb2.SlicingConfig:
    """TFDV's configuration of slices on every value of columns.

    Args:
        slices: columns, or several whose values are combined.
    """
    specs = [slicing_spec_pb2.SlicingSpec(feature_keys=columns) for columns in slices]
    return slicing_spec_pb2.SlicingConfig(slicing_specs=specs)


def supports(options: StatsOptions) -> bool:
    """Whether these options ask for nothing that is random, weighted, sliced by SQL, or a Beam transform in TFDV."""
    asked_for = (
        options.generators,
        options.feature_allowlist,
        options.label_feature,
        options.example_weight_map.all_weight_features(),
        options.slicing_config and any(spec.slice_keys_sql for spec in options.slicing_config.slicing_specs),
        options.experimental_slice_functions,
        slices_by_sql(options),
        options.sample_rate,
        options.enable_semantic_domain_stats,
        options.experimental_filter_read_paths,
        options.experimental_result_partitions > 1,
        options.experimental_num_feature_partitions > 1,
    )
    return not any(asked_for)


def generate(batches: Iterable[pa.RecordBatch], options: StatsOptions) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics that `tfdv.GenerateStatistics` computes with Beam.

    Args:
        batches: rows as tfx_bsl decodes tf.Examples.
        options: options that `supports` accepts.

    Returns:
        One dataset; an empty one where there are no rows. With slices, the one of all rows is called as TFDV calls it,
        and one of each slice follows, by name.

    Raises:
        DataError: a slicing has more than `MOST_SLICES` slices.
    """
    generators = _generators(options)
    for generator in generators:
        generator.setup()
    slicers = _slicers(options)
    whole, slices = _Dataset(generators), dict[str, _Dataset]()
    names: list[set[str]] = [set() for _ in slicers]
    for batch in batches:
        if not batch.num_rows:
            continue
        batch = _as_decoded(batch)
        whole.add(batch)
        for slicer, known in zip(slicers, names, strict=True):
            for name, rows in _sliced(batch, slicer):
                known.add(name)
                if len(known) > MOST_SLICES:
                    raise _too_many(slicer)
                slices.setdefault(name, _Dataset(generators)).add(rows)
        if sum(one.waiting_bytes for one in slices.values()) > _MOST_WAITING:
            for one in slices.values():
                one.flush()
    outputs = whole.outputs(ALL_ROWS if slicers else "")
    for name in sorted(slices):
        outputs += slices[name].outputs(name)
    return merge_util.merge_dataset_feature_statistics(outputs or [statistics_pb2.DatasetFeatureStatistics()])


class _Slicer(NamedTuple):
    """TFDV's function that slices on some columns."""

    columns: tuple[str, ...]
    slice: Callable[[pa.RecordBatch], Iterable[tuple[str, pa.RecordBatch]]]


def _slicers(options: StatsOptions) -> list[_Slicer]:
    if not options.slicing_config:
        return []
    specs = [spec for spec in options.slicing_config.slicing_specs if spec.feature_keys or spec.feature_values]
    columns = [(*spec.feature_keys, *spec.feature_values) for spec in specs]
    return [_Slicer(*pair) for pair in zip(columns, slice_functions(options.slicing_config), strict=True)]


def _sliced(batch: pa.RecordBatch, slicer: _Slicer) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each slice by its name.

    TFDV's function is given what it slices on and the rows' numbers alone. Of a column without any value it would end
    the process: tfx_bsl's `RecordBatchTake` meets a segmentation fault there.
    """
    if not set(slicer.columns) <= set(batch.schema.names):
        return
    columns = [batch.column(batch.schema.get_field_index(name)) for name in slicer.columns]
    if any(pa.types.is_null(column.type) or not len(column.flatten()) for column in columns):
        return
    numbers = pa.LargeListArray.from_arrays(np.arange(batch.num_rows + 1), np.arange(batch.num_rows))
    for name, rows in slicer.slice(pa.RecordBatch.from_arrays([*columns, numbers], [*slicer.columns, _ROW])):
        chosen = rows.column(len(columns)).flatten()
        yield name, pa.RecordBatch.from_arrays([column.take(chosen) for column in batch.columns], batch.schema.names)


def _too_many(slicer: _Slicer) -> DataError:
    return DataError(
        f"there are more than {MOST_SLICES} slices of {' and '.join(slicer.columns)}",
        where="statistics.slices",
        remedy="slice on what has fewer values, such as a column that groups them",
    )


class _Dataset:
    """What is known of some rows, and those that wait until a pass over all columns is worth it.

    A pass costs as much for each column as thousands of its values do.
    """

    def __init__(self, generators: list[stats_generator.CombinerStatsGenerator]) -> None:
        self._generators = generators
        self._accumulators = [generator.create_accumulator() for generator in generators]
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self.waiting_bytes = 0
        self._is_empty = True

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self.waiting_bytes += batch.nbytes
        if self._rows >= _ROWS_AT_ONCE or self.waiting_bytes >= _BYTES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Counts the rows that wait."""
        if not self._waiting:
            return
        rows = self._waiting[0] if len(self._waiting) == 1 else table_util.MergeRecordBatches(self._waiting)
        self._accumulators = [
            generator.add_input(kept, rows)
            for generator, kept in zip(self._generators, self._accumulators, strict=True)
        ]
        self._waiting, self._rows, self.waiting_bytes, self._is_empty = [], 0, 0, False

    def outputs(self, name: str) -> list[statistics_pb2.DatasetFeatureStatistics]:
        """What each generator has to say, under the dataset's name; nothing where there was no row."""
        self.flush()
        if self._is_empty:
            return []
        outputs = [
            generator.extract_output(generator.compact(kept))
            for generator, kept in zip(self._generators, self._accumulators, strict=True)
        ]
        for output in outputs:
            output.name = name
        return outputs


def _generators(options: StatsOptions) -> list[stats_generator.CombinerStatsGenerator]:
    """TFDV's, but for two: the one that takes long for each column, and the one that counts by a sketch."""
    chosen = []
    for generator in stats_impl.get_generators(options, in_memory=True):
        if isinstance(generator, basic_stats_generator.BasicStatsGenerator):
            generator = BasicStatistics(
                schema=options.schema,
                num_values_histogram_buckets=options.num_values_histogram_buckets,
                num_histogram_buckets=options.num_histogram_buckets,
                num_quantiles_histogram_buckets=options.num_quantiles_histogram_buckets,
                epsilon=options.epsilon,
            )
        elif isinstance(generator, Sketch) and not options.use_sketch_based_topk_uniques:
            generator = ExactTopKUniques(
                options.schema, options.num_top_values, options.num_rank_histogram_buckets, options.frequency_threshold
            )
        chosen.append(generator)
    return chosen


def _as_decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A column without a value in the whole batch has no type, as tfx_bsl has it."""
    columns = [
        pa.nulls(len(column)) if len(column) and column.null_count == len(column) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
