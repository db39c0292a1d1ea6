"""Which tasks of a compiled job have their work done by Dataflow: one rule for keys, roles and costs."""

from collections.abc import Sequence

from millrace.components.stage_ids import DATA_STAGES, EXAMPLE_GEN

_RUNNER = "--runner=DataflowRunner"


def runs_on_dataflow(stage: str, args: Sequence[str]) -> bool:
    """Whether a task makes a Dataflow job.

    Every task of a compiled job is given Beam's options; those that work with Beam make something of them.

    Args:
        stage: the task's name. That of a job of TFX alone may be its component's, such as CsvExampleGen.
        args: of its container.
    """
    return _RUNNER in args and (stage in DATA_STAGES or stage.endswith(EXAMPLE_GEN))
