"""Why a stage ran: which parts of its cache key differ from those of the stage's execution before.

TFX makes the key of a stage's parameters and of its input artifacts, and forgets them; both are recorded with the
execution, so that the difference can be told afterwards.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.plain_values import differences
from millrace.metadata.artifact_files import same_content
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY

Kind = Literal["code", "data", "schema", "input", "parameter"]

_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_KINDS: dict[str, Kind] = {
    "code_digest": "code",
    "schema_text": "schema",
    "input_fingerprint": "data",
    "span": "data",
    "version": "data",
}
# What TFX and the library wrap values in, which says nothing to a person.
_WRAPPERS = frozenset({"custom_config", "columnar_example_gen", "value", "@type", "features"})
# What is noted of an execution when it has ended; a rehearsal notes its own key.
_NOT_OF_THE_KEY = frozenset({FAILURE_PROPERTY, ENDED_PROPERTY, "rehearsal_cache_key", "rehearsal_output_parameters"})
_LONGEST = 120


@dataclass(frozen=True)
class InputChange:
    """One part of a stage's cache key that differs from that of its execution before.

    Args:
        kind: `code`, `data`, `schema`, `input` (an artifact that another stage made again) or `parameter`.
        name: of the parameter, dotted, or the key of the input.
        before: what it was; empty where there was none, and where a text is too long to show.
        after: what it is.
    """

    kind: Kind
    name: str
    before: str
    after: str

    @property
    def words(self) -> str:
        """The change as a person says it."""
        if self.kind == "code":
            return "the code behind it changed"
        if self.name == "input_fingerprint":
            return "the files changed"
        if self.kind == "schema":
            return "the schema changed"
        if self.kind == "input":
            maker = self.after.partition("/")[0]
            return f"{self.name} is another one" + (f", of {maker}" if maker else "")
        shown = f"{self.before or 'nothing'} -> {self.after or 'nothing'}" if self.before or self.after else "changed"
        return f"{self.name}: {shown}"


@dataclass(frozen=True)
class _KeyParts:
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[int, ...]]


def input_changes(store: MetadataStore, pairs: Mapping[str, tuple[int, int]]) -> dict[str, tuple[InputChange, ...]]:
    """What differs between two executions of each of some stages.

    Args:
        store: an open ML Metadata store.
        pairs: the ids of the earlier and the later execution by stage.

    Returns:
        The changes by stage, the telling ones first: code, data, schema, parameters, then inputs.
    """
    numbers = sorted({number for pair in pairs.values() for number in pair})
    if not numbers:
        return {}
    parts = _key_parts(store, numbers)
    of_inputs = {artifact for one in parts.values() for of_key in one.inputs.values() for artifact in of_key}
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id(sorted(of_inputs))}
    nothing = _KeyParts({}, {})
    changes = {}
    for stage, (earlier, later) in pairs.items():
        before, after = parts.get(earlier, nothing), parts.get(later, nothing)
        found = [*_of_parameters(before.parameters, after.parameters), *_of_inputs(before, after, artifacts)]
        changes[stage] = tuple(sorted(found, key=lambda change: _ORDER.index(change.kind)))
    return changes


_ORDER: tuple[Kind, ...] = ("code", "data", "schema", "parameter", "input")


def _key_parts(store: MetadataStore, numbers: list[int]) -> dict[int, _KeyParts]:
    inputs: dict[int, dict[str, list[int]]] = {number: {} for number in numbers}
    for event in store.get_events_by_execution_ids(numbers):
        if event.type in _INPUTS:
            key = next((step.key for step in event.path.steps if step.HasField("key")), "")
            inputs[event.execution_id].setdefault(key, []).append(event.artifact_id)
    parts = {}
    for execution in store.get_executions_by_id(numbers):
        values = {**execution.properties, **execution.custom_properties}
        parameters = {name: _plain(value) for name, value in values.items() if name not in _NOT_OF_THE_KEY}
        of_keys = {key: tuple(sorted(ids)) for key, ids in inputs[execution.id].items()}
        parts[execution.id] = _KeyParts(_unpacked(parameters), of_keys)
    return parts


def _plain(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind and kind.removesuffix("_value") in ("int", "double", "string", "bool") else ""


def _unpacked(value: Any) -> Any:
    """A value in which each text that holds a JSON object is that object."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    return {name: _unpacked(below) for name, below in value.items()} if isinstance(value, dict) else value


def _of_parameters(before: Any, after: Any) -> Iterator[InputChange]:
    found = []
    for key, old, new in differences(before, after):
        name = ".".join(part for part in key.split(".") if part not in _WRAPPERS)
        found.append(InputChange(_KINDS.get(name.rpartition(".")[2], "parameter"), name, _shown(old), _shown(new)))
    by_span = any(change.name == "span" for change in found)
    # The driver has put the span into the pattern.
    yield from (change for change in found if not (by_span and change.name.startswith("input_config")))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST and "\n" not in text else ""


def _of_inputs(
    before: _KeyParts, after: _KeyParts, artifacts: Mapping[int, metadata_store_pb2.Artifact]
) -> Iterator[InputChange]:
    for key in dict.fromkeys([*after.inputs, *before.inputs]):
        old, new = before.inputs.get(key, ()), after.inputs.get(key, ())
        if old != new and not _same(old, new, artifacts):
            yield InputChange("input", key, _places(old, artifacts), _places(new, artifacts))


def _same(old: tuple[int, ...], new: tuple[int, ...], artifacts: Mapping[int, metadata_store_pb2.Artifact]) -> bool:
    """Whether artifacts were made again just as they had been: the cache takes them for the same."""
    if len(old) != len(new) or not all(number in artifacts for number in (*old, *new)):
        return False
    return all(same_content(artifacts[a], artifacts[b]) for a, b in zip(old, new, strict=True))


def _places(numbers: Iterable[int], artifacts: Mapping[int, metadata_store_pb2.Artifact]) -> str:
    return ", ".join("/".join(artifacts[number].uri.split("/")[-3:]) for number in numbers if number in artifacts)
