"""A root with two runs that pushed real SavedModels, and a project with two environments."""

from two_environments import here, registries_are_closed
from two_versions import _two_versions, two_versions

__all__ = ["_two_versions", "here", "registries_are_closed", "two_versions"]
