"""Rule on environment variables: a task that is given the name of one finds it in its container."""

import itertools
from collections.abc import Iterator
from typing import Any, Optional

from millrace.config.config import Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Spec
from millrace.jobspec.runtime_inputs import SECRET

# Parameters of that ending hold the name of a variable, as `Notifier.webhook_env` does: secrets are no parameters.
_ENDING = "_env"


def variables(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What a component reads from its environment is there."""
    for step in job.walk():
        container = job.executor(step.task).get("container")
        if not container:
            continue
        there = _variables(container) | _of_kubernetes(job, str(step.component.get("executorLabel", "")))
        for name in step.task.get("inputs", {}).get("parameters", {}):
            wanted: Any = job.value(step.task, name) if name.endswith(_ENDING) else None
            if isinstance(wanted, str) and wanted and wanted not in there:
                example = "projects/P/secrets/S/versions/V" if job.dialect == "vertex" else "{KEY: VARIABLE}"
                key = wanted if job.dialect == "vertex" else "SECRET"
                yield JobFinding(
                    "environment",
                    "before submit",
                    f"{step.name} reads the environment variable {wanted}, and the job does not set it",
                    f"{step.name}, {name}",
                    f"set {job.dialect}.secrets: {{{key}: {example}}}",
                )


def _variables(container: Spec) -> set[str]:
    args = container.get("args", [])
    secrets = [word.partition("=")[0] for flag, word in itertools.pairwise(args) if flag == SECRET]
    return {variable.get("name", "") for variable in container.get("env", ())} | set(secrets)


def _of_kubernetes(job: CompiledJob, label: str) -> set[str]:
    pod = job.platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {}).get(label, {})
    return {pair.get("envVar", "") for secret in pod.get("secretAsEnv", ()) for pair in secret.get("keyToEnv", ())}
