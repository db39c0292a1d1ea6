"""`millrace doctor` on this environment, and each of its checks on good and bad cases."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from millrace.cli.doctor import doctor
from millrace.execution import diagnosis

CHECKOUT = Path(__file__).resolve().parents[3]
CONF = str(CHECKOUT / "conf" / "taxi.yaml")


def test_it_tells_the_stack_the_versions_and_what_can_run() -> None:
    result = CliRunner().invoke(doctor, ["-c", CONF], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    assert "stack, Python 3." in result.output
    for told in ("tfx", "apache-beam", "Docker", "Google credentials", "Writing runs"):
        assert told in result.output


def test_json_holds_the_same_as_plain_values() -> None:
    result = CliRunner().invoke(doctor, ["-c", CONF, "--json"])
    told = json.loads(result.stdout)
    assert told["able"] is True
    assert told["stack"] in ("current", "compatible")
    assert told["versions"]["tfx"].startswith("1.")
    assert {check["name"] for check in told["checks"]} >= {"Packages as locked", "Docker", "GPU", "Memory"}


def test_it_imports_neither_tensorflow_nor_tfx() -> None:
    code = "import sys, millrace.cli.doctor as d; heavy = 'tensorflow', 'tfx', 'apache_beam', 'keras'; "
    code += "print([m for m in heavy if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_configuration_that_cannot_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("nonsense: 1\n")
    told = json.loads(CliRunner().invoke(doctor, ["-c", str(tmp_path / "bad.yaml"), "--json"]).stdout)
    checks = {check["name"]: check for check in told["checks"]}
    assert checks["Writing runs"]["state"] == "no"
    assert "configuration" in checks["Writing runs"]["detail"]


def test_remedies_with_brackets_are_shown_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = CliRunner().invoke(doctor, ["-c", CONF], env={"COLUMNS": "200"})
    assert "tensorflow[and-cuda]" in result.output


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


def test_the_kubeflow_client_names_the_python_that_it_needs() -> None:
    check = diagnosis.kubeflow_check({}, (3, 13))
    assert check.state == "no"
    assert "this is 3.13" in check.detail
    assert "python3.11" in check.remedy
    assert diagnosis.kubeflow_check({"kfp": "2.16.1"}, (3, 11)).state == "yes"
    assert diagnosis.vertex_check({}).state == "no"


def test_little_memory_is_reported(tmp_path: Path) -> None:
    assert diagnosis.memory_check(2.0).state == "no"
    assert diagnosis.memory_check(16.0).state == "yes"
    (tmp_path / "memory.max").write_text(f"{3 * 2**30}\n")
    assert diagnosis.memory_gib(tmp_path) == pytest.approx(3.0, abs=0.01)
    (tmp_path / "memory.max").write_text("max\n")
    assert diagnosis.memory_gib(tmp_path) > 0
