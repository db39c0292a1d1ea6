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
    """What a component reads from its environment is there.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    readers: dict[str, list[str]] = {}
    for step in job.walk():
        container = job.executor(step.task).get("container")
        if not container:
            continue
        there = _variables(container) | _of_kubernetes(job, str(step.component.get("executorLabel", "")))
        for name in step.task.get("inputs", {}).get("parameters", {}):
            wanted: Any = job.value(step, name) if name.endswith(_ENDING) else None
            if isinstance(wanted, str) and wanted and wanted not in there:
                readers.setdefault(wanted, []).append(step.name)
    for wanted, tasks in readers.items():
        of_kubernetes = f"kubeflow.secrets: {{SECRET: {{KEY: {wanted}}}}}"
        of_vertex = f"vertex.secrets: {{{wanted}: projects/P/secrets/S/versions/V}}"
        yield JobFinding(
            "environment",
            "before submit",
            f"a task reads the environment variable {wanted}, and the job does not set it",
            ", ".join(tasks),
            f"set {of_vertex if job.dialect == 'vertex' else of_kubernetes}",
        )


def _variables(container: Spec) -> set[str]:
    args = container.get("args", [])
    secrets = [word.partition("=")[0] for flag, word in itertools.pairwise(args) if flag == SECRET]
    return {variable.get("name", "") for variable in container.get("env", ())} | set(secrets)


def _of_kubernetes(job: CompiledJob, label: str) -> set[str]:
    pod = job.platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {}).get(label, {})
    return {pair.get("envVar", "") for secret in pod.get("secretAsEnv", ()) for pair in secret.get("keyToEnv", ())}
