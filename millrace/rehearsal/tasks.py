"""Runs one task as the service would: inputs, condition, driver, cache, tries, outputs, metadata."""

import itertools
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from millrace.base.errors import Failure
from millrace.base.outcomes import blessing
from millrace.jobspec.job import Spec
from millrace.metadata.journal import State
from millrace.rehearsal import caching, retries
from millrace.rehearsal.artifacts import Artifact, type_name
from millrace.rehearsal.conditions import holds
from millrace.rehearsal.containers import Container
from millrace.rehearsal.executor_input import TaskIo
from millrace.rehearsal.failures import NotRehearsed, TaskFailed, as_failure
from millrace.rehearsal.graph import FAIL_FAST, run_graph
from millrace.rehearsal.importers import import_artifact
from millrace.rehearsal.lineage import CACHE_KEY, OUTPUT_PARAMETERS
from millrace.rehearsal.local_stand_ins import container_of
from millrace.rehearsal.memory import limit_of
from millrace.rehearsal.placeholders import as_text
from millrace.rehearsal.report import Attempt, TaskReport, TaskState
from millrace.rehearsal.resolvers import resolve
from millrace.rehearsal.scope import Scope, TaskOutcome
from millrace.rehearsal.world import World

# The type of an execution that is no TFX executor's.
_ANY_COMMAND = "container"

Made = tuple[dict[str, list[Artifact]], dict[str, Any]]


class TaskRun:
    """One task, from its trigger to its end.

    Args:
        world: the rehearsal.
        name: the task's name.
        task: its task spec.
        scope: the graph that it stands in.
    """

    def __init__(self, world: World, name: str, task: Spec, scope: Scope) -> None:
        self._world = world
        self._name = name
        self._task = task
        self._scope = scope
        self._component = world.job.component(task)
        self._executor = world.job.executor(task)
        self._began = time.time()
        self._attempts: list[Attempt] = []
        self._container: Container | None = None
        self._limit: int | None = None
        self._parameters: dict[str, Any] = {}
        self._inputs: dict[str, list[Artifact]] = {}
        self._execution = 0

    def run(self) -> TaskOutcome:
        """Runs it. What goes wrong is in the outcome."""
        try:
            for loop in ("artifactIterator", "parameterIterator"):
                if loop in self._task:
                    raise NotRehearsed(f"a loop ({loop}) is not rehearsed")
            self._parameters, self._inputs = self._scope.inputs_of(self._task, self._component)
            condition = self._task.get("triggerPolicy", {}).get("condition", "")
            if not holds(condition, self._inputs, self._parameters):
                return self._ended(TaskState.SKIPPED, note="its condition does not hold")
            if "dag" in self._component:
                return self._run_graph()
            self._world.journal.record(self._name, State.RUNNING)
            if "resolver" in self._executor:
                return self._run_resolver()
            if "importer" in self._executor:
                return self._run_importer()
            return self._run_container()
        except NotRehearsed as why:
            self._world.find(self._name, f"not rehearsed: {why}")
            self._fail_execution(f"not rehearsed: {why}", {})
            return self._ended(TaskState.NOT_REHEARSED, note=f"not rehearsed: {why}")
        except TaskFailed as error:
            return self._failed(error.failure)
        # Whatever else a task's spec may bring about is this task's failure, and not that of the whole rehearsal.
        except Exception as error:
            return self._failed(as_failure(error, self._name))

    def _run_graph(self) -> TaskOutcome:
        dag = self._component["dag"]
        inner = Scope(self._parameters, self._inputs, self._scope.job)
        run_tasks(self._world, self._world.job.graph(self._task), inner)
        artifacts, parameters = inner.outputs_of(dag)
        broken = [o.report for o in inner.outcomes.values() if o.state in (TaskState.FAILED, TaskState.BLOCKED)]
        state = TaskState.FAILED if broken else TaskState.DONE
        failure = broken[0].failure if broken else None
        report = TaskReport(self._name, state, time.time() - self._began, failure=failure)
        return TaskOutcome(report, artifacts, parameters)

    def _run_resolver(self) -> TaskOutcome:
        if self._world.job.dialect == "kubeflow":
            what = "Kubeflow Pipelines refuses resolver tasks"
            raise TaskFailed(Failure(what, self._name, "compile with: millrace compile --runner kubeflow", 2))
        self._begin("resolver")
        io = TaskIo("", False, self._parameters, self._inputs)
        outputs = resolve(self._executor["resolver"], self._schemas(), io.to_json(), self._world.lineage)
        self._world.lineage.end(self._name, self._execution, outputs, internal=True)
        return self._ended(TaskState.DONE, (outputs, {}), note="" if any(outputs.values()) else "nothing found")

    def _run_importer(self) -> TaskOutcome:
        self._begin("importer")
        [(key, schema)] = self._schemas().items()
        artifact, new = import_artifact(self._executor["importer"], schema, self._parameters, self._world.lineage)
        outputs = {key: [artifact]}
        self._world.lineage.end(self._name, self._execution, outputs, cached=not new)
        return self._ended(TaskState.DONE if new else TaskState.CACHED, (outputs, {}))

    def _run_container(self) -> TaskOutcome:
        spec, differences = container_of(self._executor)
        self._limit = limit_of(spec)
        self._container = Container(self._world, self._name, spec)
        self._container.require_command()
        for difference in differences:
            self._world.find(self._name, difference)
        io = self._new_io(_kind(spec) != _ANY_COMMAND)
        try:
            return self._run_commands(self._container, spec, io)
        except Exception as error:
            self._fail_execution(str(error), io.outputs)
            raise

    def _run_commands(self, container: Container, spec: Spec, io: TaskIo) -> TaskOutcome:
        if container.driver:
            with self._world.room.place_for(self._name):
                container.run_driver(io)
            io = io.after_driver()
            self._parameters = io.parameters
        self._begin(_kind(spec))
        key = caching.cache_key(self._world.job.name, self._name, self._component, spec, self._parameters, self._inputs)
        if self._world.options.cache and caching.is_cacheable(self._task):
            cached = self._world.lineage.cached(self._name, key, self._schemas())
            if cached:
                artifacts, text = cached
                self._world.lineage.end(self._name, self._execution, artifacts, cached=True)
                return self._ended(TaskState.CACHED, (artifacts, json.loads(text or "{}")))
        self._try(container, io)
        artifacts, parameters = io.after_executor()
        notes = {CACHE_KEY: key, OUTPUT_PARAMETERS: json.dumps(parameters)}
        self._world.lineage.end(self._name, self._execution, artifacts, notes=notes, inputs=self._inputs)
        return self._ended(TaskState.DONE, (artifacts, parameters))

    def _try(self, container: Container, io: TaskIo) -> None:
        policy = retries.of(self._task)
        for retry in range(policy.count + 1):
            began = time.time()
            try:
                with self._world.room.place_for(self._name):
                    code = container.run_executor(io)
            except TaskFailed as error:
                last = retry == policy.count or self._world.stopped.is_set()
                waits = 0.0 if last else policy.wait(retry)
                self._attempts.append(Attempt(error.code, time.time() - began, waits))
                if last:
                    raise
                self._world.stopped.wait(min(waits, self._world.options.longest_wait))
            else:
                self._attempts.append(Attempt(code, time.time() - began))
                return

    def _new_io(self, for_tfx: bool) -> TaskIo:
        """Fresh outputs. Every try of a task gets the same ones, and whatever an earlier try has left there."""
        folder = f"{self._world.root}/{self._name}_{uuid.uuid4().int >> 65}"
        # Both services name an artifact by the record that they keep of it, and ask the cache by that name.
        outputs = {
            key: [self._world.lineage.new_artifact(schema, "", f"{folder}/{key}")]
            for key, schema in self._schemas().items()
        }
        definitions = self._component.get("inputDefinitions", {}).get("parameters", {})
        given = self._component.get("outputDefinitions", {}).get("parameters", {})
        types = {name: spec.get("type", "") for name, spec in definitions.items()}
        types.update({f"outputs.{name}": spec.get("parameterType", "STRING") for name, spec in given.items()})
        typed = self._world.job.schema_version.startswith("2.0")
        io = TaskIo(folder, typed, self._parameters, self._inputs, outputs, tuple(given), types)
        io.make_folders(outputs_are_folders=for_tfx)
        return io

    def _schemas(self) -> dict[str, dict[str, Any]]:
        declared = self._component.get("outputDefinitions", {}).get("artifacts", {})
        return {key: spec.get("artifactType", {}) for key, spec in declared.items()}

    def _begin(self, kind: str) -> None:
        self._execution = self._world.lineage.begin(self._name, kind, self._parameters, self._inputs)

    def _fail_execution(self, reason: str, outputs: Mapping[str, Sequence[Artifact]]) -> None:
        if self._execution:
            self._world.lineage.fail(self._name, self._execution, outputs, reason)
            self._execution = 0

    def _failed(self, failure: Failure) -> TaskOutcome:
        self._fail_execution(failure.what, {})
        state = TaskState.BLOCKED if failure.exit_code == 3 else TaskState.FAILED
        return self._ended(state, failure=failure)

    def _ended(
        self, state: TaskState, made: Made = ({}, {}), note: str = "", failure: Failure | None = None
    ) -> TaskOutcome:
        artifacts, parameters = made
        note = note or _verdict(artifacts)
        if "dag" not in self._component:
            self._world.journal.record(self._name, state.on_board, note, failure)
        report = TaskReport(
            task=self._name,
            state=state,
            seconds=time.time() - self._began,
            peak=self._container.peak if self._container else None,
            limit=self._limit,
            outputs={key: [self._world.clouds.cloud(a.uri) for a in of_key] for key, of_key in artifacts.items()},
            attempts=tuple(self._attempts),
            note=note,
            failure=failure,
        )
        outcome = TaskOutcome(report, artifacts, parameters)
        if "dag" not in self._component:
            self._world.outcomes[self._name] = outcome
        return outcome


def run_tasks(world: World, tasks: Mapping[str, Spec], scope: Scope) -> None:
    """Runs the tasks of one graph.

    Args:
        world: the rehearsal.
        tasks: the tasks by name.
        scope: the graph's scope; it holds their outcomes afterwards.
    """

    def stop() -> None:
        world.stopped.set()
        world.processes.kill_all()

    def skip(name: str, why: str) -> None:
        component = world.job.component(tasks[name])
        for leaf in [*world.job.graph(tasks[name])] if "dag" in component else [name]:
            world.journal.record(leaf, State.SKIPPED, why)
            world.outcomes[leaf] = TaskOutcome(TaskReport(leaf, TaskState.SKIPPED, note=why))

    run_graph(
        tasks,
        scope,
        run_task=lambda name, task, inside: TaskRun(world, name, task, inside).run(),
        skipped=skip,
        stop=stop,
        fail_fast=world.job.runtime.get("failurePolicy") == FAIL_FAST,
    )


def _kind(container: Mapping[str, Any]) -> str:
    """The executor's dotted path where a command names one, as TFX's do; it becomes the execution's type."""
    words = [*container.get("command", ()), *container.get("args", ())]
    for flag, value in itertools.pairwise(words):
        if flag == "--executor_class_path":
            return str(value)
    return _ANY_COMMAND


def _verdict(artifacts: Mapping[str, Sequence[Artifact]]) -> str:
    """What a blessing or a pushed model says, in a few words, as a local run shows it."""
    for artifact in itertools.chain.from_iterable(artifacts.values()):
        kind, metadata = type_name(artifact.type), artifact.metadata
        if kind in ("ModelBlessing", "InfraBlessing") and "blessed" in metadata:
            return blessing(bool(metadata["blessed"]))
        if kind == "PushedModel" and "pushed" in metadata:
            return f"version {as_text(metadata.get('pushed_version', ''))}" if metadata["pushed"] else "not pushed"
    return ""
