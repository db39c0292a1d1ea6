"""What is off by default and on with one line: tuning, pinned hyperparameters, the webhook, spans and versions."""

import json
import re

import pytest
from fake_webhook import webhook

pytestmark = pytest.mark.slow


def best_hyperparameters(project):
    [file] = (project.root / "artifacts" / "Tuner" / "best_hyperparameters").glob("*/best_hyperparameters.txt")
    return file


@pytest.mark.thorough
def test_tuning_reaches_the_trainer_and_the_verdicts_reach_the_webhook(project):
    space = {"learning_rate": {"values": [0.011, 0.012]}}
    project.configure(
        tuning={"enabled": True, "trials": 2, "steps": 20, "space": space}, notify={"webhook_env": "MILLRACE_TEST_HOOK"}
    )
    with webhook() as hook:
        finished = project.millrace("run", MILLRACE_TEST_HOOK=f"{hook.url}/ok/secret-7731")
        again = project.millrace("run", MILLRACE_TEST_HOOK=f"{hook.url}/ok/secret-7731")
    assert finished.code == 0, finished.output
    assert finished.stages["Tuner"] == "done"
    assert json.loads(best_hyperparameters(project).read_text())["values"]["learning_rate"] in (0.011, 0.012)
    log = next((project.root / "logs").glob("*/run.log")).read_text()
    assert "secret-7731" not in log
    assert again.code == 0 and again.stages["Pusher"] == "cached", again.output
    message, nothing_new = hook.messages
    assert (message["newly_pushed"], nothing_new["newly_pushed"]) == (True, False)
    assert message["pushed_to"] == str(project.pushed()[0])
    assert message["model_blessed"] is True
    assert message["infra_blessed"] is True


@pytest.mark.thorough
def test_pinned_hyperparameters_take_the_place_of_a_search(project):
    values = {"values": {"learning_rate": 0.01}}
    (project.folder / "conf" / "best.json").write_text(json.dumps(values))
    project.configure(tuning={"pinned": "best.json"}, notify=None)
    finished = project.run("--to", "Trainer")
    assert finished.code == 0, finished.output
    assert finished.stages["PinnedHyperparameters"] == "done"
    assert "Tuner" not in finished.stages
    assert project.run("--to", "Trainer").stages["Trainer"] == "cached"
    (project.folder / "conf" / "best.json").write_text(json.dumps({"values": {"learning_rate": 0.02}}))
    assert project.run("--to", "Trainer").stages["Trainer"] == "done"


@pytest.mark.parametrize(
    ("chosen", "span", "version"),
    # A version that is named is written into the pattern, where TFX's driver no longer sees a version.
    [
        pytest.param((), 2, 3, marks=pytest.mark.thorough),
        pytest.param(("data.span=1",), 1, 2, marks=pytest.mark.thorough),
        (("data.version=1",), 2, 0),
    ],
)
def test_spans_and_versions_are_the_newest_or_the_ones_that_are_named(project, chosen, span, version):
    rows = (project.data / "trips.csv").read_text().splitlines(keepends=True)
    for folder in ("span-1/v1", "span-1/v2", "span-2/v1", "span-2/v3"):
        (project.folder / "spans" / folder).mkdir(parents=True, exist_ok=True)
        (project.folder / "spans" / folder / "trips.csv").write_text("".join(rows[:500]))
    project.configure(
        tuning=None, data={"path": "../spans", "format": "csv", "pattern": "span-{SPAN}/v{VERSION}/*.csv"}
    )
    finished = project.run("--to", "ExampleGen", *(word for key in chosen for word in ("--set", key)))
    assert finished.code == 0, finished.output
    newest = max((project.root / "artifacts" / "ExampleGen" / "examples").iterdir(), key=lambda path: int(path.name))
    assert properties(project, newest) == {"span": span, "version": version}


ENDINGS = {"parquet": ".parquet", "avro": ".avro", "tfrecord": ".gz"}


@pytest.mark.parametrize(
    "kind", ["parquet", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("avro", "tfrecord"))]
)
def test_other_formats_are_read(project, kind):
    path = f"data.path=package:tfx/components/testdata/external/{kind}"
    chosen = ("--set", path, "--set", f"data.format={kind}", "--set", f"data.pattern=*{ENDINGS[kind]}")
    label = ("--set", "label.column=tips", "--set", "features={fare: {kind: numeric}}")
    finished = project.run("--to", "StatisticsGen", *chosen, *label)
    assert finished.code == 0, finished.output
    assert finished.stages["StatisticsGen"] == "done"


def test_without_a_curated_schema_the_run_says_that_it_was_inferred(project):
    project.configure(schema=None, tuning=None, data={"path": "../data", "format": "csv"})
    finished = project.run("--to", "DataGate")
    assert finished.code == 0, finished.output
    assert re.search(r"^schema: +inferred from this data", finished.output, re.MULTILINE)
    assert "CuratedSchema" not in finished.stages


def properties(project, folder):
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(project.root / "metadata.db")
    [artifact] = MetadataStore(connection).get_artifacts_by_uri(str(folder))
    return {name: artifact.custom_properties[name].int_value for name in ("span", "version")}
