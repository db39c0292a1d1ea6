"""The ExecutorInput that the service hands to a task, and the ExecutorOutput that the task hands back.

The format is KFP's `pipeline_spec.proto`, as JSON. Schema 2.0 types each parameter (`{"stringValue": "x"}`), 2.1 has
plain values. Outputs lie where Vertex AI puts them: `ROOT/PROJECT/JOB/TASK_UUID/KEY`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from millrace.base.errors import MillraceError
from millrace.jobspec.job import plain_value
from millrace.rehearsal.artifacts import Artifact, is_value

OUTPUT_FILE = "executor_output.json"


@dataclass(frozen=True)
class TaskIo:
    """What a task takes and gives.

    Args:
        folder: the task's own folder below the pipeline root.
        typed: whether the spec is of schema 2.0, which types parameters.
        parameters: its parameters by name.
        inputs: its input artifacts by key.
        outputs: its output artifacts by key.
        output_parameters: the names of the parameters that it gives.
        types: the declared types of the parameters of schema 2.0, by name.
    """

    folder: str
    typed: bool
    parameters: dict[str, Any]
    inputs: dict[str, list[Artifact]]
    outputs: dict[str, list[Artifact]] = field(default_factory=dict)
    output_parameters: Sequence[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def output_file(self) -> Path:
        """Where the task writes its ExecutorOutput."""
        return Path(self.folder) / OUTPUT_FILE

    def to_json(self) -> dict[str, Any]:
        """The ExecutorInput."""
        inputs: dict[str, Any] = {}
        if self.parameters and self.typed:
            inputs["parameters"] = {name: self._typed(name, value) for name, value in self.parameters.items()}
        elif self.parameters:
            inputs["parameterValues"] = _as_written(self.parameters)
        if self.inputs:
            inputs["artifacts"] = _lists(self.inputs)
        outputs: dict[str, Any] = {"outputFile": str(self.output_file)}
        if self.outputs:
            outputs["artifacts"] = _lists(self.outputs)
        if self.output_parameters:
            files = {name: {"outputFile": self._parameter_file(name)} for name in self.output_parameters}
            outputs["parameters"] = files
        return {"inputs": inputs, "outputs": outputs}

    def _parameter_file(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _typed(self, name: str, value: Any) -> dict[str, Any]:
        kind = self.types.get(name, "")
        if isinstance(value, str):
            return {"stringValue": value}
        whole = isinstance(value, (int, bool)) or float(value).is_integer()
        if kind == "INT" or (kind != "DOUBLE" and whole):
            return {"intValue": str(int(value))}
        return {"doubleValue": float(value)}

    def make_folders(self, outputs_are_folders: bool) -> None:
        """Makes what a bucket need not have: the folders that hold what the task writes.

        Args:
            outputs_are_folders: as for TFX's executors, but for artifacts that are one value; to any other command an
                output's URI may be a file.
        """
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        for artifact in (a for of_key in self.outputs.values() for a in of_key):
            place = Path(artifact.uri)
            is_folder = outputs_are_folders and not is_value(artifact.type)
            (place if is_folder else place.parent).mkdir(parents=True, exist_ok=True)

    def executor_output(self) -> dict[str, Any]:
        """What the task, or its driver, wrote down; empty when it wrote nothing.

        Raises:
            MillraceError: it is no JSON.
        """
        try:
            text = self.output_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            output: dict[str, Any] = json.loads(text or "{}")
        except ValueError as error:
            raise MillraceError(f"the executor's output is no JSON: {error}", where=str(self.output_file)) from error
        return output

    def after_driver(self) -> "TaskIo":
        """With the parameters and the outputs' properties that the driver found."""
        output = self.executor_output()
        return replace(self, parameters={**self.parameters, **_values(output)}, outputs=_updated(self.outputs, output))

    def after_executor(self) -> tuple[dict[str, list[Artifact]], dict[str, Any]]:
        """The outputs as they are now, and the output parameters.

        Raises:
            MillraceError: a declared parameter was not written.
        """
        output = self.executor_output()
        values = _values(output)
        given = {name: self._given(name, values) for name in self.output_parameters}
        return _updated(self.outputs, output), given

    def _given(self, name: str, values: Mapping[str, Any]) -> Any:
        if name in values:
            return values[name]
        try:
            text = Path(self._parameter_file(name)).read_text(encoding="utf-8")
        except OSError as error:
            raise MillraceError(
                f"the output parameter {name} was not written",
                remedy="the executor must write it to the file that it is given for it",
            ) from error
        return read_value(text, self.types.get(f"outputs.{name}", "STRING"))


def read_value(text: str, kind: str) -> Any:
    """The value of an output parameter.

    Args:
        text: as it was written.
        kind: its declared type, for instance NUMBER_INTEGER.

    Raises:
        MillraceError: the text is no value of that type.
    """
    if kind == "STRING":
        return text
    if kind == "BOOLEAN" and text.strip().lower() in ("true", "false"):
        # Python's own spelling too, which the services read.
        return text.strip().lower() == "true"
    try:
        return json.loads(text)
    except ValueError as error:
        raise MillraceError(f"{text!r} is no {kind}", remedy="write the output parameter as JSON") from error


def _as_written(value: Any) -> Any:
    """A value as protobuf's JSON writes a Struct, which knows one kind of number: 2.0 of a spec is 2 to a task."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {key: _as_written(below) for key, below in value.items()}
    return [_as_written(below) for below in value] if isinstance(value, (list, tuple)) else value


def _lists(artifacts: Mapping[str, Sequence[Artifact]]) -> dict[str, Any]:
    return {key: {"artifacts": [artifact.to_runtime() for artifact in of_key]} for key, of_key in artifacts.items()}


def _values(output: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: plain_value(value) for name, value in output.get("parameters", {}).items()}
    return {**typed, **output.get("parameterValues", {})}


def _updated(outputs: Mapping[str, Sequence[Artifact]], output: Mapping[str, Any]) -> dict[str, list[Artifact]]:
    updates = {key: written.get("artifacts", []) for key, written in output.get("artifacts", {}).items()}
    return {
        key: [
            artifact.updated(updates[key][index]) if index < len(updates.get(key, [])) else artifact
            for index, artifact in enumerate(artifacts)
        ]
        for key, artifacts in outputs.items()
    }
