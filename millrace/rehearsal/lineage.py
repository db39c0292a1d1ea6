"""What a rehearsal writes into ML Metadata and finds there: TFX's types, contexts and events, as a local run has them.

The store stands for the service's: artifacts of local runs of the same pipeline are in it, so a champion that was
trained by `millrace run` is the baseline of a rehearsal. Not the other way round: what a rehearsal makes is marked.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from google.protobuf.json_format import MessageToDict
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from ml_metadata.proto.metadata_store_pb2 import Artifact as _Stored
from ml_metadata.proto.metadata_store_pb2 import Event as _Event
from ml_metadata.proto.metadata_store_pb2 import Execution as _Execution

from millrace.components.marks import REHEARSED, REPLACES
from millrace.metadata.artifact_files import damage, pushed_folder, record_files, recorded_properties
from millrace.metadata.records import FAILURE_PROPERTY, output_artifacts
from millrace.rehearsal.artifacts import Artifact, id_of, name_of, property_types, type_name

CACHE_KEY = "rehearsal_cache_key"
OUTPUT_PARAMETERS = "rehearsal_output_parameters"
# TFX keeps a model's id in these properties of a blessing; the service keeps its resource name there.
_MODEL_IDS = frozenset({"current_model_id", "baseline_model_id"})
_CUSTOM_PREFIX = "custom:"  # tfx.types.artifact.CUSTOM_PROPERTIES_PREFIX
_WRAPPED = "__value__"  # tfx.types.artifact: a JSON value that is no object, as a Struct

Artifacts = Mapping[str, Sequence[Artifact]]


class RehearsalRecord:
    """One run in ML Metadata. Its methods may be called from several threads.

    Args:
        store: ML Metadata, open.
        pipeline: the pipeline's name.
        run_id: the run's id.
    """

    def __init__(self, store: MetadataStore, pipeline: str, run_id: str) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._pipeline = pipeline
        self._names = {"pipeline": pipeline, "pipeline_run": run_id}

    @property
    def store(self) -> MetadataStore:
        """ML Metadata itself."""
        return self._store

    def new_artifact(self, schema: Mapping[str, Any], name: str = "", uri: str = "") -> Artifact:
        """An artifact that is still to be made, with an id and, unless one is given, the name that follows from it.

        Args:
            schema: its type, as in a compiled job.
            name: its resource name; empty for one that is made from its id.
            uri: where it will be.
        """
        with self._lock:
            stored = _Stored(type_id=self._artifact_type(schema), uri=uri, state=_Stored.PENDING)
            [number] = self._store.put_artifacts([stored])
        return Artifact(number, name or name_of(number), dict(schema), uri)

    def begin(self, task: str, kind: str, parameters: Mapping[str, Any], inputs: Artifacts) -> int:
        """Records that a task runs, with what it was given.

        Args:
            task: the task's name.
            kind: what runs it, which becomes the execution's type: the executor's dotted path.
            parameters: its parameters.
            inputs: its input artifacts.

        Returns:
            The execution's id.
        """
        with self._lock:
            type_id = self._store.put_execution_type(
                metadata_store_pb2.ExecutionType(name=kind), can_add_fields=True, can_omit_fields=True
            )
            execution = _Execution(type_id=type_id, last_known_state=_Execution.RUNNING)
            for name, value in parameters.items():
                # Of a value without a kind, ML Metadata ends the whole process.
                if value is not None:
                    _set(execution.custom_properties[name], value)
            events = [(_Stored(), event) for event in _events(inputs, _Event.INPUT)]
            return self._put(execution, task, events)

    def end(
        self,
        task: str,
        execution_id: int,
        outputs: Artifacts,
        *,
        cached: bool = False,
        internal: bool = False,
        notes: Optional[Mapping[str, str]] = None,
        inputs: Optional[Artifacts] = None,
    ) -> None:
        """Records that a task ended well.

        Args:
            task: the task's name.
            execution_id: what `begin` gave.
            outputs: its output artifacts.
            cached: whether they come from an earlier execution.
            internal: whether they were only looked up, as by a resolver.
            notes: texts to keep with the execution. With a cache key among them the outputs' files are recorded too,
                since they may be served again.
            inputs: its input artifacts, whose names may stand in the outputs' metadata.
        """
        # Kubeflow Pipelines may leave artifacts without a name; their URIs tell them apart.
        known = {text: a.id for of_key in (inputs or {}).values() for a in of_key for text in (a.name, a.uri)}
        with self._lock:
            [execution] = self._store.get_executions_by_id([execution_id])
            execution.last_known_state = _Execution.CACHED if cached else _Execution.COMPLETE
            for name, text in (notes or {}).items():
                execution.custom_properties[name].string_value = text
            kind = _Event.INTERNAL_OUTPUT if internal else _Event.OUTPUT
            pairs = []
            for key, artifacts in outputs.items():
                for event in _events({key: artifacts}, kind):
                    artifact = next(a for a in artifacts if a.id == event.artifact_id)
                    old = _Stored() if cached or internal else self._stored(artifact, known)
                    pairs.append((old, event))
            self._put(execution, task, pairs)
            if notes and CACHE_KEY in notes:
                made = [a.id for artifacts in outputs.values() for a in artifacts]
                record_files(self._store, self._store.get_artifacts_by_id(made))

    def fail(self, task: str, execution_id: int, outputs: Artifacts, reason: str) -> None:
        """Records that a task failed; what it was to make is abandoned.

        Args:
            task: the task's name.
            execution_id: what `begin` gave.
            outputs: the artifacts that it was to make.
            reason: why, in a sentence.
        """
        with self._lock:
            [execution] = self._store.get_executions_by_id([execution_id])
            execution.last_known_state = _Execution.FAILED
            execution.custom_properties[FAILURE_PROPERTY].string_value = reason
            self._put(execution, task, [])
            made = self._store.get_artifacts_by_id([a.id for artifacts in outputs.values() for a in artifacts])
            for artifact in made:
                artifact.state = _Stored.ABANDONED
            self._store.put_artifacts(made)

    def live(self, type_title: str, schema: Mapping[str, Any]) -> list[Artifact]:
        """The pipeline's artifacts of a type that are whole, the newest first.

        Args:
            type_title: the type's title, for instance `tfx.Model`; empty for every type.
            schema: the type that they get.
        """
        with self._lock:
            context = self._store.get_context_by_type_and_name("pipeline", self._pipeline)
            artifacts = self._store.get_artifacts_by_context(context.id) if context else []
            types = {known.id: known.name for known in self._store.get_artifact_types()}
        wanted = type_name({"schemaTitle": type_title})
        live = [a for a in artifacts if a.state == _Stored.LIVE and (not type_title or types[a.type_id] == wanted)]
        live.sort(key=lambda artifact: (artifact.create_time_since_epoch, artifact.id), reverse=True)
        return [_artifact(stored, schema) for stored in live]

    def cached(
        self, task: str, key: str, schemas: Mapping[str, Any]
    ) -> Optional[tuple[dict[str, list[Artifact]], str]]:
        """The outputs of the newest execution of a task with a cache key, and the output parameters that it kept.

        Args:
            task: the task's name.
            key: the cache key.
            schemas: the types of the outputs by key.

        Returns:
            None when there is none, or its outputs lack something of what they had.
        """
        with self._lock:
            node = self._store.get_context_by_type_and_name("node", f"{self._pipeline}.{task}")
            executions = self._store.get_executions_by_context(node.id) if node else []
            for execution in sorted(executions, key=lambda execution: execution.id, reverse=True):
                done = execution.last_known_state == _Execution.COMPLETE
                if done and execution.custom_properties[CACHE_KEY].string_value == key:
                    outputs = output_artifacts(self._store, execution.id)
                    if all(_is_whole(a) for artifacts in outputs.values() for a in artifacts):
                        made = {k: [_artifact(a, schemas[k]) for a in artifacts] for k, artifacts in outputs.items()}
                        return made, execution.custom_properties[OUTPUT_PARAMETERS].string_value
        return None

    def _put(self, execution: _Execution, task: str, pairs: list[tuple[_Stored, _Event]]) -> int:
        # An artifact that is not changed is named by its event alone.
        named = [(artifact if artifact.type_id else None, event) for artifact, event in pairs]
        new = [(artifact, event) for artifact, event in named if artifact is not None]
        number, _, _ = self._store.put_execution(execution, new, self._contexts(task))
        old = [event for artifact, event in named if artifact is None]
        for event in old:
            event.execution_id = number
        if old:
            self._store.put_events(old)
        identity: int = number
        return identity

    def _contexts(self, task: str) -> list[metadata_store_pb2.Context]:
        names = {**self._names, "node": f"{self._pipeline}.{task}"}
        contexts = []
        for kind, name in names.items():
            context = self._store.get_context_by_type_and_name(kind, name)
            if context is None:
                type_id = self._store.put_context_type(
                    metadata_store_pb2.ContextType(name=kind), can_add_fields=True, can_omit_fields=True
                )
                [number] = self._store.put_contexts([metadata_store_pb2.Context(type_id=type_id, name=name)])
                [context] = self._store.get_contexts_by_id([number])
            contexts.append(context)
        return contexts

    def _artifact_type(self, schema: Mapping[str, Any]) -> int:
        wanted = metadata_store_pb2.ArtifactType(name=type_name(dict(schema)))
        kinds = {int: metadata_store_pb2.INT, float: metadata_store_pb2.DOUBLE, str: metadata_store_pb2.STRING}
        for name, kind in property_types(dict(schema)).items():
            wanted.properties[name] = kinds[kind]
        number: int = self._store.put_artifact_type(wanted, can_add_fields=True, can_omit_fields=True)
        return number

    def _stored(self, artifact: Artifact, known: Mapping[str, int]) -> _Stored:
        stored = _Stored(
            id=artifact.id, type_id=self._artifact_type(artifact.type), uri=artifact.uri, state=_Stored.LIVE
        )
        declared = property_types(artifact.type)
        for name, value in artifact.metadata.items():
            if value is None:
                continue
            bare = name.removeprefix(_CUSTOM_PREFIX)
            if name in declared:
                _set(stored.properties[name], value, declared[name])
            else:
                number = known.get(value, id_of(value)) if isinstance(value, str) else None
                _set(stored.custom_properties[bare], value if number is None else number)
        stored.custom_properties[REHEARSED].int_value = 1
        return stored


def _events(artifacts: Artifacts, kind: int) -> list[_Event]:
    """One event an artifact: ML Metadata keeps no second one, as for a champion that is compared with itself."""
    made: list[_Event] = []
    for key, of_key in artifacts.items():
        for index, artifact in enumerate(of_key):
            if artifact.id in (event.artifact_id for event in made):
                continue
            event = _Event(artifact_id=artifact.id, type=kind)
            event.path.steps.add().key = key
            event.path.steps.add().index = index
            made.append(event)
    return made


def _set(stored: metadata_store_pb2.Value, value: Any, kind: Optional[type] = None) -> None:
    """Numbers come as floats from a protobuf Struct: a whole one is an integer again, as TFX wrote it."""
    if isinstance(value, bool):
        stored.int_value = int(value)
    elif isinstance(value, (int, float)):
        if kind is not float and float(value).is_integer():
            stored.int_value = int(value)
        else:
            stored.double_value = float(value)
    elif isinstance(value, str):
        stored.string_value = value
    elif value is not None:
        # An empty object would leave the value without a kind.
        stored.struct_value.SetInParent()
        stored.struct_value.update(value if isinstance(value, Mapping) else {_WRAPPED: value})


def _get(stored: metadata_store_pb2.Value) -> Any:
    kind = stored.WhichOneof("value")
    if kind == "struct_value":
        value = MessageToDict(stored.struct_value)
        return value.get(_WRAPPED, value)
    return float(stored.int_value) if kind == "int_value" else getattr(stored, kind) if kind else None


def _artifact(stored: _Stored, schema: Mapping[str, Any]) -> Artifact:
    metadata = {name: _get(value) for name, value in stored.properties.items()}
    # What runs note of an artifact: no service would give a task this.
    unseen = {REHEARSED, REPLACES} | recorded_properties(stored)
    for name, value in stored.custom_properties.items():
        if name in unseen:
            continue
        plain = _get(value)
        is_id = name in _MODEL_IDS and value.WhichOneof("value") == "int_value"
        metadata[f"{_CUSTOM_PREFIX}{name}" if name in metadata else name] = name_of(int(plain)) if is_id else plain
    return Artifact(stored.id, name_of(stored.id), dict(schema), stored.uri, metadata)


def _is_whole(artifact: _Stored) -> bool:
    """Whether an artifact has the files that it had, a pushed model those where it was pushed too."""
    pushed = pushed_folder(artifact)
    return artifact.state == _Stored.LIVE and not damage(artifact) and (pushed is None or pushed.exists())
