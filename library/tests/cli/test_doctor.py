"""`millrace doctor` on this environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from millrace.cli.doctor import doctor

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
