"""Files of Cloud Build and GitHub Actions: each step is a target that there is, each command one that Millrace has."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from google.cloud.devtools.cloudbuild_v1 import types
from google.protobuf import json_format

from millrace.cli.main import millrace
from millrace.config.loading import load

ROOT = Path(__file__).parents[3]
BUILDS = sorted(ROOT.glob("deploy/cloudbuild/*.yaml"))
WORKFLOWS = sorted(ROOT.glob("deploy/github/*.yaml"))
# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
OF_THE_SERVICE = {"PROJECT_ID", "BUILD_ID", "LOCATION", "COMMIT_SHA", "BRANCH_NAME", "TAG_NAME", "_BASE_BRANCH"}
OF_THE_TRIGGER = {"_IMAGE", "_RELEASES"}


def makes(file: Path) -> list[list[str]]:
    """The calls of make in a file, each as its words."""
    read = yaml.safe_load(file.read_text())
    if "steps" in read:
        return [["make", *step["args"]] for step in read["steps"] if step["entrypoint"] == "make"]
    runs = [step["run"] for job in read["jobs"].values() for step in job["steps"] if "run" in step]
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}", "value", run)) for run in runs]


@pytest.mark.parametrize("file", BUILDS, ids=lambda file: file.stem)
def test_a_build_is_what_the_locked_client_knows(file: Path):
    build = yaml.safe_load(file.read_text())
    json_format.ParseDict(build, types.Build.pb()())
    build["options"]["machine"] = build["options"].pop("machineType")
    with pytest.raises(json_format.ParseError, match='no field named "machine"'):
        json_format.ParseDict(build, types.Build.pb()())


@pytest.mark.parametrize("file", BUILDS, ids=lambda file: file.stem)
def test_each_substitution_has_a_value_and_is_used(file: Path):
    text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("#"))
    build: dict[str, Any] = yaml.safe_load(text)
    used = set(re.findall(r"\$\{?([A-Z_]+)\b", text))
    assert used <= OF_THE_SERVICE | OF_THE_TRIGGER | build["substitutions"].keys()
    assert build["substitutions"].keys() <= used
    named = {one["env"] for one in build.get("availableSecrets", {}).get("secretManager", ())}
    assert named == {one for step in build["steps"] for one in step.get("secretEnv", ())}


@pytest.mark.parametrize("file", [*BUILDS, *WORKFLOWS], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_step_is_a_target_whose_commands_millrace_has(file: Path):
    called = makes(file)
    assert called and all(words[0] == "make" for words in called)
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # `make test ARGS=...` hands its own variables on.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    for words in called:
        assert words[1] in targets
        # VENV and the set-up are left out: what stays are the commands as a shell would get them.
        dry = subprocess.run(
            [*words, "-n", "VENV=", "FIND_PYTHON=true"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
        )
        for command in re.findall(r"\bmillrace ([^;&|\n]+)", dry.stdout.replace("\\\n", " ")):
            require_known(shlex.split(command))


@pytest.mark.parametrize("told", ["command line", "environment"])
def test_words_of_people_are_no_commands(tmp_path: Path, told: str):
    """A tag's name was run by the shell of the build that has the key of approvals."""
    said = """it costs $5 less, and "yes" to `touch made`; $(touch made) $(shell touch made) && touch made"""
    (tmp_path / "millrace").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "millrace").chmod(0o755)
    values = {"AGAINST": said, "BECAUSE": said, "RELEASE": said}
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    for target in ("review", "approve", "ship"):
        command = ["make", "-f", str(ROOT / "Makefile"), target, f"VENV={tmp_path}/", "FIND_PYTHON=true", "ENV=prod"]
        given = [f"{name}={value}" for name, value in values.items()] if told == "command line" else []
        env = alone if given else {**alone, **values}
        done = subprocess.run([*command, *given], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines().count(said) == (1 if target == "review" else 2), done.stdout
    assert not (tmp_path / "made").exists()


def test_a_workflow_puts_no_name_of_others_into_a_command():
    """GitHub pastes an expression into the shell's text before a shell reads it."""
    of_others = re.compile(r"github\.(?:base_ref|head_ref|ref|ref_name|actor|event)")
    runs = [
        step["run"]
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert runs and not [run for run in runs if of_others.search(run)]


def require_known(words: list[str]) -> None:
    command: click.Command = millrace
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_no_build_has_the_account_of_one_with_other_secrets():
    """A pull request's code, which nobody has read yet, ran as the account that can read the keys of releases."""
    builds = [yaml.safe_load(file.read_text()) for file in BUILDS]
    secrets = [frozenset(one for step in build["steps"] for one in step.get("secretEnv", ())) for build in builds]
    assert len(set(secrets)) == len(builds) == len({build["serviceAccount"] for build in builds})


def test_an_image_is_built_of_the_merged_commit_and_released_as_it_was_built(tmp_path: Path):
    """The image was a substitution of the trigger: that of another commit was shipped."""
    build = yaml.safe_load((ROOT / "deploy/cloudbuild/merge.yaml").read_text())
    first = build["steps"][0]["args"][-1]
    assert first.endswith("docker_image.sh $_IMAGE:$COMMIT_SHA push .cache/image.txt\n")
    for lacking in ("_RELEASES", "_IMAGE"):
        given = first.replace("$COMMIT_SHA", "0").replace(f"${lacking}", "").replace("$_", "x")
        ended = subprocess.run(["sh", "-euc", given], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 2 and "give the trigger _RELEASES" in ended.stderr, "a trigger asks for no value"
    (tmp_path / "image.txt").write_text("name=eu.pkg.dev/p/images/millrace@sha256:12\n")
    (tmp_path / "millrace").write_text("#!/bin/sh\necho $@\n")
    (tmp_path / "millrace").chmod(0o755)
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    command = ["make", "-f", str(ROOT / "Makefile"), "release", f"VENV={tmp_path}/", "FIND_PYTHON=true"]
    done = subprocess.run(
        [*command, "NAMED_IN=image.txt"], cwd=tmp_path, env=alone, capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert len(said) == 3 and all("--set vertex.image=eu.pkg.dev/p/images/millrace@sha256:12" in one for one in said)


@pytest.mark.parametrize(
    ("arguments", "variable", "pipeline"),
    [
        ("", "", "taxi"),
        ("-c conf/census.yaml --set a=b", "", "census"),
        ("--set a=b --config conf/census.yaml", "conf/other.yaml", "census"),
        ("--config=conf/census.yaml", "", "census"),
        ("", "conf/census.yaml", "census"),
    ],
)
def test_releases_of_two_pipelines_are_two_files(tmp_path: Path, arguments: str, variable: str, pipeline: str):
    """Both were `.cache/releases/staging.release.tar`, and the later one alone was shipped."""
    (tmp_path / "conf").mkdir()
    for name in ("census", "taxi"):
        (tmp_path / f"conf/{name}.yaml").touch()
    (tmp_path / "conf/default").write_text("taxi.yaml\n")
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "ARGS"}
    env = {**alone, "MILLRACE_CONFIG": variable}
    command = ["make", "-n", "-f", str(ROOT / "Makefile"), "release", "VENV=", "FIND_PYTHON=true", "ENV=staging"]
    done = subprocess.run(
        [*command, f"ARGS={arguments}"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    written = set(re.findall(r"\.cache/releases/\S+", done.stdout))
    assert written == {f".cache/releases/{pipeline}-staging.{kind}" for kind in ("job.json", "release.tar")}


def test_a_build_ships_what_it_made(tmp_path: Path):
    """The name that `make release` gives is written again in the files of both services."""
    for file in (*BUILDS, *WORKFLOWS):
        read = yaml.safe_load(file.read_text())
        values = read.get("substitutions", read.get("env", {}))
        text = re.sub(r"\$_?PIPELINE\b", str(values.get("_PIPELINE", values.get("PIPELINE"))), file.read_text())
        shipped = set(re.findall(r"[\w-]+\.release\.tar", text))
        assert shipped <= {"taxi-staging.release.tar", "taxi-prod.release.tar"}, file
        assert bool(shipped) == ("conf/taxi.yaml" in text) == ("ship" in text), file


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_has_only_keys_that_github_knows(file: Path):
    # "on" is true to YAML 1.1, and a key to GitHub.
    read = {("on" if key is True else key): value for key, value in yaml.safe_load(file.read_text()).items()}
    assert read.keys() <= {"name", "on", "env", "permissions", "concurrency", "jobs"}
    for job in read["jobs"].values():
        assert job.keys() <= {"runs-on", "environment", "concurrency", "env", "needs", "outputs", "steps"}
        assert {job["needs"]} <= read["jobs"].keys() if "needs" in job else True
        for step in job["steps"]:
            assert step.keys() <= {"id", "if", "uses", "with", "run", "env"} and ("uses" in step) != ("run" in step)
            assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_production_compiles_and_builds_nothing_and_comes_after_staging():
    for file in (ROOT / "deploy/cloudbuild/production.yaml", ROOT / "deploy/github/delivery.yaml"):
        assert [words for words in makes(file) if "ENV=prod" in words and words[1] == "ship"]
    assert [words[1] for words in makes(ROOT / "deploy/cloudbuild/production.yaml")] == ["approve", "ship"]
    after = {
        name: load("conf/taxi.yaml", [f"environment={name}"]).promotion.after for name in ("dev", "staging", "prod")
    }
    assert after == {"dev": None, "staging": "dev", "prod": "staging"}
