"""Where an artifact comes from, and what was made of it: by walking ML Metadata's events, as both stacks can.

The nodes are artifacts, each with the stage and the run that made it; an edge leads from what was read to what was made
from it. A champion that a model was compared with is named and not followed: its own history is another question.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ml_metadata.proto import metadata_store_pb2

from millrace.base import files
from millrace.base.errors import BadInput, MillraceError
from millrace.components import stage_ids
from millrace.config.paths import serving_directory
from millrace.metadata import provenance, records
from millrace.metadata.artifact_files import plain_properties, pushed_folder
from millrace.metadata.events import artifacts_of_type, is_made, is_read, key_of
from millrace.metadata.places import as_here, execution_of, is_there
from millrace.metadata.run_names import named, no_run_yet
from millrace.metadata.run_summaries import Runs

MONITOR = "Monitor"
"""What makes the records of a window of requests, as a stage makes those of a run (`millrace.monitoring`)."""
TRAINING_STATISTICS, STATISTICS_BEFORE = "training_statistics", "statistics_before"
"""The keys under which it reads what it compares a window with."""

COMPARED = {
    (MONITOR, TRAINING_STATISTICS),
    (MONITOR, STATISTICS_BEFORE),
    (stage_ids.EVALUATOR, "baseline_model"),
    (stage_ids.EVALUATOR, "baseline_blessing"),
    (stage_ids.DATA_GATE, "blessing"),
}
"""What a model or data was compared with, by stage and key."""
ENDS = (
    (stage_ids.PUSHER, "pushed_model"),
    (stage_ids.EVALUATOR, "blessing"),
    (stage_ids.TRAINER, "model"),
    (stage_ids.DATA_GATE, "report"),
    (stage_ids.EXAMPLE_VALIDATOR, "anomalies"),
    (stage_ids.STATISTICS_GEN, "statistics"),
    (stage_ids.EXAMPLE_GEN, "examples"),
)
"""Where a run's story begins, the latest first."""
LEARNED_BY = ("training", "model", "model_fn")
"""What of a Trainer's settings says how it learned."""
ABOUT_FILE = Path("assets.extra") / "millrace.json"
YES_OR_NO = frozenset({"blessed", "pushed", "served", "trial"})
"""The facts that are answers, whichever of TFX's types they have."""

GATE_KEY = "gate"
"""As what Transform has read DataGate's report, which had to let the data pass."""


@dataclass(frozen=True)
class LineageNode:
    """One artifact.

    Args:
        id: in ML Metadata.
        type: as TFX names it.
        path: where it lies; a path or a URI.
        there: whether it is still there; True for a URI, which is not asked for.
        stage: what made it; empty where ML Metadata does not tell.
        key: of the stage's output.
        run: the run in which it was made.
        facts: what there is to say: span and fingerprint of examples, text digest and commit of a schema, settings of a
            training, verdicts.
    """

    id: int
    type: str
    path: str
    there: bool
    stage: str
    key: str
    run: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class LineageEdge:
    """What was read to make something.

    Args:
        source: the id of what was read.
        target: the id of what was made.
        key: as what it was read; `gate` for DataGate's report, which had to let the data pass.
        compared: whether it was only compared with, as a champion is.
    """

    source: int
    target: int
    key: str
    compared: bool = False


@dataclass(frozen=True)
class Lineage:
    """The graph around some artifacts.

    Args:
        start: the ids of those that were asked for.
        nodes: all artifacts, by id.
        edges: between them.
    """

    start: tuple[int, ...]
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]

    def node(self, number: int) -> LineageNode:
        """A node by its id."""
        return next(node for node in self.nodes if node.id == number)

    def sources(self, number: int) -> list[LineageEdge]:
        """The edges from what an artifact was made from."""
        return [edge for edge in self.edges if edge.target == number]

    def targets(self, number: int) -> list[LineageEdge]:
        """The edges to what was made from an artifact."""
        return [edge for edge in self.edges if edge.source == number]


def lineage(runs: Runs, start: Iterable[int], up: bool = True, down: bool = True) -> Lineage:
    """The graph of what artifacts were made from and what was made of them.

    Args:
        runs: those of the pipeline.
        start: the artifacts' ids.
        up: whether what they were made from is followed.
        down: whether what was made of them is followed.
    """
    walk = _Walk(runs)
    chosen = tuple(dict.fromkeys(start))
    walk.add(chosen)
    if up:
        walk.upwards(chosen)
    if down:
        walk.downwards(chosen)
    return Lineage(chosen, tuple(walk.node(number) for number in sorted(walk.artifacts)), tuple(walk.edges))


class _Walk:
    def __init__(self, runs: Runs) -> None:
        self._runs, self._store = runs, runs.store
        self._types = {one.id: one.name for one in self._store.get_artifact_types()}
        self.artifacts: dict[int, metadata_store_pb2.Artifact] = {}
        self.edges: dict[LineageEdge, None] = {}
        self._executions: dict[int, tuple[str, str, Any]] = {}
        self._inputs: dict[int, list[tuple[str, int]]] = {}

    def add(self, numbers: Iterable[int]) -> None:
        """Reads artifacts that are not known yet."""
        new = sorted(set(numbers) - set(self.artifacts))
        for artifact in self._store.get_artifacts_by_id(new) if new else ():
            self.artifacts[artifact.id] = as_here(artifact, self._runs.layout.root) or artifact

    def upwards(self, start: Iterable[int]) -> None:
        """Follows what artifacts were made from, to rows and schema."""
        waiting, seen = list(start), set[int]()
        while waiting:
            target = waiting.pop()
            if target in seen:
                continue
            seen.add(target)
            maker = self.maker(self.artifacts[target])
            read = self._read_by(maker) if maker else []
            self.add(number for _, number in read)
            for key, source in read:
                compared = (self._execution(maker)[0], key) in COMPARED
                self.edges[LineageEdge(source, target, key, compared)] = None
                waiting += [] if compared else [source]

    def downwards(self, start: Iterable[int]) -> None:
        """Follows what was made of artifacts; what was served from the cache made nothing."""
        waiting, seen = set(start), set[int]()
        while waiting:
            seen |= waiting
            events = self._store.get_events_by_artifact_ids(sorted(waiting))
            read = [(one.artifact_id, one.execution_id, key_of(one)) for one in events if is_read(one)]
            numbers = sorted({execution for _, execution, _ in read})
            complete = metadata_store_pb2.Execution.COMPLETE
            made = {
                one.id: [e.artifact_id for e in self._store.get_events_by_execution_ids([one.id]) if is_made(e)]
                for one in (self._store.get_executions_by_id(numbers) if numbers else ())
                if one.last_known_state == complete
            }
            waiting = set()
            for source, execution, key in read:
                compared = (self._execution(execution)[0], key) in COMPARED
                for target in made.get(execution, ()):
                    self.edges[LineageEdge(source, target, key, compared)] = None
                    waiting |= set() if compared else {target}
            self.add(edge.target for edge in self.edges)
            waiting -= seen

    def maker(self, artifact: metadata_store_pb2.Artifact) -> int:
        """The execution that made an artifact; 0 where ML Metadata does not tell."""
        number = execution_of(artifact.uri)
        if number:
            return number
        events = self._store.get_events_by_artifact_ids([artifact.id])
        return min((event.execution_id for event in events if is_made(event)), default=0)

    def _execution(self, number: int) -> tuple[str, str, Any]:
        """Stage, run and record of an execution."""
        if number not in self._executions:
            found = self._store.get_executions_by_id([number])
            names = [one.name for one in self._store.get_contexts_by_execution(number)] if found else []
            prefix = f"{self._runs.config.name}."
            stage = next((name.removeprefix(prefix) for name in names if name.startswith(prefix)), "")
            run = records.run_of(self._store, number) if found else ""
            self._executions[number] = stage, run, found[0] if found else None
        return self._executions[number]

    def _read_by(self, number: int) -> list[tuple[str, int]]:
        """What an execution read, by key; Transform has read nothing of DataGate, which had to let the data pass."""
        if number not in self._inputs:
            events = self._store.get_events_by_execution_ids([number])
            read = [(key_of(event), event.artifact_id) for event in events if is_read(event)]
            stage, run, _ = self._execution(number)
            record = self._runs.record(run) if stage == stage_ids.TRANSFORM and run else None
            report = record.artifact(stage_ids.DATA_GATE, "report") if record else None
            self._inputs[number] = [*read, *([(GATE_KEY, report.id)] if report else [])]
        return self._inputs[number]

    def node(self, number: int) -> LineageNode:
        """An artifact with what there is to say of it."""
        artifact = self.artifacts[number]
        maker = self.maker(artifact)
        stage, run, execution = self._execution(maker) if maker else ("", "", None)
        return LineageNode(
            id=number,
            type=self._types.get(artifact.type_id, ""),
            path=artifact.uri,
            there=is_there(artifact.uri),
            stage=stage,
            key=artifact.uri.rstrip("/").split("/")[-2] if execution_of(artifact.uri) else "",
            run=run,
            facts={**plain_properties(artifact), **self._facts(stage, run, execution, artifact)},
        )

    def _facts(self, stage: str, run: str, execution: Any, artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
        """What the stage's parameters, and what its run recorded, say of an artifact."""
        parameters = execution.custom_properties if execution else {}
        facts: dict[str, Any] = {}
        settings = _settings(parameters)
        if stage == stage_ids.TRAINER:
            facts |= {name: settings[name] for name in LEARNED_BY if name in settings}
        digest = settings.get("code_digest") or _text(parameters, "code_digest")
        facts |= {"code": digest} if digest else {}
        folder = self._runs.folder(run)
        made_from = provenance.read(folder.path) if folder else None
        facts["commit"] = provenance.commit_of(made_from)
        if stage == stage_ids.EXAMPLE_GEN:
            facts["from"] = _text(parameters, "input_base")
            facts |= {"files": list(made_from.data.files)} if made_from and made_from.data.files else {}
        if stage == stage_ids.CURATED_SCHEMA:
            facts |= {"digest": made_from.schema_digest, "schema commit": made_from.schema_commit} if made_from else {}
        if stage == stage_ids.PUSHER and (folder_pushed := pushed_folder(artifact)):
            # A trial lies beside what a server looks at.
            is_where_servers_look = folder_pushed.parent == Path(serving_directory(self._runs.config))
            facts["served"] = is_where_servers_look and folder_pushed.is_dir()
        return {name: value for name, value in facts.items() if value not in ("", None)}


def _text(parameters: Mapping[str, Any], name: str) -> str:
    return str(parameters[name].string_value) if name in parameters else ""


def _settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return settings_in(_text(parameters, "custom_config"))


def settings_in(custom_config: str) -> dict[str, Any]:
    """What a stage's `custom_config` says; nothing where it is none.

    Args:
        custom_config: JSON.
    """
    try:
        values = json.loads(custom_config or "{}")
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def meant(runs: Runs, what: str) -> tuple[int, ...]:
    """The artifacts that a person means.

    Args:
        runs: those of the pipeline.
        what: a run as `run_names.named` takes it, a pushed version, the path of an artifact or of a file within one,
            or a folder from which a server serves.

    Returns:
        The ids of artifacts, at least one.

    Raises:
        BadInput: nothing of the kind is known, or ML Metadata's file is gone.
    """
    runs.require_kept_store()
    if runs.store is None:
        raise no_run_yet(runs)
    found = pushed_version(runs, what) or _pushed_at(runs, what) or _at_path(runs, what)
    if found:
        return found
    try:
        run_id = named(runs, what)
    except MillraceError as error:
        raise BadInput(
            f"{what} is no run, no version, and no place of an artifact of {runs.config.name}",
            where=error.where,
            remedy="millrace runs lists runs and versions, and millrace runs show RUN --outputs the places",
        ) from error
    record = runs.record(run_id)
    for stage, key in ENDS:
        artifact = record.artifact(stage, key) if record else None
        if artifact:
            return (artifact.id,)
    raise BadInput(f"run {run_id} made nothing", remedy=f"millrace runs show {run_id} says why")


def pushed_version(runs: Runs, version: str) -> tuple[int, ...]:
    """A pushed model by its version, whose files need not be there any more.

    Args:
        runs: those of the pipeline, with a store.
        version: the name of its folder.

    Returns:
        The artifact's id; none where no such version was pushed.
    """
    pushed = artifacts_of_type(runs.store, "PushedModel", runs.layout.root)
    return next(
        ((one.id,) for one in pushed if (folder := pushed_folder(one)) is not None and folder.name == version), ()
    )


def _pushed_at(runs: Runs, what: str) -> tuple[int, ...]:
    """A pushed model by its folder, a file within, or the folder of versions, whose newest is served."""
    # Unlike Path's, this says no to what is too long for a path.
    if not os.path.exists(what):
        return ()
    place, newest = Path(what).resolve(), (-1, 0)
    for artifact in artifacts_of_type(runs.store, "PushedModel", runs.layout.root):
        folder = pushed_folder(artifact)
        if folder is None:
            continue
        if folder.resolve() == place or folder.resolve() in place.parents:
            return (artifact.id,)
        if folder.parent.resolve() == place and folder.is_dir() and folder.name.isdecimal():
            newest = max(newest, (int(folder.name), artifact.id))
    return (newest[1],) if newest[1] else ()


def _at_path(runs: Runs, what: str) -> tuple[int, ...]:
    if "://" in what:
        return tuple(artifact.id for artifact in runs.store.get_artifacts_by_uri(what.rstrip("/")))
    place = Path(what).resolve()
    for folder in (place, *place.parents):
        found = runs.store.get_artifacts_by_uri(str(folder))
        if found:
            return tuple(artifact.id for artifact in found)
    return ()


def about(place: str) -> Optional[dict[str, Any]]:
    """What a model that lies on a disk says of itself; None where it says nothing.

    Args:
        place: the folder of a SavedModel, or that of its versions, of which the newest is asked.
    """
    folder = Path(place)
    within = folder.glob("*") if os.path.isdir(folder) else ()
    versions = sorted((one for one in within if one.name.isdecimal()), key=lambda one: int(one.name))
    for candidate in (folder, *versions[::-1][:1]):
        try:
            values = json.loads(files.read_bytes(candidate / ABOUT_FILE))
        except (OSError, ValueError, RecursionError, BadInput):
            continue
        if isinstance(values, dict) and isinstance(values.get("made_from"), dict):
            made_from: dict[str, Any] = values["made_from"]
            return made_from
    return None


def in_words(value: Any) -> str:
    """What is known of an artifact as a person reads it: the values of a mapping by their names, five of a list."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_words(one)}" for name, one in value.items() if one not in (None, [], {}))
    if isinstance(value, list):
        return ", ".join(map(in_words, value[:5])) + (f" and {len(value) - 5} more" if len(value) > 5 else "")
    return str(value)
