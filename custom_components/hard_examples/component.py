"""HardExamples: a class component. Its specification says what goes in and out, its executor does the work."""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples, Model

from custom_components.hard_examples.executor import Executor


class HardExamples(Artifact):
    """hard_examples.jsonl. The type's name is where a container finds this class: see `custom_components`."""

    TYPE_NAME = "custom_components.HardExamples"


class HardExamplesSpec(ComponentSpec):
    """What goes in and out, by TFX's types; a structured parameter would travel as JSON text."""

    PARAMETERS = {
        "count": ExecutionParameter(type=int),
        "label_key": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {"examples": ChannelParameter(type=Examples), "model": ChannelParameter(type=Model)}
    OUTPUTS = {"hard_examples": ChannelParameter(type=HardExamples)}


class HardExamplesFinder(BaseComponent):
    """Finds the eval rows on which a model is most wrong."""

    SPEC_CLASS = HardExamplesSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, examples: BaseChannel, model: BaseChannel, **parameters: Any) -> None:
        """Builds the component.

        Args:
            examples: Examples with an `eval` split, not transformed.
            model: the model, with the signatures `serving_default` and `transform_features`.
            **parameters: `count`, how many rows; `label_key`, the label's key after Transform; `code_digest`, which
                serves TFX's cache only.
        """
        channel = Channel(type=HardExamples)
        super().__init__(HardExamplesSpec(examples=examples, model=model, hard_examples=channel, **parameters))
