"""A task sees what its container would hold: the image's packages and programs, its own places, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_jobs import JobBuilder, bucket, python, shell

from millrace.base.errors import BadInput
from millrace.rehearsal import base_image, interpreter
from millrace.rehearsal.audit_hook import View
from millrace.rehearsal.interpreter import _cover
from millrace.rehearsal.pip_hook import requirements_of
from millrace.rehearsal.rehearse import rehearse
from millrace.rehearsal.report import TaskState
from millrace.rehearsal.sandbox import Sandbox
from millrace.rehearsal.world import RehearsalOptions


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Tasks from which only Python's audit hook hides this machine."""
    with Sandbox(tmp_path_factory.mktemp("audited"), exact=True, namespaces=False) as made:
        yield made


@pytest.fixture(params=["mount namespace", "audit hook"])
def confined(request, sandbox, audited, tmp_path):
    """Rehearses a job, once with each way to hide this machine."""
    if request.param == "mount namespace" and sandbox.processes.no_namespace:
        pytest.skip(f"no mount namespace can be had here: {sandbox.processes.no_namespace}")
    chosen = sandbox if request.param == "mount namespace" else audited

    def run(job: JobBuilder, **options: Any):
        result = rehearse(job.build(), tmp_path, None, RehearsalOptions(exact=True, **options), sandbox=chosen)
        assert result.isolation == request.param
        return result

    return run


def test_a_file_of_this_machine_is_not_there(confined, tmp_path):
    (tmp_path / "secret").write_text("of this machine")
    result = confined(JobBuilder().add("reads", python(f"open({str(tmp_path / 'secret')!r})")))
    assert (result.exit_code, result.failure.where) == (1, "reads") and "FileNotFoundError" in result.failure.what


@pytest.mark.parametrize("look", ["listdir", "scandir", "chdir"])
def test_a_folder_of_this_machine_is_not_there(confined, look):
    result = confined(JobBuilder().add("looks", python(f"import os; os.{look}({str(Path(__file__).parent)!r})")))
    assert result.exit_code == 1 and "FileNotFoundError" in result.failure.what


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_two_tasks_share_no_temporary_folder(sandbox, run, folder):
    if sandbox.processes.no_namespace:
        pytest.skip("only a mount namespace gives a task a /tmp of its own")
    name = f"{folder}/millrace-rehearsal-shared"
    job = JobBuilder().add("first", shell(f"echo x > {name}")).add("second", shell(f"cat {name}"), after=("first",))
    result = run(job.build())
    assert result.task("first").state is TaskState.DONE and result.task("second").state is TaskState.FAILED
    assert not Path(name).exists()


def test_a_task_has_a_temporary_folder_and_a_home_of_its_own(confined, tmp_path):
    code = (
        "import os,sys,tempfile; handle, name = tempfile.mkstemp(); open('in-home', 'w').close();"
        "print(tempfile.gettempdir(), os.listdir(os.path.expanduser('~')), file=open(sys.argv[1], 'w'))"
    )
    assert confined(JobBuilder().add("t", python(code, "gs://seen"))).exit_code == 0
    assert bucket(tmp_path, "seen").read_text().endswith(" ['in-home']\n")


def test_a_package_that_the_image_lacks_cannot_be_imported(confined):
    """It is in this environment, since it runs this test, and nothing that the image needs requires it."""
    result = confined(JobBuilder().add("imports", python("import pytest")))
    assert (result.exit_code, result.failure.where) == (1, "imports") and "no module pytest" in result.failure.what


def test_a_program_that_a_slim_image_lacks_is_not_there(confined):
    here = {path.name for folder in ("/usr/bin", "/bin") for path in Path(folder).iterdir() if os.access(path, os.X_OK)}
    lacking = sorted(name for name in here - base_image.PROGRAMS if name.isalpha() and not name.startswith("pyt"))
    if not lacking:
        pytest.skip("this machine has no more programs than a slim image")
    job = JobBuilder().add("looks", shell(f"! command -v {lacking[0]} && ls / | grep -q . && awk 'BEGIN {{}}'"))
    assert confined(job).exit_code == 0, lacking[0]
    assert confined(JobBuilder().add("it", {"image": "x", "command": [lacking[0]]})).exit_code == 2


def test_what_is_given_by_hand_is_seen_and_not_written(confined, tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "file").write_text("seen")
    job = JobBuilder().add("cloud", {"image": "x"}, outputs={"data": "Model"})
    job.add(
        "reads",
        python("import sys; open(sys.argv[1] + '/file')", "{{$.inputs.artifacts['x'].uri}}"),
        inputs={"x": "cloud.data"},
    )
    assert confined(job, outputs={"cloud": {"data": str(tmp_path / "given")}}).exit_code == 0


def test_buckets_are_where_the_service_mounts_them(sandbox, run):
    if sandbox.processes.no_namespace:
        pytest.skip("only a mount namespace can show them there")
    job = (
        JobBuilder().add("writes", shell("echo x > gs://seen")).add("reads", shell("cat /gcs/seen"), after=("writes",))
    )
    assert run(job.build()).exit_code == 0


def test_what_was_hidden_from_python_alone_is_said(audited, tmp_path):
    result = rehearse(JobBuilder().add("t", shell("true")).build(), tmp_path, sandbox=audited)
    assert any("hidden from Python alone" in finding for finding in result.findings)


def test_a_view_is_what_is_in_its_places_and_above_them():
    view = View(["/a/b", "/c"])
    assert [view.allows(path) for path in ("/a/b", "/a/b/x", "/a", "/", "/c/d", 3)] == [True] * 6
    assert [view.allows(path) for path in ("/a/bx", "/a/x", "/d", b"/cc")] == [False] * 4


def test_packages_that_share_a_folder_are_taken_apart():
    wanted = {"google/one/a.py", "google/one/b.py", "own/x.py", "single.py"}
    others = {"google/two/c.py", "other.py"}
    assert set(_cover(wanted, others, "")) == {"google/one", "own", "single.py"}


def test_what_a_requirement_brings_is_what_it_requires():
    here = interpreter.this_one()
    names = interpreter.closure(here, ["rich>=13", "no-such-package"])
    assert {"rich", "pygments", "markdown-it-py"} <= names and not names & {"pytest", "no-such-package", "tfx"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--quiet", "a==1", "--index-url", "there", "b"], ["a==1", "b"]),
        (["-r", "file"], None),
        (["--target=x", "a"], None),
        (["a-1-py3-none-any.whl"], None),
        (["./a"], None),
    ],
)
def test_what_pip_is_asked_for_is_read(words, wanted):
    assert requirements_of(words) == wanted


def distribution(folder: Path, name: str) -> Path:
    """A project with a setup.py and one module."""
    folder.mkdir()
    (folder / f"{name}.py").write_text("VALUE = 7\n")
    (folder / "setup.py").write_text(
        f"from setuptools import setup\nsetup(name={name!r}, version='1', py_modules=[{name!r}])\n"
    )
    return folder


def test_another_projects_package_is_named_with_its_folder(tmp_path):
    folder = distribution(tmp_path / "other", "of_another_project")
    job = JobBuilder().add("t", python("import of_another_project as o; assert o.VALUE == 7; import pytest"))
    with Sandbox(tmp_path, exact=True, more=[str(folder), "pytest"]) as made:
        assert rehearse(job.build(), tmp_path, sandbox=made).exit_code == 0


def test_what_is_no_package_is_refused(tmp_path):
    with pytest.raises(BadInput, match="called pytset; did you mean pytest"):
        Sandbox(tmp_path, more=["pytset"])


def test_another_environment_is_named_with_its_python(tmp_path):
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    [site] = other.glob("lib/python*/site-packages")
    (site / "only_there.py").write_text("VALUE = 3\n")
    job = JobBuilder().add("t", python("import only_there")).add("not", python("import yaml"))
    with Sandbox(tmp_path, exact=True, python=other / "bin" / "python") as made:
        result = rehearse(job.build(), tmp_path, sandbox=made)
    assert (result.task("t").state, result.task("not").state) == (TaskState.DONE, TaskState.FAILED)


@pytest.mark.parametrize("text", ["no/such/python", "/bin/true"])
def test_what_is_no_python_is_refused(text):
    with pytest.raises(BadInput, match="is no Python that can be started"):
        interpreter.at(Path(text))
