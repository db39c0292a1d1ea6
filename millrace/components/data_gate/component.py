"""DataGate's TFX shell: the component, its specification and its artifact type."""

import json
from collections.abc import Sequence
from typing import Any, Optional

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from millrace.components.data_gate.executor import Executor
from millrace.components.data_gate.references import KINDS
from millrace.components.data_gate.section import DataGateSection
from millrace.features.label import AnyLabel


class DataGateReport(Artifact):
    """report.json and report.txt of a run that was let through.

    Its custom properties `warnings` and `waived` count the findings of each kind. They are not declared as PROPERTIES:
    the Kubeflow compiler refuses those of any type that is not TFX's own. The type's name is also the path by which a
    Kubeflow container imports this class (see `millrace.__getattr__`).
    """

    TYPE_NAME = "millrace.DataGateReport"


class EarlierDataGateReport(DataGateReport):
    """A DataGateReport as Millrace 0.1 recorded it: TFX finds the class of an artifact in ML Metadata by this name."""

    TYPE_NAME = "custom_components.DataGateReport"


class DataGateSpec(ComponentSpec):
    """What goes in and out. Structured parameters travel as JSON text, which every orchestrator can carry."""

    PARAMETERS = {
        "policy": ExecutionParameter(type=str),
        "waivers": ExecutionParameter(type=str),
        "distance_limits": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "feature_columns": ExecutionParameter(type=str),
        "schema_file": ExecutionParameter(type=str),
        "config_file": ExecutionParameter(type=str),
        "environment": ExecutionParameter(type=str, optional=True),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "span_before": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {"report": ChannelParameter(type=DataGateReport)}


class DataGate(base_component.BaseComponent):
    """Stops a run whose data breaks its contract, or from which nothing can be learned, before anything is trained.

    Outputs a `report` when the run may go on; downstream stages wait for it by `add_upstream_node`.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        section: DataGateSection,
        label: AnyLabel,
        feature_columns: Sequence[str],
        blessing: Optional[types.BaseChannel] = None,
        span_before: Optional[types.BaseChannel] = None,
        schema_file: str = "",
        config_file: str = "",
        environment: str = "",
        code_digest: str = "",
    ) -> None:
        """Builds the component.

        Args:
            statistics: ExampleStatistics of every split.
            schema: the schema that the examples were validated against.
            anomalies: ExampleAnomalies of the same statistics and schema.
            section: what the configuration says of anomalies. Pass that of `in_force`, so that a pass is not served
                from the cache once a waiver has ended.
            label: what is predicted.
            feature_columns: the raw columns that features read, `FeatureTable.columns()`.
            blessing: the latest ModelBlessing that holds the statistics of its data, with which this data is compared;
                None for no comparison.
            span_before: ExampleStatistics of the span before, from which drift is measured; None for the blessed data.
            schema_file: the curated schema that the remedy names; empty when the schema is inferred.
            config_file: the configuration that the remedy names.
            environment: that of the configuration, which the remedy names too; empty for none.
            code_digest: serves TFX's cache key only.
        """
        super().__init__(
            DataGateSpec(
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                blessing=blessing,
                span_before=span_before,
                policy=_json(section.policy),
                waivers=_json([waiver.model_dump(mode="json") for waiver in section.waivers]),
                distance_limits=_json({kind: getattr(section, kind).model_dump() for kind in KINDS}),
                label=_json(label.model_dump(mode="json")),
                feature_columns=_json(list(feature_columns)),
                schema_file=schema_file,
                config_file=config_file,
                environment=environment or None,
                code_digest=code_digest,
                report=types.Channel(type=DataGateReport),
            )
        )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
