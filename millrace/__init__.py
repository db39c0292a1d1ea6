"""Millrace, the library: all that stands under a project's graph, model and configuration.

Artifact types of the library's components are reachable here by their type name: a container imports the class of an
artifact by the title that the compiled job carries, and that title may have one dot only
(tfx.orchestration.kubeflow.v2.compiler_utils). They are imported on use, so that `import millrace` stays free of TFX.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

ARTIFACT_TYPES = {"DataGateReport": "millrace.components.data_gate.component"}


def __getattr__(name: str) -> Any:
    """The artifact class of a type name.

    Raises:
        AttributeError: no component of the library defines such a type.
    """
    if name not in ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ARTIFACT_TYPES[name]), name)
