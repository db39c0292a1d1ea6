"""What an earlier run made is taken when it is whole, wherever the project lies; what lacks something is made again."""

import shutil

import pytest

# library/tests/execution shows the same of a graph of small stages.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture
def ran(fresh_project):
    finished = fresh_project.run()
    assert finished.code == 0, finished.output
    return fresh_project


def only(project, pattern):
    [path] = project.root.glob(pattern)
    return path


def test_what_was_deleted_or_cut_is_made_again_and_said(ran):
    """Pushed models that were gone were reported as pushed; a model without its file was served and blessed."""
    project = ran
    [pushed] = project.pushed()
    shutil.rmtree(pushed)
    finished = project.run()
    assert finished.code == 0, finished.output
    assert (finished.stages["Trainer"], finished.stages["Pusher"]) == ("cached", "done")
    assert f"made again: the pushed model {pushed} is gone" in finished.output
    [again] = project.pushed()
    assert (again / "saved_model.pb").is_file()

    model = only(project, "artifacts/Trainer/model/*/Format-Serving")
    (model / "saved_model.pb").unlink()
    finished = project.run()
    assert finished.code == 0, finished.output
    assert (finished.stages["Transform"], finished.stages["Trainer"]) == ("cached", "done")
    assert finished.stages["Evaluator"] == "done", "another model is judged anew"
    assert "Format-Serving/saved_model.pb is gone" in finished.output

    sidecar = only(project, "artifacts/ExampleGen/examples/*/.arrow/Split-train/*.arrow")
    sidecar.write_bytes(sidecar.read_bytes()[:-100])
    finished = project.run("--from", "StatisticsGen", "--to", "Transform")
    assert finished.code == 0, finished.output
    assert (finished.stages["ExampleGen"], finished.stages["Transform"]) == ("cached", "done")
    assert "the TFRecords are read" in finished.output


def test_a_moved_project_goes_on(ran):
    """It never blessed again: the champion was looked for where it had been."""
    project = ran
    before = project.runs()
    here = project.folder.with_name("elsewhere")
    shutil.move(project.folder, here)
    project.folder, project.root = here, here / "runs" / "taxi"
    project.conf, project.schema = here / "conf" / "taxi.yaml", here / "schema" / "taxi" / "schema.pbtxt"
    [listed] = project.runs()
    assert listed["metrics"] == before[0]["metrics"] != {}
    assert listed["pushed_to"] == str(project.pushed()[0])

    finished = project.run()
    assert finished.code == 0, finished.output
    looked_up = {"LatestBlessedModel", "LatestBlessedData"}
    assert {stage for stage, state in finished.stages.items() if state != "cached"} <= looked_up, finished.stages
    assert len(project.pushed()) == 1

    with (here / "models/trainer.py").open("a") as file:
        file.write("\nEDITED = True\n")
    finished = project.run("--to", "Evaluator")
    assert finished.code in (0, 3), finished.output
    report = next(iter(sorted(project.root.glob("artifacts/Evaluator/evaluation/*/gate_report.json"))[-1:]))
    assert f'"baseline": "{project.root}/artifacts/Trainer/model/' in report.read_text()
