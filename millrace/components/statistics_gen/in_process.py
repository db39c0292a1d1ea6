"""Statistics of record batches by TFDV's combiners, one batch after the other, in this process."""

from collections.abc import Iterable

import pyarrow as pa
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.statistics.generators import stats_generator, top_k_uniques_sketch_stats_generator
from tensorflow_data_validation.statistics.stats_options import StatsOptions
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.statistics import merge_util

from millrace.base.tfx_versions import slices_by_sql
from millrace.components.statistics_gen.exact_top_k import ExactTopKUniques

Sketch = top_k_uniques_sketch_stats_generator.TopKUniquesSketchStatsGenerator


def supports(options: StatsOptions) -> bool:
    """Whether these options ask for nothing that is random, sliced, weighted, or a Beam transform in TFDV."""
    asked_for = (
        options.generators,
        options.feature_allowlist,
        options.label_feature,
        options.example_weight_map.all_weight_features(),
        options.slicing_config,
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
        One dataset; an empty one where there are no rows.
    """
    generators = _generators(options)
    for generator in generators:
        generator.setup()
    accumulators = [generator.create_accumulator() for generator in generators]
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        decoded = _as_decoded(batch)
        accumulators = [
            generator.add_input(kept, decoded) for generator, kept in zip(generators, accumulators, strict=True)
        ]
    outputs = [
        generator.extract_output(generator.compact(kept))
        for generator, kept in zip(generators, accumulators, strict=True)
    ]
    return merge_util.merge_dataset_feature_statistics(outputs if rows else [statistics_pb2.DatasetFeatureStatistics()])


def _generators(options: StatsOptions) -> list[stats_generator.CombinerStatsGenerator]:
    generators = stats_impl.get_generators(options, in_memory=True)
    if options.use_sketch_based_topk_uniques:
        return list(generators)
    exact = ExactTopKUniques(
        options.schema, options.num_top_values, options.num_rank_histogram_buckets, options.frequency_threshold
    )
    return [exact if isinstance(generator, Sketch) else generator for generator in generators]


def _as_decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A column without a value in the whole batch has no type, as tfx_bsl has it."""
    columns = [
        pa.nulls(len(column)) if len(column) and column.null_count == len(column) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
