"""Runs whose artifacts hold what there is to look at: statistics by TFDV, anomalies, event files, an evaluation."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import pyarrow as pa
import tensorflow_data_validation as tfdv
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from millrace.components.data_gate.findings import Finding
from millrace.components.data_gate.report import JSON_NAME
from millrace.components.evaluator import gate_report, prediction_summary
from millrace.components.evaluator.gate_report import GateReport
from millrace.components.evaluator.prediction_summary import PredictionSummary
from millrace.components.statistics_gen import in_process
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.schema import native
from millrace.statistics.columns import of_all_rows

Table = Mapping[str, list[Any]]
_OUTPUTS = {
    "ExampleGen": {"examples": "Examples"},
    "StatisticsGen": {"statistics": "ExampleStatistics"},
    "ExampleValidator": {"anomalies": "ExampleAnomalies"},
    "DataGate": {"report": "DataGateReport"},
    "LatestBlessedData": {"model_blessing": "ModelBlessing"},
    "Tuner": {"tuner_results": "TunerResults"},
    "Trainer": {"model": "Model", "model_run": "ModelRun"},
    "Evaluator": {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
}


class LookedAtRuns:
    """Makes them.

    Args:
        root: of the pipeline; made where it is not there.
        pipeline: its name.
        config_file: what the runs were asked with.
    """

    def __init__(self, root: Path, pipeline: str = "taxi", config_file: str = "conf/taxi.yaml") -> None:
        self.root, self._pipeline, self._config_file = root, pipeline, config_file
        root.mkdir(parents=True, exist_ok=True)
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(root / "metadata.db")
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = MetadataStore(connection)

    def add(
        self,
        splits: Mapping[str, Table],
        schema: Optional[schema_pb2.Schema] = None,
        gate: Optional[GateReport] = None,
        predictions: Optional[PredictionSummary] = None,
        curves: Optional[Mapping[str, Mapping[str, Sequence[float]]]] = None,
        trials: Sequence[Mapping[str, Any]] = (),
        span: int = 1,
        exit_code: Optional[int] = 0,
        said: Optional[Sequence[Finding]] = None,
        blessed: str = "",
        slices: Sequence[Sequence[str]] = (),
    ) -> str:
        """A run that has ended.

        Args:
            splits: the tables that it read.
            schema: what they were held to; None for a run without a validation.
            gate: the Evaluator's report; None for a run that did not get that far.
            predictions: beside it.
            curves: values of each epoch, by metric, by `train` and `validation`.
            trials: the Tuner's, as TFX writes them.
            span: of the data.
            exit_code: how it ended; None for a run that was killed.
            said: what DataGate recorded; None where it left no report.
            blessed: the run whose data was the latest blessed one.
            slices: columns on whose values the statistics are sliced.

        Returns:
            Its id.
        """
        with new_run(self.root / "logs", RunRequest(self._config_file, pipeline=self._pipeline)) as folder:
            run_id = folder.run_id
            self._record(run_id, "ExampleGen", span=span)
            statistics, anomalies = self._record(run_id, "StatisticsGen"), None
            if schema is not None:
                anomalies = self._record(run_id, "ExampleValidator")["anomalies"]
            for split, table in splits.items():
                seen = statistics_of(table, slices)
                _write(statistics["statistics"] / f"Split-{split}/FeatureStats.pb", seen)
                if anomalies is not None and schema is not None:
                    _write(anomalies / f"Split-{split}/SchemaDiff.pb", native.validate(of_all_rows(seen), schema))
            if said is not None:
                findings = {"findings": [finding.to_json() for finding in said]}
                (self._record(run_id, "DataGate")["report"] / JSON_NAME).write_text(json.dumps(findings))
            if blessed:
                self._record(run_id, "LatestBlessedData", self._blessing(blessed))
            if trials:
                tuned = self._record(run_id, "Tuner")["tuner_results"]
                (tuned / "tuner_results.json").write_text(json.dumps(list(trials)))
            if curves is not None:
                logs = self._record(run_id, "Trainer")["model_run"]
                for split, metrics in curves.items():
                    write_events(logs / split, metrics)
            if gate is not None:
                evaluation = self._record(run_id, "Evaluator", blessed=gate.blessed, reason=gate.reason)["evaluation"]
                (evaluation / gate_report.JSON_NAME).write_text(gate.model_dump_json())
                if predictions is not None:
                    (evaluation / prediction_summary.FILE).write_text(predictions.model_dump_json())
            if exit_code is not None:
                folder.finish(exit_code)
        return run_id

    def _blessing(self, run_id: str) -> Path:
        """Where TFX would have put a run's blessing: below the number of one of its executions."""
        context = self._store.get_context_by_type_and_name("pipeline_run", run_id)
        number = self._store.get_executions_by_context(context.id)[0].id
        return self.root / "artifacts" / "Evaluator" / "blessing" / str(number)

    def _record(self, run_id: str, stage: str, place: Optional[Path] = None, **properties: Any) -> dict[str, Path]:
        """One execution in ML Metadata; gives the folders of what it made, or took from another place."""
        kind = self._store.put_execution_type(mlmd.ExecutionType(name=f"tfx.components.{stage}"))
        execution = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.COMPLETE)
        contexts = []
        named = {"pipeline": self._pipeline, "pipeline_run": run_id, "node": f"{self._pipeline}.{stage}"}
        for of_kind, name in named.items():
            type_id = self._store.put_context_type(mlmd.ContextType(name=of_kind))
            contexts.append(mlmd.Context(type_id=type_id, name=name))
        pairs, folders = [], {}
        for key, name in _OUTPUTS[stage].items():
            folders[key] = place or self.root / "artifacts" / stage / key / run_id
            folders[key].mkdir(parents=True, exist_ok=True)
            artifact = mlmd.Artifact(
                type_id=self._store.put_artifact_type(mlmd.ArtifactType(name=name)), uri=str(folders[key])
            )
            for property_name, value in properties.items():
                kept = artifact.custom_properties[property_name]
                if isinstance(value, str):
                    kept.string_value = value
                else:
                    kept.int_value = int(value)
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add().key = key
            pairs.append((artifact, event))
        self._store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        return folders


def statistics_of(table: Table, slices: Sequence[Sequence[str]] = ()) -> statistics_pb2.DatasetFeatureStatisticsList:
    """TFDV's, of columns of numbers or texts, perhaps by slice; None is a cell without a value."""
    batch = pa.RecordBatch.from_arrays([_cells(values) for values in table.values()], list(table))
    if slices:
        return in_process.generate([batch], tfdv.StatsOptions(slicing_config=in_process.slicing_config(slices)))
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def _cells(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    kind = {str: pa.large_binary(), int: pa.int64()}.get(next(iter(kinds), str), pa.float32())
    cells = [[] if value is None else [value.encode() if isinstance(value, str) else value] for value in values]
    return pa.array(cells, pa.large_list(kind))


def write_events(folder: Path, metrics: Mapping[str, Sequence[float]], steps_per_epoch: int = 100) -> None:
    """Event files as Keras's callback writes them: each epoch's values, and of an evaluation the optimizer's steps."""
    writer = EventFileWriter(str(folder), filename_suffix=".v2")
    for metric, values in metrics.items():
        for epoch, value in enumerate(values):
            places = {f"epoch_{metric}": epoch}
            if folder.name == "validation":
                places[f"evaluation_{metric}_vs_iterations"] = (epoch + 1) * steps_per_epoch
            for tag, step in places.items():
                summary = summary_pb2.Summary()
                summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto(float(value)))
                writer.add_event(event_pb2.Event(step=step, summary=summary))
    writer.close()


def _write(file: Path, proto: Any) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(proto.SerializeToString())
