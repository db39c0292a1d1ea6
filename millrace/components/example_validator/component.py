"""ExampleValidator: TFX's own, quick on wide tables, with rules that a service can be given too.

TFX passes rules as a proto, and its compiler for Vertex AI and Kubeflow Pipelines has no place for one among a stage's
parameters ("Invalid placeholder for exec prop"). Here they travel as JSON.
"""

import os
from typing import Any, Optional

from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor as tfx_executor
from tfx.components.example_validator import labels
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils, proto_utils

from millrace.base import files
from millrace.components.example_validator.rules import rules_message
from millrace.components.executor_types import Artifacts, Properties
from millrace.statistics.columns import of_all_rows
from millrace.statistics.validation import anomalies_of

# TFX 1.16 has it as CUSTOM_VALIDATION_CONFIG_KEY; TFX 1.21 has no rules.
_RULES = "custom_validation_config"


class Executor(tfx_executor.Executor):
    """TFX's executor, given rules as it takes them; without rules a wide table is validated by groups of columns."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> object:
        """Validates each split.

        Args:
            input_dict: `statistics` and `schema`.
            output_dict: `anomalies`.
            exec_properties: those of TFX's ExampleValidator, with `custom_validation_config` as JSON if there is one.
        """
        rules = exec_properties.get(_RULES)
        if rules:
            exec_properties = {**exec_properties, _RULES: proto_utils.json_to_proto(rules, rules_message()())}
        return super().Do(input_dict, output_dict, exec_properties)

    def _Validate(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> anomalies_pb2.Anomalies:
        """The anomalies of one split, which TFX's executor asks for and this one writes."""
        if inputs.get(_RULES):
            return super()._Validate(inputs, outputs)
        statistics = of_all_rows(inputs[standard_component_specs.STATISTICS_KEY])
        anomalies = anomalies_of(statistics, inputs[standard_component_specs.SCHEMA_KEY])
        file = os.path.join(outputs[labels.SCHEMA_DIFF_PATH], tfx_executor.DEFAULT_FILE_NAME)
        files.write(file, anomalies.SerializeToString())
        return anomalies


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """TFX's specification, with the rules as text and the digest of the code."""

    PARAMETERS = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        _RULES: component_spec.ExecutionParameter(type=str, optional=True),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }


class ExampleValidator(base_component.BaseComponent):
    """Anomalies of each split against the schema and against rules; outputs are those of TFX's ExampleValidator.

    Args:
        statistics: ExampleStatistics of every split.
        schema: what they are held to.
        rules: as `rules.validation_rules` reads them; None for the schema alone.
        code_digest: digest of the component's code, so that TFX's cache notices an edit.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        rules: Optional[Message] = None,
        code_digest: str = "",
    ) -> None:
        super().__init__(
            ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits=json_utils.dumps([]),
                custom_validation_config=proto_utils.proto_to_json(rules) if rules is not None else None,
                code_digest=code_digest,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
