"""A compiled job of three tasks, small enough to read: two containers, and a third that runs on a condition."""

import copy
from typing import Any

from millrace.jobspec.job import CompiledJob, Step, from_documents

IMAGE = "europe-docker.pkg.dev/a-project/images/millrace@sha256:" + "0" * 64
_COMPONENTS = {"Reader": "comp-reader", "Learner": "comp-learner", "Pusher": "comp-pusher"}


def small_job(**settings: Any) -> CompiledJob:
    """A PipelineJob, schema 2.1.

    Args:
        settings: what the PipelineJob says besides: `serviceAccount`, `labels` and so on.
    """
    tasks: dict[str, Any] = {name: _task(name, component) for name, component in _COMPONENTS.items()}
    tasks["Learner"]["dependentTasks"] = ["Reader"]
    tasks["Learner"]["cachingOptions"] = {}
    tasks["Learner"]["inputs"] = {"parameters": {"steps": {"componentInputParameter": "steps"}}}
    tasks["Pusher"]["dependentTasks"] = ["Learner"]
    tasks["Pusher"]["triggerPolicy"] = {"condition": "1.0 == 1.0"}
    spec = {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.16.0",
        "root": {
            "dag": {"tasks": tasks},
            "inputDefinitions": {
                "parameters": {
                    "steps": {"parameterType": "NUMBER_INTEGER"},
                    "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5, "isOptional": True},
                }
            },
        },
        "components": {component: _component(component) for component in _COMPONENTS.values()},
        "deploymentSpec": {"executors": {f"exec-{one}": _executor() for one in _COMPONENTS.values()}},
    }
    job = {"displayName": "A small job", "pipelineSpec": spec, "labels": {"team": "trips"}}
    job["runtimeConfig"] = {"gcsOutputDirectory": "gs://a-bucket/small"}
    return from_documents([copy.deepcopy({**job, **settings})])


def bare_job() -> CompiledJob:
    """The same as Kubeflow Pipelines takes it: the bare spec."""
    job = small_job()
    return from_documents([{**job.spec, "defaultPipelineRoot": "minio://a-bucket/small"}])


def _task(name: str, component: str) -> dict[str, Any]:
    caching = {"cachingOptions": {"enableCache": True}}
    return {"taskInfo": {"name": name}, "componentRef": {"name": component}, **caching}


def _component(name: str) -> dict[str, Any]:
    inputs = {"inputDefinitions": {"parameters": {"steps": {"parameterType": "NUMBER_INTEGER"}}}}
    return {"executorLabel": f"exec-{name}", **(inputs if name == "comp-learner" else {})}


def _executor() -> dict[str, Any]:
    return {"container": {"image": IMAGE, "command": ["python", "-m", "millrace.container"], "args": ["{{$}}"]}}


def step_of(job: CompiledJob, name: str) -> Step:
    """The task of that name, where it stands."""
    return next(step for step in job.walk() if step.name == name)
