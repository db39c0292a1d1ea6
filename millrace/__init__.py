"""Millrace, the library: all that stands under a project's graph, model and configuration.

Artifact types of the library's components are reachable here by their type name: a container imports the class of an
artifact by the title that the compiled job carries, and that title may have one dot only
(tfx.orchestration.kubeflow.v2.compiler_utils). They are imported on use, so that `import millrace` stays free of TFX;
`open_project`, the way in from a notebook, imports what it needs when it is called, and no TensorFlow either.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from millrace.notebook.opened import OpenProject

__version__ = "0.2.0"

ARTIFACT_TYPES = {"DataGateReport": "millrace.components.data_gate.component"}


def open_project(folder: Union[str, Path] = ".", config: str = "", settings: Sequence[str] = ()) -> "OpenProject":
    """Opens the project in or above a folder: its runs, data, evaluations and models as objects that show themselves.

    Args:
        folder: the project's, or any below it, such as `notebooks`.
        config: the configuration: a file, or the name of one in `conf/`, such as `taxi`. Empty for the one that
            commands take: that of MILLRACE_CONFIG, else the project's own.
        settings: `KEY=VALUE`, as `--set` takes them.

    Returns:
        The project.

    Raises:
        millrace.base.errors.BadInput: there is no project, nothing says which configuration is meant, or it is wrong;
            or this process has opened another project already.
    """
    project: OpenProject = import_module("millrace.notebook.opened").opened(folder, config, settings)
    return project


def __getattr__(name: str) -> Any:
    """The artifact class of a type name.

    Raises:
        AttributeError: no component of the library defines such a type.
    """
    if name not in ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ARTIFACT_TYPES[name]), name)
