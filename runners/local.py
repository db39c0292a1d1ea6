"""Runs the pipeline on this machine: `python -m runners.local`, with the options of `millrace run`.

The command reads the configuration, calls `create_pipeline` and chooses the stages of this run; then the graph comes
here. Any runner of TFX can take it: this one writes down in the run's journal what the table on the screen shows.
"""

from typing import Any

from millrace.cli.running.project_runner import main
from millrace.execution.run import LocalRun
from millrace.metadata.run_folder import RunFolder


def execute(graph: Any, folder: RunFolder) -> None:
    """Runs the stages of a graph (TFX's `pipeline_pb2.Pipeline`) in this process."""
    from millrace.execution.local import LocalRunner  # with TensorFlow, once there is something to run

    LocalRunner(folder.journal).run_with_ir(graph)


if __name__ == "__main__":
    main(("run", "--runner", "local"), LocalRun(execute))
