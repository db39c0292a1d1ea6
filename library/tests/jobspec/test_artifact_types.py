"""Artifact types of one's own: what could never be compiled is refused before anything runs, and says how to fix it."""

import sys
import types
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from millrace.base.errors import BadInput
from millrace.jobspec.artifact_types import is_accepted, require_compilable

LONG = "a" * 22 + ".Report"


def pipeline_with(type_name: str, properties: Any = None) -> tuple[Any, type]:
    """A graph of one component that puts out a type."""
    from tfx.dsl.components.base.base_component import BaseComponent
    from tfx.dsl.components.base.base_executor import EmptyExecutor
    from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
    from tfx.orchestration.pipeline import Pipeline
    from tfx.types.artifact import Artifact
    from tfx.types.channel import Channel
    from tfx.types.component_spec import ChannelParameter, ComponentSpec

    kind = type("Report", (Artifact,), {"TYPE_NAME": type_name, "PROPERTIES": properties, "__module__": "shop.reports"})
    spec = type(
        "Spec", (ComponentSpec,), {"PARAMETERS": {}, "INPUTS": {}, "OUTPUTS": {"report": ChannelParameter(type=kind)}}
    )
    members = {"SPEC_CLASS": spec, "EXECUTOR_SPEC": ExecutorClassSpec(EmptyExecutor), "__module__": "shop.components"}
    component = type("Reporter", (BaseComponent,), members)(spec(report=Channel(type=kind)))
    return Pipeline("shop", "gs://bucket/root", components=[component]), kind


def compiled(pipeline: Any) -> Mapping[str, Any]:
    from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

    return KubeflowV2DagRunner(KubeflowV2DagRunnerConfig(default_image="image")).run(pipeline, write_out=False)


@pytest.mark.parametrize(
    "name",
    ["Report", "shop.reports.Report", "shop.report", "Shop.Report", "ab.Report", "shop.Re", "shop.Report!", LONG],
)
def test_a_name_that_tfx_refuses_is_refused_with_one_that_it_takes(name: str) -> None:
    pipeline, _ = pipeline_with(name)
    with pytest.raises(ValueError, match="Invalid custom artifact type name"):
        compiled(pipeline)
    with pytest.raises(BadInput, match="exactly one dot") as caught:
        require_compilable(pipeline)
    assert caught.value.where == "Reporter, output report"
    assert 'TYPE_NAME = "custom_components.Report"' in caught.value.remedy
    assert is_accepted("custom_components.Report")


def test_properties_that_tfx_refuses_are_refused() -> None:
    from tfx.types.artifact import Property, PropertyType

    pipeline, _ = pipeline_with("shop.Report", {"rows": Property(type=PropertyType.INT)})
    with pytest.raises(KeyError, match="not expected"):
        compiled(pipeline)
    with pytest.raises(BadInput, match=r"declares PROPERTIES \(rows\)") as caught:
        require_compilable(pipeline)
    assert "set_string_custom_property" in caught.value.remedy


def test_a_type_that_no_container_would_find_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, kind = pipeline_with("shop.Report")
    assert compiled(pipeline)
    with pytest.raises(BadInput, match=r"looks for the artifact type shop\.reports\.Report as shop\.Report") as caught:
        require_compilable(pipeline)
    assert caught.value.remedy == 'add "Report": "shop.reports" to ARTIFACT_TYPES in shop/__init__.py'
    package = types.ModuleType("shop")
    package.Report = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", package)
    require_compilable(pipeline)


def test_every_type_of_the_project_is_found(tmp_path: Any) -> None:
    from millrace.config.loading import load
    from millrace.config.platform import LOCAL
    from pipeline.pipeline import create_pipeline

    settings = [f"root={tmp_path}", "archive={}", "code.settings.HardExamples.rows=3"]
    require_compilable(create_pipeline(load("conf/taxi.yaml", settings), LOCAL, date(2026, 7, 1)))
