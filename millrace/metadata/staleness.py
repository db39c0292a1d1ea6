"""Why a stage ran: which parts of its cache key differ from those of the execution that came nearest to serving it.

TFX makes the key of a stage's parameters and of its input artifacts, and forgets them; both are recorded with the
execution, so that the difference can be told afterwards. The cache knows every execution that there was, so the one to
compare with is not the one before, but the one that differs the least.
"""

import contextlib
import json
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.base.plain_values import differences, in_a_line
from millrace.components import stage_ids
from millrace.components.marks import REPLACES
from millrace.metadata import provenance
from millrace.metadata.artifact_files import DIGEST_PROPERTY, FILES_PROPERTY, same_content
from millrace.metadata.events import is_read, key_of
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY, RunRecord
from millrace.metadata.run_summaries import Runs

Kind = Literal["code", "data", "schema", "input", "parameter"]

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
_NOTED_OF_FILES = frozenset({FILES_PROPERTY, DIGEST_PROPERTY, REPLACES})
_LONGEST = 120
# How many runs are looked back.
_LOOKED_BACK = 30
_SERVED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
# What of the configuration becomes the parameters of a stage.
_CONFIGURED = {
    stage_ids.EXAMPLE_GEN: ("data",),
    stage_ids.STATISTICS_GEN: ("statistics",),
    stage_ids.CURATED_SCHEMA: ("schema",),
    stage_ids.DATA_GATE: ("data_gate", "features", "label", "schema"),
    stage_ids.TRANSFORM: ("code", "data.splits", "features", "label"),
    stage_ids.TUNER: ("code", "features", "label", "model", "training", "tuning"),
    stage_ids.TRAINER: (
        "code",
        "data.columns",
        "data.missing",
        "features",
        "label",
        "model",
        "training",
        "vertex.trainer",
    ),
    stage_ids.EVALUATOR: ("data.splits", "evaluation", "label", "push.trial"),
    stage_ids.INFRA_VALIDATOR: ("infra_validation",),
    stage_ids.PUSHER: ("push",),
}
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class InputChange:
    """One part of a stage's cache key that differs from that of another execution.

    Args:
        kind: `code`, `data`, `schema`, `input` (an artifact that another stage made) or `parameter`.
        name: of the parameter, dotted and as in the configuration where that has it, or the key of the input.
        before: what it was; the beginning of a long text, empty where there was none.
        after: what it is.
        as_it_was: whether an input has the content that it had, and was made again all the same.
    """

    kind: Kind
    name: str
    before: str
    after: str
    as_it_was: bool = False

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
            if self.as_it_was:
                return f"{maker} made {self.name} again, as it was"
            return f"{self.name} is another one" + (f", of {maker}" if maker else "")
        differs = self.before != self.after  # not where two long texts begin alike
        shown = f"{self.before or 'nothing'} -> {self.after or 'nothing'}" if differs else "changed"
        return f"{self.name}: {shown}"


@dataclass(frozen=True)
class NearestExecution:
    """The earlier execution of a stage that could have served it but for the fewest differences.

    Args:
        run_id: of which run it was.
        changes: what differs: inputs first, then data, schema, code, and parameters by their names.
    """

    run_id: str
    changes: tuple[InputChange, ...]


class _Candidate(NamedTuple):
    stage: str
    run_id: str
    execution: int
    was_cached: bool


@dataclass(frozen=True)
class _KeyParts:
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[int, ...]]


def nearest_executions(
    runs: Runs, record: RunRecord, stages: Collection[str], served_by: Mapping[str, int]
) -> dict[str, NearestExecution]:
    """What each stage of a run is to be compared with, and how it differs from that.

    Args:
        runs: those of its pipeline.
        record: the run.
        stages: which of its stages.
        served_by: how many artifacts the run took from each run before, by its id.

    Returns:
        By stage, for those that did their work in one of the runs before.
    """
    candidates = list(_candidates(runs, record, stages))
    pairs = {one: (one.execution, record.stages[one.stage].execution_id) for one in candidates}
    places = {one.execution: _projects(runs, one.run_id) for one in candidates}
    places |= {record.stages[stage].execution_id: _projects(runs, record.run_id) for stage in stages}
    changes = input_changes(runs.store, pairs, places)
    # Of several that are as near, one of the run that served the other stages, that did the work, and the newest.
    candidates.sort(key=lambda one: (len(changes[one]), -served_by.get(one.run_id, 0), one.was_cached, -one.execution))
    nearest = {one.stage: one for one in reversed(candidates)}
    return {
        stage: NearestExecution(one.run_id, _as_configured(runs, stage, one.run_id, record.run_id, changes[one]))
        for stage, one in nearest.items()
    }


def _candidates(runs: Runs, record: RunRecord, stages: Collection[str]) -> Iterator[_Candidate]:
    """The executions of the runs before that the cache could have served, were their keys the same."""
    earlier = iter(runs.ids())
    if not stages or not any(run_id == record.run_id for run_id in earlier):
        return
    stage_of = {record.stages[stage].execution_id: stage for stage in stages}
    by_type: dict[int, list[str]] = {}
    for execution in runs.store.get_executions_by_id(list(stage_of)):
        by_type.setdefault(execution.type_id, []).append(stage_of[execution.id])
    # A rehearsal has a cache of its own.
    alike = (run_id for run_id in earlier if runs.is_rehearsal(run_id) == runs.is_rehearsal(record.run_id))
    for run_id in islice(alike, _LOOKED_BACK):
        context = runs.store.get_context_by_type_and_name("pipeline_run", run_id)
        for execution in runs.store.get_executions_by_context(context.id) if context else ():
            names = by_type.get(execution.type_id, [])
            if names and execution.last_known_state in _SERVED:
                if len(names) > 1:
                    nodes = {one.name for one in runs.store.get_contexts_by_execution(execution.id)}
                    names = [name for name in names if f"{runs.layout.name}.{name}" in nodes]
                was_cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
                yield from (_Candidate(name, run_id, execution.id, was_cached) for name in names[:1])


def _projects(runs: Runs, run_id: str) -> tuple[str, ...]:
    """The folder of the project that a run had: one that repeats another may have had a worktree, and that one's."""
    folder = runs.folder(run_id)
    request = folder.request() if folder else None
    if request is None:
        return ()
    own = str(Path(request.config_file).parent.parent)
    return (own, *(_projects(runs, request.repeats) if request.repeats else ()))


def _as_configured(
    runs: Runs, stage: str, before: str, after: str, changes: tuple[InputChange, ...]
) -> tuple[InputChange, ...]:
    """Changes in which parameters are told by the keys of the configuration that they come from, where both runs wrote
    theirs down."""
    others = tuple(change for change in changes if change.kind != "parameter")
    folders = [runs.folder(run_id) for run_id in (before, after)]
    old, new = (provenance.read(folder.path) if folder else None for folder in folders)
    if others == changes or old is None or new is None:
        return changes
    configured = [
        InputChange("parameter", key, _shown(was), _shown(now))
        for key, was, now in differences(old.configuration, new.configuration)
        if any(f"{key}.".startswith(f"{one}.") for one in _CONFIGURED.get(stage, ()))
    ]
    return (*others, *sorted(configured, key=lambda change: change.name)) if configured else changes


def input_changes(
    store: MetadataStore,
    pairs: Mapping[_Key, tuple[int, int]],
    places: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
) -> dict[_Key, tuple[InputChange, ...]]:
    """What differs between two executions, for each of some pairs.

    Args:
        store: an open ML Metadata store.
        pairs: the ids of the earlier and the later execution, by whatever names the pair.
        places: the folders of the project by execution, which are no difference; the cache does not look at it.

    Returns:
        The changes of each pair: inputs first, then data, schema, code, and parameters by their names.
    """
    numbers = sorted({number for pair in pairs.values() for number in pair})
    if not numbers:
        return {}
    parts = _key_parts(store, numbers, places)
    artifacts = _artifacts(store, {a for one in parts.values() for of_key in one.inputs.values() for a in of_key})
    nothing = _KeyParts({}, {})
    changes = {}
    for name, (earlier, later) in pairs.items():
        before, after = parts.get(earlier, nothing), parts.get(later, nothing)
        found = [*_of_parameters(before.parameters, after.parameters), *_of_inputs(before, after, artifacts)]
        changes[name] = tuple(sorted(found, key=lambda change: (_ORDER.index(change.kind), change.name)))
    return changes


_ORDER: tuple[Kind, ...] = ("input", "data", "schema", "code", "parameter")


def _artifacts(store: MetadataStore, numbers: Collection[int]) -> dict[int, metadata_store_pb2.Artifact]:
    """Artifacts, and those in whose place they were made."""
    known = {artifact.id: artifact for artifact in store.get_artifacts_by_id(sorted(numbers))}
    replaced = {number for artifact in known.values() for number in _replaced(artifact)} - set(known)
    return known | {artifact.id: artifact for artifact in store.get_artifacts_by_id(sorted(replaced))}


def _replaced(artifact: metadata_store_pb2.Artifact) -> list[int]:
    text = artifact.custom_properties[REPLACES].string_value if REPLACES in artifact.custom_properties else ""
    return [int(number) for number in text.split(",") if number]


def _key_parts(store: MetadataStore, numbers: list[int], places: Mapping[int, tuple[str, ...]]) -> dict[int, _KeyParts]:
    inputs: dict[int, dict[str, list[int]]] = {number: {} for number in numbers}
    for event in store.get_events_by_execution_ids(numbers):
        if is_read(event):
            inputs[event.execution_id].setdefault(key_of(event), []).append(event.artifact_id)
    parts = {}
    for execution in store.get_executions_by_id(numbers):
        values = {**execution.properties, **execution.custom_properties}
        of_project = places.get(execution.id, ())
        parameters = {name: _plain(value, of_project) for name, value in values.items() if name not in _NOT_OF_THE_KEY}
        of_keys = {key: tuple(sorted(ids)) for key, ids in inputs[execution.id].items()}
        parts[execution.id] = _KeyParts(_unpacked(parameters), of_keys)
    return parts


def _plain(value: metadata_store_pb2.Value, places: tuple[str, ...]) -> Any:
    kind = value.WhichOneof("value")
    plain = getattr(value, kind) if kind and kind.removesuffix("_value") in ("int", "double", "string", "bool") else ""
    # A worktree lies within the project.
    for place in sorted(places, key=len, reverse=True) if isinstance(plain, str) else ():
        plain = plain.replace(f"{place}/", "")
    return plain


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
    text = value if isinstance(value, str) else "" if value is None else in_a_line(value)
    first, *more = text.split("\n")
    return f"{first[:_LONGEST]}..." if more or len(first) > _LONGEST else text


def _of_inputs(
    before: _KeyParts, after: _KeyParts, artifacts: Mapping[int, metadata_store_pb2.Artifact]
) -> Iterator[InputChange]:
    for key in dict.fromkeys([*after.inputs, *before.inputs]):
        old, new = before.inputs.get(key, ()), after.inputs.get(key, ())
        if [_identity(number, artifacts) for number in old] == [_identity(number, artifacts) for number in new]:
            continue
        known = len(old) == len(new) and all(number in artifacts for number in (*old, *new))
        alike = known and all(_is_alike(artifacts[a], artifacts[b]) for a, b in zip(old, new, strict=True))
        yield InputChange("input", key, _places(old, artifacts), _places(new, artifacts), as_it_was=alike)


def _is_alike(artifact: metadata_store_pb2.Artifact, other: metadata_store_pb2.Artifact) -> bool:
    """Whether two artifacts have the same files and say the same, such as a blessing of which model it is."""
    said = [
        {name: value for name, value in one.custom_properties.items() if name not in _NOTED_OF_FILES}
        for one in (artifact, other)
    ]
    return same_content(artifact, other) and said[0] == said[1]


def _identity(number: int, artifacts: Mapping[int, metadata_store_pb2.Artifact]) -> int:
    """The artifact that one counts as: what was made again just as it had been, for lack of files, is the first one."""
    earlier = [one for one in sorted(_replaced(artifacts[number])) if one in artifacts] if number in artifacts else []
    return next((one for one in earlier if same_content(artifacts[one], artifacts[number])), number)


def _places(numbers: Iterable[int], artifacts: Mapping[int, metadata_store_pb2.Artifact]) -> str:
    return ", ".join("/".join(artifacts[number].uri.split("/")[-3:]) for number in numbers if number in artifacts)
