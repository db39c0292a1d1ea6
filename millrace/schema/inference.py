"""Schemas inferred from data: TFDV's own statistics of the files, and TFDV's own inference from them.

Only reading data imports TFDV as a whole, with TensorFlow and Beam; inference from a run's statistics does not.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Statistics

from millrace.base.errors import SchemaError
from millrace.schema import native
from millrace.statistics.columns import of_all_rows

_BATCH_ROWS = 65_536
_PARQUET = (".parquet", ".pq")
_HEADER = """\
# Inferred from the data by TFDV: what was seen, not what is meant. Before it is relied on: widen what is narrower than
# the world, name the environments in which the label is missing, and say how far a distribution may drift.
"""


def schema_of(statistics: Sequence[Statistics]) -> schema_pb2.Schema:
    """The narrowest schema, as TFDV infers it, that all of the statistics fit.

    Args:
        statistics: one or more, for instance one per split.

    Raises:
        SchemaError: there is no row to infer from.
    """
    filled = [split for split in statistics if split.num_examples]
    if not filled:
        raise SchemaError("no row to infer a schema from", remedy="name files with rows")
    schema = native.infer(filled[0])
    for split in filled[1:]:
        schema = native.update(schema, split, native.MAX_STRING_DOMAIN)
    return schema


def text(schema: schema_pb2.Schema) -> str:
    """A schema as a file, with a blank line between its parts and a comment on what to do next."""
    parts = text_format.MessageToString(schema, as_utf8=True).split("\n}\n")
    return _HEADER + "".join(f"\n{part}\n}}\n" for part in parts if part.strip())


def statistics_of(paths: Sequence[Path]) -> list[Statistics]:
    """TFDV's statistics of data files, one for each.

    Args:
        paths: CSV files (also compressed) with a header, or Parquet files; folders stand for the files in them.

    Raises:
        SchemaError: a file is not a table, or there is none.
    """
    files = list(_files(paths))
    if not files:
        where = ", ".join(map(str, paths))
        raise SchemaError("no data file here", where=where, remedy="name CSV or Parquet files")
    return [_parquet(file) if file.suffix in _PARQUET else _csv(file) for file in files]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def _parquet(file: Path) -> Statistics:
    """TFDV's generators over the file's batches, in this process."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from tensorflow_data_validation import StatsOptions
    from tensorflow_data_validation.statistics import stats_impl

    options = StatsOptions()
    generators: list[Any] = stats_impl.get_generators(options, in_memory=True)
    sums = [generator.create_accumulator() for generator in generators]
    try:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
            lists = pa.RecordBatch.from_arrays([_as_lists(column) for column in batch.columns], batch.schema.names)
            more = stats_impl.generate_partial_statistics_in_memory(lists, options, generators)
            sums = [generator.merge_accumulators(pair) for generator, *pair in zip(generators, sums, more, strict=True)]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SchemaError(f"not a Parquet table that can be read: {error}", where=str(file)) from error
    return of_all_rows(stats_impl.extract_statistics_output(sums, generators))


def _as_lists(column: Any) -> Any:
    """A column as TFDV takes it: lists of 64-bit integers, floats or bytes; a missing value is a missing list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_struct(column.type):
        return column
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        column = column.cast(pa.int64(), safe=not pa.types.is_uint64(column.type))
    elif pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float32())
    elif not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        column = column.cast(pa.string()).cast(pa.binary())
    offsets = pc.cumulative_sum(column.is_valid().cast(pa.int32()))
    starts = pa.concat_arrays([pa.array([0], pa.int32()), offsets])
    # An offset that is null makes the list before it null.
    marked = pc.if_else(pa.concat_arrays([column.is_valid(), pa.array([True])]), starts, pa.scalar(None, pa.int32()))
    return pa.ListArray.from_arrays(marked, column.drop_null())


def _csv(file: Path) -> Statistics:
    """As TFDV reads CSV, which is how TFX's CsvExampleGen does: the same cells, the same types."""
    import tensorflow_data_validation as tfdv

    from millrace.components.beam_engine import beam_on_this_machine

    try:
        with beam_on_this_machine():
            return of_all_rows(tfdv.generate_statistics_from_csv(str(file)))
    except (ValueError, RuntimeError, OSError, StopIteration, UnicodeDecodeError) as error:
        last = str(error).strip().splitlines()[-1:] or ["it has no header"]
        remedy = "name a CSV file with a header, whose rows have as many cells as it"
        raise SchemaError(f"not a CSV table: {last[0]}", where=str(file), remedy=remedy) from error
