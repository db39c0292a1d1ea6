"""What each task of a compiled job rents while it runs: its step's machine, a custom job's, Dataflow's workers.

It is read from the compiled job, as it would be sent: what the configuration asks for and the job does not say costs
nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.base.errors import BadInput
from millrace.catalog.machine_sizes import machine_of_step, machine_size
from millrace.cost.prices import PriceTable
from millrace.jobspec.dataflow import beam_options, runs_on_dataflow
from millrace.jobspec.job import CompiledJob, Spec

# https://cloud.google.com/dataflow/pricing: a batch worker's machine where nothing is said, and its disk: the shuffle
# is the service's, which leaves a worker 25 GB.
_WORKER, _WORKER_DISK_GB = "n1-standard-1", 25.0
_TRAINING, _SERVING = "ai_platform_training_args", "ai_platform_serving_args"


@dataclass(frozen=True)
class Rent:
    """What is paid for by the hour while something runs.

    Args:
        what: in a few words, such as `e2-standard-4` or `2 x a2-highgpu-1g`.
        hourly: dollars an hour.
        least_hourly: the same with as few workers as there may be; Dataflow chooses between both.
    """

    what: str
    hourly: float
    least_hourly: float


def rents(job: CompiledJob, region: str, prices: PriceTable) -> dict[str, tuple[Rent, ...]]:
    """What each task rents, by its name; resolvers and importers run on no machine and are left out.

    Args:
        job: for Vertex AI.
        region: where it runs.
        prices: of that region.

    Raises:
        BadInput: a machine has no price, or none that is known has what a task asks for.
    """
    return {
        step.name: tuple(_of_task(job, step.name, step.task, region, prices))
        for step in job.walk()
        if "container" in job.executor(step.task)
    }


def endpoint_rent(job: CompiledJob, region: str, prices: PriceTable) -> dict[str, Rent]:
    """What serves after the run, by the task that deploys it: no part of the run's cost, and paid until it is deleted.

    Args:
        job: for Vertex AI.
        region: where endpoints are that say nothing else.
        prices: of these regions.
    """
    served = {}
    for step in job.walk():
        config = job.json_value(step.task, "custom_config")
        if _SERVING not in config:
            continue
        asked, there = config[_SERVING], str(config.get("ai_platform_vertex_region") or region)
        replica = _machine(asked, there, prices)
        least, most = int(asked.get("min_replica_count", 1)), int(asked.get("max_replica_count", 1))
        words = f"{least} x {replica.what}" if least == most else f"{least} to {most} x {replica.what}"
        served[step.name] = Rent(words, most * replica.hourly, least * replica.hourly)
    return served


def _of_task(job: CompiledJob, name: str, task: Spec, region: str, prices: PriceTable) -> Iterator[Rent]:
    container = job.executor(task)["container"]
    yield _step(name, container.get("resources", {}), region, prices)
    training = job.json_value(task, "custom_config").get(_TRAINING, {})
    there = str(job.json_value(task, "custom_config").get("ai_platform_vertex_region") or region)
    for pool in training.get("job_spec", {}).get("worker_pool_specs", ()):
        machine, count = _machine(pool["machine_spec"], there, prices), int(pool.get("replica_count", 1))
        words = machine.what if count == 1 else f"{count} x {machine.what}"
        yield Rent(words, count * machine.hourly, count * machine.hourly)
    if runs_on_dataflow(name, container.get("args", ())):
        yield _workers(container["args"], region, prices)


def _step(name: str, asked: Mapping[str, Any], region: str, prices: PriceTable) -> Rent:
    accelerator, count = asked.get("accelerator", {}).get("type", ""), int(asked.get("accelerator", {}).get("count", 1))
    size = machine_of_step(
        float(asked.get("cpuLimit", 0)), float(asked.get("memoryLimit", 0)), accelerator, count if accelerator else 1
    )
    if size is None:
        raise BadInput(
            "no machine that is known here has what it asks for, so that its price is not known",
            where=name,
            remedy=f"ask for less in vertex.stages.{name}, or for an accelerator that millrace check knows",
        )
    hourly = prices.machine(region, size, accelerator, count)
    return Rent(_words(size.machine_type, accelerator, count), hourly, hourly)


def _machine(asked: Mapping[str, Any], region: str, prices: PriceTable) -> Rent:
    """A machine that is named, as custom jobs and endpoints name theirs."""
    accelerator, count = str(asked.get("accelerator_type", "")), int(asked.get("accelerator_count", 0))
    size = machine_size(asked["machine_type"])
    if size is None:
        raise BadInput(
            f"how large a machine {asked['machine_type']} is, is not known here, so that its price is not",
            where="machine_type",
            remedy="take one of the series e2, n1, n2, a2 or g2",
        )
    hourly = prices.machine(region, size, accelerator, count)
    return Rent(_words(size.machine_type, accelerator, count), hourly, hourly)


def _workers(args: list[str], region: str, prices: PriceTable) -> Rent:
    options = beam_options(args)
    name = options.get("worker_machine_type") or options.get("machine_type") or _WORKER
    size = machine_size(name)
    if size is None:
        raise BadInput(
            f"how large a worker of {name} is, is not known here, so that its price is not",
            where="beam.dataflow.machine_type",
            remedy="take one of the series e2, n1 or n2",
        )
    disk = float(options.get("disk_size_gb") or _WORKER_DISK_GB)
    hourly = prices.dataflow_worker(options.get("region") or region, size, disk)
    least = int(options.get("num_workers") or 1)
    most = max(least, int(options.get("max_num_workers") or least))
    words = f"{least} x {name}" if least == most else f"{least} to {most} x {name}"
    return Rent(f"Dataflow {words}", most * hourly, least * hourly)


def _words(machine_type: str, accelerator: str, count: int) -> str:
    if not accelerator:
        return machine_type
    return f"{machine_type} + {f'{count} x ' if count > 1 else ''}{accelerator}"
