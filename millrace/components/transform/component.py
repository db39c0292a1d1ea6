"""The component: TFX's Transform with another executor."""

from tfx.components.transform import component as tfx_component
from tfx.dsl.components.base import executor_spec

from millrace.components.transform import executor


class Transform(tfx_component.Transform):
    """The preprocessing function as a graph, and the examples transformed by it; arguments as of TFX's Transform."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
