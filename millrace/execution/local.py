"""The local runner: TFX's LocalDagRunner in this process, a stage after another, some beside others, with a journal."""

from collections.abc import Collection
from functools import partial
from typing import Optional

from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto.orchestration import pipeline_pb2

from millrace.components import stage_ids
from millrace.components.beam_engine import beam_on_this_machine
from millrace.execution.side_by_side import SideBySide, room_for_another
from millrace.execution.stage import StageSpec, run_stage
from millrace.metadata.journal import Journal

# The validation waits for a model server that starts, and the evaluation needs nothing of it.
BESIDE = frozenset({stage_ids.INFRA_VALIDATOR})


class LocalRunner(LocalDagRunner):
    """Runs a bound graph's stages in order and stops at the first that fails.

    Args:
        journal: the run's journal.
        beside: stages that run beside those which follow and do not need them, where the machine has room.
    """

    def __init__(self, journal: Journal, beside: Collection[str] = BESIDE) -> None:
        super().__init__()
        self._journal, self._beside = journal, beside

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: Optional[pipeline_pb2.RunOptions] = None
    ) -> None:
        """Runs the graph.

        Args:
            pipeline: a graph that `millrace.execution.graph.bind` has prepared.
            run_options: not used; `bind` has said what takes part.

        Raises:
            MillraceError: a stage failed or a gate said no.
        """
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connections = deployment.metadata_connection_config
        connection = getattr(connections, connections.WhichOneof("connection_config"))
        with beam_on_this_machine(), SideBySide() as others:
            for node in pipeline.nodes:
                stage = node.pipeline_node
                if stage.execution_options.HasField("skip"):
                    continue
                spec = StageSpec(
                    pipeline_node=stage,
                    pipeline_info=pipeline.pipeline_info,
                    pipeline_runtime_spec=pipeline.runtime_spec,
                    executor_spec=runner_utils.extract_executor_spec(deployment, stage.node_info.id),
                    custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, stage.node_info.id),
                    platform_config=None,
                    connection=connection,
                )
                others.wait_for(stage.upstream_nodes)
                if spec.id in self._beside and room_for_another():
                    others.start(spec.id, partial(run_stage, spec, self._journal))
                else:
                    run_stage(spec, self._journal)
