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

        Raises:
            MillraceError: a value is missing, or a producer is not there.
            NotRehearsed: a producer could not run here.
        """
        given = task.get("inputs", {})
        parameters = {}
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        for name, said in declared.items():
            if "defaultValue" in said:
                parameters[name] = plain_value(said["defaultValue"])
        for name, said in given.get("parameters", {}).items():
            found, value = self._parameter(said)
            if found:
                parameters[name] = value
            elif name not in parameters and not declared.get(name, {}).get("isOptional"):
                raise MillraceError(f"the parameter {name} has no value", remedy="--param NAME=VALUE sets it")
        artifacts = {key: self._artifacts(said) for key, said in given.get("artifacts", {}).items()}
        return parameters, {key: found for key, found in artifacts.items() if found is not None}

    def _parameter(self, said: Mapping[str, Any]) -> tuple[bool, Any]:
        if "runtimeValue" in said:
            return self._runtime_value(said["runtimeValue"])
        if "componentInputParameter" in said:
            name = said["componentInputParameter"]
            return name in self.parameters, self.parameters.get(name)
        if "taskOutputParameter" in said:
            source = said["taskOutputParameter"]
            values = self._producer(source.get("producerTask", "")).parameters
            key = source.get("outputParameterKey", "")
            return key in values, values.get(key)
        if "taskFinalStatus" in said:
            return True, self._final_status(said["taskFinalStatus"].get("producerTask", ""))
        raise NotRehearsed(f"a parameter is given in a way that is not rehearsed: {', '.join(said)}")

    def _runtime_value(self, said: Mapping[str, Any]) -> tuple[bool, Any]:
        if "runtimeParameter" in said:
            return said["runtimeParameter"] in self.parameters, self.parameters.get(said["runtimeParameter"])
        value = plain_value(said["constantValue"]) if "constantValue" in said else said.get("constant")
        return True, fill_in_job(value, self.job)

    def _artifacts(self, said: Mapping[str, Any]) -> list[Artifact] | None:
        if "componentInputArtifact" in said:
            return self.artifacts.get(said["componentInputArtifact"])
        source = said.get("taskOutputArtifact", {})
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
        said = dag.get("outputs", {})
        artifacts: dict[str, list[Artifact]] = {}
        for key, selectors in said.get("artifacts", {}).items():
            for selector in selectors.get("artifactSelectors", ()):
                made = self.outcomes.get(selector.get("producerSubtask", ""))
                artifacts.setdefault(key, []).extend(
                    made.artifacts.get(selector.get("outputArtifactKey", ""), []) if made else []
                )
        parameters: dict[str, Any] = {}
        for key, selector in said.get("parameters", {}).items():
            one_of = selector.get("valueFromOneof", {}).get("parameterSelectors", [])
            for source in [*([selector["valueFromParameter"]] if "valueFromParameter" in selector else []), *one_of]:
                made = self.outcomes.get(source.get("producerSubtask", ""))
                if made and source.get("outputParameterKey") in made.parameters:
                    parameters.setdefault(key, made.parameters[source["outputParameterKey"]])
        return artifacts, parameters
