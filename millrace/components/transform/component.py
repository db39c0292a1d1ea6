"""The component: TFX's Transform with another executor, which also keeps the data's typical row."""

from typing import Any, Optional

from tfx.components.transform import component as tfx_component
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel
from tfx.types.component_spec import ChannelParameter
from tfx.types.standard_component_specs import TransformSpec

from millrace.components.transform import executor


class TransformWithStatisticsSpec(TransformSpec):
    """TFX's, and the statistics of the examples."""

    INPUTS = {
        **TransformSpec.INPUTS,
        executor.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }


class Transform(tfx_component.Transform):
    """The preprocessing function as a graph, and the examples transformed by it.

    Args:
        statistics: of the examples; the row that is typical of train is kept beside the graph, for explanations.
        arguments: as of TFX's Transform.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    spec: Any

    def __init__(self, statistics: Optional[BaseChannel] = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        if statistics is not None:
            # TFX's constructor makes TFX's own spec.
            given = {**self.spec.inputs, **self.spec.outputs, **self.spec.exec_properties}
            self.spec = TransformWithStatisticsSpec(statistics=statistics, **given)
