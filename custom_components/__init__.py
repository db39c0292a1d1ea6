"""This project's own components, one folder each; copy the one whose style is nearest to what you need.

A component's own artifact type is named `custom_components.NAME` and listed below: TFX's compiler takes a type's name
with exactly one dot, and a container imports the class by it.
"""

from importlib import import_module
from typing import Any

ARTIFACT_TYPES = {
    "ArchivedModel": "custom_components.model_archive.component",
    "HardExamples": "custom_components.hard_examples.component",
}


def __getattr__(name: str) -> Any:
    """The artifact class of a type name, imported on use; AttributeError where there is none."""
    if name not in ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ARTIFACT_TYPES[name]), name)
