"""Interpreters and tools that are real executable scripts, in folders of their own."""

import json
import stat
from pathlib import Path
from typing import Callable

import pytest

MakePython = Callable[..., Path]


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def make_tool() -> Callable[[Path, str], Path]:
    return executable


@pytest.fixture
def make_python() -> MakePython:
    """Makes a script that answers the probe as a Python of that version would, or refuses as a pyenv shim does."""

    def make(path: Path, version: str, headers: bool = True, bits: int = 64, refuses: bool = False) -> Path:
        if refuses:
            return executable(path, "echo 'pyenv: command not found' >&2\nexit 127\n")
        numbers = [int(part) for part in version.split(".")]
        answer = {"version": numbers, "executable": str(path), "headers": headers, "bits": bits}
        return executable(path, f"cat <<'E'\n{json.dumps(answer)}\nE\n")

    return make
