"""What `millrace doctor` looks at: each check on good and bad cases."""

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from millrace.execution import diagnosis

LOCK = """\
tfx[kfp]==1.16.0 \\
    --hash=sha256:00
click==8.1 ; python_version >= '3' \\
    --hash=sha256:00
never==1 ; python_version < '3'
Ruamel.Yaml==0.1
"""


def test_a_lock_is_read_with_its_markers() -> None:
    assert diagnosis.pins(LOCK) == {"tfx": "1.16.0", "click": "8.1", "ruamel-yaml": "0.1"}


def test_missing_and_different_packages_are_told_apart() -> None:
    found = list(diagnosis.compare(diagnosis.pins(LOCK), {"tfx": "1.16.0", "click": "8.2"}))
    assert found == [diagnosis.Difference("click", "8.1", "8.2"), diagnosis.Difference("ruamel-yaml", "0.1", "")]


def test_the_lock_is_that_of_the_tfx_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "compatible.txt").write_text("tfx==1.16.0\n")
    (tmp_path / "current.txt").write_text("tfx==1.21.0\n")
    assert diagnosis.find_lock(tmp_path, {"tfx": "1.21.0"}) == tmp_path / "current.txt"
    assert diagnosis.find_lock(tmp_path, {"tfx": "1.19.0"}) is None
    assert diagnosis.find_lock(tmp_path / "nowhere", {"tfx": "1.21.0"}) is None


@pytest.mark.parametrize(
    "installed, differences, state",
    [
        ({}, (), "broken"),
        ({"tfx": "1.16.0"}, (), "yes"),
        ({"tfx": "1.16.0"}, (diagnosis.Difference("click", "8.1", "8.2"),), "no"),
        ({"tfx": "1.16.0"}, (diagnosis.Difference("click", "8.1", ""),), "broken"),
    ],
)
def test_missing_packages_break_and_other_versions_only_warn(installed, differences, state) -> None:
    check = diagnosis.packages_check(Path("compatible.txt"), differences, installed)
    assert check.state == state
    assert bool(check.remedy) == (state != "yes")


def test_what_breaks_the_pipeline_decides_whether_it_can_run() -> None:
    fine, broken = diagnosis.Check("a", "no", ""), diagnosis.Check("b", "broken", "")
    assert diagnosis.Diagnosis("x", "", "", {}, "", (), (fine,)).able
    assert not diagnosis.Diagnosis("x", "", "", {}, "", (), (fine, broken)).able


def test_a_root_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    check = diagnosis.writable_check(tmp_path / "runs" / "taxi")
    assert check.state == "yes"
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written_breaks() -> None:
    # /proc takes no files, not even from root
    check = diagnosis.writable_check(Path("/proc/millrace/runs"))
    assert check.state == "broken"
    assert "--set root=" in check.remedy


def test_a_docker_engine_is_asked_and_not_only_looked_for(tmp_path: Path) -> None:
    place = tmp_path / "docker.sock"
    assert diagnosis.docker_check({"DOCKER_HOST": f"unix://{place}"}).state == "no"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(place))
        engine.listen()
        assert diagnosis.docker_check({"DOCKER_HOST": f"unix://{place}"}).state == "yes"
    gone = diagnosis.docker_check({"DOCKER_HOST": f"unix://{place}"})
    assert gone.state == "no"
    assert "refused" in gone.detail
    assert "process" in gone.remedy


def test_a_docker_host_on_the_network_is_asked_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        host = f"tcp://127.0.0.1:{engine.getsockname()[1]}"
        assert diagnosis.docker_check({"DOCKER_HOST": host}).state == "yes"
    assert diagnosis.docker_check({"DOCKER_HOST": host}).state == "no"
    assert "not asked" in diagnosis.docker_check({"DOCKER_HOST": "ssh://host"}).detail


def test_google_credentials_are_found_where_googles_own_libraries_look(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert diagnosis.credentials_check(home).state == "no"
    file = tmp_path / ".config/gcloud/application_default_credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert diagnosis.credentials_check(home).detail == str(file)
    named = {**home, "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gone.json")}
    assert diagnosis.credentials_check(named).state == "no"
    assert "gone.json" in diagnosis.credentials_check(named).detail
    there = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    assert diagnosis.credentials_check(there) == diagnosis.Check("Google credentials", "yes", str(file))
    assert diagnosis.credentials_check({"CLOUDSDK_CONFIG": str(file.parent)}).detail == str(file)
    assert diagnosis.credentials_check({**home, "CLOUDSDK_CONFIG": str(tmp_path)}).state == "no"


def test_the_kubeflow_client_names_the_python_that_it_needs() -> None:
    check = diagnosis.kubeflow_check({}, (3, 13))
    assert check.state == "no"
    assert "this is 3.13" in check.detail
    assert "python3.11" in check.remedy
    assert diagnosis.kubeflow_check({}, (3, 12)).detail.endswith("this is 3.12")
    assert diagnosis.kubeflow_check({}, (3, 11)) == diagnosis.Check(
        "Kubeflow Pipelines client", "no", "kfp is not installed", "make clean setup"
    )
    there = diagnosis.kubeflow_check({"kfp": "2.16.1"}, (3, 13))
    assert (there.state, there.detail) == ("yes", "kfp 2.16.1")


def test_what_vertex_needs_is_the_specification_of_jobs() -> None:
    assert diagnosis.vertex_check({}).state == "no"
    there = diagnosis.vertex_check({"kfp-pipeline-spec": "0.6"})
    assert (there.state, there.detail) == ("yes", "kfp-pipeline-spec 0.6")


def test_little_memory_is_reported(tmp_path: Path) -> None:
    assert diagnosis.memory_check(2.0).state == "no"
    assert diagnosis.memory_check(16.0).state == "yes"
    (tmp_path / "memory.max").write_text(f"{3 * 2**30}\n")
    assert diagnosis.memory_gib(tmp_path) == pytest.approx(3.0, abs=0.01)
    (tmp_path / "memory.max").write_text(f"{2**62}\n")
    assert diagnosis.memory_gib(tmp_path) * 2**30 == pytest.approx(psutil.virtual_memory().total)
    (tmp_path / "memory.max").write_text("max\n")
    assert diagnosis.memory_gib(tmp_path) > 0


@pytest.mark.parametrize(("free", "state"), [(2**40, "yes"), (2**20, "no")])
def test_little_room_on_the_disk_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free, state) -> None:
    looked_at = []

    def usage(folder):
        looked_at.append(folder)
        return SimpleNamespace(free=free)

    monkeypatch.setattr(diagnosis.shutil, "disk_usage", usage)
    check = diagnosis.disk_check(tmp_path / "runs" / "taxi")
    assert (check.state, bool(check.remedy)) == (state, state == "no")
    assert looked_at == [tmp_path]


def test_programs_are_looked_for_on_the_path_that_is_given(tmp_path: Path) -> None:
    assert diagnosis.gpu_check({"PATH": str(tmp_path)}).state == "no"
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert (found := diagnosis.gpu_check({"PATH": str(tmp_path)})).state == "yes"
    assert found.detail == str(tool)
    assert diagnosis.model_server_check(None).state == "no"
    assert diagnosis.model_server_check("/opt/tensorflow_model_server").state == "yes"


def test_a_package_of_another_distribution_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "clashes", dict)
    assert diagnosis.clashes_check().state == "yes"
    monkeypatch.setattr(diagnosis, "clashes", lambda: {"models": "other-models", "schema": "schema"})
    check = diagnosis.clashes_check()
    assert (check.state, check.detail) == ("no", "models comes with other-models too, schema comes with schema too")
    assert check.remedy.startswith("pip uninstall other-models schema")


def test_a_tfx_of_neither_lock_warns_and_a_checkout_without_locks_compares_nothing(tmp_path: Path) -> None:
    check = diagnosis.packages_check(None, (), {"tfx": "1.17.0"})
    assert (check.state, check.detail) == ("no", "TFX 1.17.0 is of neither stack's lock")
    found = diagnosis.diagnose(tmp_path, {"PATH": "", "HOME": str(tmp_path)}, tmp_path)
    assert (found.stack, found.lock, found.differences) == ("unknown", "", ())
    assert found.versions["tfx"].startswith("1.")
    assert [check.state for check in found.checks if check.name == "Google credentials"] == ["no"]
    assert diagnosis.as_json(found)["checks"][0]["name"] == "Packages as locked"
