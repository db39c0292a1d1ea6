"""The command itself: its help without TensorFlow, its exit codes, its words for mistakes."""

import subprocess
import sys

import pytest

from millrace.cli.main import COMMANDS

IMPORTED = """
import sys
sys.argv = ["millrace", *{arguments!r}]
from millrace.cli.main import main
try:
    main()
except SystemExit as exit:
    print("code", exit.code)
heavy = ("tensorflow", "tfx", "apache_beam", "google.api_core", "kfp")
print("heavy", sorted(name for name in heavy if name in sys.modules))
"""


def millrace(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millrace.cli.main", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["schema", "--help"], ["runs", "--help"], ["submit", "--help"], ["jobs", "--help"]],
)
def test_help_is_given_without_tensorflow(arguments):
    script = IMPORTED.format(arguments=arguments)
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.stdout.startswith("Usage: millrace"), finished.stderr
    assert "code 0" in finished.stdout
    assert "heavy []" in finished.stdout


def test_every_command_is_there_with_its_help():
    for name in COMMANDS:
        finished = millrace(name, "--help")
        assert finished.returncode == 0, finished.stderr
        assert f"Usage: millrace {name}" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-command"], "there is no command no-such-command"),
        (["rnu"], "there is no command rnu; did you mean run?"),
        (["jobs", "lst"], "there is no command lst; did you mean list?"),
        (["run", "--runner", "spark"], "'spark' is not one of"),
        (["run", "-c", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["runs", "--set", "training.stepz=3"], "did you mean steps?"),
    ],
)
def test_a_mistake_has_exit_code_2_and_no_traceback(arguments, words):
    finished = millrace(*arguments)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr


def test_debug_shows_where_a_mistake_was_found():
    finished = millrace("--debug", "runs", "-c", "nowhere.yaml")
    assert finished.returncode == 1
    assert "Traceback" in finished.stderr
    assert "millrace.base.errors.ConfigError" in finished.stderr


def test_runs_of_a_pipeline_that_never_ran(tmp_path):
    finished = millrace("runs", "--set", f"root={tmp_path}")
    assert finished.returncode == 0
    assert "no run of taxi yet: millrace run" in finished.stdout
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
