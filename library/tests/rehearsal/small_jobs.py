"""Small compiled jobs whose tasks are shell commands and lines of Python, which cost milliseconds."""

import json
from pathlib import Path
from typing import Any

from millrace.jobspec.job import CompiledJob

SCHEMA = {"instanceSchema": "title: tfx.{}\ntype: object\n"}
# Makes an output and gives it properties: python -c WRITE_METADATA OUTPUT JSON EXECUTOR_INPUT.
WRITE_METADATA = (
    "import json,sys; out=json.loads(sys.argv[3])['outputs']; key=sys.argv[1]; a=out['artifacts'][key]['artifacts'][0];"
    "open(a['uri'],'w').write('made'); open(out['outputFile'],'w').write(json.dumps("
    "{'artifacts': {key: {'artifacts': [{**a, 'metadata': json.loads(sys.argv[2])}]}}}))"
)


def typed(title: str) -> dict[str, str]:
    """The schema of a type of TFX without properties."""
    return {"instanceSchema": f"title: tfx.{title}\ntype: object\n"}


def shell(script: str, *words: str) -> dict[str, Any]:
    """A container that runs a shell script; the words are its arguments from $1 on."""
    return {"image": "image", "command": ["sh", "-ec"], "args": [script, "sh", *words]}


def python(code: str, *words: str) -> dict[str, Any]:
    """A container that runs a line of Python."""
    return {"image": "image", "command": ["python", "-c"], "args": [code, *words]}


def makes(output: str = "made", **metadata: Any) -> dict[str, Any]:
    """A container that makes one output with some metadata."""
    return python(WRITE_METADATA, output, json.dumps(metadata), "{{$}}")


class JobBuilder:
    """Builds a compiled job task by task.

    Args:
        name: the pipeline's name.
        version: of the schema.
        dialect: the service.
    """

    def __init__(self, name: str = "small", version: str = "2.1.0", dialect: str = "vertex") -> None:
        self.components: dict[str, Any] = {}
        self.executors: dict[str, Any] = {}
        self.tasks: dict[str, Any] = {}
        self.declared: dict[str, Any] = {}
        self.runtime: dict[str, Any] = {"gcsOutputDirectory": "gs://bucket/root"}
        self._name, self._version, self._dialect = name, version, dialect

    def add(
        self,
        name: str,
        executor: dict[str, Any],
        *,
        kind: str = "container",
        inputs: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
        outputs: dict[str, str] | None = None,
        output_parameters: dict[str, str] | None = None,
        after: tuple[str, ...] = (),
        into: dict[str, Any] | None = None,
        **task: Any,
    ) -> "JobBuilder":
        """Adds a task.

        Args:
            name: its name.
            executor: what runs it.
            kind: `container`, `importer`, `resolver` or `customJob`.
            inputs: its input artifacts as KEY: "TASK.OUTPUT".
            parameters: constants, or whole parameter specs.
            outputs: its output artifacts as KEY: a type's title.
            output_parameters: its output parameters as KEY: a type.
            after: the tasks that it waits for.
            into: the tasks of the graph that it is part of; the root's when left out.
            task: the rest of its task spec.
        """
        given, types = {}, {}
        for key, value in (parameters or {}).items():
            is_spec = isinstance(value, dict) and set(value) & {
                "componentInputParameter",
                "taskOutputParameter",
                "taskFinalStatus",
            }
            given[key] = value if is_spec else {"runtimeValue": self._constant(value)}
            types[key] = {"parameterType": "STRING"}
        taken = {}
        for key, source in (inputs or {}).items():
            producer, _, output = source.rpartition(".")
            taken[key] = {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": output}}
        self.executors[f"{name}_executor"] = {kind: executor}
        self.components[name] = {
            "executorLabel": f"{name}_executor",
            "inputDefinitions": {"parameters": types},
            "outputDefinitions": {
                "artifacts": {key: {"artifactType": typed(title)} for key, title in (outputs or {}).items()},
                "parameters": {key: {"parameterType": kind_} for key, kind_ in (output_parameters or {}).items()},
            },
        }
        (self.tasks if into is None else into)[name] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": name},
            "inputs": {"parameters": given, "artifacts": taken},
            "dependentTasks": [*after, *{source.rpartition(".")[0] for source in (inputs or {}).values()}],
            **task,
        }
        return self

    def _constant(self, value: Any) -> dict[str, Any]:
        if self._version.startswith("2.1"):
            return {"constant": value}
        kind = {str: "stringValue", int: "intValue", float: "doubleValue"}[type(value)]
        return {"constantValue": {kind: str(value) if kind == "intValue" else value}}

    def nest(self, name: str, tasks: dict[str, Any], **task: Any) -> "JobBuilder":
        """Adds a task that is a graph."""
        self.components[name] = {"dag": {"tasks": tasks}}
        self.tasks[name] = {"taskInfo": {"name": name}, "componentRef": {"name": name}, **task}
        return self

    def declare(self, name: str, kind: str = "STRING", **said: Any) -> "JobBuilder":
        """Declares a runtime parameter."""
        self.declared[name] = {"parameterType": kind, **said}
        return self

    def build(self) -> CompiledJob:
        """The job."""
        return CompiledJob(
            spec={
                "pipelineInfo": {"name": self._name},
                "schemaVersion": self._version,
                "components": self.components,
                "deploymentSpec": {"executors": self.executors},
                "root": {"dag": {"tasks": self.tasks}, "inputDefinitions": {"parameters": self.declared}},
            },
            runtime=self.runtime,
            dialect=self._dialect,  # type: ignore[arg-type]
        )


def bucket(folder: Path, path: str) -> Path:
    """Where a bucket's path lies in a rehearsal's folder."""
    return folder / "rehearsal" / "gs" / path
