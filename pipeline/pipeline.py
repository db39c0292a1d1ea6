"""The graph: which stage takes what from which. Each stage is built in `pipeline.stages`."""

from datetime import date

from tfx.orchestration.pipeline import Pipeline

from millrace.beam.arguments import beam_arguments
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.platform import Platform
from millrace.metadata.connections import metadata_connection
from pipeline.stages import data, delivery, training, verdicts


def create_pipeline(config: Config, platform: Platform, today: date) -> Pipeline:
    """Wires the stages of a configured pipeline; it reads nothing but its arguments and the files that they name.

    Args:
        config: the configuration, the same for every runner; that of `platform.deployed` when a service will run it.
        platform: where it will run.
        today: the day on which it is built; a waiver of DataGate that has run out by then is not in force.

    Returns:
        TFX's pipeline, ready for any TFX runner.
    """
    example_gen = data.build_example_gen(config)
    examples = example_gen.outputs["examples"]
    statistics_gen = data.build_statistics_gen(config, examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = data.build_schema_gen(statistics)
    curated_schema = data.build_curated_schema(config) if config.schema_.file else None
    schema = (curated_schema or schema_gen).outputs["schema"]
    example_validator = data.build_example_validator(config, statistics, schema)
    anomalies = example_validator.outputs["anomalies"]
    blessed_data = data.build_latest_blessed_data(platform, statistics)
    span_before = data.build_span_before(config, platform, statistics)
    references = blessed_data, span_before
    data_gate = data.build_data_gate(config, platform, today, statistics, schema, anomalies, *references)

    transform = training.build_transform(config, examples, schema, statistics, data_gate)
    transformed, graph = transform.outputs["transformed_examples"], transform.outputs["transform_graph"]
    tuner = training.build_tuner(config, transformed, graph, schema)
    hyperparameters = tuner.outputs["best_hyperparameters"] if tuner else None
    base = verdicts.build_base_model(config, platform, transformed)
    base_model = base.outputs["model"] if base else None
    trainer = training.build_trainer(config, platform, transformed, graph, schema, hyperparameters, base_model)
    model = trainer.outputs["model"]

    champion = verdicts.build_latest_blessed_model(config, platform, model)
    evaluator = verdicts.build_evaluator(config, examples, statistics, model, champion)
    infra_validator = verdicts.build_infra_validator(config, model, examples)
    hard_examples = verdicts.build_hard_examples(config, examples, model)
    blessings = evaluator.outputs["blessing"], infra_validator.outputs["blessing"]

    pusher = delivery.build_pusher(config, *blessings, evaluator.outputs["evaluation"])
    archive = delivery.build_model_archive(config, pusher.outputs["pushed_model"])
    notifier = delivery.build_notifier(config, platform, *blessings, pusher.outputs["pushed_model"])

    stages = [example_gen, statistics_gen, schema_gen, curated_schema, example_validator, *references, data_gate]
    stages += [
        transform,
        tuner,
        base,
        trainer,
        champion,
        evaluator,
        infra_validator,
        hard_examples,
        pusher,
        archive,
        notifier,
    ]
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=layout(config).artifacts,
        components=[stage for stage in stages if stage],
        enable_cache=True,
        metadata_connection_config=metadata_connection(config) if platform.own_metadata else None,
        beam_pipeline_args=beam_arguments(config),
    )
