"""What a task is given: parameters and input artifacts, from constants, the graph's own inputs and other tasks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.base.errors import MillraceError
from millrace.jobspec.job import plain_value
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.failures import NotRehearsed
from millrace.rehearsal.placeholders import fill_in_job
from millrace.rehearsal.report import TaskReport, TaskState


@dataclass(frozen=True)
class TaskOutcome:
    """How a task ended, for those that follow it."""

    report: TaskReport
    artifacts: dict[str, list[Artifact]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

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
    """

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, list[Artifact]]
    job: Mapping[str, str]
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict)

    def inputs_of(
        self, task: Mapping[str, Any], component: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, list[Artifact]]]:
        """The parameters and the input artifacts of a task.

        Args:
            task: the task's spec.
            component: the component's spec, which declares the inputs and their defaults.

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
            has_value, value = self._parameter(spec)
            if has_value:
                parameters[name] = value
            elif name not in parameters and not declared.get(name, {}).get("isOptional"):
                raise MillraceError(f"the parameter {name} has no value", remedy="--param NAME=VALUE sets it")
        artifacts = {key: self._artifacts(spec) for key, spec in given.get("artifacts", {}).items()}
        return parameters, {key: of_key for key, of_key in artifacts.items() if of_key is not None}

    def _parameter(self, spec: Mapping[str, Any]) -> tuple[bool, Any]:
        if "runtimeValue" in spec:
            return self._runtime_value(spec["runtimeValue"])
        if "componentInputParameter" in spec:
            name = spec["componentInputParameter"]
            return name in self.parameters, self.parameters.get(name)
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            values = self._producer(source.get("producerTask", "")).parameters
            key = source.get("outputParameterKey", "")
            return key in values, values.get(key)
        if "taskFinalStatus" in spec:
            return True, self._final_status(spec["taskFinalStatus"].get("producerTask", ""))
        raise NotRehearsed(f"a parameter is given in a way that is not rehearsed: {', '.join(spec)}")

    def _runtime_value(self, spec: Mapping[str, Any]) -> tuple[bool, Any]:
        if "runtimeParameter" in spec:
            return spec["runtimeParameter"] in self.parameters, self.parameters.get(spec["runtimeParameter"])
        value = plain_value(spec["constantValue"]) if "constantValue" in spec else spec.get("constant")
        return True, fill_in_job(value, self.job)

    def _artifacts(self, spec: Mapping[str, Any]) -> list[Artifact] | None:
        if "componentInputArtifact" in spec:
            return self.artifacts.get(spec["componentInputArtifact"])
        source = spec.get("taskOutputArtifact", {})
        return self._producer(source.get("producerTask", "")).artifacts.get(source.get("outputArtifactKey", ""), [])

    def _producer(self, name: str) -> TaskOutcome:
        if name not in self.outcomes:
            raise MillraceError(
                f"the input comes from a task {name}, which is not there",
                remedy="millrace check names what is dangling",
            )
        outcome = self.outcomes[name]
        if outcome.state is TaskState.NOT_REHEARSED:
            raise NotRehearsed(f"it needs what {name} makes, and {name} was not rehearsed")
        return outcome

    def _final_status(self, name: str) -> str:
        """What an exit handler is told: `PipelineTaskFinalStatus` of Vertex AI, as JSON."""
        report = self.outcomes[name].report if name in self.outcomes else TaskReport(name, TaskState.SKIPPED)
        failed = report.state in (TaskState.FAILED, TaskState.BLOCKED)
        status: dict[str, Any] = {
            "state": "FAILED" if failed else "SUCCEEDED",
            "pipelineJobResourceName": self.job.get("pipeline_job_resource_name", ""),
            "pipelineTaskName": name,
        }
        if report.failure:
            # google.rpc.Code.FAILED_PRECONDITION, which the service gives for a task that failed.
            status["error"] = {"code": 9, "message": report.failure.what}
        return json.dumps(status)

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
            one_of = selector.get("valueFromOneof", {}).get("parameterSelectors", [])
            for source in [*([selector["valueFromParameter"]] if "valueFromParameter" in selector else []), *one_of]:
                made = self.outcomes.get(source.get("producerSubtask", ""))
                if made and source.get("outputParameterKey") in made.parameters:
                    parameters.setdefault(key, made.parameters[source["outputParameterKey"]])
        return artifacts, parameters
