"""The project's graph: the one call of its `create_pipeline`, and what is told when that goes wrong."""

import inspect
from collections.abc import Callable
from typing import Any

from tfx.orchestration.pipeline import Pipeline

from millrace.base import clock
from millrace.base.errors import ConfigError, MillraceError, describe
from millrace.base.names import did_you_mean
from millrace.components import stage_ids
from millrace.config.config import Config
from millrace.config.platform import Platform
from millrace.project import dotted

_SIGNATURE = "(config, platform, today)"


def build_pipeline(config: Config, platform: Platform) -> Pipeline:
    """Builds the graph with the function that `code.pipeline` names.

    The other functions of `code` are imported too: a worker would find out minutes, or a bill, later.

    Args:
        config: the configuration.
        platform: where the graph will run.

    Returns:
        TFX's pipeline.

    Raises:
        ConfigError: something of `code` cannot be imported, `code.settings` names a stage that is none, or the function
            cannot be called with a configuration, a platform and a day, fails, or returns something else.
        MillraceError: what the function itself says of the input.
    """
    path = config.code.pipeline
    create = dotted.load(path, "code.pipeline")
    _require_callable(create, path)
    _require_importable(config)
    try:
        pipeline = create(config, platform, clock.today())
    except Exception as error:
        # What the function says of the input, in whatever way, is better than anything that can be said here.
        if isinstance(error, MillraceError) or describe(error).exit_code != 1:
            raise
        raise ConfigError(
            f"code.pipeline: {path} raised {type(error).__name__}: {error}",
            where=dotted.raised_at(error, path),
            remedy="fix that line; the log has the traceback, and so has millrace --debug",
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise ConfigError(
            f"code.pipeline: {path} returned {type(pipeline).__name__}, and TFX's Pipeline is needed",
            where=dotted.defined_at(create, path),
            remedy="return tfx.orchestration.pipeline.Pipeline(...)",
        )
    _require_readers(config, {component.id for component in pipeline.components})
    return pipeline


def _require_callable(create: Any, path: str) -> None:
    if not callable(create):
        raise ConfigError(
            f"code.pipeline: {path} is {type(create).__name__}, which cannot be called",
            where=dotted.defined_at(create, path),
            remedy=f"name a function of {_SIGNATURE} that returns a Pipeline",
        )
    if not _can_take_three(create):
        raise ConfigError(
            f"code.pipeline: {path} cannot be called with {_SIGNATURE}",
            where=dotted.defined_at(create, path),
            remedy=f"define it as {path.rpartition('.')[2]}{_SIGNATURE}",
        )


def _can_take_three(create: Callable[..., Any]) -> bool:
    try:
        inspect.signature(create).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:
        # What is written in C says nothing of its arguments.
        return True
    return True


def _require_readers(config: Config, stages: set[str]) -> None:
    """A setting that no stage reads is a slip of the pen, and would change nothing without a word."""
    known = {*stages, *stage_ids.ALL}
    for name in config.code.settings:
        if name not in known:
            raise ConfigError(
                f"no stage is called {name}",
                where=f"code.settings.{name}",
                remedy=did_you_mean(name, known) or f"name one of {', '.join(sorted(stages))}",
            )


def _require_importable(config: Config) -> None:
    for key, path in config.code:
        if key not in ("pipeline", "settings") and (key != "tuner_fn" or config.tuning.enabled):
            dotted.load(path, f"code.{key}")
    table = config.feature_table()
    for path, key in {**table.functions(), **table.encoders()}.items():
        dotted.load(path, key)
