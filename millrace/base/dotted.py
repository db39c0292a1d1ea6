"""Functions of a project by dotted path: the one place that imports what a configuration names."""

import importlib
from typing import Any

from millrace.base.errors import ConfigError


def load(dotted_path: str, key: str) -> Any:
    """Imports a function or a class.

    Args:
        dotted_path: its module's dotted path and its name, for instance `models.model.build_model`.
        key: the configuration's key that names it, for the message.

    Raises:
        ConfigError: there is no such module, or nothing of that name in it.
    """
    module, _, name = dotted_path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{dotted_path} cannot be imported: {error}",
            where=key,
            remedy="name a function by its module's dotted path, in a package that setup.py ships",
        ) from error
