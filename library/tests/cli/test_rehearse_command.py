"""`millrace rehearse`: what it says before anything of a job is run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cli.cloud.rehearse import rehearse
from millrace.metadata.run_folder import run_folders


def refusal(tmp_path, *arguments: str) -> BadInput:
    """What the command says of the small job, whose parameter `steps` has no default."""
    file = tmp_path / "small.json"
    small_job().save(file)
    finished = CliRunner().invoke(rehearse, [str(file), "--exact", "--set", f"root={tmp_path / 'root'}", *arguments])
    assert isinstance(finished.exception, BadInput), finished.output
    return finished.exception


def test_a_parameter_without_default_can_be_given(tmp_path):
    assert refusal(tmp_path).what == "these parameters have no value: steps"
    # What is refused now is the next thing.
    assert refusal(tmp_path, "--param", "steps=20", "--fail", "Nobody").what == "there is no task Nobody"


@pytest.mark.parametrize(("more", "mark"), [((), "push.trial=true"), (("--push",), "push.trial=false")])
def test_a_rehearsal_with_values_that_were_tried_is_a_trial(tmp_path, more, mark):
    refusal(tmp_path, "--set", "training.steps=1", *more)
    [run] = run_folders(tmp_path / "root" / "logs")
    assert run.request().overrides[-1] == mark


def job_of_others(folder: Path) -> Path:
    """A job as KFP's SDK compiles it: a loop with a command of another image, and a task that only its image can do."""
    image = "docker.io/alpine@sha256:" + "0" * 64
    tasks = {
        "each": {
            "componentRef": {"name": "each"},
            "parameterIterator": {"items": {"raw": "[1, 2]"}, "itemInput": "item"},
        },
        "own": {"componentRef": {"name": "own"}, "dependentTasks": ["each"]},
    }
    inner = {
        "componentRef": {"name": "echo"},
        "inputs": {"parameters": {"x": {"componentInputParameter": "item"}}},
    }
    declared = {"parameters": {"x": {"parameterType": "NUMBER_INTEGER"}}}
    item = {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}}
    made = {"artifacts": {"made": {"artifactType": {"schemaTitle": "system.Artifact"}}}}
    spec = {
        "pipelineInfo": {"name": "of-others"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.14.3",
        "root": {"dag": {"tasks": tasks}},
        "components": {
            "each": {"dag": {"tasks": {"echo": inner}}, "inputDefinitions": item},
            "echo": {"executorLabel": "echo", "inputDefinitions": declared},
            "own": {"executorLabel": "own", "outputDefinitions": made},
        },
        "deploymentSpec": {
            "executors": {
                "echo": {"container": {"image": image, "command": ["echo", "{{$.inputs.parameters['x']}}"]}},
                "own": {"container": {"image": image, "args": ["--flag"]}},
            }
        },
    }
    file = folder / "of-others.json"
    file.write_text(json.dumps({"pipelineSpec": spec, "runtimeConfig": {"gcsOutputDirectory": "gs://a-bucket/root"}}))
    return file


@pytest.mark.slow
def test_a_part_is_no_whole_unless_it_is_asked_for_or_given(tmp_path, capfd):
    def rehearsed(*arguments: str) -> tuple[int, str]:
        root = ("--set", f"root={tmp_path / 'root'}")
        finished = CliRunner().invoke(rehearse, [str(job_of_others(tmp_path)), "--exact", *root, *arguments])
        return finished.exit_code, capfd.readouterr().out + finished.output

    code, output = rehearsed()
    assert code == 2, output
    assert "partly rehearsed, 2 of 3" in output and "it runs the entry point of its image" in output
    assert rehearsed("--allow-partial")[0] == 0
    (tmp_path / "made").mkdir()
    _, output = rehearsed("--json", "--output", f"own.made={tmp_path / 'made'}")
    whole = json.loads(output[output.index("{") :])
    assert (whole["exit_code"], whole["ending"]) == (0, "done")
    assert [(row["task"], row["state"]) for row in whole["tasks"]] == [
        ("echo[0]", "done"),
        ("echo[1]", "done"),
        ("own", "given"),
    ]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--output", "own=there"), "expected TASK.KEY=FOLDER"),
        (("--fail", ""), "expected TASK or TASK:TRIES"),
        (("--python", __file__), "is no Python that can be started"),
        (("--with", "no-such-package-at-all"), "is called no-such-package-at-all"),
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path, arguments, what):
    assert what in refusal(tmp_path, "--param", "steps=20", *arguments).what
