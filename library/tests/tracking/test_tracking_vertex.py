"""Runs and jobs told to Vertex AI Experiments: written by Millrace, and read by Google's client, as a notebook does."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_metadata import FakeMetadata
from google_client import google_client
from past_runs import NOW, PastRuns, four_runs, report
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex.experiments import ExperimentRun, Experiments, Series, run_name
from millrace.components.evaluator.gate_report import JSON_NAME
from millrace.config.cloud_sections import VertexDeployment
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.run_summaries import run_summaries
from millrace.tracking.vertex import Told, joined, track_jobs, track_runs

ROOT = Path(__file__).resolve().parents[3]
BOARD = "projects/a-project/locations/us-central1/tensorboards/77"
CONTEXTS = "projects/a-project/locations/us-central1/metadataStores/default/contexts"


@pytest.fixture
def fake() -> Iterator[FakeMetadata]:
    with FakeMetadata(boards={BOARD}) as service:
        yield service


@pytest.fixture
def client(fake):
    """Google's client, as a notebook has it."""
    with google_client(fake.url) as aiplatform:
        yield aiplatform


@pytest.fixture
def past(tmp_path) -> PastRuns:
    return four_runs(tmp_path / "root")


def settings(fake: FakeMetadata, root: Path, *more: str) -> tuple[str, ...]:
    return (f"root={root}", "vertex.project=a-project", f"vertex.api_endpoint={fake.url}", *more)


def config_of(fake: FakeMetadata, root: Path, *more: str):
    return load(str(ROOT / "conf/taxi.yaml"), settings(fake, root, *more))


def experiments(fake: FakeMetadata, tensorboard: str = "") -> Experiments:
    where = VertexDeployment(project="a-project", api_endpoint=fake.url, tensorboard=tensorboard or None)
    return Experiments(where)


def a_run(**more) -> ExperimentRun:
    curves = (Series("train/loss", ((1, 0.9), (2, 0.5))), Series("validation/loss", ((2, 0.6),)))
    values = {"parameters": {"training.steps": "200"}, "metrics": {"AUC": 0.9}, "state": "COMPLETE", **more}
    return ExperimentRun(name="run-1", title="20301231-1", series=curves, at=NOW, **values)


def test_a_notebook_sees_the_runs_of_this_machine_as_millrace_runs_has_them(fake, client, past):
    config = config_of(fake, past.root)
    summaries = run_summaries(config)
    ids = [run.run_id for run in summaries]
    provenance.record(past.root / "logs" / ids[0], config, ("training.steps=200",))
    assert list(track_runs(config, ids, "taxi")) == [Told(one, "new") for one in ids]
    rows = {row["run_name"]: row for row in client.Experiment("taxi").get_data_frame().to_dict("records")}
    assert set(rows) == set(ids)
    assert [rows[one]["state"] for one in ids] == ["COMPLETE", "FAILED", "CANCELLED", "FAILED"]
    first = rows[ids[0]]
    assert first["metric.AUC"] == 0.91 and first["param.training.steps"] == "1000"
    assert first["param.millrace.set"] == "training.steps=200" and first["param.millrace.state"] == "done"
    assert "below 0.7" in rows[ids[1]]["param.millrace.reason"]
    assert math.isnan(rows[ids[2]]["metric.AUC"]), "of a run that measured nothing, nothing is said"

    sent = len(fake.sent("POST", "."))
    assert {one.outcome for one in track_runs(config, ids, "taxi")} == {"unchanged"}
    assert len(fake.sent("POST", ".")) == sent, "what is there is not written twice"


def test_curves_are_in_the_runs_tensorboard_and_told_twice_are_not_doubled(fake, client):
    service = experiments(fake, BOARD)
    service.open("taxi")
    assert [service.write("taxi", a_run(state=state)) for state in ("RUNNING", "COMPLETE", "COMPLETE")] == [
        "new",
        "completed",
        "unchanged",
    ]
    seen = client.ExperimentRun("run-1", experiment="taxi")
    frame = seen.get_time_series_data_frame().set_index("step")
    assert frame["train/loss"].tolist() == [0.9, 0.5] and frame["validation/loss"][2] == 0.6
    assert seen.get_metrics() == {"AUC": 0.9} and seen.get_state() == "COMPLETE"
    assert client.Experiment("taxi").backing_tensorboard_resource_name == BOARD
    assert list(fake.of_boards)[:2] == [f"{BOARD}/experiments/taxi", f"{BOARD}/experiments/taxi/runs/run-1"]


def test_long_curves_go_in_portions_that_the_service_takes(fake, client):
    service = experiments(fake, BOARD)
    service.open("taxi")
    curves = tuple(Series(name, tuple((step, 1.0 / step) for step in range(1, 7001))) for name in ("a", "b"))
    service.write("taxi", replace(a_run(), series=curves))
    sizes = [sum(len(one["values"]) for one in sent.body["timeSeriesData"]) for sent in fake.sent("POST", ":write")]
    assert sizes == [10_000, 4_000]
    assert sorted(map(len, fake.points.values())) == [7000, 7000]


def test_an_experiment_that_shows_another_tensorboard_keeps_it(fake):
    experiments(fake, BOARD).open("taxi")
    other = BOARD.replace("77", "78")
    with pytest.raises(BadInput, match=r"shows the curves of .*/77") as raised:
        experiments(fake, other).open("taxi")
    assert other in raised.value.where
    experiments(fake).open("taxi")
    # The service writes a project by its number.
    fake.contexts[f"{CONTEXTS}/taxi"]["metadata"]["backing_tensorboard_resource"] = BOARD.replace("a-project", "123")
    experiments(fake, BOARD).open("taxi")


def test_an_experiment_without_curves_gets_the_tensorboard_that_is_configured_later(fake):
    experiments(fake).open("taxi")
    experiments(fake, BOARD).open("taxi")
    kept = fake.contexts[f"{CONTEXTS}/taxi"]["metadata"]
    assert kept == {"experiment_deleted": False, "backing_tensorboard_resource": BOARD}


def test_what_is_called_so_and_is_no_experiment_is_left_alone(fake):
    service = experiments(fake)
    service.open("taxi")
    fake.contexts[f"{CONTEXTS}/taxi"]["schemaTitle"] = "system.PipelineRun"
    with pytest.raises(BadInput, match=r"a system\.PipelineRun that is called so, and no experiment"):
        service.open("taxi")


def test_names_that_are_too_long_are_refused_before_anything_is_written(fake):
    service = experiments(fake)
    with pytest.raises(BadInput, match="longer than the service takes"):
        service.write("x" * 80, replace(a_run(), name="y" * 60))
    assert not fake.sent("POST", ".")
    assert run_name("20301231-1200_Ab.c") == "20301231-1200-ab-c"


def test_a_tensorboard_of_another_region_is_refused_by_the_configuration():
    with pytest.raises(ValueError, match="is not in europe-west4, where runs are"):
        VertexDeployment(region="europe-west4", tensorboard=BOARD)


def test_a_refusal_names_what_was_asked(fake):
    fake.fail("GET", "/contexts/", 403, message="Permission aiplatform.contexts.get denied")
    with pytest.raises(ServiceFailure, match=r"contexts\.get denied") as raised:
        experiments(fake).open("taxi")
    assert "roles/aiplatform.user" in raised.value.remedy


def evaluated(fake: FakeMetadata, folder: Path) -> None:
    """The job's Evaluator leaves its report, as `small_job` knows no such task: its learner stands for it."""
    folder.mkdir()
    (folder / JSON_NAME).write_text(report(0.83).model_dump_json())
    fake.outputs["Evaluator"] = {
        "evaluation": {"artifacts": [{"uri": str(folder), "schemaTitle": "tfx.ModelEvaluation"}]}
    }


@pytest.fixture
def job_file(tmp_path) -> str:
    """A small job whose learner is called Evaluator."""
    job = small_job()
    text = json.dumps({"pipelineSpec": job.spec, "runtimeConfig": job.runtime, "displayName": "A small job"})
    names = re.findall(r'"(\w+)": \{"taskInfo": \{"name": "(\w+)"\}, "componentRef": \{"name": "comp-learner"', text)
    [(name, _)] = names
    path = tmp_path / "small.json"
    path.write_text(text.replace(f'"{name}"', '"Evaluator"'))
    return str(path)


def asked(fake, root, *arguments):
    options = [word for one in settings(fake, root) for word in ("--set", one)]
    return CliRunner().invoke(
        millrace, [*arguments, "-c", str(ROOT / "conf/taxi.yaml"), *options], standalone_mode=False
    )


def test_a_job_that_is_sent_stands_in_its_experiment_with_its_parameters_and_then_its_metrics(
    fake, client, tmp_path, job_file
):
    evaluated(fake, tmp_path / "evaluation")
    sent = asked(
        fake, tmp_path, "submit", job_file, "--param", "steps=20", "--job-id", "one", "--set", "vertex.experiment=tips"
    )
    assert sent.exception is None, sent.exception
    assert "experiment: tips\n" in sent.output
    [row] = client.Experiment("tips").get_data_frame().to_dict("records")
    assert (row["run_name"], row["run_type"], row["param.steps"]) == ("one", "system.PipelineRun", 20)
    assert "metric.AUC" not in row
    for _ in range(9):
        client.PipelineJob.get("one").state  # noqa: B018 (a look, by which the stand-in goes on)
    config = config_of(fake, tmp_path)
    assert list(track_jobs(config, ["one"], "tips")) == [Told("one", "completed")]
    assert list(track_jobs(config, ["one"], "tips")) == [Told("one", "unchanged")]
    [row] = client.Experiment("tips").get_data_frame().to_dict("records")
    assert row["metric.AUC"] == 0.83


def test_a_job_of_which_the_service_knows_nothing_yet_is_waited_for_and_then_left_to_track(fake, tmp_path):
    fake.work = lambda job, tell: fake.closed.wait() or True
    config = config_of(fake, tmp_path, "vertex.experiment=tips")
    fake.add("projects/a-project/locations/us-central1", "one", {**_body(), "displayName": "one"})
    waits: list[float] = []
    assert joined(config, "one", waits.append) == Told("one", "waiting")
    assert len(waits) == 30
    assert not fake.sent("POST", "addContextChildren")


def _body():
    job = small_job().with_values({"steps": "20"})
    return {"pipelineSpec": job.spec, "runtimeConfig": job.runtime}


def test_a_report_that_cannot_be_read_is_told_and_the_job_has_its_place(fake, client, tmp_path, job_file):
    evaluated(fake, tmp_path / "evaluation")
    (tmp_path / "evaluation" / JSON_NAME).write_text("{}")
    asked(fake, tmp_path, "submit", job_file, "--param", "steps=20", "--job-id", "one")
    for _ in range(9):
        client.PipelineJob.get("one").state  # noqa: B018 (a look)
    finished = asked(fake, tmp_path, "track", "--vertex", "--job", "one", "--experiment", "tips")
    assert finished.exception is None, finished.exception
    assert re.match(r"job one  new; \S+gate_report\.json cannot be read: ", finished.output)
    assert finished.output.endswith("0 runs and 1 job of taxi: 1 new\n")


def test_the_command_tells_of_runs_and_jobs(fake, past):
    finished = asked(fake, past.root, "track", "--vertex")
    assert finished.exception is None, finished.exception
    assert finished.output.endswith("4 runs of taxi: 4 new\n")
    assert f"{CONTEXTS}/taxi" in fake.contexts
    with pytest.raises(BadInput, match="nobody is named"):
        raise asked(fake, past.root, "track").exception
    with pytest.raises(BadInput, match="jobs are Vertex AI's"):
        raise asked(fake, past.root, "track", "--job", "one", "--mlflow", "http://x").exception
