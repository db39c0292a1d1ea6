"""The command itself: its help without TensorFlow, its exit codes, its words for mistakes."""

import os
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
    assert finished.stdout.splitlines()[-1] == "no run of taxi yet: millrace run", "the default need not be named"
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


@pytest.mark.parametrize("arguments", [["--help"], ["schema", "show"], ["runs", "--help"]])
def test_output_that_has_no_place_is_told_without_a_traceback(arguments):
    command = [sys.executable, "-m", "millrace.cli.main", *arguments]
    with open("/dev/full", "w") as full:
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        silent = subprocess.run(command, stdout=full, stderr=full, check=False)
    assert finished.stderr.splitlines() == [
        "millrace: there is no space left for what this writes",
        "  remedy: make room, or write to another place",
    ]
    assert finished.returncode == 1
    # Python's own, from 3.13 on, where not even the standard error can be written.
    assert silent.returncode in (1, 120)


def test_what_a_terminal_cannot_show_is_shown_as_its_code(tmp_path):
    conf = tmp_path / "c\N{LATIN SMALL LETTER O WITH DIAERESIS}nf.yaml"
    conf.write_text("x: 1\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    command = [sys.executable, "-m", "millrace.cli.main", "runs", "-c", conf]
    finished = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert finished.returncode == 2
    assert b"c\\xf6nf.yaml" in finished.stderr and b"Traceback" not in finished.stderr


def test_a_traceback_has_no_secret(tmp_path):
    script = "from millrace.base import secrets; from millrace.cli import main; import os\n"
    script += "os.environ['HOOK'] = 's3same 77'; secrets.know(['HOOK'])\n"
    script += "def fail(*_, **__): raise KeyError(os.environ['HOOK']) from ValueError('s3same+77')\n"
    script += "main.millrace.main = fail; main.main()\n"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "KeyError: '***'" in finished.stderr and "ValueError: ***" in finished.stderr
    assert "same" not in finished.stderr
