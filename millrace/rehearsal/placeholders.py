"""The placeholders in a container's command: `{{$}}` and the parts of an ExecutorInput.

The service puts values in their places before it starts the container; nothing else of the command is changed. The
forms are those that TFX's `step_builder` and KFP's compiler write.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.base.errors import MillraceError

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}", re.DOTALL)
_PATH = re.compile(
    r"\.(?P<side>inputs|outputs)\.(?P<kind>artifacts|parameters)\[(?P<quote>['\"])(?P<key>.+?)(?P=quote)\]"
    r"(?:\.(?P<field>uri|path|name|value|output_file|metadata))?(?:\[['\"](?P<property>.+?)['\"]\])?"
)
_STRUCTURES = ('{"Concat"', '{"IfPresent"')
_INPUT_VALUE = {"parameters": ("parameterValues", "parameters")}


def fill_in(texts: Sequence[str], executor_input: Mapping[str, Any], job: Mapping[str, str]) -> list[str]:
    """Replaces every placeholder.

    Args:
        texts: a command's words, or other texts of the spec.
        executor_input: the task's ExecutorInput.
        job: what the service says of the job, by name: `pipeline_job_name` and the like.

    Raises:
        MillraceError: a placeholder names what is not there.
    """
    words = [word for text in texts for word in _structured(text, executor_input)]
    return [_PLACEHOLDER.sub(lambda match: _value(match[1].strip(), executor_input, job), word) for word in words]


def _structured(text: str, executor_input: Mapping[str, Any]) -> list[str]:
    """The words that a word stands for: KFP writes `{"Concat": [...]}` and `{"IfPresent": {...}}` as JSON.

    A part of it that is no text is one of the two again; `Then` and `Else` may be lists of words.
    """
    if not text.startswith(_STRUCTURES):
        return [text]
    try:
        return _words(json.loads(text), executor_input)
    except ValueError:
        # No JSON, so it is a word that only looks like it.
        return [text]


def _words(part: Any, executor_input: Mapping[str, Any]) -> list[str]:
    if isinstance(part, str):
        return _structured(part, executor_input)
    if isinstance(part, list):
        return [word for one in part for word in _words(one, executor_input)]
    if isinstance(part, Mapping) and "Concat" in part:
        return ["".join(_words(part["Concat"], executor_input))]
    if isinstance(part, Mapping) and "IfPresent" in part:
        choice = part["IfPresent"]
        name, inputs = choice.get("InputName", ""), executor_input["inputs"]
        values = {**inputs.get("parameterValues", {}), **inputs.get("parameters", {})}
        listed = inputs.get("artifacts", {}).get(name, {}).get("artifacts", [])
        is_there = values.get(name) is not None or bool(listed)
        return _words(choice.get("Then" if is_there else "Else", []), executor_input)
    raise MillraceError(f"the placeholder {json.dumps(part)[:80]} is of no known kind", remedy="compile the job again")


def fill_in_job(value: Any, job: Mapping[str, str]) -> Any:
    """Replaces what the service says of the job in a constant of the spec.

    Args:
        value: a constant of the spec; only in a text are there placeholders.
        job: the service's facts of the job, by the placeholder's name.
    """
    if not isinstance(value, str):
        return value
    return re.sub(r"\{\{\$\.(pipeline_\w+)\}\}", lambda match: job.get(match[1], match[0]), value)


def _value(path: str, executor_input: Mapping[str, Any], job: Mapping[str, str]) -> str:
    if path == "":
        return json.dumps(executor_input)
    if path == ".json_escape[1]":
        return json.dumps(json.dumps(executor_input))[1:-1]
    if path == ".outputs.output_file":
        return str(executor_input["outputs"]["outputFile"])
    if path[1:] in job:
        return job[path[1:]]
    match = _PATH.fullmatch(path)
    if not match:
        raise _unknown(path)
    side = executor_input[match["side"]]
    if match["kind"] == "parameters":
        return _parameter(side, match["key"], path, output=match["side"] == "outputs")
    return _artifact(side, match["key"], match["field"] or "", match["property"], path)


def _unknown(path: str) -> MillraceError:
    return MillraceError(
        f"the placeholder {{{{${path}}}}} names what the task does not have",
        remedy="name an input or output of the component in its command",
    )


def _parameter(side: Mapping[str, Any], key: str, path: str, output: bool) -> str:
    if output:
        if key not in side.get("parameters", {}):
            raise _unknown(path)
        return str(side["parameters"][key]["outputFile"])
    for name in _INPUT_VALUE["parameters"]:
        if key in side.get(name, {}):
            return as_text(side[name][key])
    raise _unknown(path)


def as_text(value: Any) -> str:
    """A parameter's value as a word of a command: text as it is, all else as JSON, whole numbers without a point."""
    if (
        isinstance(value, Mapping)
        and len(value) == 1
        and next(iter(value)) in ("stringValue", "intValue", "doubleValue")
    ):
        return str(next(iter(value.values())))
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _artifact(side: Mapping[str, Any], key: str, field: str, name: str, path: str) -> str:
    artifacts = side.get("artifacts", {}).get(key, {}).get("artifacts", [])
    if not artifacts:
        raise _unknown(path)
    artifact = artifacts[0]
    if not field:
        return json.dumps(artifacts)
    if field == "metadata" and not name:
        return json.dumps(artifact.get("metadata", {}))
    if field == "metadata":
        if name not in artifact.get("metadata", {}):
            raise _unknown(path)
        return as_text(artifact["metadata"][name])
    if field == "value":
        return Path(artifact["uri"]).read_text(encoding="utf-8")
    return str(artifact["uri" if field == "path" else field])
