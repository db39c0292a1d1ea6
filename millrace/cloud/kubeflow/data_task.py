"""The pre-cache check of a file-based ExampleGen as a task of its own, for a service that has no such check.

TFX's driver looks at the data before the cache is asked: which span and version are meant, and which files they are.
Here a task before ExampleGen does it, in every run, and hands what it found to ExampleGen as parameters. They are part
of ExampleGen's cache key, so that new data is seen, and old data is served from the cache.
"""

import copy
from collections.abc import Mapping

from millrace.container.data_input import FINGERPRINT, INPUT_CONFIG, MISSING_SPANS, SPAN, SPANS, VERSION
from millrace.jobspec import edit
from millrace.jobspec.job import CompiledJob, Spec

SUFFIX = "-data"

_FOUND = {SPAN: "NUMBER_INTEGER", VERSION: "NUMBER_INTEGER", FINGERPRINT: "STRING", INPUT_CONFIG: "STRING"}
_FOUND_OF_A_WINDOW = {**_FOUND, SPANS: "STRING"}
_LOOKS_AT = ("input_base", "input_config", "range_config", "runtime_span", MISSING_SPANS)


def split_pre_cache_check(job: CompiledJob) -> list[str]:
    """Makes every pre-cache check of a job into a task, in place.

    Returns:
        The names of the new tasks.
    """
    stages = [stage for stage in job.tasks if "preCacheCheck" in edit.container(job, stage).get("lifecycle", {})]
    return [_split(job, stage) for stage in stages]


def _split(job: CompiledJob, stage: str) -> str:
    name = f"{stage}{SUFFIX}"
    task, runs = job.tasks[stage], edit.container(job, stage)
    check = runs.pop("lifecycle")["preCacheCheck"]
    declared = {key: kind for key, kind in _inputs(job, stage).items() if key in _LOOKS_AT}
    given = {key: spec for key, spec in task["inputs"]["parameters"].items() if key in _LOOKS_AT}
    found = _FOUND_OF_A_WINDOW if MISSING_SPANS in declared else _FOUND
    job.spec["components"][name] = {
        "executorLabel": f"{name}_executor",
        "inputDefinitions": {"parameters": copy.deepcopy(declared)},
        "outputDefinitions": {"parameters": {key: {"parameterType": kind} for key, kind in found.items()}},
    }
    job.executors[f"{name}_executor"] = {
        "container": {
            "image": runs["image"],
            "command": list(runs["command"]),
            "args": ["--step", "resolve_input", *check["args"]],
        }
    }
    job.spec["root"]["dag"]["tasks"][name] = {
        "taskInfo": {"name": name},
        "componentRef": {"name": name},
        "inputs": {"parameters": copy.deepcopy(given)},
        "dependentTasks": list(task.get("dependentTasks", [])),
    }
    _take_what_was_found(job, stage, name, found)
    edit.tell_inputs(job, name)
    return name


def _inputs(job: CompiledJob, stage: str) -> Spec:
    parameters: Spec = job.component(job.tasks[stage])["inputDefinitions"]["parameters"]
    return parameters


def _take_what_was_found(job: CompiledJob, stage: str, name: str, found: Mapping[str, str]) -> None:
    task = job.tasks[stage]
    for key in ("runtime_span", "range_config"):
        # The span is decided; a second look at the newest could find another one.
        task["inputs"]["parameters"].pop(key, None)
        _inputs(job, stage).pop(key, None)
    for key, kind in found.items():
        edit.pass_output(job, stage, key, kind, name)
    task["dependentTasks"] = [*task.get("dependentTasks", []), name]
