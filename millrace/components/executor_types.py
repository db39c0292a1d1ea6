"""The types of what TFX hands to an executor's `Do`."""

from typing import Any

from tfx import types

Artifacts = dict[str, list[types.Artifact]]
"""Artifacts by the key of their channel."""
Properties = dict[str, Any]
"""The component's parameters by name, as TFX records them: numbers and texts."""
