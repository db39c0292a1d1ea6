"""`millrace completion`: what can follow is offered, by click and by real shells: keys, values, stages, runs."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from millrace.base.outcomes import State
from millrace.cli.main import millrace
from millrace.metadata.journal import Journal
from millrace.metadata.run_folder import LOCK_FILE

ROOT = Path(__file__).resolve().parents[3]
RUN = "20310101-000000"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that ran once, with a stage of its own, and a `millrace` on PATH that tells if it loads TensorFlow."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "setup.py", tmp_path)
    for package in ("pipeline", "models", "custom_components"):
        (tmp_path / package).mkdir()
    run = tmp_path / "runs" / "taxi" / "logs" / RUN
    run.mkdir(parents=True)
    (run / LOCK_FILE).touch()
    Journal(run).record("ModelSize", State.DONE)
    (tmp_path / "my.csv").write_text("age,income\n1,2\n")
    command = tmp_path / "bin" / "millrace"
    command.parent.mkdir()
    heavy = "{'tensorflow', 'apache_beam', 'tfx.v1'}"
    start = "import atexit, sys; from millrace.cli.main import main; "
    start += f"atexit.register(lambda: print('loaded', *{heavy} & set(sys.modules), file=sys.stderr) "
    start += f"if {heavy} & set(sys.modules) else None); main()"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -W ignore -c "{start}" "$@"\n')
    command.chmod(0o755)
    return tmp_path


def environment(project: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE", "PYTHONPATH"))}
    return {**kept, "PATH": f"{project / 'bin'}:{kept['PATH']}", "HOME": str(project), "TERM": "dumb"}


# Each script completes every line that it is given as its shell would, with the function that it was given itself: the
# shell's own variables are set, and what is handed to the shell's own commands is printed.
BASH = """
    source <(millrace completion bash)
    for line; do
        COMP_LINE=$line COMP_POINT=${#line}
        _millrace_completion millrace
        printf '%s\\n' "== $line" "${COMPREPLY[@]}"
    done
"""
ZSH = """
    autoload -Uz compinit; compinit -u -d $PWD/dump
    source <(millrace completion zsh)
    compadd() { local named; while [[ $1 == -* && $1 != -- ]]; do
                    [[ $1 == -[SV] ]] && shift; [[ $1 == -a ]] && named=1; shift; done
                [[ $1 == -- ]] && shift; [[ -n $named ]] && print -l -- ${(P)1} || print -l -- $1 }
    _describe() { print -l -- ${${(P)3}%%:*} }
    for line; do
        print -- "== $line"
        words=("${(@s: :)line}") CURRENT=$#words
        _millrace_completion
    done
"""
FISH = """
    millrace completion fish | source
    for line in $argv
        echo "== $line"
        complete -C $line | string split -f 1 \\t
    end
"""
SHELLS = {"bash": ["-c", BASH, "bash"], "zsh": ["-f", "-c", ZSH, "zsh"], "fish": ["-c", FISH]}
# What is typed, and some of what is offered. bash puts a value behind the `=` that stands there already.
OFFERED = [
    ("millrace re", ["rehearse"]),
    ("millrace schema pro", ["propose"]),
    ("millrace run --re", ["--resume"]),
    ("millrace run --from Tra", ["Transform", "Trainer"]),
    ("millrace run --to Model", ["ModelSize"]),
    ("millrace run -c conf/t", ["conf/taxi.yaml"]),
    ("millrace run --set training.b", ["training.batch_size="]),
    ("millrace run --set training", ["training."]),
    ("millrace run --set features.fare.", ["features.fare.scale="]),
    ("millrace run --set evaluation.thresholds.2.", ["evaluation.thresholds.2.at_least="]),
    ("millrace run --set data.format=p", ["data.format=parquet"]),
    ("millrace schema infer --run 20", [RUN]),
    ("millrace init my.csv --label in", ["income"]),
    ("millrace config keys evaluation.t", ["evaluation.thresholds.0"]),
    ("millrace completion b", ["bash"]),
]


@pytest.mark.parametrize("line, expected", OFFERED, ids=[line for line, _ in OFFERED])
def test_what_can_follow_is_offered(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    monkeypatch.chdir(project)
    offered = offers(line)
    assert set(expected) <= set(offered)
    assert all(one.startswith(line.rpartition(" ")[2]) for one in offered)


def offers(line: str) -> list[str]:
    words = line.split(" ")
    complete = ShellComplete(millrace, {}, "millrace", "_MILLRACE_COMPLETE")
    return [item.value for item in complete.get_completions(words[1:-1], words[-1])]


def test_what_is_wrong_in_a_configuration_offers_nothing_and_is_no_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "conf" / "taxi.yaml").write_text("{[")
    assert offers("millrace run --set training.b") == ["training.batch_size="]
    assert offers("millrace schema infer --run 2") == []
    shutil.rmtree(project / "conf")
    assert offers("millrace run --re") == ["--resume"]
    assert offers("millrace run --set training.b") == ["training.batch_size="]
    assert offers("millrace init --label in") == []


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_the_same_and_loads_no_tensorflow(project: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    command = [shell, *SHELLS[shell], *(line for line, _ in OFFERED)]
    done = subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "loaded" not in done.stderr, done.stderr
    offered = {part.partition("\n")[0]: part.split("\n")[1:] for part in done.stdout.split("== ")[1:]}
    for line, expected in OFFERED:
        # bash puts a value behind the `=` that stands on the line already.
        behind = line.rfind("=") - line.rfind(" ") if shell == "bash" and "=" in line else 0
        assert {one[behind:] for one in expected} <= set(offered[line]), line


@pytest.mark.slow
def test_a_key_is_completed_on_the_line_without_a_space_behind_it(project: Path) -> None:
    """In a terminal of its own, by readline: what a person sees."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**environment(project), "PS1": "ready> "})
    try:
        _read_until(terminal, b"ready> ")
        os.write(terminal, b"source <(millrace completion bash)\n")
        _read_until(terminal, b"ready> ")
        os.write(terminal, b"millrace run --set training.ba\t64 --set data.form\tpar\t")
        _read_until(terminal, b"--set training.batch_size=64 --set data.format=parquet ")
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def _read_until(terminal: int, expected: bytes, longest: float = 120.0) -> bytes:
    seen, end = b"", time.monotonic() + longest
    while expected not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{expected!r} is not in {seen!r}"
        seen += os.read(terminal, 4096)
    return seen
