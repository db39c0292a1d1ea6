"""`millrace compile` and `millrace check`, through the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_job import step_of

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.jobspec.job import load

CONFIG = "conf/taxi.yaml"
GOLDEN = Path("library/tests/jobspec/golden")


def invoke(*arguments):
    return CliRunner().invoke(millrace, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "name", "unset"),
    [
        ("vertex", "taxi-vertex.json", "no Google Cloud project is set"),
        ("kubeflow", "taxi-kubeflow.yaml", "no Kubeflow Pipelines server is set"),
    ],
)
def test_the_shipped_configuration_compiles_as_it_is(tmp_path, runner, name, unset):
    """From a clean clone: what a submission needs is listed, and hinders nothing before it."""
    command = [sys.executable, "-m", "millrace.cli.main"]
    there = ["--set", f"root={tmp_path}"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [*command, "compile", "--runner", runner, *there], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    following = f"next: millrace rehearse --runner {runner}; then millrace submit --runner {runner}, once"
    assert unset in done.stdout and following in done.stdout
    assert "TensorFlow" not in done.stderr and "Warning" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "compiled").iterdir()) == sorted(
        [name, f"taxi-{runner}.log", *(["taxi-vertex.configuration.json"] if runner == "vertex" else [])]
    )

    checked = subprocess.run([*command, "check", *there], capture_output=True, text=True, env=environment)
    assert checked.returncode == 2
    assert unset in checked.stdout and "no container image is set" in checked.stdout


@pytest.mark.slow
def test_a_file_of_its_own_is_written_and_a_wrong_stage_is_refused(tmp_path):
    output = tmp_path / "here" / "job.json"
    done = invoke("compile", "--set", f"root={tmp_path}", "-o", output)
    assert done.exit_code == 0
    assert json.loads(output.read_text())["pipelineSpec"]["pipelineInfo"] == {"name": "taxi"}
    with pytest.raises(BadInput, match="no stage Trainr"):
        invoke("compile", "--set", f"root={tmp_path}", "--set", "vertex.stages={Trainr: {cpu: 1}}")


@pytest.mark.slow
def test_a_job_with_values_that_were_tried_pushes_to_no_endpoint_and_marks_its_blessing(tmp_path):
    endpoint = "push.vertex={project: my-project, region: us-central1, endpoint: tips, image: i}"
    output = tmp_path / "job.json"
    settings = ("vertex.root=gs://my-bucket/r", endpoint, "training.steps=1", f"root={tmp_path}")
    done = invoke("compile", "-o", output, *(word for one in settings for word in ("--set", one)))
    assert (done.exit_code, "its model is not served; --push serves it" in done.output) == (0, True)
    job = load(output)
    assert job.value(step_of(job, "Evaluator"), "trial") == 1
    assert "gs://my-bucket/r/trials/taxi" in job.value(step_of(job, "Pusher"), "push_destination")


def test_a_sound_file_is_sound():
    done = invoke("check", GOLDEN / "everything-kubeflow.yaml", "-c", CONFIG, "--set", "kubeflow.host=https://kfp")
    assert (done.exit_code, done.output.splitlines()[0]) == (
        0,
        "library/tests/jobspec/golden/everything-kubeflow.yaml: nothing found",
    )


def test_what_is_found_is_shown_with_the_remedy_and_exit_code_2(tmp_path):
    job = json.loads((GOLDEN / "taxi-vertex.json").read_text())
    job["labels"]["Team"] = "tips"
    arguments = job["pipelineSpec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]["args"]
    arguments[arguments.index("--executor_class_path") + 1] = "__main__.Mine"
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = invoke("check", tmp_path / "job.json")
    words = " ".join(done.output.split())
    assert done.exit_code == 2
    assert "2 wrong" in words and "'Team' is refused" in words
    assert "is defined in a script, which no container can import" in words
    assert "move it into a module of a package" in words


def test_a_job_that_is_wrong_does_not_replace_a_good_one(tmp_path, monkeypatch):
    good, wrong = load(GOLDEN / "taxi-vertex.json"), load(GOLDEN / "taxi-vertex.json")
    wrong.labels["Team"] = "tips"
    made = []
    monkeypatch.setattr("millrace.cli.cloud.compile.compile_for", lambda config, runner: made.pop())
    target, beside = tmp_path / "job.json", tmp_path / "job.refused.json"

    def compiles(job):
        made.append(job)
        return invoke("compile", "-c", CONFIG, "--set", f"root={tmp_path}", "-o", target)

    done = compiles(wrong)
    assert done.exit_code == 2 and target.read_text() == wrong.to_text() and "next:" not in done.output
    done = compiles(good)
    assert done.exit_code == 0 and target.read_text() == good.to_text(), done.output
    assert "next: millrace rehearse" in done.output
    done = compiles(wrong)
    assert done.exit_code == 2 and f"{target} is kept as it was" in done.output, done.output
    assert target.read_text() == good.to_text() and beside.read_text() == wrong.to_text()
    assert "next:" not in done.output
    compiles(good)
    assert not beside.exists(), "what was wrong is gone once it is right"


def test_nothing_compiled_yet_says_how(tmp_path):
    with pytest.raises(BadInput, match="nothing has been compiled"):
        invoke("check", "--set", f"root={tmp_path}")


def test_a_check_imports_no_tensorflow():
    """It answers in a second."""
    script = (
        "import sys, contextlib\n"
        "from millrace.cli.main import millrace\n"
        f"with contextlib.suppress(SystemExit): millrace(['check', {str(GOLDEN / 'taxi-vertex.json')!r}])\n"
        "print({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stdout + done.stderr
