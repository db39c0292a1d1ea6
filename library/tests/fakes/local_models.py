"""Models that are loaded in the tests' own process."""

import contextlib
from pathlib import Path
from typing import Any

import tensorflow as tf

from millrace.model_server.model_config import ModelConfig
from millrace.model_server.models import Models
from millrace.model_server.versions import Loading


def load_models(folder: Path, name: str = "taxi", loading: Loading = Loading(warm_up=False), **fields: Any) -> Models:
    """Serves one model, and waits until all of it is loaded or has failed.

    Args:
        folder: with one numbered folder per version.
        name: the model's.
        loading: how versions are loaded.
        fields: more of its ModelConfig.

    Returns:
        What is served; folders are not looked at again.
    """
    models = Models(loading, poll_seconds=0)
    configs = {name: ModelConfig(name=name, base_path=str(folder), **fields)}
    models.serve(configs)
    with contextlib.suppress(tf.errors.FailedPreconditionError):
        models.wait(configs, 60)
    return models
