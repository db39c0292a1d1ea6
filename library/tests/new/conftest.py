"""Projects that `millrace new` makes, away from the checkout, in environments with the lock and the library's wheel."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from bootstrap.installer import from_pip
from bootstrap.stacks import STACKS
from millrace.project import wheels

CHECKOUT = Path(__file__).resolve().parents[3]
STACK = next(stack for stack in STACKS.values() if metadata.version("tfx").startswith(f"{stack.tfx}."))
# Enough work to learn the label, and served like a run without --set.
SMALL = "--set training.steps=60 --set 'evaluation.thresholds=[{metric: AUC, at_least: 0.5}]' --set push.trial=false"

Finished = subprocess.CompletedProcess


@dataclass(frozen=True)
class Away:
    """A machine that knows nothing of the checkout, as far as processes go.

    Args:
        variables: their environment: PATH with uv, no Python path.
        environment: a virtual environment with the lock and the library's wheel, and nothing else.
    """

    variables: dict[str, str]
    environment: Path

    def run(self, folder: Path, *command: str, **variables: str) -> "Finished[str]":
        """Runs a command in a folder."""
        env = {**self.variables, **variables}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=1200)

    def done(self, folder: Path, *command: str, **variables: str) -> str:
        """What a command prints that must end well."""
        finished = self.run(folder, *command, **variables)
        assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
        return finished.stdout

    def millrace(self, folder: Path, *arguments: str) -> "Finished[str]":
        """Runs the command of the environment."""
        return self.run(folder, str(self.environment / "bin" / "millrace"), *arguments)


@pytest.fixture(scope="session")
def variables(tmp_path_factory) -> dict[str, str]:
    """The variables of processes away from the checkout; uv is on PATH, at the version that is pinned here."""
    pip = [sys.executable, "-m", "pip"]
    tools = tmp_path_factory.mktemp("uv")
    install = [*pip, "install", "--quiet", "--require-hashes", "--target", str(tools)]
    subprocess.run([*install, "-r", str(CHECKOUT / "requirements" / "uv.txt")], check=True)
    # Under `make test` the flags of that make, and its ARGS, would be those of the project's own make.
    ours = ("PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS", "ARGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    told = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=True).stdout
    kept.update(from_pip(told, kept))
    return {
        **kept,
        "PATH": f"{tools / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "MILLRACE_STACK": STACK.name,
        "MILLRACE_PYTHON": sys._base_executable,
        # The bytecode of all packages takes longer than the rest together, and proves nothing.
        "UV_COMPILE_BYTECODE": "0",
    }


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    """The library's wheel."""
    return wheels.library_wheel(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def away(variables, library, tmp_path_factory) -> Away:
    """The environment, from the lock and the wheel."""
    folder = tmp_path_factory.mktemp("away")
    made = Away(variables, folder / "environment")
    python = str(made.environment / "bin" / "python")
    made.done(folder, "uv", "venv", "--quiet", "--python", sys._base_executable, str(made.environment))
    lock = str(STACK.lock(CHECKOUT))
    made.done(folder, "uv", "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock)
    made.done(folder, "uv", "pip", "install", "--quiet", "--no-deps", "--python", python, str(library))
    return made


@pytest.fixture(scope="session")
def released(tmp_path_factory) -> Callable[[str], Path]:
    """Makes the wheel of this library under another version."""

    def release(version: str) -> Path:
        copy = tmp_path_factory.mktemp("release")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "millrace", copy / "millrace", ignore=ignored)
        (copy / "library").mkdir()
        shutil.copy(CHECKOUT / "library" / "setup.py", copy / "library")
        file = copy / "millrace" / "__init__.py"
        text, own = file.read_text(), wheels.wheel_name().split("-")[1]
        assert text.count(f'"{own}"') == 1
        file.write_text(text.replace(f'"{own}"', f'"{version}"'))
        os.environ["MILLRACE_TEMPLATE"] = "no"
        try:
            return wheels.build(copy / "library" / "setup.py", copy / "dist")
        finally:
            del os.environ["MILLRACE_TEMPLATE"]

    return release
