"""A root with runs that have ended, as a run leaves them: folders, journals, logs, and TFX's records in ML Metadata."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.components.data_gate.findings import Finding
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, Row
from millrace.components.marks import TRIAL_KEY
from millrace.metadata.records import ENDED_PROPERTY, FAILURE_PROPERTY
from millrace.metadata.run_folder import RunRequest, new_run

# Each stage with the stages whose artifacts it reads, its output's key and that artifact's type.
GRAPH: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "ExampleGen": ((), "examples", "Examples"),
    "StatisticsGen": (("ExampleGen",), "statistics", "ExampleStatistics"),
    "DataGate": (("StatisticsGen",), "report", "DataGateReport"),
    "Transform": (("ExampleGen", "DataGate"), "transform_graph", "TransformGraph"),
    "Trainer": (("ExampleGen", "Transform"), "model", "Model"),
    "Evaluator": (("ExampleGen", "Trainer"), "evaluation", "ModelEvaluation"),
    "Pusher": (("Trainer", "Evaluator"), "pushed_model", "PushedModel"),
}
_STATES = {
    State.DONE: mlmd.Execution.COMPLETE,
    State.CACHED: mlmd.Execution.CACHED,
    State.RUNNING: mlmd.Execution.RUNNING,
}


class PastRuns:
    """Makes them.

    Args:
        root: of the pipeline; made where it is not there.
        pipeline: its name.
        config_file: what the runs were asked with.
    """

    def __init__(self, root: Path, pipeline: str = "taxi", config_file: str = "conf/taxi.yaml") -> None:
        self.root, self.pipeline, self.config_file = root, pipeline, config_file
        self._version = 1000
        root.mkdir(parents=True, exist_ok=True)
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(root / "metadata.db")
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = MetadataStore(connection)
        kinds = ("pipeline", "pipeline_run", "node")
        self._contexts = {kind: self.store.put_context_type(mlmd.ContextType(name=kind)) for kind in kinds}
        self._executions = {
            stage: self.store.put_execution_type(mlmd.ExecutionType(name=f"tfx.components.{stage}")) for stage in GRAPH
        }
        self._artifacts = {
            stage: self.store.put_artifact_type(mlmd.ArtifactType(name=kind)) for stage, (_, _, kind) in GRAPH.items()
        }
        self._blessing = self.store.put_artifact_type(mlmd.ArtifactType(name="ModelBlessing"))

    def add(
        self,
        states: Optional[Mapping[str, State]] = None,
        exit_code: Optional[int] = 0,
        failure: Optional[Failure] = None,
        gate: Optional[GateReport] = None,
        started: float = 0.0,
        seconds: float = 30.0,
        log: Sequence[str] = ("the log's last line",),
        overrides: tuple[str, ...] = (),
        trial: bool = False,
    ) -> str:
        """A run that has ended, or was killed.

        Args:
            states: how each of its stages ended, in the graph's order; by default all of them done.
            exit_code: None for a run that was killed.
            failure: of the stage that ended the run.
            gate: what the Evaluator measured; its verdict is its blessing's.
            started: seconds since the epoch; 0 for an hour ago.
            seconds: how long it took.
            log: the lines of its log.
            overrides: its `--set` values.
            trial: whether its model was pushed to where none is served.

        Returns:
            Its id.
        """
        began = started or time.time() - 3600
        request = RunRequest(self.config_file, overrides=overrides, pipeline=self.pipeline)
        with new_run(self.root / "logs", request, began) as folder:
            folder.log.write_text("\n".join(log) + "\n")
            made: dict[str, mlmd.Artifact] = {}
            states = dict.fromkeys(GRAPH, State.DONE) if states is None else states
            for stage in states:
                folder.journal.record(stage, State.WAITING)
            for stage, state in states.items():
                if state is State.WAITING:
                    continue
                said = failure if state not in (State.DONE, State.CACHED, State.RUNNING) else None
                folder.journal.record(stage, State.RUNNING)
                if state is not State.RUNNING:
                    folder.journal.record(stage, state, failure=said)
                made.update(self._record(folder.run_id, stage, state, said, gate, made, trial))
            if exit_code is not None:
                folder.finish(exit_code, failure, began + seconds)
        return folder.run_id

    def begin(self, run_id: str, stage: str) -> int:
        """A stage of a run that goes on, as ML Metadata knows it before its end.

        Args:
            run_id: of the run, whose folder somebody else holds.
            stage: its id.

        Returns:
            The execution's id.
        """
        self._record(run_id, stage, State.RUNNING, None, None, {})
        return max(execution.id for execution in self.store.get_executions())

    def _record(
        self,
        run_id: str,
        stage: str,
        state: State,
        failure: Optional[Failure],
        gate: Optional[GateReport],
        made: Mapping[str, mlmd.Artifact],
        trial: bool = False,
    ) -> dict[str, mlmd.Artifact]:
        """One execution with its events; gives the artifact that it made."""
        upstream, key, _ = GRAPH[stage]
        execution = mlmd.Execution(
            type_id=self._executions[stage], last_known_state=_STATES.get(state, mlmd.Execution.FAILED)
        )
        if failure:
            execution.custom_properties[FAILURE_PROPERTY].string_value = failure.what
        if state not in _STATES:
            execution.custom_properties[ENDED_PROPERTY].string_value = state.value
        names = {"pipeline": self.pipeline, "pipeline_run": run_id, "node": f"{self.pipeline}.{stage}"}
        contexts = [mlmd.Context(type_id=self._contexts[kind], name=name) for kind, name in names.items()]
        pairs = [(made[one], _event(GRAPH[one][1], mlmd.Event.INPUT)) for one in upstream if one in made]
        outputs = []
        if state in (State.DONE, State.CACHED) or (gate and stage == "Evaluator"):
            folder = self.root / "artifacts" / stage / key / run_id
            folder.mkdir(parents=True)
            artifact = mlmd.Artifact(type_id=self._artifacts[stage], uri=str(folder))
            artifact.custom_properties["tfx_version"].string_value = "1.16.0"
            if gate and stage == "Evaluator":
                (folder / JSON_NAME).write_text(gate.model_dump_json())
            if stage == "Pusher":
                self._version += 1
                version = self.root / ("trials" if trial else "serving") / self.pipeline / str(self._version)
                version.mkdir(parents=True)
                artifact.custom_properties["pushed"].int_value = 1
                artifact.custom_properties["pushed_destination"].string_value = str(version)
            outputs.append((artifact, _event(key, mlmd.Event.OUTPUT)))
            if stage == "Evaluator" and trial:
                blessing = mlmd.Artifact(type_id=self._blessing, uri=str(folder))
                blessing.custom_properties["blessed"].int_value = blessing.custom_properties[TRIAL_KEY].int_value = 1
                outputs.append((blessing, _event("blessing", mlmd.Event.OUTPUT)))
        _, artifact_ids, _ = self.store.put_execution(
            execution, pairs + outputs, contexts, reuse_context_if_already_exist=True
        )
        for (artifact, _), number in zip(outputs, artifact_ids[len(pairs) :], strict=True):
            artifact.id = number
        return {stage: outputs[0][0]} if outputs else {}


def _event(key: str, kind: int) -> mlmd.Event:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event


NOW = 1_900_000_000.0
"""When the four runs are looked at, seconds since the epoch."""

WHY = "AUC 0.6 is below 0.7 on <script>alert(1)</script>\x1b[31m"


def report(value: float, blessed: bool = True) -> GateReport:
    """A gate report with one threshold.

    Args:
        value: of AUC.
        blessed: whether it meets the threshold.
    """
    verdict = "pass" if blessed else "fail"
    row = Row(metric="AUC", slice="overall", value=value, threshold="at least 0.7", verdict=verdict)
    return GateReport(blessed=blessed, reason="" if blessed else WHY, metrics={"auc": value}, rows=(row,))


def four_runs(root: Path) -> PastRuns:
    """One run that pushed, one that was blocked by the Evaluator, one that was killed, one that failed."""
    past = PastRuns(root)
    past.add(gate=report(0.91), started=NOW - 4000, seconds=40)
    before = {stage: State.DONE for stage in GRAPH if stage not in ("Evaluator", "Pusher")}
    no = Failure(WHY, "Evaluator", "fix the model", 3)
    past.add({**before, "Evaluator": State.BLOCKED}, 3, no, report(0.6, False), NOW - 3000, 50)
    past.add({"ExampleGen": State.DONE, "StatisticsGen": State.RUNNING}, None, started=NOW - 2000)
    full = Failure("no space left", "ExampleGen", "make room", 1)
    past.add({"ExampleGen": State.FAILED}, 1, full, started=NOW - 1000)
    return past


def refused_by_data() -> Failure:
    """What a run is left with that DataGate ended: one finding that blocks in two splits, and a warning."""
    expected, seen = "one of 'Flash', 'Choice'", "'<script>alert(1)</script>' in 12 rows (3.00%)"
    findings = [
        Finding("company", split, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", expected, seen, 12)
        for split in ("train", "eval")
    ]
    a_column = "a column that the schema names"
    findings.append(Finding("note", "eval", "SCHEMA_NEW_COLUMN", a_column, "INT", 7, action="warn"))
    what = "DataGate: 1 finding stops this run before anything is trained: data that breaks its contract."
    return Failure(what, "", "fix the data, then run again", 3, tuple(one.to_json() for one in findings))
