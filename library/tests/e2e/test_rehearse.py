"""A rehearsal through the real command: it makes what a run makes, and rehearses a job of stock TFX."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import CHECKOUT, Finished, Project
from google.protobuf import text_format
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from millrace.components.evaluator.gate_report import GateReport
from millrace.metadata import records
from millrace.metadata.evaluations import evaluation

# The story of a submission rehearses the taxi job too, and library/tests/rehearsal each of its parts.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

DIGEST = "europe-docker.pkg.dev/p/r/i@sha256:" + "0" * 64
SPLITS = ("train", "eval")


def remembered(root: Path, pipeline: str, run_id: str = "") -> records.RunRecord:
    """A run in the metadata of a root; the last when none is named."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    found = records.runs(MetadataStore(connection), pipeline)
    return next(run for run in reversed(found) if run_id in ("", run.run_id))


@pytest.fixture(scope="module")
def shippable(project) -> Project:
    """The project with what makes it a package, and a bucket for its cloud."""
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(CHECKOUT / file, project.folder / file)
    places = {"project": "a-project", "root": "gs://bucket/taxi", "data_path": "gs://bucket/data", "image": DIGEST}
    kubeflow = {
        "host": "https://kfp.example.org",
        "root": "gs://bucket/kubeflow",
        "data_path": "gs://bucket/data",
        "push_directory": "gs://bucket/taxi/serving/taxi",
        "image": DIGEST,
    }
    project.configure(vertex={**places, "defaults": {"memory_gb": 16}}, kubeflow=kubeflow)
    return project


@pytest.fixture(scope="module")
def local_run(shippable) -> records.RunRecord:
    """A run of the same data in a root of its own, so that neither is the other's champion."""
    root = shippable.folder / "local"
    finished = shippable.run("--no-cache", "--set", f"root={root}")
    assert finished.code == 0, finished.output
    return remembered(root, "taxi")


def rehearse(project: Project, *arguments: str) -> tuple[Finished, dict]:
    """Rehearses with the bucket's data taken from the project, and gives the report as well."""
    finished = project.millrace("rehearse", "--gs", f"gs://bucket/data={project.data}", *arguments)
    reports = sorted((project.root / "logs").glob("*/rehearsal.json"))
    return finished, json.loads(reports[-1].read_text()) if reports else {}


@pytest.fixture(scope="module")
def rehearsal(shippable, local_run) -> tuple[Finished, dict]:
    """One rehearsal of the same configuration."""
    return rehearse(shippable)


@pytest.fixture(scope="module")
def rehearsed(rehearsal, shippable) -> records.RunRecord:
    """What the metadata remember of it."""
    finished, _ = rehearsal
    assert finished.code == 0, finished.output
    return remembered(shippable.root, "taxi")


def folder(run: records.RunRecord, stage: str, key: str) -> Path:
    """Where an output of a run lies."""
    artifact = run.artifact(stage, key)
    assert artifact is not None, f"{stage} made no {key}"
    return Path(artifact.uri)


def serialised(files: Path) -> Counter:
    """The examples of a split, however they are divided among files and in which order their features are written."""
    dataset = tf.data.TFRecordDataset(sorted(str(file) for file in files.glob("*.gz")), "GZIP")
    examples = (tf.train.Example.FromString(record) for record in dataset.as_numpy_iterator())
    return Counter(example.SerializeToString(deterministic=True) for example in examples)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("stage", "key"), [("ExampleGen", "examples"), ("Transform", "transformed_examples")])
def test_the_examples_are_those_of_a_run(local_run, rehearsed, stage, key, split):
    made = serialised(folder(rehearsed, stage, key) / f"Split-{split}")
    assert made and made == serialised(folder(local_run, stage, key) / f"Split-{split}")


@pytest.mark.parametrize("split", SPLITS)
def test_the_statistics_and_anomalies_are_those_of_a_run(local_run, rehearsed, split):
    for stage, key, file, message in (
        ("StatisticsGen", "statistics", "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList),
        ("ExampleValidator", "anomalies", "SchemaDiff.pb", anomalies_pb2.Anomalies),
    ):
        place = f"Split-{split}/{file}"
        made, expected = (
            message.FromString((folder(run, stage, key) / place).read_bytes()) for run in (rehearsed, local_run)
        )
        assert made.ByteSize() and made == expected


def test_the_schema_and_the_verdicts_are_those_of_a_run(local_run, rehearsed):
    for stage in ("SchemaGen", "CuratedSchema"):
        made, expected = (
            text_format.Parse((folder(run, stage, "schema") / "schema.pbtxt").read_text(), schema_pb2.Schema())
            for run in (rehearsed, local_run)
        )
        assert made == expected
    reports = [evaluation(run).report for run in (rehearsed, local_run)]
    assert all(isinstance(report, GateReport) for report in reports)
    mine, theirs = (report for report in reports if report)
    assert mine.blessed and theirs.blessed
    assert [(row.metric, row.slice, row.verdict) for row in mine.rows] == [
        (r.metric, r.slice, r.verdict) for r in theirs.rows
    ]
    assert mine.metrics == pytest.approx(theirs.metrics, abs=0.02)
    for run in (rehearsed, local_run):
        blessed = [(one.stage, one.blessed) for one in records.verdicts(run)]
        assert blessed == [("Evaluator", True), ("InfraValidator", True)]


def test_a_model_is_pushed_and_answers(rehearsal, rehearsed, shippable, local_run):
    _, report = rehearsal
    pushed = Path(report["pushed_to"])
    assert pushed.parent == shippable.root / "rehearsal" / "gs" / "bucket" / "taxi" / "serving" / "taxi"
    assert records.pushed_to(rehearsed) == str(pushed)
    mine, theirs = (tf.saved_model.load(str(place)) for place in (pushed, records.pushed_to(local_run)))
    assert set(mine.signatures) == set(theirs.signatures)


def test_without_a_bucket_the_model_is_pushed_to_a_folder_of_the_rehearsal(shippable):
    """Of the root as taxi has it, a folder of this machine: a path was named that existed nowhere."""
    root = shippable.folder / "beside"
    finished, _ = rehearse(shippable, "--set", f"root={root}", "--set", f"vertex.root={root}", "--json")
    report = json.loads(finished.output[finished.output.index("{") :])
    assert finished.code == 0, finished.output
    pushed = Path(report["pushed_to"])
    assert pushed.parent == root / "rehearsal" / "pushed" / "serving" / "taxi"
    assert (pushed / "saved_model.pb").is_file() and not (root / "serving").exists()
    assert any(str(root / "serving" / "taxi") in finding for finding in report["findings"])
    [row] = json.loads(shippable.millrace("runs", "--json", "--set", f"root={root}").output)
    assert (row["state"], row["rehearsal"], row["pushed_to"]) == ("done", True, "")
    assert row["seconds"] == pytest.approx(report["seconds"])


def test_the_report_says_what_a_person_asks(rehearsal, rehearsed):
    finished, report = rehearsal
    rows = {row["task"]: row for row in report["tasks"]}
    assert {row["state"] for row in rows.values()} == {"done"} and rows["Trainer"]["peak"] > 3e8
    assert rows["Trainer"]["limit"] > rows["Trainer"]["peak"]
    assert rows["Pusher"]["outputs"]["pushed_model"][0].startswith("gs://bucket/taxi/")
    assert not report["exact"], "tasks were forked"
    assert not report["findings"]
    for word in ("IAM", "quota", "network", "the image", "pushed to:"):
        assert word in finished.output


def test_runs_shows_a_rehearsal_and_resume_passes_it_over(rehearsed, shippable):
    [row] = shippable.runs()
    assert (row["run_id"], row["state"], row["blessed"], row["infra_blessed"]) == (rehearsed.run_id, "done", True, True)
    assert row["metrics"] and row["rehearsal"] and not row["pushed_to"], "its model is not for serving"
    assert "rehearsal, blessed" in shippable.millrace("runs").output
    resumed = shippable.run("--resume")
    assert resumed.code == 2 and "nothing to resume" in resumed.output


def test_again_in_interpreters_of_their_own(rehearsed, shippable):
    """The same from a file; nothing comes from the cache, which starts no interpreter. A failure shows what follows."""
    file = shippable.folder / "job.json"
    compiled = shippable.millrace("compile", "--runner", "vertex", "-o", str(file))
    assert compiled.code == 0, compiled.output
    job = json.loads(file.read_text())
    job["pipelineSpec"]["root"]["dag"]["tasks"]["Trainer"]["retryPolicy"] = {
        "maxRetryCount": 1,
        "backoffDuration": "60s",
    }
    file.write_text(json.dumps(job))
    finished, report = rehearse(shippable, str(file), "--exact", "--param", "training_steps=1", "--fail", "Trainer")
    states = {row["task"]: row["state"] for row in report["tasks"]}
    assert finished.code == 1 and report["exact"]
    assert {states[name] for name in ("ExampleGen", "StatisticsGen", "Transform")} == {"done"}
    assert (states["Trainer"], states["Evaluator"], states["Pusher"]) == ("failed", "skipped", "skipped")
    assert "2 tries, which the service starts after 60 s" in " ".join(finished.output.split())


def test_the_job_for_kubeflow_takes_its_own_ways(rehearsal, rehearsed, shippable):
    """No drivers and no resolvers there: a task finds the data, and the champion is the model that was pushed last."""
    _, before = rehearsal
    finished, report = rehearse(shippable, "--runner", "kubeflow", "--param", "training_steps=40")
    assert finished.code in (0, 3), finished.output
    rows = {row["task"]: row for row in report["tasks"]}
    assert not any("resolver" in task for task in rows)
    run = remembered(shippable.root, "taxi", report["run_id"])
    verdict = evaluation(run).report
    assert verdict and verdict.baseline, "the model that the first rehearsal pushed is the champion"
    pushed = Path(before["pushed_to"]).parent
    assert records.verdict(run, "InfraValidator").blessed
    assert len(list(pushed.glob("[0-9]*"))) == (2 if finished.code == 0 else 1)


def test_a_trial_is_pushed_beside_what_is_served_and_the_next_job_does_not_find_it(shippable):
    """Vertex AI's resolver is TFX's own, which knows no mark of ours."""
    root = shippable.folder / "tried"
    options = ("--gs", f"gs://bucket/data={shippable.data}", "--set", f"root={root}")
    tried = shippable.millrace("rehearse", *options, "--set", "evaluation.thresholds.0.at_least=0.1")
    assert tried.code == 0, tried.output
    run = remembered(root, "taxi")
    assert records.verdict(run, "Evaluator").blessed
    assert "/trials/taxi/" in records.pushed_to(run)
    later = shippable.millrace("rehearse", *options)
    verdict = evaluation(remembered(root, "taxi")).report
    assert verdict and not verdict.baseline, later.output


def test_a_gate_that_says_no_says_why(rehearsed, shippable):
    """DataGate's no is told from a fault, with its own words and remedy, through two processes."""
    before = shippable.schema.read_text()
    try:
        shippable.edit("schema/taxi/schema.pbtxt", 'value: "Cash"', 'value: "Barter"')
        finished, report = rehearse(shippable)
    finally:
        shippable.schema.write_text(before)
    states = {row["task"]: row["state"] for row in report["tasks"]}
    assert finished.code == 3, finished.output
    assert (states["DataGate"], states["Transform"]) == ("blocked", "skipped")
    assert "payment_type" in json.dumps(report["failure"]["findings"]) and "schema" in report["failure"]["remedy"]
    assert shippable.runs()[-1]["state"] == "blocked"


def test_a_broken_file_is_refused(shippable):
    file = shippable.folder / "broken.json"
    file.write_text('{"pipelineSpec": {}}')
    finished = shippable.millrace("rehearse", str(file))
    assert finished.code == 2 and "no compiled job" in finished.output and "Traceback" not in finished.output


@pytest.mark.parametrize("version", ["2.1", "2.0"])
def test_a_job_of_stock_tfx_rehearses(shippable, tmp_path, version):
    """TFX's taxi example, compiled by TFX alone, whose tasks use nothing of Millrace."""
    file = tmp_path / "stock.json"
    script = Path(__file__).with_name("stock_taxi.py")
    subprocess.run(
        [sys.executable, str(script), "gs://bucket/data", "gs://bucket/stock", str(file), version],
        check=True,
        capture_output=True,
    )
    finished, report = rehearse(shippable, str(file))
    assert finished.code == 0, finished.output
    assert {row["state"] for row in report["tasks"]} == {"done"}
    assert (Path(report["pushed_to"]) / "saved_model.pb").is_file()
    pushed = remembered(shippable.root, "stock-taxi").artifact("Pusher", "pushed_model")
    assert pushed and pushed.custom_properties["pushed"].int_value == 1
