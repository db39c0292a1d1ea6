"""The story of someone on a laptop: run, run again, change one thing, and only what it touches runs again."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DATA = ["ExampleGen", "StatisticsGen", "SchemaGen"]
CONTRACT = ["CuratedSchema", "ExampleValidator", "DataGate"]
JUDGES = ["Evaluator", "InfraValidator"]
CHECKOUT = Path(__file__).resolve().parents[3]
ALL = [*DATA, *CONTRACT, "Transform", "Trainer", *JUDGES, "Pusher"]


@pytest.fixture(scope="module")
def first(project):
    finished = project.run()
    assert finished.code == 0, finished.output
    return finished


def ran(finished, *but_not):
    """The stages that ran; the resolver looks for the champion in every run."""
    return [stage for stage in ALL if finished.stages.get(stage) == "done" and stage not in but_not]


def test_the_first_run_runs_everything_and_pushes(first, project):
    assert ran(first) == ALL
    [model] = project.pushed()
    assert (model / "saved_model.pb").exists()
    assert (model / "assets.extra" / "tf_serving_warmup_requests").exists()
    assert f"pushed to:      {model}" in first.output
    assert re.search(r"metrics: .*auc 0\.\d{4}", first.output, re.IGNORECASE)
    [run] = project.runs()
    assert run["state"] == "done"
    assert run["blessed"] is True
    assert run["infra_blessed"] is True
    assert run["pushed_to"] == str(model)


@pytest.fixture
def served(first, project):
    """Where `millrace serve` answers by REST and by gRPC."""
    process = project.start("serve")
    told = ""
    while "Ctrl-C ends it" not in told:
        line = process.stdout.readline()
        assert line, told
        told += line
    rest = re.match(r"  http://(\S+)/", process.stdout.readline())
    grpc = re.match(r"  (\S+) +gRPC", process.stdout.readline())
    yield rest[1], grpc[1]
    process.send_signal(signal.SIGINT)
    finished = project.finish(process, timeout=60)
    assert (finished.code, finished.output.splitlines()[-1]) == (0, "stopped")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_model_answers_what_the_pages_tell_to_ask(served, project):
    """The README's request as it stands there, the guide's by gRPC, the same answer to both, and why."""
    readme, guide = ((CHECKOUT / page).read_text() for page in ("README.md", "docs/guides/predictions.md"))
    [request] = re.findall(r"^curl [^']*'[^']*'$", readme, re.MULTILINE)
    [written] = re.findall(r'^\{"predictions".*\}$', readme, re.MULTILINE)
    assert request in guide and written in guide
    rest, grpc = served
    asked = subprocess.run(
        request.replace("localhost:8501", rest), shell=True, capture_output=True, text=True, check=True
    )
    [expected], [answer] = json.loads(written)["predictions"], json.loads(asked.stdout)["predictions"]
    assert answer.keys() == expected.keys()
    assert answer["classes"] == expected["classes"] and answer["label"] in answer["classes"]
    assert 0 < answer["probabilities"] < 1

    why = re.search(r"^curl [^']*'[^']*'$", (CHECKOUT / "docs/guides/explanations.md").read_text(), re.MULTILINE)
    asked = subprocess.run(
        why[0].replace("localhost:8501", rest), shell=True, capture_output=True, text=True, check=True
    )
    [explained] = json.loads(asked.stdout)["predictions"]
    assert sum(explained["attributions"]) == pytest.approx(explained["explained"] - explained["baseline"], abs=1e-5)

    [client] = re.findall(r'^```python title="ask.py"\n(.*?)^```$', guide, re.MULTILINE | re.DOTALL)
    (project.folder / "ask.py").write_text(client.replace("127.0.0.1:8500", grpc))
    told = project.finish(project.start_python("ask.py"))
    assert told.code == 0, told.output
    [probability] = re.findall(r"^\[(\S+)\]$", told.output, re.MULTILINE)
    assert float(probability) == pytest.approx(answer["probabilities"], abs=1e-6)


def test_the_log_says_nothing_of_other_packages_deprecations(first, project):
    """What is left out by name is listed in millrace/base/noise.py."""
    [log] = project.root.glob("logs/*/run.log")
    said = re.findall(r"^.*(?:deprecat|\w+Warning: ).*$", log.read_text(), re.MULTILINE | re.IGNORECASE)
    assert said == []


def test_a_second_run_with_nothing_changed_is_cached(first, project):
    # The first blessing gives the Evaluator a baseline that it did not have, so that its verdict is a new one.
    project.run()
    finished = project.run()
    assert finished.code == 0
    assert ran(finished) == []


def test_a_comment_under_models_runs_nothing(first, project):
    project.edit("models/trainer.py", '"""', '# A comment.\n"""')
    assert ran(project.run("--to", "Trainer")) == []


def test_a_change_of_the_trainers_code_runs_the_trainer_and_what_follows(first, project):
    with (project.folder / "models/trainer.py").open("a") as file:
        file.write("\nEDITED = True\n")
    finished = project.run()
    assert finished.code == 0, finished.output
    assert ran(finished) == ["Trainer", *JUDGES, "Pusher"]


@pytest.mark.thorough
def test_a_change_of_the_preprocessing_runs_transform_and_what_follows(first, project):
    with (project.folder / "models/preprocessing.py").open("a") as file:
        file.write("\nEDITED = True\n")
    assert ran(project.run("--to", "Transform")) == ["Transform"]


def test_an_edited_schema_is_never_served_from_the_cache(first, project):
    project.edit("schema/taxi/schema.pbtxt", '"Pcard"', '"Pcard"\n  value: "Tokens"')
    finished = project.run("--to", "Transform")
    assert ran(finished) == [*CONTRACT, "Transform"]


def test_a_threshold_runs_the_evaluator_and_what_follows(first, project):
    project.run()
    project.run()
    served = sorted((project.root / "serving" / "taxi").iterdir())
    finished = project.run("--set", "evaluation.thresholds.0.at_least=0.61")
    assert ran(finished) == ["Evaluator", "Pusher"]
    # A trial: it leaves what is served alone, and says so.
    assert finished.code == 0, finished.output
    assert "not served; --push serves it" in finished.output
    assert sorted((project.root / "serving" / "taxi").iterdir()) == served
    [tried] = (project.root / "trials" / "taxi").iterdir()
    assert str(tried) in finished.output
    # The next run does not meet the model that the trial blessed; with --push it is served.
    asked = project.run("--set", "evaluation.thresholds.0.at_least=0.61", "--push")
    assert ran(asked) == ["Evaluator", "Pusher"]
    assert len(list((project.root / "serving" / "taxi").iterdir())) == len(served) + 1


@pytest.mark.thorough
def test_a_training_value_runs_the_trainer_only(first, project):
    assert ran(project.run("--set", "training.learning_rate=0.011", "--to", "Trainer")) == ["Trainer"]


@pytest.mark.thorough
def test_from_runs_a_stage_and_what_follows(first, project):
    finished = project.run("--from", "Trainer", "--to", "Trainer")
    assert ran(finished) == ["Trainer"]


@pytest.mark.thorough
def test_no_cache_runs_everything(first, project):
    assert ran(project.run("--no-cache", "--to", "DataGate")) == ["ExampleGen", "StatisticsGen", *CONTRACT]


@pytest.mark.thorough
def test_artifacts_deleted_from_disk_are_not_served(first, project):
    for folder in (project.root / "artifacts" / "StatisticsGen" / "statistics").iterdir():
        shutil.rmtree(folder)
    finished = project.run("--to", "DataGate")
    assert finished.code == 0, finished.output
    assert ran(finished) == ["StatisticsGen"], "the same statistics came of it, so that what follows may stay"


@pytest.mark.thorough
def test_the_beam_runner_gives_the_same_verdicts(first, project):
    finished = project.run("--runner", "beam", "--no-cache")
    assert finished.code == 0, finished.output
    assert ran(finished) == ALL
    before, after = project.runs()[0], project.runs()[-1]
    assert (after["blessed"], after["infra_blessed"]) == (before["blessed"], before["infra_blessed"])
    assert after["pushed_to"]
