"""Millrace's own components, one folder each: pure logic, a thin TFX shell, a README.

Artifact types of the components are reachable here by their type name: a Kubeflow container imports the class of an
artifact by the title that the compiled job carries, and that title may have one dot only
(tfx.orchestration.kubeflow.v2.compiler_utils). They are imported on use, so that importing this package stays free
of TFX.
"""

from importlib import import_module
from typing import Any

ARTIFACT_TYPES = {
    "ArchivedModel": "custom_components.model_archive.component",
    "DataGateReport": "custom_components.data_gate.component",
}


def __getattr__(name: str) -> Any:
    """The artifact class of a type name.

    Raises:
        AttributeError: no component defines such a type.
    """
    if name not in ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ARTIFACT_TYPES[name]), name)
