"""The stages that let a model out: Pusher, and on request ModelArchive and Notifier."""

from typing import Optional

from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import pusher_pb2
from tfx.types.channel import BaseChannel

from custom_components.model_archive.component import model_archive
from custom_components.notifier.component import Notifier
from millrace.components import stage_ids
from millrace.config.config import Config
from millrace.config.paths import push_directory
from millrace.config.platform import Platform
from millrace.project.code_digest import code_digest

MODEL_ARCHIVE = "ModelArchive"
NOTIFIER = "Notifier"


def build_pusher(
    config: Config, model_blessing: BaseChannel, infra_blessing: BaseChannel, evaluation: BaseChannel
) -> BaseComponent:
    """Pusher: the model with its warm-up requests, out of the InfraValidator's hands, once both blessings are given.

    Args:
        config: the configuration; a trial is pushed beside what is served.
        model_blessing: the Evaluator's.
        infra_blessing: the InfraValidator's, with the model in it.
        evaluation: the Evaluator's, which a version in Vertex AI is given.
    """
    if config.push.vertex and not config.push.trial:
        # Google's clients are imported only by a pipeline that pushes to Vertex AI.
        from millrace.cloud.vertex.stages import vertex_pusher
        from millrace.monitoring.vertex_spec import monitor_of_push

        monitor = monitor_of_push(config) if config.push.vertex.monitor else None
        return vertex_pusher(config, model_blessing, infra_blessing, evaluation, monitor).with_id(stage_ids.PUSHER)
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=push_directory(config))
    return Pusher(
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        push_destination=pusher_pb2.PushDestination(filesystem=filesystem),
    ).with_id(stage_ids.PUSHER)


def build_model_archive(config: Config, pushed_model: BaseChannel) -> Optional[BaseComponent]:
    """ModelArchive, when it is configured: the pushed model as one file with its checksum.

    Args:
        config: the configuration.
        pushed_model: the Pusher's.
    """
    if config.archive is None:
        return None
    return model_archive(config.archive.image)(pushed_model=pushed_model).with_id(MODEL_ARCHIVE)


def build_notifier(
    config: Config,
    platform: Platform,
    model_blessing: BaseChannel,
    infra_blessing: BaseChannel,
    pushed_model: BaseChannel,
) -> Optional[BaseComponent]:
    """Notifier, when a webhook is configured and a service runs the stages; on this machine the runner tells every end.

    Args:
        config: the configuration.
        platform: where the stages run.
        model_blessing: the Evaluator's.
        infra_blessing: the InfraValidator's.
        pushed_model: the Pusher's.
    """
    if config.notify is None or not config.notify.webhook_env or platform.name == "local":
        return None
    return Notifier(
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        pushed_model=pushed_model,
        pipeline_name=config.name,
        webhook_env=config.notify.webhook_env,
        code_digest=code_digest(Notifier.EXECUTOR_SPEC.executor_class),
    ).with_id(NOTIFIER)
