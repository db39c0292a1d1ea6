"""A root with two runs that pushed real SavedModels."""

from two_versions import _two_versions, two_versions

__all__ = ["_two_versions", "two_versions"]
