"""Why the inputs of a stage could not be resolved: TFX's launcher writes that into the log, and says no more of it.

A resolver that refuses, such as the champion's whose files are gone, says what and what to do about it. TFX wraps its
exception, publishes the execution as failed and returns; here the exception is kept for who launched the stage.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from tfx.orchestration.portable import inputs_utils
from tfx.orchestration.portable.input_resolution import exceptions

_of_tfx = inputs_utils.resolve_input_artifacts
_of_this_thread = threading.local()


class Unresolved:
    """What became of the inputs of the stage that this thread launches."""

    error: Optional[Exception] = None
    """TFX's, with its causes; None as long as nothing was wrong."""


@contextmanager
def keeping_why() -> Iterator[Unresolved]:
    """Keeps why the inputs of the stages that this thread launches could not be resolved."""
    kept = _of_this_thread.kept = Unresolved()
    try:
        yield kept
    finally:
        _of_this_thread.kept = None


def _resolve_input_artifacts(*args: Any, **kwargs: Any) -> Any:
    """TFX's own."""
    try:
        return _of_tfx(*args, **kwargs)
    except exceptions.InputResolutionError as error:
        kept: Optional[Unresolved] = getattr(_of_this_thread, "kept", None)
        if kept:
            kept.error = error
        raise


inputs_utils.resolve_input_artifacts = _resolve_input_artifacts
