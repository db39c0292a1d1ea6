"""ExampleValidator with rules: TFX's own, which no service could be given them for.

TFX passes the rules as a proto, and its compiler for Vertex AI and Kubeflow Pipelines has no place for one among a
stage's parameters ("Invalid placeholder for exec prop"). Here they travel as JSON.
"""

from google.protobuf.message import Message
from tfx import types
from tfx.components.example_validator import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils, proto_utils

from millrace.components.example_validator.rules import rules_message
from millrace.components.executor_types import Artifacts, Properties

# TFX 1.16 has it as CUSTOM_VALIDATION_CONFIG_KEY; TFX 1.21 has no rules.
_RULES = "custom_validation_config"


class Executor(tfx_executor.Executor):
    """TFX's executor, given the rules as it takes them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> object:
        """Validates each split.

        Args:
            input_dict: `statistics` and `schema`.
            output_dict: `anomalies`.
            exec_properties: those of TFX's ExampleValidator, with `custom_validation_config` as JSON.
        """
        read = proto_utils.json_to_proto(exec_properties[_RULES], rules_message()())
        return super().Do(input_dict, output_dict, {**exec_properties, _RULES: read})


class RuledExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """TFX's specification, with the rules as text and the digest of the code."""

    PARAMETERS = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        _RULES: component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }


class RuledExampleValidator(base_component.BaseComponent):
    """Anomalies of each split against the schema and against rules; outputs are those of TFX's ExampleValidator.

    Args:
        statistics: ExampleStatistics of every split.
        schema: what they are held to.
        rules: as `rules.validation_rules` reads them.
        code_digest: digest of the component's code, so that TFX's cache notices an edit.
    """

    SPEC_CLASS = RuledExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        rules: Message,
        code_digest: str = "",
    ) -> None:
        super().__init__(
            RuledExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits=json_utils.dumps([]),
                custom_validation_config=proto_utils.proto_to_json(rules),
                code_digest=code_digest,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
