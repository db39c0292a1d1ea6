"""A task's condition: an expression in CEL over the task's inputs (`triggerPolicy.condition`).

The language is https://github.com/google/cel-spec; what an expression may name is said in KFP's `pipeline_spec.proto`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import celpy
import celpy.adapter
import celpy.celparser
import celpy.celtypes
import celpy.evaluation

from millrace.base.errors import MillraceError
from millrace.rehearsal.artifacts import Artifact


def holds(condition: str, artifacts: Mapping[str, Sequence[Artifact]], parameters: Mapping[str, Any]) -> bool:
    """Evaluates a condition.

    Args:
        condition: the expression; empty always holds.
        artifacts: the task's input artifacts by key.
        parameters: the task's parameters by name.

    Raises:
        MillraceError: it is no expression, names what is not there, or its value is no truth value.
    """
    if not condition:
        return True
    environment = celpy.Environment()
    try:
        program = environment.program(environment.compile(condition))
        value = program.evaluate({"inputs": celpy.adapter.json_to_cel(_inputs(artifacts, parameters))})
    except celpy.celparser.CELParseError as error:
        raise MillraceError(
            f"the condition {condition} is not CEL: {str(error).splitlines()[0]}",
            remedy="TFX does not escape quotes in the strings of a condition; fix the predicate and compile again",
        ) from error
    except celpy.evaluation.CELEvalError as error:
        raise MillraceError(
            f"the condition {condition} cannot be evaluated: {error.args[0] if error.args else error}",
            remedy="name only properties that the artifact has when the task begins",
        ) from error
    if not isinstance(value, celpy.celtypes.BoolType):
        raise MillraceError(f"the condition {condition} is {value!r}, neither true nor false")
    return bool(value)


def _inputs(artifacts: Mapping[str, Sequence[Artifact]], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """TFX writes `inputs.artifacts['KEY'].artifacts[0].metadata['P']`, KFP `inputs.parameter_values['P']`."""
    held = {
        key: {"artifacts": [{"name": a.name, "uri": a.uri, "metadata": _floats(a.metadata)} for a in of_key]}
        for key, of_key in artifacts.items()
    }
    return {"artifacts": held, "parameters": dict(parameters), "parameter_values": _floats(parameters)}


def _floats(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a protobuf Struct holds them: it knows no integers."""
    return {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in values.items()
    }
