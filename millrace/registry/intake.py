"""Opens a pipeline's registry, and takes in what ML Metadata says was pushed and the registry does not know yet.

So a version is registered at the end of its run; when that was killed before, or is older than the registry, by the
next who opens it. What a version was made from is read once, from its run's records, and kept.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from millrace.base.errors import MillraceError
from millrace.components import stage_ids
from millrace.components.marks import REHEARSED, VERTEX_VERSION
from millrace.config.config import Config
from millrace.config.paths import layout, push_directory, registry_file, serving_directory
from millrace.metadata import provenance, records
from millrace.metadata.artifact_files import plain_properties, pushed_folder
from millrace.metadata.evaluations import evaluation
from millrace.metadata.events import artifacts_of_type, is_made
from millrace.metadata.places import execution_of
from millrace.metadata.records import RunRecord
from millrace.metadata.run_summaries import Runs
from millrace.registry import pushed_model, served_file
from millrace.registry.registry import Registry
from millrace.registry.version import Version, VersionFacts


def open_registry(config: Config) -> Registry:
    """Opens the registry of a pipeline, as it stands.

    Args:
        config: the pipeline's configuration.

    Raises:
        BadInput: its file cannot be used.
    """
    here = layout(config)
    return Registry(registry_file(config), config.name, serving_directory(config), here.root, config.registry.approval)


def up_to_date(registry: Registry, runs: Runs) -> tuple[Version, ...]:
    """Registers what was pushed since the registry was opened last, and writes the file that servers follow.

    Args:
        registry: of the pipeline.
        runs: those of the pipeline.

    Returns:
        The versions that are new.

    Raises:
        BadInput: ML Metadata or the registry's file cannot be used.
    """
    known = {one.number for one in registry.versions()}
    return registry.take_in([_pushed(runs, artifact, folder) for artifact, folder in _unknown(runs, known)])


def _unknown(runs: Runs, known: set[int]) -> list[tuple[metadata_store_pb2.Artifact, Path]]:
    """The artifacts of pushed models that are not registered, and their folders, each once."""
    trials = push_directory(
        runs.config.model_copy(update={"push": runs.config.push.model_copy(update={"trial": True})})
    )
    places = {serving_directory(runs.config).rstrip("/"), trials.rstrip("/")}
    artifacts = artifacts_of_type(runs.store, "PushedModel", runs.layout.root) if runs.store else []
    found: dict[int, tuple[metadata_store_pb2.Artifact, Path]] = {}
    for artifact in artifacts:
        folder = pushed_folder(artifact)
        if folder is None or REHEARSED in artifact.custom_properties or not folder.name.isdecimal():
            continue
        if str(folder.parent) in places and int(folder.name) not in known and (folder / "saved_model.pb").is_file():
            # Of several runs that name one version the first made it; the others took it from the cache.
            found.setdefault(int(folder.name), (artifact, folder))
    return list(found.values())


def _pushed(runs: Runs, artifact: metadata_store_pb2.Artifact, folder: Path) -> tuple[int, str, VersionFacts]:
    run_id = _run_of(runs, artifact)
    record = (runs.record(run_id) if run_id else None) or RunRecord(run_id, {})
    of_run = runs.folder(run_id)
    made_from = provenance.read(of_run.path) if of_run else None
    examples = record.artifact(stage_ids.EXAMPLE_GEN, "examples")
    of_data = plain_properties(examples) if examples else {}
    evaluated, summary = evaluation(record), runs.summary(run_id) if run_id else None
    files = pushed_model.file_checksums(folder)
    return (
        int(folder.name),
        run_id,
        VersionFacts(
            folder=str(folder),
            trial=str(folder.parent) != serving_directory(runs.config).rstrip("/"),
            artifact=artifact.id,
            checksum=pushed_model.checksum(files),
            files=files,
            bytes=sum((folder / name).stat().st_size for name in files),
            signatures=pushed_model.signatures(folder),
            schema_digest=made_from.schema_digest if made_from else "",
            span=_whole(of_data.get("span")),
            fingerprint=str(of_data.get("input_fingerprint", "")),
            commit=provenance.commit_of(made_from) or "",
            gate_report=evaluated.folder if evaluated.report else "",
            metrics=dict(evaluated.report.metrics) if evaluated.report else {},
            judged=summary.judged if summary else {},
            verdicts={one.stage: one.blessed for one in records.verdicts(record)},
            vertex=str(plain_properties(artifact).get(VERTEX_VERSION, "")),
        ),
    )


def _run_of(runs: Runs, artifact: metadata_store_pb2.Artifact) -> str:
    """The id of the run that pushed it; empty where ML Metadata does not tell."""
    maker = execution_of(artifact.uri)
    if not maker:
        events = runs.store.get_events_by_artifact_ids([artifact.id])
        maker = min((event.execution_id for event in events if is_made(event)), default=0)
    return records.run_of(runs.store, maker) if maker else ""


def _whole(value: Any) -> Optional[int]:
    """A span, which ExampleGen writes as text."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else None


@dataclass(frozen=True)
class Registered:
    """What the end of a run brought to the registry.

    Args:
        new: the versions that it registered.
        versions: all that there are, these among them.
        trouble: why they could not be registered; empty where they could. The next command that opens the registry
            does it.
    """

    new: tuple[Version, ...] = ()
    versions: tuple[Version, ...] = ()
    trouble: str = ""


def register_pushed(config: Config, clock: Callable[[], float] = time.time) -> Registered:
    """Registers what a run has pushed, at its end; nothing is raised, since the run has ended as it did.

    Args:
        config: the pipeline's configuration.
        clock: seconds since the epoch.
    """
    try:
        with open_registry(config) as registry:
            served_file.sweep(registry.serving, clock())
            return Registered(up_to_date(registry, Runs(config)), registry.versions())
    except (MillraceError, errors.StatusError, OSError) as error:
        logging.getLogger(__name__).exception("What was pushed could not be registered.")
        return Registered(trouble=str(error).splitlines()[0])
