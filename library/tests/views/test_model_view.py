"""A run's model as it is shown."""

from pathlib import Path

import pytest
from looked_at_runs import LookedAtRuns
from ml_metadata.proto import metadata_store_pb2 as mlmd

from millrace.base.errors import BadInput
from millrace.components.evaluator.gate_report import GateReport, Row
from millrace.components.evaluator.prediction_summary import PredictionSummary
from millrace.config.loading import load
from millrace.metadata.records import RunRecord, StageRecord
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import Runs
from millrace.training import training_record
from millrace.training.training_record import TrainingRecord
from millrace.views.model import model_of, model_view


@pytest.mark.parametrize("properties, said", [({"blessed": 0}, (False, "")), ({}, None)])
def test_a_judge_that_came_to_no_verdict_lends_no_other_its_own(properties, said):
    """The first of the verdicts was taken for the Evaluator's."""
    blessing = mlmd.Artifact()
    for name, value in properties.items():
        blessing.custom_properties[name].int_value = value
    stage = StageRecord("InfraValidator", 1, "done", 0, 1, "", {"blessing": [blessing]})
    model = model_view(RunRecord("r", {"InfraValidator": stage}))
    assert model.verdict("Evaluator") is None
    infra = model.verdict("InfraValidator")
    assert (infra and (infra.blessed, infra.reason)) == said


def runs_of(root: Path) -> Runs:
    return Runs(load("conf/taxi.yaml", [f"root={root}"]))


def test_all_that_a_run_left_of_its_model_is_shown(tmp_path):
    runs = LookedAtRuns(tmp_path / "taxi")
    gate = GateReport(
        blessed=False,
        reason="AUC is too low",
        metrics={"auc": 0.6, "binary_accuracy": 0.99},
        rows=(
            Row(metric="BinaryAccuracy", slice="overall", value=0.99, threshold="at least 0.5", verdict="pass"),
            Row(metric="AUC", slice="overall", value=0.6, threshold="at least 0.7", verdict="fail"),
        ),
        examples=120,
        baseline="models/17",
        baseline_problem="it cannot be loaded",
        suspicious=("BinaryAccuracy",),
    )
    run_id = runs.add(
        {"train": {"fare": [1.0] * 9}},
        gate=gate,
        predictions=PredictionSummary(task="binary", examples=120),
        curves={"train": {"loss": [0.5, 0.4]}, "validation": {"loss": [0.6, 0.5]}},
        exit_code=3,
    )
    logs = tmp_path / "taxi" / "artifacts" / "Trainer" / "model_run" / run_id
    training_record.write(str(logs), TrainingRecord(200, (), "raise training.steps"))
    model = model_of(runs_of(tmp_path / "taxi"), run_id)
    assert (model.run_id, model.log_folder, model.advice) == (run_id, str(logs), "raise training.steps")
    assert {(curve.split, curve.metric) for curve in model.curves} == {("train", "loss"), ("validation", "loss")}
    assert (model.examples, model.baseline, model.baseline_problem) == (120, "models/17", "it cannot be loaded")
    assert (model.suspicious, model.predictions[""].examples) == (("BinaryAccuracy",), 120)
    assert [(name, one.slice, one.value) for name, one in model.failed] == [("AUC", "overall", 0.6)]
    verdict = model.verdict("Evaluator")
    assert (verdict.blessed, verdict.reason, model.verdict("InfraValidator")) == (False, "AUC is too low", None)
    assert model.pushed_to == "" and model.trials == () and model.evaluation_problem == ""


def test_a_run_that_trained_nothing_has_an_empty_view(tmp_path):
    runs = LookedAtRuns(tmp_path / "taxi")
    model = model_of(runs_of(tmp_path / "taxi"), runs.add({"train": {"fare": [1.0] * 9}}))
    assert (model.model, model.curves, model.advice, model.metrics, model.examples) == ("", (), "", (), None)
    assert model.predictions == {} and model.verdicts == () and model.failed == ()


def test_a_run_that_is_not_there_or_came_to_no_stage_is_told(tmp_path):
    LookedAtRuns(tmp_path / "taxi").add({"train": {"fare": [1.0] * 9}})
    with new_run(tmp_path / "taxi" / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.finish(2)
    with pytest.raises(BadInput, match="it ended before its first stage: ") as early:
        model_of(runs_of(tmp_path / "taxi"), folder.run_id)
    with pytest.raises(BadInput, match="there is no such run") as unknown:
        model_of(runs_of(tmp_path / "taxi"), "20310101-000001")
    assert "runs show" in early.value.remedy and "runs lists" in unknown.value.remedy
