"""Rules on containers: what the kernel and the registry say."""

import json
import re
from collections.abc import Iterator
from typing import Optional

from millrace.config.config import Config
from millrace.jobspec.custom_job import UNSET_IMAGE
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Step

# MAX_ARG_STRLEN of Linux, 32 pages, less the closing zero.
LONGEST_ARGUMENT = 131_071
EXECUTOR_INPUT = "{{$}}"
# An artifact in the ExecutorInput beside its type: name, URI, metadata; and the input's frame. Measured on Vertex-like
# names, rounded up.
_ARTIFACT_BYTES, _FRAME_BYTES = 1_200, 1_000

_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def arguments(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """No argument is longer than the kernel takes, the executor input counted in that replaces `{{$}}`.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        container = job.executor(step.task).get("container", {})
        check = container.get("lifecycle", {}).get("preCacheCheck", {})
        for words in (container, check):
            for argument in (*words.get("command", []), *words.get("args", [])):
                size = len(argument.encode())
                if EXECUTOR_INPUT in argument:
                    size += _executor_input_bytes(job, step)
                if size > LONGEST_ARGUMENT:
                    yield _too_long(step, size)


def _executor_input_bytes(job: CompiledJob, step: Step) -> int:
    """About how long the ExecutorInput of a task is, as JSON."""
    given = step.task.get("inputs", {}).get("parameters", {})
    values = {name: job.value(step, name) for name in given}
    declared = [step.component.get(kind, {}).get("artifacts", {}) for kind in ("inputDefinitions", "outputDefinitions")]
    types = sum(len(json.dumps(spec).encode()) for artifacts in declared for spec in artifacts.values())
    count = sum(len(artifacts) for artifacts in declared)
    text = json.dumps({name: value for name, value in values.items() if value is not None})
    return len(text.encode()) + types + count * _ARTIFACT_BYTES + _FRAME_BYTES


def _too_long(step: Step, size: int) -> JobFinding:
    return JobFinding(
        "argument-too-long",
        "error",
        f"an argument of {step.name} takes about {size:,} bytes, and Linux takes {LONGEST_ARGUMENT:,}",
        step.name,
        "shorten the largest of its parameters: hand a long text on as an artifact, or as a file in the image",
    )


def images(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Images are named by digest, so that the job runs what was checked, today and in a year.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    seen: dict[str, list[str]] = {}
    for step in job.walk():
        image = job.executor(step.task).get("container", {}).get("image")
        if image:
            seen.setdefault(image, []).append(step.name)
    for image, tasks in seen.items():
        where = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
        if image == UNSET_IMAGE:
            yield JobFinding(
                "image",
                "before submit",
                "no container image is set",
                where,
                f"build and push the image, then set {job.dialect}.image to NAME@sha256:DIGEST",
            )
        elif not _DIGEST.fullmatch(image):
            own = any(_is_ours(job, task) for task in tasks)
            yield JobFinding(
                "image-without-digest",
                "before submit" if own else "warning",
                f"the image {image} is not named by its digest, so another one may run tomorrow",
                where,
                "name it NAME@sha256:DIGEST, as the registry shows it after a push",
            )


def _is_ours(job: CompiledJob, task: str) -> bool:
    """Whether a task runs an executor of TFX's or ours, and not a command of another image."""
    steps = (step for step in job.walk() if step.name == task)
    return any("--executor_class_path" in _args(job, step) or "--step" in _args(job, step) for step in steps)


def _args(job: CompiledJob, step: Step) -> list[str]:
    args: list[str] = job.executor(step.task).get("container", {}).get("args", [])
    return args
