"""Where a run is run again: here when nothing changed, else in a worktree of its commit, with its difference."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.execution import repeating
from millrace.execution.repeating import _others, _span, repetition
from millrace.metadata import provenance
from millrace.metadata.provenance import DataFiles
from millrace.metadata.run_details import OutputDetail, StageDetail, run_detail
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import Runs
from millrace.project.project import STANDS_FOR, Project

CHECKOUT = Path(__file__).resolve().parents[3]
STEPS = "training.steps=7"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def project(tmp_path) -> Path:
    """A project below the top of a repository."""
    root = tmp_path / "repository" / "project"
    for name in ("conf", "schema", "models", "pipeline"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.py", root)
    (root / ".gitignore").write_text("runs/\n")
    git(tmp_path, "init", "--quiet", "-b", "trunk", "repository")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "all")
    return root


def ran(project: Path):
    """A run that recorded what it was made from, and was refused."""
    config = load(project / "conf/taxi.yaml", [STEPS])
    logs = Path(config.root) / "logs"
    with new_run(logs, RunRequest(str(project / "conf/taxi.yaml"), (STEPS,), pipeline="taxi")) as folder:
        provenance.record(folder.path, config, (STEPS,))
        folder.finish(2)
    detail = run_detail(Runs(config), folder.run_id, 0.0)
    assert detail is not None
    return detail


def test_where_nothing_changed_it_runs_here(project, tmp_path):
    detail = ran(project)
    (project / "README.md").write_text("Not code.")
    with repetition(Project(project), detail, tmp_path / "trees") as chosen:
        assert (chosen.folder, chosen.overrides, chosen.worktree) == (project, (STEPS,), None)


@pytest.mark.parametrize("changed", ["models/trainer.py", "schema/taxi/schema.pbtxt", "conf/taxi.yaml"])
def test_what_changed_since_is_taken_from_the_commit(project, tmp_path, monkeypatch, changed):
    detail = ran(project)
    before = (project / changed).read_text()
    (project / changed).write_text(before.replace("seed: 20", "seed: 21") + "# later\n")
    git(project, "commit", "--quiet", "-am", "later")
    with repetition(Project(project), detail, tmp_path / "trees") as chosen:
        assert (chosen.folder / changed).read_text() == before
        again = load(chosen.config_file, chosen.overrides)
        now = detail.provenance.configuration
        assert (again.root, again.data.path) == (now["root"], now["data"]["path"])
        assert again.training.steps == 7 and again.schema_.file.startswith(str(chosen.folder))
        assert provenance.code_of(Project(chosen.folder)) == detail.provenance.code
        assert Path(changed).name in chosen.because or "training.seed" in chosen.because
        monkeypatch.setenv(STANDS_FOR, str(chosen.stands_for))
        folder = tmp_path / "again"
        folder.mkdir()
        recorded = provenance.record(folder, again, chosen.overrides)
        assert recorded.configuration == now, "schema.file of the worktree was told as a difference"
    assert not chosen.worktree.exists() and "trees" not in git(project, "worktree", "list")


def test_what_was_not_committed_is_applied_again(project, tmp_path):
    (project / "models/trainer.py").write_text("STEPS = 1\n")
    detail = ran(project)
    git(project, "checkout", "--quiet", ".")
    with repetition(Project(project), detail, tmp_path / "trees") as chosen:
        assert chosen.worktree and (chosen.folder / "models/trainer.py").read_text() == "STEPS = 1\n"


def test_a_worktree_of_a_run_that_failed_is_kept_and_replaced_by_the_next(project, tmp_path):
    detail = ran(project)
    (project / "models/trainer.py").write_text("")
    for _ in range(2):
        with pytest.raises(RuntimeError), repetition(Project(project), detail, tmp_path / "trees") as chosen:
            raise RuntimeError
        assert (chosen.folder / "models/trainer.py").read_text()


def test_what_git_did_not_know_cannot_be_had_again(project, tmp_path):
    (project / "models/new.py").write_text("")
    detail = ran(project)
    (project / "models/new.py").unlink()
    with (
        pytest.raises(BadInput, match=r"code that is in no commit: models/new\.py"),
        repetition(Project(project), detail, tmp_path / "trees"),
    ):
        pass


def test_without_a_commit_what_changed_is_refused(project, tmp_path):
    shutil.rmtree(project.parent / ".git")
    detail = ran(project)
    with repetition(Project(project), detail, tmp_path / "trees") as chosen:
        assert chosen.worktree is None
    (project / "models/trainer.py").write_text("")
    with (
        pytest.raises(BadInput, match="which knew no commit"),
        repetition(Project(project), detail, tmp_path / "trees"),
    ):
        pass


def test_the_span_that_was_the_newest_is_asked_for_again(project, tmp_path):
    detail = ran(project)
    configuration = {**detail.provenance.configuration, "data": {"pattern": "span-{SPAN}/*.csv", "span": None}}
    examples = OutputDetail("examples", 1, "Examples", "", True, "", {"span": 3, "version": 0})
    stages = (StageDetail("ExampleGen", State.DONE, outputs=(examples,)),)
    made_from = replace(detail.provenance, configuration=configuration, versions={"tensorflow": "1.0"})
    now = (project / "conf/taxi.yaml", (STEPS,))
    then = replace(made_from, data=DataFiles("of other files"))
    assert _span(replace(detail, provenance=then, stages=stages), *now) == ("data.span=3",)
    assert _span(replace(detail, provenance=made_from, stages=stages), *now) == (), "it is the newest still"
    assert _span(replace(detail, stages=stages), *now) == (), "its pattern has no span"
    [stack] = _others(made_from, project / "conf/taxi.yaml", (STEPS,))
    assert stack.startswith("the stack is another: tensorflow 1.0 is ")
    [data, _] = _others(replace(made_from, data=DataFiles("another")), project / "conf/taxi.yaml", (STEPS,))
    assert data == "the files of the data are not as they were"


def test_data_that_git_put_back_is_as_it_was_whatever_its_time(project, tmp_path, monkeypatch):
    (project / "rows").mkdir()
    (project / "rows/a.csv").write_text("x\n1\n")
    conf = project / "conf/taxi.yaml"
    conf.write_text(conf.read_text().replace("path: package:tfx/examples/", "path: ../rows  # "))
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "rows")
    monkeypatch.setattr(provenance, "stack_versions", dict)
    detail = ran(project)
    (project / "models/trainer.py").write_text("# later\n")
    with repetition(Project(project), detail, tmp_path / "trees") as chosen:
        assert chosen.worktree and chosen.others == (), "a checkout gives its files times of their own"
    os.utime(project / "rows/a.csv", (1, 1))
    assert _others(detail.provenance, conf, (STEPS,)) == ()
    (project / "rows/a.csv").write_text("x\n2\n")
    assert _others(detail.provenance, conf, (STEPS,)) == ("the files of the data are not as they were",)
    monkeypatch.setattr(provenance, "_READ_WHOLE", 0)
    [unknown] = _others(detail.provenance, conf, (STEPS,))
    assert "have other times" in unknown and "may be others" in unknown


def test_two_repetitions_at_once_have_a_worktree_each(project, tmp_path):
    detail = ran(project)
    (project / "models/trainer.py").write_text("")
    here, trees = Project(project), tmp_path / "trees"
    with repetition(here, detail, trees) as first:
        with repetition(here, detail, trees) as second:
            assert first.worktree != second.worktree
        assert (first.folder / "models/trainer.py").read_text(), "the other's end took nothing from it"
    assert not first.worktree.exists() and not second.worktree.exists()


def refusal(project, detail, tmp_path) -> BadInput:
    with pytest.raises(BadInput) as refused, repetition(Project(project), detail, tmp_path / "trees"):
        pytest.fail("it was repeated")
    return refused.value


def test_what_was_a_rehearsal_or_recorded_nothing_is_not_repeated(project, tmp_path):
    detail = ran(project)
    for given, words in (
        (replace(detail, summary=replace(detail.summary, rehearsal=True)), "was a rehearsal"),
        (replace(detail, provenance=None), "did not record what it was made from"),
        (replace(detail, request=None), "did not record what it was made from"),
    ):
        refused = refusal(project, given, tmp_path)
        assert f"run {detail.summary.run_id} {words}" in refused.what
        assert refused.remedy
    assert not (tmp_path / "trees").exists()


def test_changes_that_were_too_large_to_be_kept_are_named(project, tmp_path):
    detail = ran(project)
    (project / "models" / "trainer.py").write_text("changed = True\n")
    cut = replace(detail.provenance.revision, whole=False, changed=("models/a.py", "models/b.py"))
    given = replace(detail, provenance=replace(detail.provenance, revision=cut))
    refused = refusal(project, given, tmp_path)
    assert "too large to be kept: models/a.py, models/b.py" in refused.what


def test_a_commit_that_is_gone_and_a_difference_that_does_not_fit_are_told(project, tmp_path):
    detail = ran(project)
    (project / "models" / "trainer.py").write_text("changed = True\n")
    gone = replace(detail.provenance.revision, commit="0" * 40)
    given = replace(detail, provenance=replace(detail.provenance, revision=gone))
    refused = refusal(project, given, tmp_path)
    assert "git makes no worktree of commit 000000000000" in refused.what
    assert "git fetch" in refused.remedy
    odd = replace(detail.provenance.revision, difference="diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    given = replace(detail, provenance=replace(detail.provenance, revision=odd))
    refused = refusal(project, given, tmp_path)
    assert "what was not committed cannot be applied again: " in refused.what


def test_two_repetitions_at_once_have_places_of_their_own(tmp_path):
    with repeating._place_of_its_own(tmp_path, "run") as one, repeating._place_of_its_own(tmp_path, "run") as other:
        assert (one.name, other.name) == ("run", "run-1")
    with repeating._place_of_its_own(tmp_path, "run") as again:
        assert again == one


def test_the_command_is_run_there_with_the_values_and_the_name_of_the_run(tmp_path, monkeypatch):
    started = []

    def run(command, cwd, env, check):
        started.append((command[1:], cwd, env[repeating.REPEATS]))
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(repeating.subprocess, "run", run)
    chosen = repeating.Repetition("20310101-000001", tmp_path, tmp_path / "conf/a.yaml", ("a=1", "b=2"))
    assert repeating.run_again(chosen, ["--no-cache"]) == 3
    words = ["-m", "millrace.cli.main", "run", "-c", str(tmp_path / "conf/a.yaml")]
    assert started == [([*words, "--set", "a=1", "--set", "b=2", "--no-cache"], tmp_path, "20310101-000001")]
