"""Runs one task as the service would: inputs, condition, driver, cache, tries, outputs, metadata."""

import itertools
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from millrace.base.errors import Failure
from millrace.base.outcomes import BAD_INPUT, REFUSED, State, blessing
from millrace.components.judges import verdict_of
from millrace.jobspec.job import Spec
from millrace.rehearsal import caching, given_outputs, retries
from millrace.rehearsal.artifacts import Artifact, type_name
from millrace.rehearsal.conditions import holds
from millrace.rehearsal.containers import Container
from millrace.rehearsal.executor_input import TaskIo, read_value
from millrace.rehearsal.failures import NotRehearsed, TaskFailed, as_failure
from millrace.rehearsal.graph import FAIL_FAST, run_graph
from millrace.rehearsal.importers import import_artifact
from millrace.rehearsal.labels import leaves, turn_label
from millrace.rehearsal.lineage import CACHE_KEY, OUTPUT_PARAMETERS
from millrace.rehearsal.local_stand_ins import container_of
from millrace.rehearsal.loops import Loop, loop_of, together
from millrace.rehearsal.memory import limit_of
from millrace.rehearsal.placeholders import as_text
from millrace.rehearsal.report import Attempt, TaskReport, TaskState
from millrace.rehearsal.resolvers import resolve
from millrace.rehearsal.scope import Scope, TaskOutcome
from millrace.rehearsal.view import given_by_kubernetes, volumes
from millrace.rehearsal.world import World, file_name

# The type of an execution that is no TFX executor's.
_ANY_COMMAND = "container"

# How many turns of a loop begin at once; they wait for room as all tasks do.
MOST_TURNS = 32

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
        self._path = (*scope.path, name)
        self._label = world.labels[self._path]
        self._name = turn_label(self._label, scope.turns)
        self._task = task
        self._scope = scope
        self._component = world.job.component(task)
        self._executor = world.job.executor(task)
        # What the service puts in the place of placeholders that speak of the task (KFP's `dsl.PIPELINE_TASK_*`).
        own = {"pipeline_task_name": name, "pipeline_task_uuid": str(uuid.uuid4().int >> 65)}
        self._facts = {**scope.job, **own}
        self._began = time.time()
        self._attempts: list[Attempt] = []
        self._container: Container | None = None
        self._limit: int | None = None
        self._parameters: dict[str, Any] = {}
        self._inputs: dict[str, list[Artifact]] = {}
        self._execution = 0

    def run(self) -> TaskOutcome:
        """Runs it. What goes wrong is in the outcome.

        Raises:
            KeyboardInterrupt: the rehearsal was asked to end.
        """
        try:
            if self._label in self._world.options.outputs:
                return self._take_given(self._world.options.outputs[self._label])
            self._parameters, self._inputs = self._scope.inputs_of(self._task, self._component, self._facts)
            condition = self._task.get("triggerPolicy", {}).get("condition", "")
            if not holds(condition, self._inputs, self._parameters):
                return self._ended(TaskState.SKIPPED, note="its condition does not hold")
            if "dag" in self._component:
                loop = loop_of(self._task, self._parameters, self._inputs)
                if loop is None:
                    only = self._inner(self._parameters, self._inputs, self._scope.turns)
                    return self._ended_graph([only], is_loop=False)
                return self._run_loop(loop)
            self._record(State.RUNNING)
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
        except KeyboardInterrupt:
            self._fail_execution("interrupted", {})
            # Of a graph its own tasks say it.
            if "dag" not in self._component:
                self._ended(TaskState.INTERRUPTED)
            raise
        # Whatever else a task's spec may bring about is this task's failure, and not that of the whole rehearsal.
        except Exception as error:
            return self._failed(as_failure(error, self._name))

    def _take_given(self, given: Mapping[str, str]) -> TaskOutcome:
        """Takes what a person gave in place of what the task makes."""
        self._begin("given by hand")
        artifacts = {}
        for key, schema in self._schemas().items():
            if key in given:
                place = Path(given[key]).resolve()
                made = self._world.lineage.new_artifact(schema, uri=str(place))
                artifacts[key] = [made.updated({"metadata": given_outputs.properties(schema, place)})]
        declared = self._component.get("outputDefinitions", {}).get("parameters", {})
        parameters = {
            key: read_value(given[key], spec.get("parameterType", "STRING"))
            for key, spec in declared.items()
            if key in given
        }
        self._world.lineage.end(self._label, self._execution, artifacts)
        missing = frozenset([*self._schemas(), *declared]) - set(given)
        return self._ended(TaskState.GIVEN, (artifacts, parameters), note="given by hand", missing=missing)

    def _run_loop(self, loop: Loop) -> TaskOutcome:
        if not loop.turns:
            nothing: dict[str, Any] = {
                key: [] for key in self._component.get("outputDefinitions", {}).get("parameters", {})
            }
            return self._ended(TaskState.SKIPPED, ({}, nothing), note="its loop has nothing to go over")

        def turn(number: int) -> Scope:
            return self._inner(*loop.turns[number], turns=(*self._scope.turns, number))

        count = len(loop.turns)
        with ThreadPoolExecutor(min(count, loop.parallel or count, MOST_TURNS), thread_name_prefix="turn") as pool:
            return self._ended_graph(list(pool.map(turn, range(count))), is_loop=True)

    def _inner(
        self, parameters: Mapping[str, Any], inputs: Mapping[str, list[Artifact]], turns: tuple[int, ...]
    ) -> Scope:
        """The graph that the task is, run to its end."""
        scope = replace(self._scope, parameters=parameters, artifacts=inputs, outcomes={}, path=self._path, turns=turns)
        run_tasks(self._world, self._world.job.graph(self._task), scope)
        return scope

    def _ended_graph(self, scopes: Sequence[Scope], is_loop: bool) -> TaskOutcome:
        dag = self._component["dag"]
        made = [scope.outputs_of(dag) for scope in scopes]
        artifacts, parameters = together(made) if is_loop else made[0]
        ended = [outcome for scope in scopes for outcome in scope.outcomes.values()]
        broken = [o.report for o in ended if o.state.broke]
        state = TaskState.FAILED if broken else TaskState.DONE
        failure = broken[0].failure if broken else None
        missing = frozenset(key for scope in scopes for key in scope.missing_outputs_of(dag))
        report = TaskReport(self._name, state, time.time() - self._began, failure=failure)
        return TaskOutcome(report, artifacts, parameters, missing)

    def _run_resolver(self) -> TaskOutcome:
        if self._world.job.dialect == "kubeflow":
            what = "Kubeflow Pipelines refuses resolver tasks"
            raise TaskFailed(Failure(what, self._name, "compile with: millrace compile --runner kubeflow", 2))
        self._begin("resolver")
        io = TaskIo("", False, self._parameters, self._inputs)
        outputs = resolve(self._executor["resolver"], self._schemas(), io.to_json(), self._world.lineage)
        self._world.lineage.end(self._label, self._execution, outputs, internal=True)
        return self._ended(TaskState.DONE, (outputs, {}), note="" if any(outputs.values()) else "nothing found")

    def _run_importer(self) -> TaskOutcome:
        self._begin("importer")
        [(key, schema)] = self._schemas().items()
        artifact, new = import_artifact(
            self._executor["importer"],
            schema,
            self._parameters,
            self._world.lineage,
            self._world.clouds,
            [*volumes(self._world.job), Path(self._world.root)],
        )
        outputs = {key: [artifact]}
        self._world.lineage.end(self._label, self._execution, outputs, cached=not new)
        return self._ended(TaskState.DONE if new else TaskState.CACHED, (outputs, {}))

    def _run_container(self) -> TaskOutcome:
        spec, differences = container_of(self._executor)
        self._limit = limit_of(spec)
        self._container = Container(self._world, self._name, spec, self._label, self._facts)
        for difference in differences:
            self._world.find(self._name, difference)
        self._container.needs = given_by_kubernetes(self._world.job, str(self._component.get("executorLabel", "")))
        io = self._new_io(_kind(spec) != _ANY_COMMAND)
        try:
            self._container.require_command(io)
            return self._run_commands(self._container, spec, io)
        except Exception as error:
            self._fail_execution(str(error), io.outputs)
            raise

    def _run_commands(self, container: Container, spec: Spec, io: TaskIo) -> TaskOutcome:
        if container.driver:
            with self._world.room.place_for(self._label):
                container.run_driver(io)
            io = io.after_driver()
            self._parameters = io.parameters
        self._begin(_kind(spec))
        key = caching.cache_key(
            self._world.job.name, self._label, self._component, spec, self._parameters, self._inputs
        )
        may_be_cached = self._world.options.cache and self._label not in self._world.options.fail
        if may_be_cached and caching.is_cacheable(self._task):
            cached = self._world.lineage.cached(self._label, key, self._schemas())
            if cached:
                artifacts, text = cached
                self._world.lineage.end(self._label, self._execution, artifacts, cached=True)
                return self._ended(TaskState.CACHED, (artifacts, json.loads(text or "{}")))
        self._try(container, io)
        artifacts, parameters = io.after_executor()
        notes = {CACHE_KEY: key, OUTPUT_PARAMETERS: json.dumps(parameters)}
        self._world.lineage.end(self._label, self._execution, artifacts, notes=notes, inputs=self._inputs)
        return self._ended(TaskState.DONE, (artifacts, parameters))

    def _try(self, container: Container, io: TaskIo) -> None:
        policy = retries.of(self._task)
        for retry in range(policy.count + 1):
            began = time.time()
            try:
                with self._world.room.place_for(self._label):
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
        folder = f"{self._world.root}/{file_name(self._label)}_{self._facts['pipeline_task_uuid']}"
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
        self._execution = self._world.lineage.begin(self._label, kind, self._parameters, self._inputs)

    def _fail_execution(self, reason: str, outputs: Mapping[str, Sequence[Artifact]]) -> None:
        if self._execution:
            self._world.lineage.fail(self._label, self._execution, outputs, reason)
            self._execution = 0

    def _failed(self, failure: Failure) -> TaskOutcome:
        self._fail_execution(failure.what, {})
        state = {REFUSED: TaskState.BLOCKED, BAD_INPUT: TaskState.BAD_INPUT}.get(failure.exit_code, TaskState.FAILED)
        return self._ended(state, failure=failure)

    def _ended(
        self,
        state: TaskState,
        made: Made = ({}, {}),
        note: str = "",
        failure: Failure | None = None,
        missing: frozenset[str] = frozenset(),
    ) -> TaskOutcome:
        artifacts, parameters = made
        note = note or _verdict(artifacts)
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
        outcome = TaskOutcome(report, artifacts, parameters, missing)
        self._world.outcomes[self._name] = outcome
        if "dag" in self._component:
            # It ended before any of its tasks began.
            below = TaskState.SKIPPED if state.broke else state
            _end_all_below(self._world, self._path, self._scope.turns, below, note or f"{self._name} failed")
        else:
            self._record(state.on_board, note, failure)
        return outcome

    def _record(self, state: State, note: str = "", failure: Failure | None = None) -> None:
        turns = "".join(f"turn {turn}; " for turn in [self._name.removeprefix(self._label).strip("[]")] if turn)
        self._world.journal.record(self._label, state, f"{turns}{note}".removesuffix("; "), failure)


def _end_all_below(world: World, path: tuple[str, ...], turns: tuple[int, ...], state: TaskState, note: str) -> None:
    """Ends the tasks of a graph none of which begins."""
    for label in leaves(world.labels, path):
        world.journal.record(label, state.on_board, note)
        name = turn_label(label, turns)
        world.outcomes[name] = TaskOutcome(TaskReport(name, state, note=note))


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
        path = (*scope.path, name)
        if "dag" in world.job.component(tasks[name]):
            _end_all_below(world, path, scope.turns, TaskState.SKIPPED, why)
            return
        label = world.labels[path]
        world.journal.record(label, State.SKIPPED, why)
        row = turn_label(label, scope.turns)
        world.outcomes[row] = TaskOutcome(TaskReport(row, TaskState.SKIPPED, note=why))

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
        verdict = verdict_of(kind, metadata)
        if verdict is not None:
            return blessing(verdict)
        if kind == "PushedModel" and "pushed" in metadata:
            return f"version {as_text(metadata.get('pushed_version', ''))}" if metadata["pushed"] else "not pushed"
    return ""
