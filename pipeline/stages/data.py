"""The stages that look at the data: ExampleGen, StatisticsGen, SchemaGen, CuratedSchema, ExampleValidator, DataGate."""

from datetime import date
from typing import Any, Optional

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.custom_executors import avro_executor
from tfx.components.example_gen.import_example_gen.component import ImportExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types.channel import BaseChannel

from millrace.base.code_digest import code_digest
from millrace.components import stage_ids
from millrace.components.curated_schema.component import CuratedSchema
from millrace.components.data_gate.component import DataGate
from millrace.components.data_gate.policy import waivers_in_force
from millrace.components.example_gen.component import ColumnarExampleGen
from millrace.components.example_gen.section import Data
from millrace.components.statistics_gen.component import StatisticsGen
from millrace.config.config import Config
from millrace.config.platform import Platform
from millrace.tables.patterns import FilePattern
from millrace.textproto import schema_text


def build_example_gen(config: Config) -> BaseComponent:
    """ExampleGen: the configured files as tf.Examples, split, for a span and a version."""
    return _example_gen(config.data).with_id(stage_ids.EXAMPLE_GEN)


def _example_gen(data: Data) -> BaseComponent:
    if data.format == "bigquery":
        # The BigQuery extension brings Google's clients along, which only this format needs.
        from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen

        return BigQueryExampleGen(query=data.query, output_config=_output_config(data))
    settings = {
        "input_base": data.path,
        "input_config": _input_config(data),
        "output_config": _output_config(data),
        "range_config": _range_config(data),
    }
    if data.format == "tfrecord":
        return ImportExampleGen(**settings)
    if data.format == "avro":
        return FileBasedExampleGen(**settings, custom_executor_spec=BeamExecutorSpec(avro_executor.Executor))
    return ColumnarExampleGen(
        **settings,
        format=data.format,
        options=_reading(data),
        code_digest=code_digest(ColumnarExampleGen.EXECUTOR_SPEC.executor_class),
    )


def _reading(data: Data) -> dict[str, Any]:
    """How a table is read, as `millrace.components.example_gen.options` names it."""
    table = data.rules == "table"
    return {
        "delimiter": data.delimiter,
        "header": "csv" if table else "tfx",
        "values": "all" if table else "tfx",
        "missing": data.missing,
        "strip_spaces": data.strip_spaces,
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
    buckets = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=size) for name, size in data.splits.items()]
    return example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=buckets))


def _range_config(data: Data) -> Optional[range_config_pb2.RangeConfig]:
    if data.span is None:
        return None
    static = range_config_pb2.StaticRange(start_span_number=data.span, end_span_number=data.span)
    return range_config_pb2.RangeConfig(static_range=static)


def build_statistics_gen(examples: BaseChannel) -> BaseComponent:
    """StatisticsGen: TFDV's statistics of each split."""
    return StatisticsGen(
        examples=examples, code_digest=code_digest(StatisticsGen.EXECUTOR_SPEC.executor_class)
    ).with_id(stage_ids.STATISTICS_GEN)


def build_schema_gen(statistics: BaseChannel) -> BaseComponent:
    """SchemaGen: the schema that the data suggests, beside the curated one."""
    return SchemaGen(statistics=statistics, infer_feature_shape=True).with_id(stage_ids.SCHEMA_GEN)


def build_curated_schema(config: Config) -> BaseComponent:
    """CuratedSchema: the contract in the configured file, by its content."""
    return CuratedSchema(
        schema_text=schema_text.read(config.schema_.file or "").text,
        code_digest=code_digest(CuratedSchema.EXECUTOR_SPEC.executor_class),
    ).with_id(stage_ids.CURATED_SCHEMA)


def build_example_validator(statistics: BaseChannel, schema: BaseChannel) -> BaseComponent:
    """ExampleValidator: TFDV's anomalies of each split against the schema."""
    return ExampleValidator(statistics=statistics, schema=schema).with_id(stage_ids.EXAMPLE_VALIDATOR)


def build_data_gate(
    config: Config,
    platform: Platform,
    today: date,
    statistics: BaseChannel,
    schema: BaseChannel,
    anomalies: BaseChannel,
) -> BaseComponent:
    """DataGate: ends the run before Transform when the policy says that the data may not be learned from."""
    return DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=anomalies,
        policy=dict(config.data_gate.policy),
        # A waiver that has run out changes the parameters, so a pass that it allowed is not served from the cache.
        waivers=waivers_in_force(config.data_gate.plain_waivers(), today),
        label=config.label.model_dump(mode="json"),
        feature_columns=list(config.feature_table().columns()),
        schema_file=platform.shown(config.schema_.file),
        config_file=platform.shown(config.file),
        code_digest=code_digest(DataGate.EXECUTOR_SPEC.executor_class),
    ).with_id(stage_ids.DATA_GATE)
