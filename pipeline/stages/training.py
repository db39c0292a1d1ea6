"""The stages that make a model: Transform, Tuner or its pinned outcome, Trainer."""

from typing import Any, Optional

from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types.channel import BaseChannel

from millrace.components import stage_ids
from millrace.components.pinned_hyperparameters.component import PinnedHyperparameters
from millrace.components.pinned_hyperparameters.file import read_pinned
from millrace.components.transform.component import Transform
from millrace.config.config import Config
from millrace.config.platform import Platform
from millrace.project.code_digest import code_digest
from millrace.training.section import WARM_START


def build_transform(
    config: Config, examples: BaseChannel, schema: BaseChannel, statistics: BaseChannel, gate: BaseComponent
) -> BaseComponent:
    """Transform: the feature table as a TensorFlow graph, once the gate has let the data pass.

    It learns from train alone. The split that only judges is not transformed, so that no training can read it.

    Args:
        config: the configuration.
        examples: ExampleGen's, raw.
        schema: the curated one, or the inferred one where there is none.
        statistics: StatisticsGen's, of which the row is kept that explanations are measured from.
        gate: DataGate, which has no output that Transform reads.
    """
    table = config.feature_table()
    read_in_training = [name for name in config.data.split_names if name == "eval" or name != config.judging_split]
    transform = Transform(
        examples=examples,
        schema=schema,
        statistics=statistics,
        preprocessing_fn=config.code.preprocessing_fn,
        # Its statistics of the raw data are StatisticsGen's; those of the transformed data nobody reads.
        disable_statistics=True,
        splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=read_in_training),
        custom_config={
            "features": table.model_dump(mode="json"),
            "settings": config.code.settings_of(stage_ids.TRANSFORM),
            "code_digest": code_digest(
                config.code.preprocessing_fn, Transform.EXECUTOR_SPEC.executor_class, *table.functions()
            ),
        },
    ).with_id(stage_ids.TRANSFORM)
    transform.add_upstream_node(gate)
    return transform


def build_tuner(
    config: Config, examples: BaseChannel, transform_graph: BaseChannel, schema: BaseChannel
) -> Optional[BaseComponent]:
    """Tuner, when tuning is enabled; the pinned outcome of an earlier search, when one is named; else nothing.

    Args:
        config: the configuration.
        examples: Transform's, transformed.
        transform_graph: Transform's.
        schema: of the raw examples.
    """
    if config.tuning.pinned:
        return PinnedHyperparameters(
            hyperparameters=read_pinned(config.tuning.pinned),
            code_digest=code_digest(PinnedHyperparameters.EXECUTOR_SPEC.executor_class),
        ).with_id(stage_ids.PINNED_HYPERPARAMETERS)
    if not config.tuning.enabled:
        return None
    return Tuner(
        examples=examples,
        transform_graph=transform_graph,
        schema=schema,
        tuner_fn=config.code.tuner_fn,
        train_args=trainer_pb2.TrainArgs(splits=["train"], num_steps=config.tuning.steps),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"], num_steps=config.training.eval_steps or 0),
        custom_config={
            # A search builds the Trainer's model, so what the model reads is the Tuner's too.
            **_custom_config(config, config.code.tuner_fn, stage_ids.TRAINER, stage_ids.TUNER),
            "tuning": config.tuning.model_dump(mode="json"),
        },
    ).with_id(stage_ids.TUNER)


def build_trainer(
    config: Config,
    platform: Platform,
    examples: BaseChannel,
    transform_graph: BaseChannel,
    schema: BaseChannel,
    hyperparameters: Optional[BaseChannel],
    base_model: Optional[BaseChannel] = None,
) -> BaseComponent:
    """Trainer: the Keras model of the feature table, exported with its serving signatures.

    Args:
        config: the configuration.
        platform: whether it may be started as a custom job.
        examples: Transform's, transformed.
        transform_graph: Transform's.
        schema: of the raw examples.
        hyperparameters: of a search, or pinned; None for those of the configuration.
        base_model: the champion, from whose weights it starts; None where it starts from new ones.
    """
    trainer, job = _trainer(config, platform)
    na_values = config.na_values()  # the exported model takes them for missing, as ExampleGen does
    served: dict[str, Any] = {"na_values": na_values} if na_values else {}
    served["explanations"] = config.explanations.model_dump(mode="json")
    folds = {"folds": config.folds} if config.folds else {}
    warm = {WARM_START: config.training.warm_start} if base_model else {}
    return trainer(
        examples=examples,
        transform_graph=transform_graph,
        schema=schema,
        base_model=base_model,
        hyperparameters=hyperparameters,
        run_fn=config.code.run_fn,
        train_args=trainer_pb2.TrainArgs(splits=["train"], num_steps=config.training.steps or 0),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"], num_steps=config.training.eval_steps or 0),
        custom_config={
            **_custom_config(config, config.code.run_fn, stage_ids.TRAINER),
            **served,
            **folds,
            **warm,
            **job,
        },
    ).with_id(stage_ids.TRAINER)


def _trainer(config: Config, platform: Platform) -> tuple[type[BaseComponent], dict[str, Any]]:
    """The Trainer's class, and what it needs to know of a Vertex AI custom job when it is to start one."""
    if not platform.custom_job or config.vertex.trainer is None:
        return Trainer, {}
    # Google's clients are imported only by a pipeline that trains in a custom job.
    from millrace.cloud.vertex.stages import custom_job_trainer

    return custom_job_trainer(config.name, config.vertex, config.vertex.trainer)


def _custom_config(config: Config, entry_point: str, *stages: str) -> dict[str, Any]:
    return {
        "features": config.feature_table().model_dump(mode="json"),
        "model": config.model.model_dump(mode="json"),
        "training": config.training.model_dump(mode="json", exclude={WARM_START}),
        "model_fn": config.code.model_fn,
        "settings": config.code.settings_of(*stages),
        "code_digest": code_digest(entry_point, config.code.model_fn, *config.feature_table().encoders()),
    }
