"""Names of a project's own artifact types: what TFX's compiler takes, and by which a container finds the class.

Nothing here imports TFX: a graph is looked at as it comes.
"""

import importlib
import re
from typing import Any

from millrace.base.errors import BadInput

# As TFX's compiler for Vertex AI and Kubeflow Pipelines has it.
_NAME = re.compile(r"[a-z][a-z0-9_-]{2,20}\.[A-Z][A-Za-z0-9_-]{2,49}")

EXPECTED = (
    "PACKAGE.NAME with exactly one dot, the package in lower case and of 3 to 21 characters, "
    "the name with a capital first and of 3 to 50"
)


def is_accepted(type_name: str) -> bool:
    """Whether TFX's compiler takes a type's name."""
    return _NAME.fullmatch(type_name) is not None


def require_compilable(pipeline: Any) -> None:
    """Checks the artifact types that a pipeline's components put out, other than TFX's own.

    A pipeline that runs on this machine and could never be compiled is a surprise for later, so it is told at once.

    Args:
        pipeline: TFX's `Pipeline`.

    Raises:
        BadInput: a type has a name or properties that TFX's compiler refuses, or is not found by its name.
    """
    for component in pipeline.components:
        for output, channel in component.outputs.items():
            if not channel.type.__module__.startswith("tfx."):
                _require(channel.type, f"{component.id}, output {output}")


def _require(kind: Any, where: str) -> None:
    written = f"{kind.__module__}.{kind.__qualname__}"
    if not is_accepted(kind.TYPE_NAME):
        raise BadInput(
            f"the artifact type {written} has the TYPE_NAME {kind.TYPE_NAME!r}, which TFX's compiler refuses; "
            f"it takes {EXPECTED}",
            where=where,
            remedy=f'set TYPE_NAME = "custom_components.{kind.__name__}", and list the class in ARTIFACT_TYPES of '
            "custom_components/__init__.py",
        )
    if kind.PROPERTIES:
        raise BadInput(
            f"the artifact type {written} declares PROPERTIES ({', '.join(kind.PROPERTIES)}), which TFX's compiler "
            "takes of TFX's own types only",
            where=where,
            remedy="take PROPERTIES out, and set custom properties where the artifact is written: "
            "artifact.set_string_custom_property(NAME, VALUE), and its like for int, float and JSON",
        )
    if _found(kind.TYPE_NAME) is not kind:
        package, _, name = kind.TYPE_NAME.partition(".")
        raise BadInput(
            f"a container looks for the artifact type {written} as {kind.TYPE_NAME}, and does not find it there",
            where=where,
            remedy=f'add "{name}": "{kind.__module__}" to ARTIFACT_TYPES in {package}/__init__.py',
        )


def _found(type_name: str) -> Any:
    package, _, name = type_name.partition(".")
    try:
        return getattr(importlib.import_module(package), name, None)
    except ImportError:
        return None
