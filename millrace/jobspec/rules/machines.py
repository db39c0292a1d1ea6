"""Rules on machines: processors, memory, accelerators, machine types and regions that the service has."""

import re
from collections.abc import Iterator
from typing import Any, Optional

from millrace.catalog.machines import machine_objections, machine_type_objections, step_objections
from millrace.catalog.objections import Objection
from millrace.catalog.regions import region_objections, region_of_subnetwork
from millrace.config.config import Config
from millrace.jobspec.dataflow import beam_steps
from millrace.jobspec.findings import JobFinding, Severity
from millrace.jobspec.job import CompiledJob, Spec, Step

# The keys of `custom_config` by which TFX's Google Cloud extension is told.
_TRAINING, _SERVING, _REGION = "ai_platform_training_args", "ai_platform_serving_args", "ai_platform_vertex_region"

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(r"([0-9.]+)(?:([kKMGTPE])(i?)|(m))?")
_POWERS = "kMGTPE"
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\[(['\"])(.+?)\1\]\}\}")


def steps(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What a task's container asks for is no more than a machine has.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        asked = job.executor(step.task).get("container", {}).get("resources", {})
        accelerator = asked.get("accelerator", {})
        kind = str(_given(job, step, accelerator, "resourceType", "type") or "")
        count = _number(_given(job, step, accelerator, "resourceCount", "count")) or 1
        cpu = _quantity(_given(job, step, asked, "resourceCpuLimit", "cpuLimit"))
        # The older field is a number of GB, the newer one a text of bytes with a unit.
        limit = _given(job, step, asked, "resourceMemoryLimit", "memoryLimit")
        memory = _quantity(limit) / 1e9 if isinstance(limit, str) else _number(limit)
        if job.dialect == "vertex":
            yield from _findings(step_objections(cpu, memory, kind, int(count)), step.name)
        elif kind and "/" not in kind:
            what = (
                f"the accelerator {kind} is no resource of Kubernetes, where this job would run on Kubeflow Pipelines"
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
        custom_config = job.json_value(step.task, "custom_config")
        training = _section(custom_config, _TRAINING)
        for machine in _machines(training, job.value(step.task, "worker_pool_specs")):
            yield from _findings(_of_spec(machine), f"{step.name}, custom job")
        serving = _section(custom_config, _SERVING)
        if serving:
            yield from _findings(_of_spec(serving, shared=True), f"{step.name}, endpoint")
        if (training or serving) and custom_config.get(_REGION):
            yield from _findings(region_objections(str(custom_config[_REGION])), step.name)
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


def _machines(training: Spec, of_google: Any) -> Iterator[Spec]:
    """The machines of a custom job: of TFX's Trainer, and of Google's own component, which has them as a parameter."""
    for pools in (_section(training, "job_spec").get("worker_pool_specs"), of_google):
        for pool in pools if isinstance(pools, list) else ():
            machine = pool.get("machine_spec") if isinstance(pool, dict) else None
            # What is known only when the job runs cannot be judged.
            if isinstance(machine, dict) and "{{" not in str(machine):
                yield machine


def _of_spec(spec: Spec, shared: bool = False) -> Iterator[Objection]:
    """Objections to a `MachineSpec` of Vertex AI."""
    count = _number(spec.get("accelerator_count")) or 1
    return machine_objections(
        str(spec.get("machine_type", "")), str(spec.get("accelerator_type", "")), int(count), shared
    )


def _of_dataflow(options: dict[str, str]) -> Iterator[Objection]:
    if options.get("runner") != "DataflowRunner":
        return
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


def _given(job: CompiledJob, step: Step, asked: Spec, *names: str) -> Any:
    """The first of some fields that is set; a placeholder is the value that the task gets, None where it is open."""
    value = next((asked[name] for name in names if asked.get(name)), None)
    placeholder = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return job.value(step.task, placeholder[2]) if placeholder else value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _quantity(value: Any) -> float:
    """A quantity of Kubernetes, such as 500m, 16G or 512Mi, as a number; 0 where it is none."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return 0.0
    number, unit, binary, is_thousandth = match.groups()
    if is_thousandth:
        return _number(number) / 1000
    return _number(number) * (1024 if binary else 1000) ** (_POWERS.index(unit.replace("K", "k")) + 1 if unit else 0)


def _section(value: Spec, key: str) -> Spec:
    section = value.get(key)
    return section if isinstance(section, dict) else {}
