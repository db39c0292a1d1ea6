"""Runs in a real ML Metadata store with their folders, as the local runner leaves them, without running anything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from millrace.base.outcomes import State
from millrace.metadata.journal import Journal
from millrace.metadata.run_folder import LOCK_FILE

Artifacts = Mapping[str, mlmd.Artifact]


class RecordedRuns:
    """The root of one pipeline, in which tests record runs.

    Args:
        root: the pipeline's root.
        pipeline: its name.
    """

    def __init__(self, root: Path, pipeline: str = "taxi") -> None:
        self.root, self.pipeline = root, pipeline
        root.mkdir(parents=True, exist_ok=True)
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(root / "metadata.db")
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = MetadataStore(connection)
        self._number = 0

    def begin(self, run_id: str, exit_code: Optional[int] = 0, runner: str = "local", **request: object) -> Path:
        """The folder of a run that has ended, or of a killed one where the exit code is None."""
        self._number += 1
        folder = self.root / "logs" / run_id
        folder.mkdir(parents=True)
        (folder / LOCK_FILE).touch()
        asked = {"config_file": "conf/taxi.yaml", "overrides": [], "runner": runner, "pipeline": self.pipeline}
        values = {"request": {**asked, **request}, "number": self._number, "started": 1000.0 + self._number}
        ended = {} if exit_code is None else {"ended": 1010.0 + self._number}
        (folder / "run.json").write_text(json.dumps({**values, "exit_code": exit_code, **ended}))
        return folder

    def stage(
        self,
        run_id: str,
        stage: str,
        inputs: Optional[Mapping[str, Sequence[mlmd.Artifact]]] = None,
        outputs: Optional[Mapping[str, str]] = None,
        served: Optional[Artifacts] = None,
        state: int = mlmd.Execution.COMPLETE,
        **parameters: object,
    ) -> dict[str, mlmd.Artifact]:
        """One execution.

        Args:
            run_id: of which run.
            stage: its id.
            inputs: artifacts by key.
            outputs: the types of what it makes, by key; each gets a folder with one file. None when it is served.
            served: what it takes from the cache, by key, in place of making it.
            state: how it ended.
            parameters: of the execution.

        Returns:
            Its outputs by key.
        """
        execution = mlmd.Execution(last_known_state=mlmd.Execution.CACHED if served else state)
        execution.type_id = self.store.put_execution_type(mlmd.ExecutionType(name=f"tfx.components.{stage}"))
        for name, value in parameters.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(execution.custom_properties[name], field, value)
        pairs = [(a, _event(key, mlmd.Event.INPUT)) for key, of_key in (inputs or {}).items() for a in of_key]
        pairs += [(artifact, _event(key, mlmd.Event.OUTPUT)) for key, artifact in (served or {}).items()]
        contexts = self._contexts(run_id, stage)
        number, _, _ = self.store.put_execution(execution, pairs, contexts)
        new = {} if served else outputs or {}
        made = {key: self._made(number, stage, key, kind) for key, kind in new.items()}
        for key, artifact in made.items():
            event = _event(key, mlmd.Event.OUTPUT)
            event.artifact_id, event.execution_id = artifact.id, number
            self.store.put_events([event])
            of_run = [mlmd.Attribution(artifact_id=artifact.id, context_id=context.id) for context in contexts]
            self.store.put_attributions_and_associations(of_run, [])
        folder = self.root / "logs" / run_id
        if folder.is_dir():
            Journal(folder).record(stage, State.RUNNING)
            if state == mlmd.Execution.COMPLETE:
                Journal(folder).record(stage, State.CACHED if served else State.DONE)
        return {**made, **(served or {})}

    def note(self, artifact: mlmd.Artifact, **properties: object) -> mlmd.Artifact:
        """Sets custom properties of an artifact."""
        for name, value in properties.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[name], field, value)
        self.store.put_artifacts([artifact])
        [read] = self.store.get_artifacts_by_id([artifact.id])
        return read

    def _made(self, number: int, stage: str, key: str, kind: str) -> mlmd.Artifact:
        folder = self.root / "artifacts" / stage / key / str(number)
        folder.mkdir(parents=True)
        (folder / "file").write_text(f"{stage} {number}")
        artifact = mlmd.Artifact(uri=str(folder), state=mlmd.Artifact.LIVE)
        artifact.custom_properties["tfx_version"].string_value = "1.16.0"
        artifact.type_id = self.store.put_artifact_type(mlmd.ArtifactType(name=kind), can_omit_fields=True)
        [artifact.id] = self.store.put_artifacts([artifact])
        [read] = self.store.get_artifacts_by_id([artifact.id])
        return read

    def _contexts(self, run_id: str, stage: str) -> list[mlmd.Context]:
        names = {"pipeline": self.pipeline, "pipeline_run": run_id, "node": f"{self.pipeline}.{stage}"}
        contexts = [self._context(kind, name) for kind, name in names.items()]
        parent = mlmd.ParentContext(parent_id=contexts[0].id, child_id=contexts[1].id)
        if not self.store.get_parent_contexts_by_context(contexts[1].id):
            self.store.put_parent_contexts([parent])
        return contexts

    def _context(self, kind: str, name: str) -> mlmd.Context:
        known = self.store.get_context_by_type_and_name(kind, name)
        if known:
            return known
        type_id = self.store.put_context_type(mlmd.ContextType(name=kind))
        [number] = self.store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        [context] = self.store.get_contexts_by_id([number])
        return context


def _event(key: str, kind: int) -> mlmd.Event:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event


def four_stages(runs: RecordedRuns, run_id: str, served: Optional[dict[str, Artifacts]] = None, **trainer: object):
    """ExampleGen, Trainer, Evaluator and Pusher, each served what `served` has for it.

    Returns:
        The outputs by stage.
    """
    served = served or {}
    data = {"span": 1, "input_fingerprint": "num_files:1,total_bytes:10"}
    examples = runs.stage(run_id, "ExampleGen", {}, {"examples": "Examples"}, served.get("ExampleGen"), **data)
    learned = {"examples": [examples["examples"]]}
    model = runs.stage(run_id, "Trainer", learned, {"model": "Model"}, served.get("Trainer"), **trainer)
    judged = {**learned, "model": [model["model"]]}
    blessing = runs.stage(run_id, "Evaluator", judged, {"blessing": "ModelBlessing"}, served.get("Evaluator"))
    blessed = {"model_blessing": [blessing["blessing"]]}
    pushed = runs.stage(run_id, "Pusher", blessed, {"pushed_model": "PushedModel"}, served.get("Pusher"))
    return {"ExampleGen": examples, "Trainer": model, "Evaluator": blessing, "Pusher": pushed}
