"""The golden job with every stage and every setting, rehearsed whole; what only the cloud can do is stood in for."""

import json
import shutil

import pytest
from conftest import CHECKOUT, Project
from golden_cases import STAGES, VERTEX, VERTEX_SETTINGS

pytestmark = pytest.mark.slow


def everything(project: Project) -> tuple[str, ...]:
    """The options that compile the golden job, over the project's own small data, training and search."""
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(CHECKOUT / file, project.folder / file)
    place = project.data / "span-7" / "v-1"
    place.mkdir(parents=True)
    (project.data / "trips.csv").rename(place / "trips.csv")
    project.configure(tuning={"trials": 1, "steps": 5, "space": {"learning_rate": {"values": [0.01]}}})
    settings = [text for given in (*VERTEX, *STAGES, *VERTEX_SETTINGS) for text in ("--set", given)]
    return (*settings, "--gs", f"gs://my-bucket/data={project.data}", "--json", "--push")


def report(output: str) -> dict:
    """The report of a rehearsal, which stands alone on its standard output."""
    parsed: dict = json.loads(output[output.index("{") :])
    return parsed


@pytest.mark.thorough
def test_every_stage_of_the_golden_job_is_rehearsed(project):
    options = everything(project)
    first = project.millrace("rehearse", *options)
    rehearsed = report(first.output)
    assert first.code == 0, first.output[-2000:]
    assert {row["state"] for row in rehearsed["tasks"]} == {"done"} and rehearsed["ending"] == "done"
    assert any("nothing was sent to Vertex AI" in told for told in rehearsed["findings"])

    # What the endpoint would have been given, by hand: the rest runs, and what ran before is in the cache.
    (project.folder / "pushed").mkdir()
    given = ("--output", f"Pusher.pushed_model={project.folder / 'pushed'}")
    second = project.millrace("rehearse", *options, *given)
    states = {row["task"]: row["state"] for row in report(second.output)["tasks"]}
    assert second.code == 0, second.output[-2000:]
    assert states["Pusher"] == "given" and states["Notifier"] == "done" and states["Transform"] == "cached"
