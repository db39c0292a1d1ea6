"""The next data beside the latest blessed: what no schema notices is stopped, and honest data goes its way."""

import csv
import json
import shutil

import pytest
from conftest import CHECKOUT

pytestmark = pytest.mark.slow


def rewrite(project, change):
    """Rewrites the project's table, row by row."""
    [file] = project.data.glob("*.csv")
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        change(number, row)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def flip(_number, row):
    row["big_tipper"] = str(1 - int(row["big_tipper"]))


def another_unit(_number, row):
    """Miles times a hundred, under a schema that has room for them."""
    row["trip_miles"] = str(float(row["trip_miles"]) * 100)


@pytest.mark.thorough
def test_a_blessed_run_is_what_the_next_data_is_compared_with(project):
    project.edit("schema/taxi/schema.pbtxt", "float_domain { min: 0 max: 2000 ", "float_domain { min: 0 max: 200000 ")
    first = project.run()
    assert first.code == 0, first.output
    again = project.run()
    looked_up = {"LatestBlessedModel", "LatestBlessedData"}
    assert {stage for stage, state in again.stages.items() if state != "cached"} <= looked_up, again.stages

    project.configure(data={"path": "../data", "format": "csv", "splits": {"train": 1, "eval": 2}})
    honest = project.run()
    assert honest.code == 0, honest.output
    assert honest.stages["DataGate"] == "done"
    [report] = [path for path in project.root.glob("**/DataGate/**/report.json") if "baseline" in path.read_text()][-1:]
    assert json.loads(report.read_text())["passed"]

    # Its blessing is deleted, as the message about a champion that is gone proposes: the one before it still counts.
    before, newer = sorted(project.root.glob("artifacts/Evaluator/blessing/*"), key=lambda folder: int(folder.name))
    shutil.rmtree(newer)
    assert (before / "data_statistics").is_dir()
    rewrite(project, flip)
    flipped = project.run()
    assert flipped.code == 3, flipped.output
    assert flipped.stages["DataGate"] == "blocked"
    assert "LABEL_MOVED" in flipped.output
    assert "once a model is blessed on this data" in flipped.output
    rewrite(project, flip)

    rewrite(project, another_unit)
    scaled = project.run()
    assert scaled.code == 3, scaled.output
    assert "NUMBER_MOVED" in scaled.output


def test_a_column_that_was_renamed_is_data_gates_to_say_and_propose_answers(project):
    [file] = project.data.glob("*.csv")
    text = file.read_text()
    file.write_text(text.replace("fare,", "fares,", 1))
    finished = project.run()
    file.write_text(text)
    assert finished.code == 3, finished.output
    assert finished.stages["DataGate"] == "blocked"
    # A cell may be folded, beside what else this data broke.
    assert "there is fares:" in finished.output and "was it renamed?" in finished.output
    proposed = project.millrace("schema", "propose").output
    assert "fare: SCHEMA_MISSING_COLUMN" in proposed
    assert "must say fares" in proposed


def test_nine_of_ten_cells_empty_do_not_pass_under_a_floor(project):
    rewrite(project, lambda number, row: row.update(trip_seconds=row["trip_seconds"] if number % 10 == 0 else ""))
    finished = project.run()
    assert finished.code == 3, finished.output
    assert "FEATURE_TYPE_LOW_FRACTION_PRESENT" in finished.output
    assert "gives up:" in project.millrace("schema", "propose").output


@pytest.mark.thorough
def test_a_rehearsal_finds_the_blessed_data_by_the_services_queries(fresh_project):
    """The compiled job looks blessings up as Vertex AI does; what a run of this machine blessed is among them."""
    project = fresh_project
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(CHECKOUT / file, project.folder / file)
    image = f"europe-docker.pkg.dev/p/r/i@sha256:{'0' * 64}"
    places = {"project": "a-project", "root": "gs://bucket/taxi", "data_path": "gs://bucket/data", "image": image}
    project.configure(vertex=places)
    blessed = project.run()
    assert blessed.code == 0, blessed.output
    rewrite(project, flip)
    rehearsed = project.millrace("rehearse", "--gs", f"gs://bucket/data={project.data}")
    assert rehearsed.code == 3, rehearsed.output
    assert "LABEL_MOVED" in rehearsed.output
