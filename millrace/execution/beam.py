"""The Beam runner: TFX's BeamDagRunner, which makes the graph itself a Beam pipeline, with a journal."""

from typing import Any, Optional

from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner, PipelineNodeAsDoFn
from tfx.proto.orchestration import pipeline_pb2

from millrace.components.beam_engine import beam_on_this_machine
from millrace.execution.stage import StageSpec, run_stage
from millrace.metadata.journal import Journal


class BeamRunner(BeamDagRunner):
    """Runs a bound graph on Beam.

    Args:
        journal: the run's journal. It only holds a path, so that it can travel to Beam's workers.
    """

    def __new__(cls, journal: Journal) -> "BeamRunner":
        """TFX's class looks at its arguments to choose its older runner; it must not see ours."""
        return super().__new__(cls)

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._PIPELINE_NODE_DO_FN_CLS = _with_journal(journal)

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: Optional[pipeline_pb2.RunOptions] = None
    ) -> None:
        """Runs the graph on this machine; TFX gives its pipeline no options.

        Args:
            pipeline: a graph that `millrace.execution.graph.bind` has prepared.
            run_options: not used; `bind` has said what takes part.
        """
        with beam_on_this_machine():
            super().run_with_ir(pipeline, run_options)


def _with_journal(journal: Journal) -> Any:
    def make(**node: Any) -> "_StageDoFn":
        return _StageDoFn(journal, **node)

    return make


class _StageDoFn(PipelineNodeAsDoFn):
    """TFX's node on Beam, run through `run_stage`."""

    def __init__(self, journal: Journal, **node: Any) -> None:
        super().__init__(**node)
        self._journal = journal

    def _run_node(self) -> None:
        run_stage(
            StageSpec(
                pipeline_node=self._pipeline_node,
                pipeline_info=self._pipeline_info,
                pipeline_runtime_spec=self._pipeline_runtime_spec,
                executor_spec=self._executor_spec,
                custom_driver_spec=self._custom_driver_spec,
                platform_config=self._extract_platform_config(self._deployment_config, self._node_id),
                connection=self._mlmd_connection_config,
            ),
            self._journal,
        )
