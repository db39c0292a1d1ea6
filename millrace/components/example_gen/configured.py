"""ExampleGen as the section `data:` asks for it: which component, which files, which splits, which span."""

from typing import Any, Optional

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.custom_executors import avro_executor
from tfx.components.example_gen.import_example_gen.component import ImportExampleGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2, range_config_pb2

from millrace.components.example_gen.component import ColumnarExampleGen, WindowExampleGen
from millrace.components.example_gen.section import Data
from millrace.components.example_gen.span_window import range_config_of
from millrace.components.example_gen.splits_section import GroupSplits, RowSplits
from millrace.project.code_digest import code_digest
from millrace.tables.patterns import FilePattern
from millrace.tables.windows import SpanRange

_BLOCK_OF_PATHS = 64 << 10


def example_gen(data: Data) -> BaseComponent:
    """Chooses and configures TFX's ExampleGen for a format, or the one by columns for CSV and Parquet.

    Args:
        data: the configuration's section.

    Returns:
        The component, which still has TFX's id.
    """
    if data.format == "bigquery":
        # The BigQuery extension brings Google's clients along, which only this format needs.
        from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen

        reading = BigQueryExampleGen(query=data.query, output_config=_output_config(data))
        # Without them Beam asks for a project, and has nowhere to put the rows (tensorflow/tfx 2293).
        where = data.bigquery
        options = [f"--project={where.project}", f"--temp_location={where.temp_location}"] if where else []
        return reading.with_beam_pipeline_args(options) if options else reading
    settings = {
        "input_base": data.path,
        "input_config": _input_config(data),
        "output_config": _output_config(data),
        "range_config": _range_config(data),
    }
    if data.format == "tfrecord":
        return ImportExampleGen(**settings)
    if data.format == "avro" and not data.is_read_by_columns:
        return FileBasedExampleGen(**settings, custom_executor_spec=BeamExecutorSpec(avro_executor.Executor))
    settings |= {
        "format": data.format,
        "options": reading_of(data),
        "code_digest": code_digest(ColumnarExampleGen.EXECUTOR_SPEC.executor_class),
    }
    if data.window:
        return WindowExampleGen(**settings, missing_spans=data.window.missing)
    return ColumnarExampleGen(**settings)


def reading_of(data: Data) -> dict[str, Any]:
    """How a table is read by columns, as `millrace.components.example_gen.options` names it."""
    table = data.rules == "table"
    return {
        "delimiter": data.delimiter,
        "header": "csv" if table else "tfx",
        "header_line": data.header_line,
        "values": "all" if table else "tfx",
        "missing": data.missing,
        "columns": {name: reading.model_dump(mode="json") for name, reading in data.columns.items()},
        "strip_spaces": data.strip_spaces,
        "images": data.images,
        # Some hundred bytes of a path become some hundred thousand of an image.
        **({"block_bytes": _BLOCK_OF_PATHS} if data.images else {}),
        "splits": None if isinstance(data.splits, (RowSplits, GroupSplits)) else data.splits,
        "where": data.where,
        "leave_out": data.leave_out,
        "key": data.key,
    }


def _input_config(data: Data) -> example_gen_pb2.Input:
    splits = [_input_split(split.name, split.pattern, data) for split in data.files]
    return example_gen_pb2.Input(splits=splits or [_input_split("single_split", data.pattern, data)])


def _input_split(name: str, pattern: str, data: Data) -> example_gen_pb2.Input.Split:
    # A version that is named is written in: TFX's driver itself only looks for the newest.
    return example_gen_pb2.Input.Split(name=name, pattern=FilePattern.parse(pattern).at(version=data.version).text)


def _output_config(data: Data) -> Optional[example_gen_pb2.Output]:
    if data.files:
        return None
    splits = data.splits
    hashed = splits.shares if isinstance(splits, (RowSplits, GroupSplits)) else dict.fromkeys(splits.names, 1)
    buckets = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=size) for name, size in hashed.items()]
    group = splits.column if isinstance(splits, GroupSplits) else None
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(splits=buckets, partition_feature_name=group)
    )


def _range_config(data: Data) -> Optional[range_config_pb2.RangeConfig]:
    if data.span_range:
        return range_config_of(data.span_range)
    return None if data.span_number is None else range_config_of(SpanRange(1, end=data.span_number))
