"""PushedChampion's TFX shell: the champion for services that cannot resolve artifacts."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from millrace.components.champion.executor import Executor


class PushedChampionSpec(ComponentSpec):
    """What goes in and out."""

    PARAMETERS = {
        "directory": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}


class PushedChampion(base_component.BaseComponent):
    """Outputs `model`: a copy of the newest pushed model, or an artifact marked as absent when there is none yet.

    A pushed model was blessed, so it is the champion. It must run in every run, never from a cache.
    """

    SPEC_CLASS = PushedChampionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, directory: str, code_digest: str = "") -> None:
        """Builds the component.

        Args:
            directory: where the Pusher puts its numbered versions.
            code_digest: serves the cache key only.
        """
        super().__init__(
            PushedChampionSpec(
                directory=directory, code_digest=code_digest, model=types.Channel(type=standard_artifacts.Model)
            )
        )
