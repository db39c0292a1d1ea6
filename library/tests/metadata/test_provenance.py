"""What a run was made from, recorded when it begins: in a real git repository, without secrets and TensorFlow."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from millrace.base import files
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.revision import LARGEST_DIFFERENCE, revision

CHECKOUT = Path(__file__).resolve().parents[3]


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def project(tmp_path) -> Path:
    """A small project in a repository."""
    root = tmp_path / "project"
    for name in ("conf", "schema", "models", "pipeline"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.py", root)
    git(tmp_path, "init", "--quiet", "-b", "trunk", "project")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "all")
    return root


def recorded(project: Path, folder: Path, *overrides: str) -> provenance.Provenance:
    folder.mkdir(exist_ok=True)
    provenance.record(folder, load(project / "conf/taxi.yaml", overrides), overrides)
    read = provenance.read(folder)
    assert read is not None
    return read


def test_it_says_all_that_is_needed_to_run_it_again(project, tmp_path):
    read = recorded(project, tmp_path / "run", "training.steps=7")
    commit = git(project, "rev-parse", "HEAD").strip()
    assert read.configuration["training"]["steps"] == 7 and read.overrides == ("training.steps=7",)
    assert (read.revision.commit, read.revision.branch, read.revision.clean) == (commit, "trunk", True)
    assert read.schema_commit == commit
    assert read.schema_digest == provenance.file_digest(project / "schema/taxi/schema.pbtxt") != ""
    assert "models/trainer.py" in read.code
    assert read.data.count == 1 and read.data.files[0].endswith("data.csv") and read.data.bytes > 1_000_000
    assert {"tfx", "tensorflow", "python", "millrace"} <= read.versions.keys()
    assert read.machine["cores"] >= 1


def test_what_was_not_committed_is_kept_so_that_it_can_be_applied(project, tmp_path):
    before = recorded(project, tmp_path / "before")
    trainer = project / "models/trainer.py"
    trainer.write_text(trainer.read_text() + "# é\n")
    edited = recorded(project, tmp_path / "after")
    assert not edited.revision.clean and edited.revision.changed == ("M models/trainer.py",)
    assert {name for name in edited.code if edited.code[name] != before.code[name]} == {"models/trainer.py"}
    git(project, "checkout", "--quiet", ".")
    (tmp_path / "difference").write_text(edited.revision.difference, encoding="utf-8")
    git(project, "apply", str(tmp_path / "difference"))
    assert trainer.read_text().endswith("# é\n") and edited.revision.whole


def test_a_file_that_git_does_not_know_is_named_and_a_large_difference_is_cut(project):
    (project / "models/new.py").write_text("")
    unknown = revision(project)
    assert (unknown.clean, unknown.difference, unknown.changed) == (False, "", ("?? models/new.py",))
    (project / "models/new.py").unlink()
    (project / "models/trainer.py").write_text("# long\n" * LARGEST_DIFFERENCE)
    large = revision(project)
    assert not large.whole and len(large.difference) == LARGEST_DIFFERENCE


def test_a_secret_in_the_difference_is_cut_out(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_TEST_HOOK", "https://hooks.example.com/services/T0AAAAAAA/Zq81secret")
    (project / "models/trainer.py").write_text('URL = "https://hooks.example.com/services/T0AAAAAAA/Zq81secret"\n')
    recorded(project, tmp_path / "run", "notify.webhook_env=MILLRACE_TEST_HOOK")
    text = (tmp_path / "run" / provenance.FILE).read_text()
    assert "Zq81secret" not in text and "MILLRACE_TEST_HOOK" in text


def test_without_git_or_data_the_rest_is_recorded(project, tmp_path):
    shutil.rmtree(project / ".git")
    read = recorded(project, tmp_path / "run", f"data.path={tmp_path}/nowhere")
    assert read.revision is None and read.schema_commit == ""
    assert read.data.count == 0 and read.code


def test_a_digest_of_files_changes_with_each_ones_name_size_and_time(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("b.csv", "a.csv"):
        (folder / name).write_text("x\n1\n")
        os.utime(folder / name, (1, 1))
    config = load("conf/taxi.yaml", [f"data.path={folder}", "data.pattern=*.csv"])
    first = provenance.data_of(config)
    assert (first.count, first.bytes) == (2, 8) and re.fullmatch("[0-9a-f]{16}", first.digest)
    assert [Path(name).name for name in first.files] == ["a.csv", "b.csv"]
    assert provenance.data_of(config) == first
    digests = {first.digest}
    os.utime(folder / "a.csv", (1, 2))
    digests.add(provenance.data_of(config).digest)
    (folder / "a.csv").write_text("x\n12\n")
    os.utime(folder / "a.csv", (1, 2))
    digests.add(provenance.data_of(config).digest)
    (folder / "a.csv").rename(folder / "c.csv")
    digests.add(provenance.data_of(config).digest)
    assert len(digests) == 4
    monkeypatch.setattr(provenance, "_MOST_FILES", 1)
    cut = provenance.data_of(config)
    assert (cut.count, len(cut.files)) == (2, 1)


def test_a_digest_of_rows_changes_with_content_and_not_with_time(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    config = load("conf/taxi.yaml", [f"data.path={folder}", "data.pattern=*.csv"])
    first = provenance.data_of(config)
    os.utime(folder / "a.csv", (1, 1))
    later = provenance.data_of(config)
    assert later.digest != first.digest and later.is_as(first) is True
    (folder / "a.csv").write_text("x\n2\n")
    assert provenance.data_of(config).is_as(first) is False
    old = replace(first, content="")
    assert provenance.data_of(config).is_as(old) is None, "as a run of 0.1.0 wrote it down"
    (folder / "a.csv").write_text("x\n12\n")
    assert provenance.data_of(config).is_as(old) is False
    assert first.is_as(provenance.DataFiles()) is True, "data on no machine has nothing to be compared with"
    monkeypatch.setattr(provenance, "_READ_WHOLE", 4)
    assert provenance.data_of(config).content == ""


def test_a_files_digest_is_of_its_content_and_empty_without_one(tmp_path):
    (tmp_path / "a").write_text("rows")
    assert provenance.file_digest(tmp_path / "a") == hashlib.sha256(b"rows").hexdigest()[:16]
    assert provenance.file_digest(tmp_path / "gone") == provenance.file_digest(tmp_path) == ""


def test_a_schema_that_never_ends_is_not_read_before_it_is_refused(tmp_path):
    """What a run is made from is written down before its configuration is checked."""
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", files.LARGEST_TEXT + 1)
    os.mkfifo(tmp_path / "pipe")
    for endless in (str(tmp_path / "large"), "/dev/zero", str(tmp_path / "pipe")):
        made_from = provenance.record(tmp_path, load("conf/taxi.yaml", [f"schema.file={endless}"]), ())
        assert made_from.schema_digest == ""


def test_neither_recording_nor_reading_imports_tensorflow_or_tfx():
    code = "import sys, millrace.metadata.run_details, millrace.metadata.provenance as p; p.stack_versions();"
    code += "print([name for name in ('tensorflow', 'tfx', 'apache_beam', 'pyarrow') if name in sys.modules])"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert asked.stdout.strip() == "[]"
