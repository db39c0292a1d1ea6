"""The stages that look at the data: ExampleGen, StatisticsGen, SchemaGen, CuratedSchema, ExampleValidator,
LatestBlessedData, SpanBefore, DataGate."""

from datetime import date
from typing import Optional

from tfx.components.schema_gen.component import SchemaGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types.channel import BaseChannel, Channel
from tfx.types.standard_artifacts import ExampleStatistics, Model, ModelBlessing

from millrace.components import stage_ids
from millrace.components.blessed_data.strategy import BlessedDataStrategy
from millrace.components.curated_schema.component import CuratedSchema
from millrace.components.data_gate.component import DataGate
from millrace.components.example_gen.configured import example_gen
from millrace.components.example_validator.component import ExampleValidator
from millrace.components.example_validator.rules import validation_rules
from millrace.components.span_before.strategy import SpanBeforeStrategy
from millrace.components.statistics_gen.component import StatisticsGen
from millrace.config.config import Config
from millrace.config.platform import Platform
from millrace.project.code_digest import code_digest
from millrace.textproto import schema_text


def build_example_gen(config: Config) -> BaseComponent:
    """ExampleGen: the configured files as tf.Examples, split, for a span and a version."""
    return example_gen(config.data).with_id(stage_ids.EXAMPLE_GEN)


def build_statistics_gen(config: Config, examples: BaseChannel) -> BaseComponent:
    """StatisticsGen: TFDV's statistics of each split, and of each of the configured slices."""
    return StatisticsGen(
        examples=examples,
        slices=config.statistics.slices,
        code_digest=code_digest(StatisticsGen.EXECUTOR_SPEC.executor_class),
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


def build_example_validator(config: Config, statistics: BaseChannel, schema: BaseChannel) -> BaseComponent:
    """ExampleValidator: TFDV's anomalies of each split against the schema, and against rules of the project's own."""
    rules = None
    if config.schema_.rules:
        curated = schema_text.read(config.schema_.file).proto if config.schema_.file else None
        rules = validation_rules(config.schema_.rules, curated)
    return ExampleValidator(
        statistics=statistics,
        schema=schema,
        rules=rules,
        code_digest=code_digest(ExampleValidator.EXECUTOR_SPEC.executor_class),
    ).with_id(stage_ids.EXAMPLE_VALIDATOR)


def build_latest_blessed_data(platform: Platform, statistics: BaseChannel) -> Optional[BaseNode]:
    """LatestBlessedData: the statistics that DataGate compares with, in their blessing; none without resolvers."""
    blessings = Channel(type=ModelBlessing)
    if platform.champion == "resolved":
        found = Resolver(strategy_class=BlessedDataStrategy, model_blessing=blessings, statistics=statistics)
    elif platform.champion == "blessed":
        found = Resolver(strategy_class=LatestBlessedModelStrategy, model=Channel(type=Model), model_blessing=blessings)
    else:
        return None
    return found.with_id(stage_ids.LATEST_BLESSED_DATA)


def build_span_before(config: Config, platform: Platform, statistics: BaseChannel) -> Optional[BaseNode]:
    """SpanBefore: the statistics that drift is measured from; none without spans, or without our resolvers."""
    if not config.data.has_spans or platform.champion != "resolved":
        return None
    return Resolver(
        strategy_class=SpanBeforeStrategy, statistics=statistics, span_before=Channel(type=ExampleStatistics)
    ).with_id(stage_ids.SPAN_BEFORE)


def build_data_gate(
    config: Config,
    platform: Platform,
    today: date,
    statistics: BaseChannel,
    schema: BaseChannel,
    anomalies: BaseChannel,
    blessed_data: Optional[BaseNode] = None,
    span_before: Optional[BaseNode] = None,
) -> BaseComponent:
    """DataGate: ends the run before Transform when the policy says that the data may not be learned from."""
    return DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=anomalies,
        blessing=blessed_data.outputs["model_blessing"] if blessed_data else None,
        span_before=span_before.outputs["span_before"] if span_before else None,
        # A waiver that has run out changes the parameters, so a pass that it allowed is not served from the cache.
        section=config.data_gate.in_force(today),
        label=config.label,
        feature_columns=list(config.feature_table().columns()),
        schema_file=platform.shown(config.schema_.file),
        config_file=platform.shown(config.file),
        environment=config.environment,
        code_digest=code_digest(DataGate.EXECUTOR_SPEC.executor_class),
    ).with_id(stage_ids.DATA_GATE)
