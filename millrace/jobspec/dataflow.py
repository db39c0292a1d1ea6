"""What Beam is told by the tasks of a compiled job, and which of them have their work done by Dataflow.

One reader and one rule for keys, roles, costs and checks.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from millrace.base.shapes import is_whole
from millrace.catalog.beam_runners import is_dataflow
from millrace.components.stage_ids import DATA_STAGES, EXAMPLE_GEN
from millrace.jobspec.job import CompiledJob, Step

MOST_WORKERS = 2000
"""Dataflow's own most, since it adds workers unless told not to.

https://cloud.google.com/dataflow/docs/horizontal-autoscaling
"""

_BEYOND_MACHINES = ("worker_accelerator", "enable_prime")
_NUMBERS = ("num_workers", "max_num_workers", "disk_size_gb")


@dataclass(frozen=True)
class DataflowWorkers:
    """The workers that a Dataflow job may have.

    Args:
        machine_type: of each; empty where Dataflow chooses.
        disk_gb: of each; 0 where Dataflow chooses.
        least: how many there are at the start.
        most: how many there may be.
        is_bounded: whether the job says how many, and not Dataflow.
    """

    machine_type: str
    disk_gb: int
    least: int
    most: int
    is_bounded: bool


def dataflow_workers(options: Mapping[str, str]) -> DataflowWorkers:
    """The workers that Beam's options ask of Dataflow; what `odd_numbers` names counts as not said.

    Args:
        options: as `beam_options` has them.
    """
    odd = odd_numbers(options)
    start, most, disk = (0 if name in odd else int(options.get(name) or 0) for name in _NUMBERS)
    if options.get("autoscaling_algorithm", "").upper() == "NONE":
        most = start
    machine_type = options.get("worker_machine_type") or options.get("machine_type") or ""
    return DataflowWorkers(machine_type, disk, max(start, 1), max(start, most or MOST_WORKERS), bool(most))


def odd_numbers(options: Mapping[str, str]) -> dict[str, str]:
    """The options on a Dataflow job's size that are no whole number, with what they are.

    Args:
        options: as `beam_options` has them.
    """
    return {name: options[name] for name in _NUMBERS if name in options and not is_whole(options[name])}


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


def options_of(job: CompiledJob, step: Step) -> dict[str, str]:
    """What a task's container tells Beam, as `beam_options` has it.

    Args:
        job: in which it stands.
        step: the task.
    """
    return beam_options(job.executor(step.task).get("container", {}).get("args", ()))


def image_of_workers(options: Mapping[str, str]) -> str:
    """The image of Dataflow's workers, by Beam's older option too; empty for Google's own.

    Args:
        options: as `beam_options` has them.
    """
    return options.get("sdk_container_image") or options.get("worker_harness_container_image") or ""


def chosen_by_dataflow(job: CompiledJob, step: Step) -> str:
    """What of a task's options has Dataflow rent more than machines and disks; empty where nothing has.

    https://cloud.google.com/dataflow/docs/gpu/use-gpus and https://cloud.google.com/dataflow/docs/guides/enable-dataflow-prime

    Args:
        job: in which it stands.
        step: the task.
    """
    args = job.executor(step.task).get("container", {}).get("args", ())
    return next((word for word in args for name in _BEYOND_MACHINES if name in word), "")


def asks_for_dataflow(options: Mapping[str, str]) -> bool:
    """Whether Beam's options hand its work to Dataflow.

    Args:
        options: as `beam_options` has them.
    """
    return is_dataflow(options.get("runner", ""))


def runs_on_dataflow(job: CompiledJob, step: Step) -> bool:
    """Whether a task makes a Dataflow job.

    Every task of a compiled job is given Beam's options; those that work with Beam make something of them.

    Args:
        job: in which it stands.
        step: its name in a job of TFX alone may be its component's, such as CsvExampleGen.
    """
    return asks_for_dataflow(options_of(job, step)) and _works_with_beam(step.name)


def beam_steps(job: CompiledJob) -> list[tuple[Step, dict[str, str]]]:
    """The tasks that make something of Beam's options, each with its own; all that have some where none is known to.

    Args:
        job: of ours or of TFX alone.
    """
    told = [(step, options_of(job, step)) for step in job.walk()]
    return [one for one in told if _works_with_beam(one[0].name)] or [one for one in told if one[1]]


def _works_with_beam(stage: str) -> bool:
    return stage in DATA_STAGES or stage.endswith(EXAMPLE_GEN)
