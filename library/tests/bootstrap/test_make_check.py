"""`make check`: every tool has its say, and the remedy for what a tool can fix by itself is named."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKEFILES = [ROOT / "Makefile", ROOT / "millrace" / "new" / "files" / "Makefile"]


def make_check(makefile: Path, folder: Path, failing: str) -> "subprocess.CompletedProcess[str]":
    """Runs the target with tools that write down how they were called; those whose call begins with `failing` fail."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("ruff", "mypy", "lint-imports"):
        script = f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\n'
        script += f'case "{name} $*" in {failing or "nothing"}*) echo "{name} is not content"; exit 1;; esac\n'
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    (folder / "bootstrap").mkdir()
    (folder / "bootstrap" / "setup.sh").write_text("exit 0\n")
    shutil.copy(makefile, folder / "Makefile")
    command = ["make", "--no-print-directory", "check", f"VENV={tools}/", "FIND_PYTHON=true"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["checkout", "project"])
def test_all_tools_run_although_the_format_is_wrong_and_the_remedy_is_named(makefile: Path, tmp_path: Path) -> None:
    done = make_check(makefile, tmp_path, "'ruff format'")
    called = (tmp_path / "calls").read_text().splitlines()
    assert called[:3] == ["ruff format --check .", "ruff check .", "mypy "]
    assert done.returncode == 2, done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "make check: these failed: ruff format",
        "  make format formats the code, and fixes what can be fixed by itself",
    ]


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["checkout", "project"])
def test_what_format_cannot_fix_is_a_persons_to_do(makefile: Path, tmp_path: Path) -> None:
    done = make_check(makefile, tmp_path, "mypy")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "mypy is not content",
        "make check: these failed: mypy ",
        "  mypy names the lines above; a function wants types for its arguments and its result: def f(x: int) -> str",
    ]


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["checkout", "project"])
def test_help_says_how_the_command_comes_on_path(makefile: Path) -> None:
    done = subprocess.run(["make", "-f", str(makefile), "help"], capture_output=True, text=True, check=True)
    assert "for the command millrace in your shell: . .venv/bin/activate" in done.stdout


@pytest.mark.parametrize("makefile", MAKEFILES, ids=["checkout", "project"])
def test_nothing_is_said_when_all_are_content(makefile: Path, tmp_path: Path) -> None:
    done = make_check(makefile, tmp_path, "")
    assert (done.returncode, done.stdout) == (0, "")
