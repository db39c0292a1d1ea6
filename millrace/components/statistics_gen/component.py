"""The component: TFX's StatisticsGen with three more execution properties."""

from collections.abc import Sequence
from typing import Optional

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.components.statistics_gen import component as tfx_component
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from millrace.components.statistics_gen import executor


class StatisticsGenSpec(standard_component_specs.StatisticsGenSpec):
    """TFX's specification, with `slices`, `in_process` and `code_digest`."""

    PARAMETERS = {
        **standard_component_specs.StatisticsGenSpec.PARAMETERS,
        executor.SLICES_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.IN_PROCESS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        "code_digest": component_spec.ExecutionParameter(type=str, optional=True),
    }


class StatisticsGen(tfx_component.StatisticsGen):
    """Statistics of each split: the same as TFX's own.

    Args:
        examples: channel of Examples.
        schema: channel of a Schema that the options are taken from.
        stats_options: options of TFDV.
        exclude_splits: splits to leave out.
        slices: columns on whose values the statistics are sliced, each on its own or some together.
        in_process: compute in the executor's process when its Beam runner is a local one; False always uses Beam.
        code_digest: digest of the component's code, so that TFX's cache notices an edit.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: Optional[types.BaseChannel] = None,
        stats_options: Optional[tfdv.StatsOptions] = None,
        exclude_splits: Optional[list[str]] = None,
        slices: Sequence[Sequence[str]] = (),
        in_process: bool = True,
        code_digest: str = "",
    ) -> None:
        spec = StatisticsGenSpec(
            examples=examples,
            schema=schema,
            stats_options_json=stats_options.to_json() if stats_options else None,
            exclude_splits=json_utils.dumps(exclude_splits or []),
            slices=json_utils.dumps([list(columns) for columns in slices]) if slices else None,
            in_process=int(in_process),  # compiled jobs have no booleans
            code_digest=code_digest,
            statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
        )
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)
