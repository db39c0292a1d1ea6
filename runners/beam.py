"""Runs the graph itself on Beam, on this machine: `python -m runners.beam`, with the options of `millrace run`.

Each stage becomes a step of one Beam pipeline, as TFX's BeamDagRunner has it. What a stage does inside follows `beam:`
in the configuration, whoever runs the graph.
"""

from typing import Any

from millrace.cli.running.project_runner import main
from millrace.execution.run import LocalRun
from millrace.metadata.run_folder import RunFolder


def execute(graph: Any, folder: RunFolder) -> None:
    """Runs the stages of a graph (TFX's `pipeline_pb2.Pipeline`) as a Beam pipeline."""
    from millrace.execution.beam import BeamRunner  # with TensorFlow, once there is something to run

    BeamRunner(folder.journal).run_with_ir(graph)


if __name__ == "__main__":
    main(("run", "--runner", "beam"), LocalRun(execute))
