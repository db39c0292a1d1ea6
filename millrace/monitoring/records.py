"""Windows in ML Metadata: an execution each, which read the served model and made TFX's statistics and anomalies.

It belongs to the pipeline and to no run, is published whole or not at all, and its artifacts lie as TFX lays them out:
`Monitor/KEY/EXECUTION` below the pipeline's root. So lineage walks from a version's rows to what it was asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ml_metadata.proto import metadata_store_pb2
from pydantic import TypeAdapter, ValidationError
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from millrace.base import files
from millrace.base.plain_values import plain
from millrace.metadata.artifact_files import record_files
from millrace.metadata.events import is_made, key_of
from millrace.metadata.lineage import MONITOR
from millrace.metadata.places import as_here
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.findings import MonitorReport
from millrace.statistics import order_statistics
from millrace.statistics.columns import STATISTICS_FILE, of_all_rows
from millrace.statistics.comparison import Rows

if TYPE_CHECKING:  # TFDV, which whoever only reads what was recorded does without
    from millrace.monitoring.window_rows import WindowRows

STATISTICS, ANOMALIES, REPORT = "statistics", "anomalies", "report"
_REPORT_FILE, _ANOMALIES_FILE = "report.json", "SchemaDiff.pb"
_TYPES = {STATISTICS: "ExampleStatistics", ANOMALIES: "ExampleAnomalies", REPORT: "MonitorReport"}
_Execution, _Event, _Artifact = (
    metadata_store_pb2.Execution,
    metadata_store_pb2.Event,
    metadata_store_pb2.Artifact,
)


@dataclass(frozen=True)
class Recorded:
    """A window that was recorded.

    Args:
        report: what was said of it.
        statistics: the id of its statistics in ML Metadata.
        folder: where these lie.
    """

    report: MonitorReport
    statistics: int
    folder: Path


def publish(
    runs: Runs,
    report: MonitorReport,
    splits: Mapping[str, "WindowRows"],
    anomalies: anomalies_pb2.Anomalies,
    judged_split: str,
    read: Mapping[str, int],
) -> int:
    """Writes a window's artifacts, and what they were made from.

    Args:
        runs: those of the pipeline, whose store is open.
        report: what is to be said of the window.
        splits: its statistics by split.
        anomalies: of one of them.
        judged_split: of which.
        read: the ids of the artifacts that were read, by key.

    Returns:
        The execution's id.

    Raises:
        OSError: an artifact cannot be written; the execution is marked as failed.
    """
    store = runs.store
    kind = metadata_store_pb2.ExecutionType(name="millrace.monitoring.Monitor")
    execution = _Execution(
        type_id=store.put_execution_type(kind, can_add_fields=True, can_omit_fields=True),
        last_known_state=_Execution.RUNNING,
    )
    for name, value in (("version", str(report.version)), ("window", str(report.window))):
        execution.custom_properties[name].string_value = value
    contexts = _contexts(store, runs.config.name)
    number, _, _ = store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
    execution.id = number
    places = {key: Path(runs.layout.artifacts).absolute() / MONITOR / key / str(number) for key in _TYPES}
    try:
        for name, split in splits.items():
            content = order_statistics.to_bytes(split.rows.numbers)
            files.write(order_statistics.file_of(str(places[STATISTICS]), name), content)
            file = places[STATISTICS] / f"Split-{name}" / STATISTICS_FILE
            files.write(file, split.statistics.SerializeToString())
        files.write(places[ANOMALIES] / f"Split-{judged_split}" / _ANOMALIES_FILE, anomalies.SerializeToString())
        files.write(places[REPORT] / _REPORT_FILE, json.dumps(plain(report), indent=1) + "\n")
    except OSError:
        execution.last_known_state = _Execution.FAILED
        store.put_executions([execution])
        raise
    split_names = {STATISTICS: list(splits), ANOMALIES: [judged_split], REPORT: []}
    made = []
    for key, place in places.items():
        artifact = _Artifact(type_id=_type_id(store, key), uri=str(place), state=_Artifact.LIVE)
        if split_names[key]:
            artifact.properties["split_names"].string_value = json.dumps(split_names[key])
        artifact.custom_properties["version"].string_value = str(report.version)
        artifact.custom_properties["window"].string_value = str(report.window)
        made.append((artifact, _event(key, _Event.OUTPUT)))
    execution.last_known_state = _Execution.COMPLETE
    inputs = [_event(key, _Event.INPUT, artifact) for key, artifact in read.items() if artifact]
    for event in inputs:
        event.execution_id = number
    if inputs:
        store.put_events(inputs)
    _, artifact_ids, _ = store.put_execution(execution, made, contexts, reuse_context_if_already_exist=True)
    record_files(store, store.get_artifacts_by_id(artifact_ids))
    return number


def recorded(runs: Runs) -> list[Recorded]:
    """What was recorded of every window, the newest last; of a window that was looked at twice the later.

    Args:
        runs: those of the pipeline.
    """
    store = runs.store
    node = store.get_context_by_type_and_name("node", f"{runs.config.name}.{MONITOR}") if store else None
    executions = store.get_executions_by_context(node.id) if node else []
    whole = [one.id for one in executions if one.last_known_state == _Execution.COMPLETE]
    events = [one for one in store.get_events_by_execution_ids(whole) if is_made(one)] if whole else []
    artifacts = {one.id: one for one in store.get_artifacts_by_id([event.artifact_id for event in events])}
    by_execution: dict[int, dict[str, metadata_store_pb2.Artifact]] = {}
    for event in events:
        artifact = artifacts[event.artifact_id]
        by_execution.setdefault(event.execution_id, {})[key_of(event)] = as_here(artifact, runs.layout.root) or artifact
    found: dict[tuple[Any, int], Recorded] = {}
    for execution, outputs in sorted(by_execution.items()):
        report = _read_report(Path(outputs[REPORT].uri), execution) if REPORT in outputs else None
        if report is not None:
            statistics = outputs[STATISTICS]
            found[report.window, report.version] = Recorded(report, statistics.id, Path(statistics.uri))
    return [found[key] for key in sorted(found)]


def reports(runs: Runs) -> list[MonitorReport]:
    """What is to be said of every window that was recorded, the newest last.

    Args:
        runs: those of the pipeline.
    """
    return [one.report for one in recorded(runs)]


def rows_of(folder: Path, split: str) -> Optional[Rows]:
    """The rows of a split by an artifact's folder; None where they are gone, or the split is not there.

    Args:
        folder: of ExampleStatistics.
        split: its name.
    """
    try:
        content = (folder / f"Split-{split}" / STATISTICS_FILE).read_bytes()
    except OSError:
        return None
    kept = Path(order_statistics.file_of(str(folder), split))
    numbers = order_statistics.from_bytes(kept.read_bytes()) if kept.is_file() else {}
    return Rows(of_all_rows(DatasetFeatureStatisticsList.FromString(content)), numbers)


def _read_report(folder: Path, execution: int) -> Optional[MonitorReport]:
    """None of one whose file is gone, or was written by a later Millrace."""
    try:
        values = json.loads((folder / _REPORT_FILE).read_text(encoding="utf-8"))
        return _reader().validate_python({**values, "execution": execution})
    except (OSError, ValueError, ValidationError):
        return None


@cache
def _reader() -> TypeAdapter[MonitorReport]:
    return TypeAdapter(MonitorReport)


def _contexts(store: Any, pipeline: str) -> list[metadata_store_pb2.Context]:
    contexts = []
    for kind, name in (("pipeline", pipeline), ("node", f"{pipeline}.{MONITOR}")):
        type_id = store.put_context_type(
            metadata_store_pb2.ContextType(name=kind), can_add_fields=True, can_omit_fields=True
        )
        contexts.append(metadata_store_pb2.Context(type_id=type_id, name=name))
    return contexts


def _type_id(store: Any, key: str) -> int:
    """TFX's own type where a run has made it known; else as TFX describes it."""
    name = _TYPES[key]
    known = next((one for one in store.get_artifact_types() if one.name == name), None)
    if known is not None and (key == REPORT or "split_names" in known.properties):
        return int(known.id)
    artifact_type = metadata_store_pb2.ArtifactType(name=name)
    if key != REPORT:
        artifact_type.properties["span"] = metadata_store_pb2.INT
        artifact_type.properties["split_names"] = metadata_store_pb2.STRING
    return int(store.put_artifact_type(artifact_type, can_add_fields=True, can_omit_fields=True))


def _event(key: str, kind: Any, artifact: int = 0) -> metadata_store_pb2.Event:
    event = metadata_store_pb2.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    if artifact:
        event.artifact_id = artifact
    return event
