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
from millrace.jobspec.dataflow import chosen_by_dataflow, dataflow_workers, odd_numbers, options_of, runs_on_dataflow
from millrace.jobspec.job import CompiledJob, Step
from millrace.jobspec.step_resources import StepResources, step_resources
from millrace.jobspec.vertex_resources import custom_jobs, endpoint

# https://cloud.google.com/dataflow/pricing: a batch worker's machine where nothing is said, and its disk: the shuffle
# is the service's, which leaves a worker 25 GB.
_WORKER, _WORKER_DISK_GB = "n1-standard-1", 25.0


@dataclass(frozen=True)
class Rent:
    """What is paid for by the hour while something runs.

    Args:
        what: in a few words, such as `e2-standard-4` or `2 x a2-highgpu-1g`.
        hourly: dollars an hour.
        least_hourly: the same with as few workers as there may be; Dataflow chooses between both.
        is_bounded: whether the job says how many workers there may be, and not Dataflow.
    """

    what: str
    hourly: float
    least_hourly: float
    is_bounded: bool = True


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
        step.name: tuple(_of_task(job, step, region, prices))
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
        asked = endpoint(job, step)
        if asked is None:
            continue
        replica = _machine(step.name, asked.machine, asked.region or region, prices)
        least, most = asked.least, asked.most
        words = f"{least} x {replica.what}" if least == most else f"{least} to {most} x {replica.what}"
        served[step.name] = Rent(words, most * replica.hourly, least * replica.hourly)
    return served


def _of_task(job: CompiledJob, step: Step, region: str, prices: PriceTable) -> Iterator[Rent]:
    yield _step(step.name, step_resources(job, step), region, prices)
    for custom in custom_jobs(job, step):
        for pool in custom.pools:
            if not pool.is_known:
                raise BadInput(
                    "a machine of its custom job is known when the job runs alone, so that its price is not",
                    where=step.name,
                    remedy="write the machine into worker_pool_specs",
                )
            machine = _machine(step.name, pool.machine, custom.region or region, prices)
            words = machine.what if pool.replicas == 1 else f"{pool.replicas} x {machine.what}"
            yield Rent(words, pool.replicas * machine.hourly, pool.replicas * machine.hourly)
    if runs_on_dataflow(job, step):
        if more := chosen_by_dataflow(job, step):
            raise BadInput(
                f"{more} has Dataflow rent what no price is known of here",
                where=step.name,
                remedy="take the option out, or leave vertex.cost.budget out and reckon by Google's calculator",
            )
        yield _workers(step.name, options_of(job, step), region, prices)


def _step(name: str, asked: StepResources, region: str, prices: PriceTable) -> Rent:
    for field in (*asked.unknown, *(field for field, _ in asked.wrong)):
        raise BadInput(
            f"{field} is known when the job runs alone, so that its price is not"
            if field in asked.unknown
            else f"{field} is {dict(asked.wrong)[field]!r}, which is no quantity",
            where=name,
            remedy="write it as 4, 500m or 16G",
        )
    size = machine_of_step(asked.cpu, asked.memory_gb, asked.accelerator, asked.count)
    if size is None:
        raise BadInput(
            "no machine that is known here has what it asks for, so that its price is not known",
            where=name,
            remedy=f"ask for less in vertex.stages.{name}, or for an accelerator that millrace check knows",
        )
    hourly = prices.machine(region, size, asked.accelerator, asked.count)
    return Rent(_words(size.machine_type, asked.accelerator, asked.count), hourly, hourly)


def _machine(stage: str, asked: Mapping[str, Any], region: str, prices: PriceTable) -> Rent:
    """A machine that is named, as custom jobs and endpoints name theirs."""
    named, accelerator = str(asked.get("machine_type", "")), str(asked.get("accelerator_type", ""))
    size = machine_size(named)
    if size is None:
        raise BadInput(
            f"how large a machine {named or 'without a type'} is, is not known here, so that its price is not",
            where=f"{stage}, machine_type",
            remedy="take one of the series e2, n1, n2, a2 or g2",
        )
    count = int(asked.get("accelerator_count", 1 if accelerator else 0))
    accelerator = accelerator if count else ""
    hourly = prices.machine(region, size, accelerator, count)
    return Rent(_words(size.machine_type, accelerator, count), hourly, hourly)


def _workers(stage: str, options: Mapping[str, str], region: str, prices: PriceTable) -> Rent:
    for name, value in odd_numbers(options).items():
        raise BadInput(
            f"--{name} is {value!r}, so that its price is not known", where=stage, remedy="give a whole number"
        )
    asked = dataflow_workers(options)
    name = asked.machine_type or _WORKER
    size = machine_size(name)
    if size is None:
        raise BadInput(
            f"how large a worker of {name} is, is not known here, so that its price is not",
            where="beam.dataflow.machine_type",
            remedy="take one of the series e2, n1 or n2",
        )
    hourly = prices.dataflow_worker(options.get("region") or region, size, asked.disk_gb or _WORKER_DISK_GB)
    words = f"{asked.least} x {name}" if asked.least == asked.most else f"{asked.least} to {asked.most:,} x {name}"
    return Rent(f"Dataflow {words}", asked.most * hourly, asked.least * hourly, asked.is_bounded)


def _words(machine_type: str, accelerator: str, count: int) -> str:
    if not accelerator:
        return machine_type
    return f"{machine_type} + {f'{count} x ' if count > 1 else ''}{accelerator}"
