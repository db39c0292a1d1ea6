"""Rules on the graph: every name in it leads somewhere."""

from collections.abc import Iterator, Mapping
from typing import Optional

from millrace.config.config import Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.graphs import inputs_from_tasks, producers
from millrace.jobspec.job import CompiledJob, Spec, Step

_REPORT = "this is the compiler's mistake: report it, with the compiled file"


def references(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Components, executors, producers and their outputs are there.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step, siblings in _steps(job):
        if not step.component:
            yield _dangling(
                step, f"names the component {step.task.get('componentRef', {}).get('name')}, which is not there"
            )
        elif "dag" not in step.component and not job.executor(step.task):
            yield _dangling(step, f"names the executor {step.component.get('executorLabel')}, which is not there")
        for name in sorted(producers(step.task) - set(siblings)):
            yield _dangling(step, f"takes from {name}, which is not a task beside it")
        for name, output in inputs_from_tasks(step.task):
            if name not in siblings or not output:
                continue
            kind, key = output
            if key not in job.component(siblings[name]).get("outputDefinitions", {}).get(kind, {}):
                yield _dangling(step, f"takes {key!r} from {name}, which puts out no such thing")


def inputs(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What a component declares is given to it, and what a task passes on from its graph is declared there.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step, _ in _steps(job):
        around = job.spec.get("components", {}).get(step.dag, {}) if step.dag else job.spec.get("root", {})
        for kind, key in (("parameters", "componentInputParameter"), ("artifacts", "componentInputArtifact")):
            given = step.task.get("inputs", {}).get(kind, {})
            offered = around.get("inputDefinitions", {}).get(kind, {})
            for name, spec in given.items():
                if key in spec and spec[key] not in offered:
                    yield _dangling(
                        step, f"gets {name!r} from {spec[key]!r}, which {step.dag or 'the job'} does not declare"
                    )
            declared = step.component.get("inputDefinitions", {}).get(kind, {})
            for name, spec in declared.items():
                if (
                    name not in given
                    and name != _iterated(step)
                    and not spec.get("isOptional")
                    and "defaultValue" not in spec
                ):
                    yield _dangling(step, f"declares the input {name!r}, and nothing is given for it")


def circles(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """No task waits for itself, however indirectly.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    graphs = {"": job.tasks, **{step.name: job.graph(step.task) for step in job.walk() if "dag" in step.component}}
    for tasks in graphs.values():
        waiting = {name: producers(task) & set(tasks) for name, task in tasks.items()}
        while ready := [name for name, needed in waiting.items() if not needed & set(waiting)]:
            for name in ready:
                del waiting[name]
        if waiting:
            yield JobFinding(
                "circle",
                "error",
                "these tasks wait for each other",
                ", ".join(sorted(waiting)),
                "cut one of their inputs",
            )


def dialect(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """What open-source Kubeflow Pipelines v2 refuses, or silently ignores.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if job.dialect != "kubeflow":
        return
    if not job.schema_version.startswith("2.1"):
        yield _not_there(f"it reads schema 2.1 and not {job.schema_version}", "schemaVersion")
    for step in job.walk():
        executor = job.executor(step.task)
        if "resolver" in executor:
            yield _not_there("its backend refuses resolvers", step.name)
        if "preCacheCheck" in executor.get("container", {}).get("lifecycle", {}):
            yield _not_there("it ignores the pre-cache check, so that no span and no fingerprint is known", step.name)


def _steps(job: CompiledJob) -> Iterator[tuple[Step, Mapping[str, Spec]]]:
    """Every task, with the tasks of the graph that it is in."""
    for step in job.walk():
        dag = job.spec.get("components", {}).get(step.dag, {}) if step.dag else job.spec.get("root", {})
        yield step, dag.get("dag", {}).get("tasks", {})


def _iterated(step: Step) -> str:
    """The input that a loop gives to each of its iterations; empty for a task that is no loop."""
    iterators = (step.task.get(key, {}) for key in ("parameterIterator", "artifactIterator"))
    return next((str(iterator["itemInput"]) for iterator in iterators if iterator.get("itemInput")), "")


def _dangling(step: Step, what: str) -> JobFinding:
    return JobFinding("dangling", "error", f"{step.name} {what}", step.name, _REPORT)


def _not_there(what: str, where: str) -> JobFinding:
    remedy = "compile with: millrace compile --runner kubeflow"
    return JobFinding("kubeflow", "error", f"Kubeflow Pipelines cannot run this: {what}", where, remedy)
