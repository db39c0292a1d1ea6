"""Terraform's library and its language's reader, in the environment that `make deploy-check` keeps beside .venv."""

import json
import subprocess
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import BadInput

_SCRIPT = Path(__file__).with_name("read_terraform.py")


def python(project: Path) -> Path:
    """The interpreter of that environment.

    Args:
        project: the project's folder.

    Raises:
        BadInput: it is not there yet.
    """
    found = project / ".cache/deploy/bin/python"
    if not found.is_file():
        raise BadInput(
            "what reads Terraform's language is not installed",
            where=str(found.parent),
            remedy="make deploy-check in a checkout of the library installs it (Linux with glibc 2.35, or macOS)",
        )
    return found


def read(interpreter: Path, folder: Path, values: Optional[Path] = None) -> dict[str, Any]:
    """What the script printed: files, broken, format, and values where a file of them is named.

    Args:
        interpreter: as `python` finds it.
        folder: of Terraform's files.
        values: what `millrace deploy vars` wrote.

    Raises:
        BadInput: there is nothing to read, or the environment is broken.
    """
    if not folder.is_dir():
        raise BadInput(
            "there is no such folder", where=str(folder), remedy="name the one with modules/ and environments/"
        )
    command = [str(interpreter), str(_SCRIPT), str(folder.resolve()), *([str(values.resolve())] if values else [])]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise BadInput(
            f"Terraform's reader failed: {last}",
            where=str(interpreter),
            remedy="rm -r .cache/deploy, then make deploy-check",
        )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
