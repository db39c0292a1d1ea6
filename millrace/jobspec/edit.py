"""Changes to a compiled spec, in place: what TFX's compiler has no words for, or drops.

Every change is one that `pipeline_spec.proto` of KFP describes; `millrace.jobspec.checks` verifies that it is there.
"""

import json
from collections.abc import Mapping
from typing import Any

from millrace.config.cloud_sections import StageResources
from millrace.jobspec.job import CompiledJob, Spec

_TYPES_IN_2_0 = {"NUMBER_INTEGER": "INT", "NUMBER_DOUBLE": "DOUBLE"}
_INPUTS_SPEC = "--json_serialized_inputs_spec_args"
TIMEOUT = "--timeout_seconds"

# What kfp's SDK and both services take for a doubled wait: at most an hour.
_BACKOFF_FACTOR, _LONGEST_WAIT = 2.0, "3600s"


def is_2_0(job: CompiledJob) -> bool:
    """Whether values are written with their type beside them."""
    return job.schema_version.startswith("2.0")


def container(job: CompiledJob, stage: str) -> Spec:
    """The container that a stage runs in; empty when it runs in none.

    Args:
        job: the job.
        stage: the task's name.
    """
    container: Spec = job.executor(job.tasks.get(stage, {})).get("container", {})
    return container


def declare_parameter(job: CompiledJob, name: str, kind: str, default: Any) -> None:
    """Declares a runtime parameter of the job. Schema 2.0 knows no defaults: there the value is given with the job.

    Args:
        job: is changed.
        name: the parameter's.
        kind: its type in schema 2.1, for instance NUMBER_INTEGER.
        default: its value when none is given.
    """
    declared = job.spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    if is_2_0(job):
        declared[name] = {"type": _TYPES_IN_2_0.get(kind, "STRING")}
        job.runtime.setdefault("parameters", {})[name] = _typed(default)
    else:
        declared[name] = {"parameterType": kind, "defaultValue": default, "isOptional": True}


def pass_parameter(job: CompiledJob, stage: str, wanted: str, name: str) -> None:
    """Gives a stage a runtime parameter of the job, as its input `wanted`; a constant that was there is replaced.

    Args:
        job: is changed.
        stage: the task's name.
        wanted: the input's name.
        name: the job's parameter.
    """
    declared = job.spec["root"]["inputDefinitions"]["parameters"][name]
    kinds = {key: value for key, value in declared.items() if key in ("type", "parameterType")}
    _set_input(job, stage, wanted, kinds, {"componentInputParameter": name})


def pass_constant(job: CompiledJob, stage: str, wanted: str, text: str) -> None:
    """Gives a stage a text as its input `wanted`.

    Args:
        job: is changed.
        stage: the task's name.
        wanted: the input's name.
        text: the constant.
    """
    if is_2_0(job):
        _set_input(job, stage, wanted, {"type": "STRING"}, {"runtimeValue": {"constantValue": _typed(text)}})
    else:
        _set_input(job, stage, wanted, {"parameterType": "STRING"}, {"runtimeValue": {"constant": text}})


def pass_output(job: CompiledJob, stage: str, wanted: str, kind: str, producer: str) -> None:
    """Gives a stage the output parameter `wanted` of another task, under the same name.

    Args:
        job: is changed.
        stage: the task's name.
        wanted: the name of the output, and of the input.
        kind: its type in schema 2.1.
        producer: the task that puts it out.
    """
    source = {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": wanted}}
    _set_input(job, stage, wanted, {"parameterType": kind}, source)


def _set_input(job: CompiledJob, stage: str, wanted: str, declared: Spec, source: Spec) -> None:
    task = job.tasks[stage]
    task.setdefault("inputs", {}).setdefault("parameters", {})[wanted] = source
    definitions = job.component(task).setdefault("inputDefinitions", {}).setdefault("parameters", {})
    definitions[wanted] = declared
    tell_inputs(job, stage)


def tell_inputs(job: CompiledJob, stage: str) -> None:
    """Replaces the declaration of a stage's inputs in its arguments: TFX's entry point tells types by it.

    Args:
        job: is changed.
        stage: the task's name.
    """
    runs = container(job, stage)
    text = json.dumps(job.component(job.tasks[stage]).get("inputDefinitions", {}), sort_keys=True)
    for args in (runs.get("args", []), runs.get("lifecycle", {}).get("preCacheCheck", {}).get("args", [])):
        if _INPUTS_SPEC in args:
            args[args.index(_INPUTS_SPEC) + 1] = text


def _typed(value: Any) -> Spec:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value, sort_keys=True)}


def set_resources(job: CompiledJob, stage: str, wanted: StageResources) -> None:
    """Sets what a stage's container gets: processors, memory in GB, accelerators.

    Args:
        job: is changed.
        stage: the task's name.
        wanted: the configuration's section of the stage; what it leaves open is left as it is.
    """
    resources: Spec = {}
    if wanted.cpu:
        resources["cpuLimit"] = wanted.cpu
    if wanted.memory_gb:
        resources["memoryLimit"] = wanted.memory_gb
    if wanted.accelerator:
        resources["accelerator"] = {"type": wanted.accelerator, "count": str(wanted.accelerators or 1)}
    if resources:
        container(job, stage)["resources"] = resources


def set_caching(job: CompiledJob, stage: str, enabled: bool) -> None:
    """Says whether the service may serve a stage from its cache.

    Args:
        job: is changed.
        stage: the task's name.
        enabled: whether an earlier execution's outputs may be taken.
    """
    job.tasks[stage]["cachingOptions"] = {"enableCache": enabled}


def set_retries(job: CompiledJob, stage: str, wanted: StageResources) -> None:
    """Has a stage tried again when it fails, after a wait that doubles.

    Args:
        job: is changed.
        stage: the task's name.
        wanted: the configuration's section of the stage: the number of tries after the first.
    """
    if wanted.retries:
        first = {} if wanted.retry_seconds is None else {"backoffDuration": f"{wanted.retry_seconds}s"}
        job.tasks[stage]["retryPolicy"] = {
            "maxRetryCount": wanted.retries,
            **first,
            "backoffFactor": _BACKOFF_FACTOR,
            "backoffMaxDuration": _LONGEST_WAIT,
        }


def set_environment(job: CompiledJob, stage: str, values: Mapping[str, str]) -> None:
    """Gives a stage's container environment variables; what it has already under other names stays.

    Args:
        job: is changed.
        stage: the task's name.
        values: by the variable's name.
    """
    if values:
        runs = container(job, stage)
        kept = [variable for variable in runs.get("env", ()) if variable["name"] not in values]
        runs["env"] = [*kept, *({"name": name, "value": value} for name, value in sorted(values.items()))]


def set_timeout(job: CompiledJob, stage: str, minutes: int) -> None:
    """Ends a stage that takes too long. No service has a word for that, so the container does it itself.

    Args:
        job: is changed.
        stage: the task's name.
        minutes: after the container's start.
    """
    runs = container(job, stage)
    seconds = str(minutes * 60)
    if "millrace.container" in runs.get("command", ()):
        runs.setdefault("args", []).extend([TIMEOUT, seconds])
    else:
        runs["command"] = ["timeout", seconds, *runs.get("command", ())]
