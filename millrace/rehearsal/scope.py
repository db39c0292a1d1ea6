"""What a task is given: parameters and input artifacts, from constants, the graph's own inputs and other tasks."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.base.errors import MillraceError
from millrace.jobspec.job import plain_value
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.failures import NotRehearsed
from millrace.rehearsal.placeholders import fill_in_job
from millrace.rehearsal.report import TaskReport, TaskState

_STEP = re.compile(r"\[(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\d+)\]")
_SELECTOR = re.compile(rf"parseJson\(string_value\)(?P<steps>(?:{_STEP.pattern})*)")


@dataclass(frozen=True)
class TaskOutcome:
    """How a task ended, for those that follow it.

    Args:
        report: its row.
        artifacts: its output artifacts by key.
        parameters: its output parameters by key.
        missing: the keys of outputs that nobody could make on this machine.
    """

    report: TaskReport
    artifacts: dict[str, list[Artifact]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()

    @property
    def state(self) -> TaskState:
        """How it ended."""
        return self.report.state


@dataclass
class Scope:
    """One graph while it runs.

    Args:
        parameters: the graph's own parameters.
        artifacts: the graph's own input artifacts.
        job: what the service says of the job, by name.
        outcomes: its tasks that have ended.
        path: the names of the tasks that hold it, from the root.
        turns: the number of the turn in each loop around it, the outermost first.
        succeeded: what the service calls a task that ended well, to an exit handler.
    """

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, list[Artifact]]
    job: Mapping[str, str]
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()
    succeeded: str = "SUCCEEDED"

    def inputs_of(
        self, task: Mapping[str, Any], component: Mapping[str, Any], facts: Mapping[str, str]
    ) -> tuple[dict[str, Any], dict[str, list[Artifact]]]:
        """The parameters and the input artifacts of a task.

        Args:
            task: the task's spec.
            component: the component's spec, which declares the inputs and their defaults.
            facts: what the service says of the job and of the task, by name.

        Returns:
            Values by parameter, and artifacts by input key.

        Raises:
            MillraceError: a value is missing, or a producer is not there.
            NotRehearsed: a producer could not run here.
        """
        given = task.get("inputs", {})
        parameters = {}
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        for name, definition in declared.items():
            if "defaultValue" in definition:
                parameters[name] = plain_value(definition["defaultValue"])
        for name, spec in given.get("parameters", {}).items():
            has_value, value = self._parameter(spec, declared.get(name, {}), facts)
            if has_value:
                parameters[name] = _selected(value, spec.get("parameterExpressionSelector", ""))
            elif name not in parameters and not declared.get(name, {}).get("isOptional"):
                raise MillraceError(f"the parameter {name} has no value", remedy="--param NAME=VALUE sets it")
        artifacts = {}
        for key, spec in given.get("artifacts", {}).items():
            of_key = self._artifacts(spec)
            definition = component.get("inputDefinitions", {}).get("artifacts", {}).get(key, {})
            if of_key is not None:
                artifacts[key] = of_key
            elif not self.path and not definition.get("isOptional"):
                raise NotRehearsed(f"its input {key} is given when the job is submitted, which a rehearsal cannot do")
        return parameters, artifacts

    def _parameter(
        self, spec: Mapping[str, Any], declared: Mapping[str, Any], facts: Mapping[str, str]
    ) -> tuple[bool, Any]:
        if "runtimeValue" in spec:
            return self._runtime_value(spec["runtimeValue"], facts)
        if "componentInputParameter" in spec:
            name = spec["componentInputParameter"]
            return name in self.parameters, self.parameters.get(name)
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            key = source.get("outputParameterKey", "")
            values = self._producer(source.get("producerTask", ""), key).parameters
            return key in values, values.get(key)
        if "taskFinalStatus" in spec:
            status = self._final_status(spec["taskFinalStatus"].get("producerTask", ""))
            # TFX declares a text, KFP a type of its own, which its SDK reads as an object.
            is_text = declared.get("parameterType", "STRING") == "STRING"
            return True, json.dumps(status) if is_text else status
        raise NotRehearsed(f"a parameter is given in a way that is not rehearsed: {', '.join(spec)}")

    def _runtime_value(self, spec: Mapping[str, Any], facts: Mapping[str, str]) -> tuple[bool, Any]:
        if "runtimeParameter" in spec:
            return spec["runtimeParameter"] in self.parameters, self.parameters.get(spec["runtimeParameter"])
        value = plain_value(spec["constantValue"]) if "constantValue" in spec else spec.get("constant")
        return True, fill_in_job(value, facts)

    def _artifacts(self, spec: Mapping[str, Any]) -> list[Artifact] | None:
        if "componentInputArtifact" in spec:
            return self.artifacts.get(spec["componentInputArtifact"])
        source = spec.get("taskOutputArtifact", {})
        key = source.get("outputArtifactKey", "")
        return self._producer(source.get("producerTask", ""), key).artifacts.get(key, [])

    def _producer(self, name: str, key: str) -> TaskOutcome:
        if name not in self.outcomes:
            raise MillraceError(
                f"the input comes from a task {name}, which is not there",
                remedy="millrace check names what is dangling",
            )
        outcome = self.outcomes[name]
        if outcome.state is TaskState.NOT_REHEARSED or key in outcome.missing:
            raise NotRehearsed(
                f"it needs {name}.{key}, which could not be made here; --output {name}.{key}=... gives it"
            )
        return outcome

    def _final_status(self, name: str) -> dict[str, Any]:
        """What an exit handler is told: `PipelineTaskFinalStatus` of Vertex AI."""
        report = self.outcomes[name].report if name in self.outcomes else TaskReport(name, TaskState.SKIPPED)
        status: dict[str, Any] = {
            "state": "FAILED" if report.state.broke else self.succeeded,
            "pipelineJobResourceName": self.job.get("pipeline_job_resource_name", ""),
            "pipelineTaskName": name,
        }
        if report.failure:
            # google.rpc.Code.FAILED_PRECONDITION, which the service gives for a task that failed.
            status["error"] = {"code": 9, "message": report.failure.what}
        return status

    def outputs_of(self, dag: Mapping[str, Any]) -> tuple[dict[str, list[Artifact]], dict[str, Any]]:
        """What the graph as a whole gives, once its tasks have ended."""
        declared = dag.get("outputs", {})
        artifacts: dict[str, list[Artifact]] = {}
        for key, selectors in declared.get("artifacts", {}).items():
            for selector in selectors.get("artifactSelectors", ()):
                made = self.outcomes.get(selector.get("producerSubtask", ""))
                artifacts.setdefault(key, []).extend(
                    made.artifacts.get(selector.get("outputArtifactKey", ""), []) if made else []
                )
        parameters: dict[str, Any] = {}
        for key, selector in declared.get("parameters", {}).items():
            for source in _parameter_selectors(selector):
                made = self.outcomes.get(source.get("producerSubtask", ""))
                if made and source.get("outputParameterKey") in made.parameters:
                    parameters.setdefault(key, made.parameters[source["outputParameterKey"]])
        return artifacts, parameters

    def missing_outputs_of(self, dag: Mapping[str, Any]) -> set[str]:
        """The outputs of the graph as a whole that come from a task which could not run here.

        Args:
            dag: the graph's spec.
        """
        declared = dag.get("outputs", {})
        sources: list[tuple[str, str, str]] = []
        for key, selectors in declared.get("artifacts", {}).items():
            for one in selectors.get("artifactSelectors", ()):
                sources.append((key, one.get("producerSubtask", ""), one.get("outputArtifactKey", "")))
        for key, selector in declared.get("parameters", {}).items():
            for one in _parameter_selectors(selector):
                sources.append((key, one.get("producerSubtask", ""), one.get("outputParameterKey", "")))
        missing = set()
        for key, producer, output in sources:
            made = self.outcomes.get(producer)
            if made and (made.state is TaskState.NOT_REHEARSED or output in made.missing):
                missing.add(key)
        return missing


def _parameter_selectors(selector: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Where a graph's output parameter may come from, the first that is there."""
    one = [selector["valueFromParameter"]] if "valueFromParameter" in selector else []
    return [*one, *selector.get("valueFromOneof", {}).get("parameterSelectors", [])]


def _selected(value: Any, expression: str) -> Any:
    """The part of a parameter that an input takes: KFP writes `parseJson(string_value)["KEY"]`."""
    if not expression:
        return value
    steps = _SELECTOR.fullmatch(expression)
    if not steps:
        raise NotRehearsed(f"an expression of this kind is not rehearsed: {expression}")
    part = json.loads(value) if isinstance(value, str) else value
    for quoted in _STEP.findall(steps["steps"]):
        step = json.loads(quoted) if quoted.startswith('"') else quoted.strip("'")
        key = int(step) if isinstance(part, list) else step
        try:
            part = part[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise MillraceError(
                f"the item {json.dumps(value)[:80]} has no {step}", remedy="give each item of the loop the same keys"
            ) from error
    return part
