"""Compiles TFX's own Chicago-taxi example by TFX alone: python stock_taxi.py DATA ROOT FILE SCHEMA_VERSION.

The graph is that of tfx/examples/chicago_taxi_pipeline/taxi_pipeline_simple.py, its code named by dotted paths, with
fewer training steps.
"""

import sys

from tensorflow_model_analysis.proto import config_pb2
from tfx.v1 import components, dsl, proto, types
from tfx.v1.orchestration.experimental import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

CODE = "tfx.examples.chicago_taxi_pipeline.taxi_utils"


def eval_config() -> config_pb2.EvalConfig:
    """Absolute and relative thresholds that any trained model meets."""
    threshold = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": 0.1}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -0.5}
        ),
    )
    metric = config_pb2.MetricConfig(class_name="BinaryAccuracy", threshold=threshold)
    model = config_pb2.ModelSpec(
        signature_name="serving_default", label_key="tips_xf", preprocessing_function_names=["transform_features"]
    )
    return config_pb2.EvalConfig(
        model_specs=[model],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric])],
    )


def graph(data: str, root: str) -> list:
    """The components in order."""
    examples = components.CsvExampleGen(input_base=data)
    statistics = components.StatisticsGen(examples=examples.outputs["examples"])
    schema = components.SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False)
    validator = components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = components.Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=f"{CODE}.preprocessing_fn",
    )
    trainer = components.Trainer(
        run_fn=f"{CODE}.run_fn",
        examples=transform.outputs["transformed_examples"],
        schema=schema.outputs["schema"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=proto.TrainArgs(num_steps=30),
        eval_args=proto.EvalArgs(num_steps=5),
    )
    champion = dsl.Resolver(
        strategy_class=dsl.experimental.LatestBlessedModelStrategy,
        model=dsl.Channel(type=types.standard_artifacts.Model),
        model_blessing=dsl.Channel(type=types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = components.Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=champion.outputs["model"],
        eval_config=eval_config(),
    )
    pusher = components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=proto.PushDestination(
            filesystem=proto.PushDestination.Filesystem(base_directory=f"{root}/serving")
        ),
    )
    return [examples, statistics, schema, validator, transform, trainer, champion, evaluator, pusher]


def main(data: str, root: str, file: str, version: str) -> None:
    """Writes the compiled job."""
    pipeline = dsl.Pipeline(
        pipeline_name="stock-taxi", pipeline_root=root, components=graph(data, root), enable_cache=True
    )
    config = KubeflowV2DagRunnerConfig(default_image="gcr.io/tfx/tfx:1", use_pipeline_spec_2_1=version == "2.1")
    KubeflowV2DagRunner(config=config, output_filename=file).run(pipeline, write_out=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
