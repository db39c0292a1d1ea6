"""`millrace review`: what a change does, once for the environments where it is the same; nothing, in one sentence."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_job import IMAGE, small_job

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.cost.durations import RunTimes
from millrace.delivery import review
from millrace.delivery.checkout import checked_out
from millrace.delivery.review import Compiled, comment, graph, values
from millrace.jobspec.checks import check
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.jobspec.job import load as load_job

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "runner@a-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    root = tmp_path_factory.mktemp("runs")
    return load(str(ROOT / "conf/taxi.yaml"), [f"root={root}", "vertex.project=a-project"])


def changed(**more: Any) -> CompiledJob:
    """The small job with other things in its spec."""
    job = small_job(serviceAccount=ACCOUNT)
    spec = copy.deepcopy(job.spec)
    for name, executor in more.items():
        spec["deploymentSpec"]["executors"][name.replace("_", "-")]["container"].update(executor)
    return replace(job, spec=spec)


def test_nothing_is_one_sentence(config: Config) -> None:
    same = Compiled(changed(), config)
    text = comment("main", [], {"staging": (same, same), "prod": (same, same)})
    assert text == (
        "**Millrace**: nothing changes against main in staging and prod: graph, schema, compiled job, roles and cost.\n"
    )


def test_a_task_a_machine_a_role_and_a_price_are_told_once_for_both_environments(config: Config) -> None:
    before = Compiled(changed(exec_comp_learner={"resources": {"cpuLimit": 4, "memoryLimit": 16}}), config)
    job = changed(exec_comp_learner={"resources": {"cpuLimit": 8, "memoryLimit": 32}})
    tasks = job.spec["root"]["dag"]["tasks"]
    tasks["Gate"] = {**copy.deepcopy(tasks["Reader"]), "taskInfo": {"name": "Gate"}, "dependentTasks": ["Reader"]}
    tasks["Learner"]["dependentTasks"] = ["Reader", "Gate"]
    other = replace(job, settings={**job.settings, "serviceAccount": ACCOUNT.replace("runner", "other")})
    after = Compiled(other, config)
    text = comment("main", ["fare: is required now"], {"staging": (before, after), "prod": (before, after)})
    assert "#### Schema\n- fare: is required now" in text
    assert (
        "#### Graph\n\nIn staging and prod:\n\n- `Gate` is a new task, after Reader\n- `Learner` waits for Gate too"
        in text
    )
    assert "`exec-comp-learner.cpuLimit`: `4` is `8` now" in text
    assert f"needed from now on: `roles/aiplatform.user` for `{ACCOUNT.replace('runner', 'other')}` on" in text
    assert f"needed no longer: `roles/aiplatform.user` for `{ACCOUNT}` on" in text
    assert "- `Learner` rents " in text and "- `Gate` rents " in text
    assert text.count("`Gate` is a new task") == 1 and "root.dag.tasks" not in text
    assert "As before" not in text


def test_what_differs_between_environments_is_told_for_each_and_a_new_one_is_told_whole(config: Config) -> None:
    before, after = (
        Compiled(changed(exec_comp_learner={"resources": {"cpuLimit": cpu, "memoryLimit": 16}}), config)
        for cpu in (4, 8)
    )
    text = comment("main", [], {"dev": (before, before), "staging": (before, after), "prod": (None, after)})
    assert (
        "In staging:\n\n- `exec-comp-learner.cpuLimit`" in text and "In prod:\n\n- a new environment of 3 tasks" in text
    )
    assert "In dev" not in text
    assert "In prod:\n\n- `roles/aiplatform.user` for `" in text
    assert text.endswith("As before: graph and schema.\n")


def test_a_cost_that_counts_workers_without_end_says_so(config: Config) -> None:
    job = load_job(ROOT / "library/tests/jobspec/golden/everything-vertex.json")
    text = comment("main", [], {"prod": (None, Compiled(job, config))})
    assert "Dataflow may take 2,000 workers for ExampleGen" in text and "which is counted" in text
    bounded = from_documents([json.loads(job.to_text().replace("--runner=DataflowRunner", "--runner=FlinkRunner"))])
    assert "2,000" not in comment("main", [], {"prod": (None, Compiled(bounded, config))})


def test_roles_without_a_project_cannot_be_said_and_are_no_change(config: Config) -> None:
    nowhere = config.model_copy(update={"vertex": config.vertex.model_copy(update={"project": ""})})
    side = Compiled(changed(), nowhere)
    text = comment("main", [], {"dev": (side, side)})
    assert text.startswith("**Millrace**: nothing changes against main in dev: ")
    assert "Cannot be said: roles in dev: no Google Cloud project is set" in text and "####" not in text


SECRET = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "plant",
    [
        lambda job: job["executors"]["exec-comp-learner"]["container"]["args"].append(f"--token={SECRET}"),
        lambda job: job["executors"]["exec-comp-learner"]["container"]["args"].extend(["--api_key", "hunter33x"]),
        lambda job: job["executors"]["exec-comp-learner"]["container"]["args"].append("--password=hunter33x"),
        lambda job: job["executors"]["exec-comp-learner"]["container"]["command"].append("curl https://u:hunter33x@h/"),
        lambda job: job["task"].update(db_password={"runtimeValue": {"constant": "hunter33x"}}),
        lambda job: job["declared"].update(db_password={"parameterType": "STRING", "defaultValue": "hunter33x"}),
        lambda job: job["values"].update(tokens=["x", SECRET]),
        lambda job: job["values"].update(db_password=["hunter33x"]),
    ],
)
@pytest.mark.parametrize("is_taken_out", [False, True])
def test_what_check_names_as_a_secret_is_in_no_comment(config: Config, plant: Any, is_taken_out: bool) -> None:
    """The request that takes a token out showed it to the whole team."""
    document = copy.deepcopy(small_job().to_document()[0])
    spec = document["pipelineSpec"]
    spec["components"]["comp-learner"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    plant(
        {
            "executors": spec["deploymentSpec"]["executors"],
            "task": spec["root"]["dag"]["tasks"]["Learner"].setdefault("inputs", {}).setdefault("parameters", {}),
            "declared": spec["components"]["comp-learner"]["inputDefinitions"]["parameters"],
            "values": document.setdefault("runtimeConfig", {}).setdefault("parameterValues", {}),
        }
    )
    planted = from_documents([document])
    assert [one for one in check(planted) if one.rule == "secret"]
    sides = [Compiled(small_job(), config), Compiled(planted, config)]
    text = comment("main", [], {"dev": tuple(sides[::-1] if is_taken_out else sides)})
    assert "***" in text and SECRET not in text and "hunter33x" not in text, text


def test_a_secret_that_was_changed_is_a_change_and_hides_no_other(config: Config) -> None:
    """Who opens the request names parameters: what else has the value of one is shown, with what it begins too."""
    sides = []
    for words in (["--password=hunter22", "--db_password=hunter22xyzzy"], ["--password=hunter33"]):
        values = {"a_password": IMAGE, "b_password": "evil.example/image:1"}
        job = small_job(runtimeConfig={"gcsOutputDirectory": "gs://a-bucket/small", "parameterValues": values})
        container = job.spec["deploymentSpec"]["executors"]["exec-comp-learner"]["container"]
        container["args"] = [*container["args"], *words]
        container["image"] = IMAGE if len(words) > 1 else "evil.example/image:1"
        sides.append(Compiled(job, config))
    text = comment("main", [], {"dev": tuple(sides)})
    assert 'evil.example/image:1"` now' in text and "--password=*** (" in text
    assert "hunter" not in text and "xyzzy" not in text
    rotated = [copy.deepcopy(sides[1].job) for _ in range(2)]
    rotated[1].spec["deploymentSpec"]["executors"]["exec-comp-learner"]["container"]["args"][-1] = "--password=hunter44"
    text = comment("main", [], {"dev": tuple(Compiled(one, config) for one in rotated)})
    assert "--password=*** (" in text and "nothing changes" not in text, text


def test_names_of_whoever_asks_make_no_sections_and_call_nobody(config: Config) -> None:
    evil = "x`\n\n#### Roles\n\nAs before: roles. @team <img src=http://h/x> <!--"
    job = small_job(serviceAccount=f"a@p.iam{evil}")
    spec = copy.deepcopy(job.spec)
    named = spec["root"]["dag"]["tasks"]["Learner"].setdefault("inputs", {}).setdefault("parameters", {})
    named["a` ``` <img src=http://h/x> @team ` b"] = {"runtimeValue": {"constant": "x"}}
    spec["root"]["dag"]["tasks"][evil] = copy.deepcopy(spec["root"]["dag"]["tasks"]["Reader"])
    sides = (Compiled(small_job(), config), Compiled(replace(job, spec=spec), config))
    text = comment("main", [f"{evil}: is required now"], {"dev": sides})
    assert [line for line in text.splitlines() if line.startswith("####")] == [
        "#### Schema", "#### Graph", "#### Compiled job", "#### Roles", "#### Cost"
    ]  # fmt: skip
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert "@" not in outside and "<" not in outside, outside


def test_a_comment_is_no_longer_than_a_service_takes(config: Config) -> None:
    same = {"dev": (Compiled(small_job(), config),) * 2}
    text = comment("main", [f"feature_{number}: {'is required now ' * 40}" for number in range(500)], same)
    many = comment("main", ["x " * 50_000], same)
    assert len(text) <= 65_536 and len(many) <= 65_536
    assert "characters more than a comment takes are left out" in many


def test_both_sides_are_reckoned_by_the_runs_of_the_project(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that is checked out for a moment has none, and every comment told of a change of cost."""
    job = changed()
    seconds = {step.name: 60.0 for step in job.walk()}
    here = config.model_copy(update={"root": "here"})
    monkeypatch.setattr(
        review, "past_times", lambda one: ("runs", [RunTimes("a", seconds)] if one.root == "here" else [])
    )
    assert "nothing changes" in comment("HEAD", [], {"dev": (Compiled(job, config), Compiled(job, here))})
    larger = changed(exec_comp_learner={"resources": {"cpuLimit": 64, "memoryLimit": 64}})
    assert "a run costs $" in comment("HEAD", [], {"dev": (Compiled(job, config), Compiled(larger, here))})


def test_what_a_text_holds_is_told_by_its_own_key() -> None:
    before = load_job(ROOT / "library/tests/jobspec/golden/taxi-vertex.json")
    text = before.to_text().replace('num_steps\\": 1000', 'num_steps\\": 1200')
    after = from_documents([json.loads(text)])
    told = list(values(before, after))
    assert told == ["`Trainer.train_args.num_steps`: `1000` is `1200` now"]


def test_what_is_the_same_of_many_tasks_is_told_once_after_what_is_of_the_whole_job() -> None:
    """Each task's variable took a line of 25, and the new root was left out; a token was shown."""
    before = load_job(ROOT / "library/tests/jobspec/golden/everything-vertex.json")
    document = json.loads(before.to_text())
    document["runtimeConfig"]["gcsOutputDirectory"] = "gs://new/artifacts"
    executors = document["pipelineSpec"]["deploymentSpec"]["executors"]
    for executor in executors.values():
        if "container" in executor:
            executor["container"]["env"] += [{"name": "FROM", "value": "ghp_" + "a" * 36}]
    executors["Trainer_executor"]["container"]["image"] = "another"
    told = list(values(before, from_documents([document])))
    assert len(told) == 3
    assert told[0].startswith("`runtimeConfig.gcsOutputDirectory`: ") and "new/artifacts" in told[0]
    [every] = [one for one in told if one.startswith("`env.1` of 15 tasks: ")]
    assert every.endswith("Trainer, Transform and Tuner") and "{name: FROM, value: *** (1)}" in every
    assert any(one.startswith("`Trainer_executor.container.image`: ") for one in told)


def test_a_task_that_is_gone_and_no_longer_waited_for() -> None:
    job = small_job()
    spec = copy.deepcopy(job.spec)
    del spec["root"]["dag"]["tasks"]["Reader"]
    spec["root"]["dag"]["tasks"]["Learner"]["dependentTasks"] = []
    assert list(graph(job, replace(job, spec=spec))) == [
        "`Reader` is no task any more",
        "`Learner` does not wait for Reader any more",
    ]
    assert list(graph(replace(job, spec=spec), job)) == ["`Reader` is a new task", "`Learner` waits for Reader too"]
    del spec["root"]["dag"]["tasks"]["Learner"]
    assert "`Learner` is a new task, after Reader" in list(graph(replace(job, spec=spec), job))


def git(folder: Path, *arguments: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **who})


def test_a_commit_is_there_for_a_moment_also_of_a_project_within_a_repository(tmp_path: Path) -> None:
    project = tmp_path / "repository/project"
    project.mkdir(parents=True)
    git(project, "init", "-q")
    for text in ("one", "two"):
        (project / "conf.yaml").write_text(text)
        git(project, "add", ".")
        git(project, "commit", "-qm", text)
    with checked_out(project, "HEAD~1") as before:
        assert (before / "conf.yaml").read_text() == "one"
    assert not before.exists() and (project / "conf.yaml").read_text() == "two"
    listed = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1
    with pytest.raises(BadInput, match="git cannot check out nowhere"), checked_out(project, "nowhere"):
        pass
    # It was an option of git's, which left a locked worktree behind.
    with pytest.raises(BadInput, match="git cannot check out --lock"), checked_out(project, "--lock"):
        pass
    listed = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


def test_a_step_that_is_cancelled_leaves_no_commit_checked_out(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "conf.yaml").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom millrace.delivery.checkout import checked_out\n"
        "with checked_out(Path.cwd(), 'HEAD') as there:\n"
        "    print(there, flush=True)\n    os.kill(os.getpid(), signal.SIGTERM)\n    signal.pause()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in ended.stderr and not Path(ended.stdout.strip()).exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


def test_a_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="there is no git on this machine"), checked_out(tmp_path, "HEAD"):
        pass


SLOW_GIT = """#!/bin/sh
case "$*" in
  *"worktree add"*) touch "$MARK"; sleep 1 ;;
  *"worktree remove"*) touch "$MARK.removing"; sleep 1 ;;
esac
exec {git} "$@"
"""


@pytest.mark.parametrize("within", ["", ".removing"], ids=["while git checks out", "while it is taken away"])
@pytest.mark.parametrize("whole_group", [False, True], ids=["the process alone", "the group, as a terminal does"])
def test_a_signal_leaves_no_worktree_whenever_it_comes(tmp_path: Path, within: str, whole_group: bool) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    (repository / "conf.yaml").write_text("one")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    own = tmp_path / "bin/git"
    own.parent.mkdir()
    own.write_text(SLOW_GIT.format(git=shutil.which("git")))
    own.chmod(0o755)
    mark, scratch = tmp_path / "mark", tmp_path / "scratch"
    scratch.mkdir()
    code = (
        "from pathlib import Path\nfrom millrace.delivery.checkout import checked_out\n"
        "with checked_out(Path.cwd(), 'HEAD'):\n    pass\n"
    )
    environment = {
        **os.environ,
        "PATH": f"{own.parent}:{os.environ['PATH']}",
        "MARK": str(mark),
        "TMPDIR": str(scratch),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository, env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    while not Path(f"{mark}{within}").exists():
        assert process.poll() is None
        time.sleep(0.01)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGTERM)
    _, said = process.communicate()
    assert b"KeyboardInterrupt" in said
    listed = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1 and not list(scratch.iterdir())


@pytest.mark.slow
def test_the_command_compares_two_commits_by_their_own_code(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for name in ("conf", "schema", "pipeline", "models", "custom_components", "runners"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.py", folder)
    conf = folder / "conf/taxi.yaml"
    conf.write_text(conf.read_text().replace("# project: my-project", "project: my-project"))
    (folder / ".gitignore").write_text("/runs/\n/.cache/\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "before")
    schema = folder / "schema/taxi/schema.pbtxt"
    schema.write_text(schema.read_text().replace('value: "Cash"', 'value: "Coins"'))
    conf.write_text(conf.read_text().replace("steps: 1000", "steps: 1200"))
    git(folder, "commit", "-qam", "after")
    command = [sys.executable, "-m", "millrace.cli.main", "review", "--env", "staging", "-o", "comment.md"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    text = (folder / "comment.md").read_text()
    assert "#### Schema\n- payment_type" in text and "Coins" in text, text
    assert "In staging:" in text and "- `Trainer.train_args.num_steps`: `1000` is `1200` now\n" in text, text
    assert "- `CuratedSchema.schema_text`: its text is another one\n" in text, text
    assert "As before: graph, roles and cost." in text, text
    assert str(tmp_path) not in text and "millrace-review" not in text, text
