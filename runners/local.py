"""The local runner: TFX's LocalDagRunner, one stage after another in this process, with a journal."""

from typing import Optional

from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto.orchestration import pipeline_pb2

from runners.journal import Journal
from runners.stage import StageSpec, run_stage


class LocalRunner(LocalDagRunner):
    """Runs a bound graph's stages in order and stops at the first that fails.

    Args:
        journal: the run's journal.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: Optional[pipeline_pb2.RunOptions] = None
    ) -> None:
        """Runs the graph.

        Args:
            pipeline: a graph that `runners.graph.bind` has prepared.
            run_options: not used; `bind` has said what takes part.

        Raises:
            MillraceError: a stage failed or a gate said no.
        """
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connections = deployment.metadata_connection_config
        connection = getattr(connections, connections.WhichOneof("connection_config"))
        for node in pipeline.nodes:
            stage = node.pipeline_node
            if stage.execution_options.HasField("skip"):
                continue
            run_stage(
                StageSpec(
                    pipeline_node=stage,
                    pipeline_info=pipeline.pipeline_info,
                    pipeline_runtime_spec=pipeline.runtime_spec,
                    executor_spec=runner_utils.extract_executor_spec(deployment, stage.node_info.id),
                    custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, stage.node_info.id),
                    platform_config=None,
                    connection=connection,
                ),
                self._journal,
            )
