"""The story of someone on a laptop: run, run again, change one thing, and only what it touches runs again."""

import re
import shutil

import pytest

pytestmark = pytest.mark.slow

DATA = ["ExampleGen", "StatisticsGen", "SchemaGen"]
CONTRACT = ["CuratedSchema", "ExampleValidator", "DataGate"]
JUDGES = ["Evaluator", "InfraValidator"]
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


def test_a_training_value_runs_the_trainer_only(first, project):
    assert ran(project.run("--set", "training.learning_rate=0.011", "--to", "Trainer")) == ["Trainer"]


def test_from_runs_a_stage_and_what_follows(first, project):
    finished = project.run("--from", "Trainer", "--to", "Trainer")
    assert ran(finished) == ["Trainer"]


def test_no_cache_runs_everything(first, project):
    assert ran(project.run("--no-cache", "--to", "DataGate")) == ["ExampleGen", "StatisticsGen", *CONTRACT]


def test_artifacts_deleted_from_disk_are_not_served(first, project):
    for folder in (project.root / "artifacts" / "StatisticsGen" / "statistics").iterdir():
        shutil.rmtree(folder)
    finished = project.run("--to", "DataGate")
    assert finished.code == 0, finished.output
    assert ran(finished) == ["StatisticsGen"], "the same statistics came of it, so that what follows may stay"


def test_the_beam_runner_gives_the_same_verdicts(first, project):
    finished = project.run("--runner", "beam", "--no-cache")
    assert finished.code == 0, finished.output
    assert ran(finished) == ALL
    before, after = project.runs()[0], project.runs()[-1]
    assert (after["blessed"], after["infra_blessed"]) == (before["blessed"], before["infra_blessed"])
    assert after["pushed_to"]
