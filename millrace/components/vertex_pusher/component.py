"""VertexPusher's TFX shell: TFX's Pusher, which also makes a version in Vertex AI of what it pushes."""

from typing import Any, Optional

from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter
from tfx.types.standard_component_specs import PusherSpec
from tfx.utils import json_utils

from millrace.components.vertex_pusher.executor import EVALUATION, Executor


class VertexPusherSpec(PusherSpec):
    """TFX's, and the Evaluator's report."""

    INPUTS = {
        **PusherSpec.INPUTS,
        EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
    }


class VertexPusher(Pusher):
    """Pushes a blessed model to a folder, and to a Vertex AI endpoint as a version of one model.

    Args:
        infra_blessing: the InfraValidator's, with the model in it.
        push_destination: the folder of versions.
        custom_config: as TFX's Pusher for Google Cloud has it. It also holds `VERSION`: the `model_id`;
            `approval`, as `registry.approval`, which says what alias the version gets; `labels`; `bucket`, a folder for
            a model whose folder of versions is in none; `explanations`, whether it gets an explanation spec; perhaps
            `MONITOR`, what it is watched by. And perhaps `ENCRYPTION_KEY`, the name of a key of Cloud KMS for the
            uploaded model, a newly made endpoint and its monitor.
        model_blessing: the Evaluator's.
        evaluation: the Evaluator's, with its report.
    """

    SPEC_CLASS = VertexPusherSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        infra_blessing: channel.BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        custom_config: dict[str, Any],
        model_blessing: Optional[channel.BaseChannel] = None,
        evaluation: Optional[channel.BaseChannel] = None,
    ) -> None:
        spec = VertexPusherSpec(
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            evaluation=evaluation,
            push_destination=push_destination,
            custom_config=json_utils.dumps(custom_config),
            pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
        )
        # TFX's Pusher makes TFX's own spec.
        BaseComponent.__init__(self, spec=spec)
