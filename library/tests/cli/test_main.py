"""The command itself: its help without TensorFlow, its exit codes, its words for mistakes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from millrace.cli import main
from millrace.cli.main import COMMANDS
from millrace.cli.options import NumberRange

CHECKOUT = Path(__file__).resolve().parents[3]
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_with_its_help(name):
    finished = CliRunner().invoke(main.millrace, [name, "--help"], prog_name="millrace")
    assert finished.exit_code == 0, finished.output
    assert f"Usage: millrace {name}" in finished.output


def commands_below(group, words=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield " ".join((*words, name)), command
        if isinstance(command, click.Group):
            yield from commands_below(command, (*words, name))


def test_no_option_takes_what_is_no_finite_number():
    """Click's own ranges let `nan` through, which is neither below nor above a bound."""
    numbers = [
        (words, param.name, param.type)
        for words, command in commands_below(main.millrace)
        for param in command.params
        if isinstance(param.type, (click.types.FloatParamType, click.FloatRange))
    ]
    assert len(numbers) > 10
    assert [one for one in numbers if not isinstance(one[2], NumberRange)] == []


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


REFUSED = ["run", "--set", "data.path=/nonexistent"]


def in_a_shell(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Calls the command as `"$@"` in a shell's script, which can close and redirect what Python's own way cannot."""
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "millrace.cli.main", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


@pytest.mark.parametrize("columns", ["0", "000"])
def test_a_screen_of_no_columns_is_taken_for_one_that_does_not_say(columns):
    assert "Usage: millrace" in in_a_shell('"$@"', "--help", COLUMNS=columns).stdout
    assert "did you mean run?" in in_a_shell('"$@"', "rnu", COLUMNS=columns).stderr


def test_on_a_terminal_of_no_columns_a_run_says_why_it_was_refused(tmp_path):
    script = f"stty cols 0 rows 0; {sys.executable} -m millrace.cli.main {' '.join(REFUSED)} --set root={tmp_path}"
    shown = in_a_shell(f"script -qec '{script}' /dev/null")
    assert "/nonexistent" in shown.stdout and "remedy:" in shown.stdout


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_the_null_device(stream, tmp_path):
    done = in_a_shell(f'"$@" {stream}', *REFUSED, "--set", f"root={tmp_path}")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert ("/nonexistent" in done.stdout + done.stderr) == (stream in ("<&-", "2>&-"))
    [run_file] = tmp_path.glob("logs/*/run.json")
    assert json.loads(run_file.read_text())["exit_code"] == 2


def test_a_run_whose_output_has_no_place_says_so_and_is_recorded(tmp_path):
    done = in_a_shell('"$@" >/dev/full', *REFUSED, "--set", f"root={tmp_path}")
    assert (done.returncode, "there is no space left for what this writes" in done.stderr) == (1, True), done.stderr
    [run_file] = tmp_path.glob("logs/*/run.json")
    assert json.loads(run_file.read_text())["exit_code"] == 1


@pytest.mark.parametrize(
    "arguments", [["run"], ["runs"], ["init", "x.csv", "--label", "y"], ["new", "shop"], ["doctor"]]
)
def test_where_the_folder_is_gone_that_is_told(arguments, tmp_path):
    (tmp_path / "gone").mkdir()
    done = in_a_shell(f'cd {tmp_path}/gone && rmdir {tmp_path}/gone && "$@"', *arguments)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["millrace: the folder in which you stand is not there any more", "  remedy: go to one that is, with cd"],
    )


def test_what_may_not_be_looked_into_is_told_without_a_traceback(tmp_path):
    """As root who may read all, only without that right."""
    (tmp_path / "root" / "logs").mkdir(parents=True)
    (tmp_path / "root").chmod(0)
    as_anybody = "setpriv --bounding-set=-dac_override,-dac_read_search" if os.geteuid() == 0 else ""
    try:
        done = in_a_shell(f'{as_anybody} "$@"', "runs", "-c", "conf/taxi.yaml", "--set", f"root={tmp_path}/root")
    finally:
        (tmp_path / "root").chmod(0o700)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "Permission denied" in done.stderr and f"ls -ld {tmp_path}/root/logs {tmp_path}/root" in done.stderr


def test_a_reason_is_text():
    """What is no UTF-8 came back as a traceback of whatever wrote it down, `because` of some commands alone."""
    every = [
        words for words, command in commands_below(main.millrace) for one in command.params if "--because" in one.opts
    ]
    assert len(every) > 8
    for words in every:
        [because] = [one for one in command_of(words).params if "--because" in one.opts]
        with pytest.raises(click.BadParameter, match="no UTF-8"):
            because.process_value(click.Context(command_of(words)), b"x\xff".decode(errors="surrogateescape"))
        if because.required:
            with pytest.raises(click.BadParameter, match="say why"):
                because.process_value(click.Context(command_of(words)), "  ")


def command_of(words):
    return dict(commands_below(main.millrace))[words]
