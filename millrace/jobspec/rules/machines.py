"""Rules on machines: processors, memory, accelerators, machine types and regions that the service has."""

from collections.abc import Iterator
from typing import Optional

from millrace.catalog.machines import machine_objections, machine_type_objections, step_objections
from millrace.catalog.objections import Objection
from millrace.catalog.regions import region_objections, region_of_subnetwork
from millrace.config.config import Config
from millrace.jobspec.dataflow import asks_for_dataflow, beam_steps, odd_numbers
from millrace.jobspec.findings import JobFinding, Severity
from millrace.jobspec.job import CompiledJob, Spec
from millrace.jobspec.step_resources import step_resources
from millrace.jobspec.vertex_resources import custom_jobs, endpoint


def steps(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What a task's container asks for is no more than a machine has.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        asked = step_resources(job, step)
        for field, value in asked.wrong:
            what = f"{field} is {str(value)!r}, which is no quantity"
            yield JobFinding("machine", "error", what, step.name, "write it as 4, 500m or 16G")
        if job.dialect == "vertex":
            objections = step_objections(asked.cpu, asked.memory_gb, asked.accelerator, asked.count)
            yield from _findings(objections, step.name)
        elif asked.accelerator and "/" not in asked.accelerator:
            what = (
                f"the accelerator {asked.accelerator} is no resource of Kubernetes, where this job would run on "
                "Kubeflow Pipelines"
            )
            yield JobFinding(
                "machine", "warning", what, step.name, "name a resource there, for instance nvidia.com/gpu"
            )


def workers(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Machines of custom jobs, of endpoints and of Dataflow: of types that there are, with what goes with them.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        made, served = list(custom_jobs(job, step)), endpoint(job, step)
        for pool in (pool for custom in made for pool in custom.pools if pool.is_known):
            yield from _findings(_of_spec(pool.machine), f"{step.name}, custom job")
        if served:
            yield from _findings(_of_spec(served.machine, shared=True), f"{step.name}, endpoint")
        for region in sorted({one.region for one in (*made, *([served] if served else ())) if one.region}):
            yield from _findings(region_objections(region), step.name)
    on_dataflow: dict[Objection, list[str]] = {}
    for step, options in beam_steps(job):
        for objection in _of_dataflow(options):
            on_dataflow.setdefault(objection, []).append(step.name)
    for objection, tasks in on_dataflow.items():
        yield from _findings(iter([objection]), ", ".join(tasks))


def region(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The region that the job is sent to is one; a name that is none was refused with the configuration.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config and job.dialect == "vertex":
        yield from _findings(region_objections(config.vertex.region), "vertex.region")


def _of_spec(spec: Spec, shared: bool = False) -> Iterator[Objection]:
    """Objections to a `MachineSpec` of Vertex AI."""
    count = int(spec.get("accelerator_count", 1)) or 1
    return machine_objections(spec.get("machine_type", ""), spec.get("accelerator_type", ""), count, shared)


def _of_dataflow(options: dict[str, str]) -> Iterator[Objection]:
    if not asks_for_dataflow(options):
        return
    for name, value in odd_numbers(options).items():
        yield Objection(f"--{name} is {value!r}, and a whole number is needed", "leave it out, or give a number")
    where = options.get("region", "")
    if where:
        yield from region_objections(where)
    for name in ("worker_machine_type", "machine_type"):
        if options.get(name):
            yield from machine_type_objections(options[name])
    inside = region_of_subnetwork(options.get("subnetwork", ""))
    if inside and where and inside != where:
        yield Objection(
            f"the subnetwork is in {inside}, and the Dataflow workers are in {where}",
            "name a subnetwork of the workers' region",
        )


def _findings(objections: Iterator[Objection], where: str) -> Iterator[JobFinding]:
    for objection in objections:
        severity: Severity = "before submit" if objection.certain else "warning"
        yield JobFinding("machine", severity, objection.what, where, objection.remedy)
