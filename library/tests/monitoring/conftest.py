"""A served version with a log of requests."""

from watched_traffic import _served_root, served

__all__ = ["_served_root", "served"]
