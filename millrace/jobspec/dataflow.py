"""What Beam is told by the tasks of a compiled job, and which of them have their work done by Dataflow.

One reader and one rule for keys, roles, costs and checks.
"""

import itertools
from collections.abc import Sequence

from millrace.components.stage_ids import DATA_STAGES, EXAMPLE_GEN
from millrace.jobspec.job import CompiledJob, Step


def beam_options(args: Sequence[str]) -> dict[str, str]:
    """Beam's options that have a value, by their names without dashes; the last one holds, as it does for Beam.

    Args:
        args: of a container; an option and its value are one word, `--region=R`, or two.
    """
    found = {}
    for word, after in itertools.pairwise((*args, "--")):
        name, equals, value = word.partition("=")
        if name.startswith("--") and equals:
            found[name[2:]] = value
        elif name.startswith("--") and not after.startswith("--"):
            found[name[2:]] = after
    return found


def runs_on_dataflow(stage: str, args: Sequence[str]) -> bool:
    """Whether a task makes a Dataflow job.

    Every task of a compiled job is given Beam's options; those that work with Beam make something of them.

    Args:
        stage: the task's name. That of a job of TFX alone may be its component's, such as CsvExampleGen.
        args: of its container.
    """
    return beam_options(args).get("runner") == "DataflowRunner" and _works_with_beam(stage)


def beam_steps(job: CompiledJob) -> list[tuple[Step, dict[str, str]]]:
    """The tasks that make something of Beam's options, each with its own; all that have some where none is known to.

    Args:
        job: of ours or of TFX alone.
    """
    told = [(step, beam_options(job.executor(step.task).get("container", {}).get("args", ()))) for step in job.walk()]
    return [one for one in told if _works_with_beam(one[0].name)] or [one for one in told if one[1]]


def _works_with_beam(stage: str) -> bool:
    return stage in DATA_STAGES or stage.endswith(EXAMPLE_GEN)
