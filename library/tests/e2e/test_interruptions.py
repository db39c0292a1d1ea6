"""Ctrl-C, kill -9 and two runs at once: nothing half-written is seen, and the work goes on where it stopped."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow


def half_written(project, run_id):
    """Folders of outputs that belong to no finished execution."""
    return list((project.root / "artifacts" / "Transform" / "transform_graph").glob("*"))


def wait_in_transform(project, statement):
    """Starts a run whose preprocessing_fn waits; gives the process and the run's id once it is there."""
    with (project.folder / "models/preprocessing.py").open("a") as file:
        file.write(
            "\n\n_OF_THE_PROJECT = preprocessing_fn\n\n\n"
            "def preprocessing_fn(inputs, custom_config):\n"
            "    import ctypes\n"
            "    import time\n\n"
            "    print('it waits', flush=True)\n"
            f"    {statement}\n"
            "    return _OF_THE_PROJECT(inputs, custom_config)\n"
        )
    process = project.start("run", "--to", "Transform")
    run_id = project.wait_for("Transform", "running", process)
    log = project.root / "logs" / run_id / "run.log"
    while "it waits" not in log.read_text(errors="replace"):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    return process, run_id


def test_an_interrupted_run_says_so_and_resumes(fresh_project):
    project = fresh_project
    preprocessing = project.folder / "models/preprocessing.py"
    of_the_project = preprocessing.read_text()
    process, run_id = wait_in_transform(project, "time.sleep(600)")
    os.killpg(process.pid, signal.SIGINT)
    finished = project.finish(process)
    assert finished.code == 130, finished.output
    assert finished.stages["Transform"] == "interrupted"
    assert "millrace run --resume" in finished.output
    assert "Traceback" not in finished.output
    [run] = project.runs()
    assert (run["run_id"], run["state"]) == (run_id, "interrupted")
    assert half_written(project, run_id) == []

    preprocessing.write_text(of_the_project)
    resumed = project.run("--resume")
    assert resumed.code == 0, resumed.output
    assert resumed.stages["ExampleGen"] == "cached"
    assert resumed.stages["Transform"] == "done"


def test_a_run_ends_within_seconds_while_a_stage_is_in_c(fresh_project):
    """There no signal is looked at; the stage would go on for ten minutes, and holds its half-written output."""
    project = fresh_project
    process, run_id = wait_in_transform(project, "ctypes.CDLL(None).poll(None, 0, 600_000)")
    process.send_signal(signal.SIGTERM)
    finished = project.finish(process, timeout=120)
    assert finished.code == 130, finished.output
    assert finished.stages["Transform"] == "interrupted"
    assert f"run {run_id}: interrupted" in finished.output
    [run] = project.runs()
    assert run["state"] == "interrupted"
    assert half_written(project, run_id) == []


@pytest.mark.thorough
def test_a_killed_run_resumes_with_what_was_asked_for(fresh_project):
    project = fresh_project
    process = project.start("run", "--no-cache", "--set", "training.steps=61", "--push")
    run_id = project.wait_for("Transform", "running", process)
    os.killpg(process.pid, signal.SIGKILL)
    assert project.finish(process).code == -signal.SIGKILL
    [run] = project.runs()
    assert (run["run_id"], run["state"]) == (run_id, "killed")

    resumed = project.run("--resume")
    assert resumed.code == 0, resumed.output
    assert resumed.stages["ExampleGen"] == "cached"
    assert resumed.stages["Pusher"] == "done"
    before, after = project.runs()
    assert before["state"] == "killed"
    assert after["state"] == "done"
    assert "training.steps=61" in (project.root / "logs" / after["run_id"] / "run.json").read_text()
    assert len(project.pushed()) == 1

    refused = project.run("--resume")
    assert refused.code == 2
    assert "there is nothing to resume" in refused.output


@pytest.mark.thorough
def test_two_runs_at_once_on_one_root(fresh_project):
    project = fresh_project
    first = project.start("run", "--no-cache")
    second = project.start("run", "--no-cache")
    outcomes = [project.finish(process) for process in (first, second)]
    assert [finished.code for finished in outcomes] == [0, 0], [finished.output for finished in outcomes]
    runs = project.runs()
    assert [run["state"] for run in runs] == ["done", "done"]
    assert all(run["pushed_to"] for run in runs)
    assert project.run("--to", "Transform").code == 0, "and a third finds the metadata in order"
