"""TFX's InfraValidator on Docker or Kubernetes, for which an engine that does not answer is a model that is no good."""

from typing import Any, Optional

from tfx.components.infra_validator import executor as tfx_executor

from millrace.base.errors import CouldNotJudge, machine_fault

# The clients of the engines, and what they stand on: an error of theirs says nothing of the model.
_CLIENTS = frozenset({"docker", "kubernetes", "requests", "urllib3"})


class EngineExecutor(tfx_executor.Executor):
    """TFX's executor, which publishes no verdict when the engine is at fault."""

    _fault: Optional[Exception] = None

    def _ValidateWithRetry(self, *given: Any, **named: Any) -> bool:
        passed = bool(super()._ValidateWithRetry(*given, **named))
        if not passed and self._fault is not None:
            raise machine_fault(self._fault) or CouldNotJudge(
                f"the model could not be judged: {type(self._fault).__name__}: {self._fault}",
                where="infra_validation",
                remedy="see that the engine runs and has the image, or use platform: process, which needs none",
            ) from self._fault
        return passed

    def _ValidateOnce(self, *given: Any, **named: Any) -> None:
        self._fault = None
        try:
            super()._ValidateOnce(*given, **named)
        except Exception as error:
            if type(error).__module__.partition(".")[0] in _CLIENTS or machine_fault(error):
                self._fault = error
            raise
