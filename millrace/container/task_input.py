"""What a service tells a task: KFP's ExecutorInput, and the declaration of the task's inputs, as plain JSON values.

Schema 2.1 writes a parameter's value as it is, under `parameterValues`; schema 2.0 writes its type beside it, under
`parameters`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from millrace.jobspec.job import plain_value

Json = dict[str, Any]


@dataclass
class TaskInput:
    """One task's input; changed in place before TFX gets it.

    Args:
        executor_input: the ExecutorInput.
        inputs_spec: the ComponentInputsSpec, which tells integers from other numbers; empty with schema 2.0.
    """

    executor_input: Json
    inputs_spec: Json = field(default_factory=dict)

    @classmethod
    def read(cls, executor_input: str, inputs_spec: str = "") -> "TaskInput":
        """Reads the two command line arguments that TFX's compiler gives to every task.

        Args:
            executor_input: JSON of the ExecutorInput.
            inputs_spec: JSON of the ComponentInputsSpec; empty with schema 2.0.
        """
        return cls(json.loads(executor_input), json.loads(inputs_spec) if inputs_spec else {})

    @property
    def _inputs(self) -> Json:
        inputs: Json = self.executor_input.setdefault("inputs", {})
        return inputs

    @property
    def _values(self) -> Json:
        typed = "parameters" in self._inputs and "parameterValues" not in self._inputs
        values: Json = self._inputs.setdefault("parameters" if typed else "parameterValues", {})
        return values

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that have a value."""
        return list(self._values)

    def value(self, name: str) -> Any:
        """A parameter's value; None when it has none."""
        return plain_value(self._values.get(name))

    def put(self, name: str, value: Union[str, int]) -> None:
        """Gives a parameter another value, of its own type.

        Args:
            name: the parameter's.
            value: its value from now on.
        """
        typed = "parameters" in self._inputs and "parameterValues" not in self._inputs
        self._values[name] = {"stringValue" if isinstance(value, str) else "intValue": value} if typed else value

    def take(self, name: str) -> Any:
        """A parameter's value, which TFX does not get to see; None when it has none."""
        value = self.value(name)
        self._values.pop(name, None)
        self.inputs_spec.get("parameters", {}).pop(name, None)
        return value

    @property
    def input_artifacts(self) -> Json:
        """Lists of input artifacts, `{"artifacts": [...]}`, by input."""
        artifacts: Json = self._inputs.setdefault("artifacts", {})
        return artifacts

    @property
    def output_artifacts(self) -> Json:
        """Lists of output artifacts by output."""
        artifacts: Json = self.executor_input.setdefault("outputs", {}).setdefault("artifacts", {})
        return artifacts

    @property
    def output_file(self) -> str:
        """Where the task says what it has made."""
        return str(self.executor_input.get("outputs", {}).get("outputFile", ""))

    def artifacts(self) -> Iterator[Json]:
        """Every artifact, in or out."""
        for lists in (self.input_artifacts, self.output_artifacts):
            for listed in lists.values():
                yield from listed.get("artifacts", ())
