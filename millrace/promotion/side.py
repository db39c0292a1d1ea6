"""One of the two environments that a promotion is between."""

from dataclasses import dataclass

from millrace.config.config import Config
from millrace.registry.registry import Registry


@dataclass(frozen=True)
class Side:
    """An environment of a pipeline, opened.

    Args:
        config: the pipeline's configuration there.
        registry: of the pipeline there.
    """

    config: Config
    registry: Registry

    @property
    def name(self) -> str:
        """The environment's name, or words for the configuration without one."""
        return self.config.environment or "no environment"
