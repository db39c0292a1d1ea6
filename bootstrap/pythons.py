"""Finds the Python to build the environment with: on PATH, in pyenv's versions, else one that uv fetches."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from bootstrap.errors import SetupError
from bootstrap.machine import Machine, how_to_get
from bootstrap.stacks import Stack

PROBE = (
    "import json, os, struct, sys, sysconfig; "
    "header = os.path.join(sysconfig.get_paths()['include'], 'Python.h'); "
    "print(json.dumps({'version': sys.version_info[:3], 'executable': sys.executable, "
    "'headers': os.path.exists(header), 'bits': struct.calcsize('P') * 8}))"
)
PROBE_SECONDS = 20
EXTRA_FOLDERS = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin")

Version = tuple[int, int]


@dataclass(frozen=True)
class Python:
    """An interpreter that answered.

    Args:
        path: its executable, as it calls itself.
        version: three numbers.
        headers: whether C extensions can be built for it.
    """

    path: Path
    version: tuple[int, int, int]
    headers: bool

    @property
    def minor(self) -> Version:
        """The version without its last number."""
        return self.version[:2]


def probe(path: Path) -> Optional[Python]:
    """Asks an executable what it is; None when it does not run, as a pyenv shim may not, or is a 32-bit one."""
    try:
        done = subprocess.run(
            [str(path), "-c", PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=False,
        )
        told = json.loads(done.stdout.decode())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if told["bits"] != 64:
        return None
    return Python(Path(told["executable"] or path), tuple(told["version"]), told["headers"])


def candidates(version: Version, environment: Mapping[str, str]) -> Iterator[Path]:
    """Executables that may be this Python version, the likeliest first; each file once.

    Args:
        version: the two numbers.
        environment: the process's variables: PATH, HOME, PYENV_ROOT.
    """
    exact = "python{}.{}".format(*version)
    seen = set()
    folders = [Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    folders += [Path(folder) for folder in EXTRA_FOLDERS]
    named = [folder / exact for folder in folders]
    pyenv = [folder / "bin" / exact for folder in pyenv_versions(version, environment)]
    generic = [folder / name for folder in folders for name in ("python3", "python")]
    for path in named + pyenv + generic:
        if path not in seen and path.is_file() and os.access(path, os.X_OK):
            seen.add(path)
            yield path


def pyenv_versions(version: Version, environment: Mapping[str, str]) -> list[Path]:
    """The folders of pyenv's releases of a Python version, the newest first."""
    home = environment.get("PYENV_ROOT") or os.path.join(environment.get("HOME", ""), ".pyenv")
    folders = Path(home, "versions").glob("{}.{}.*".format(*version))
    return sorted(folders, key=_release, reverse=True)


def _release(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split(".") if part.isdigit())


def find(stack: Stack, environment: Mapping[str, str]) -> tuple[Optional[Python], list[Python]]:
    """The best Python of a stack that is on this machine.

    Args:
        stack: whose Python versions are wanted.
        environment: the process's variables.

    Returns:
        The Python, or None; and those that would fit but for their missing headers.
    """
    headless: list[Python] = []
    answers = {}
    for version in stack.pythons:
        for path in candidates(version, environment):
            if path not in answers:
                answers[path] = probe(path)
            python = answers[path]
            if python is None or python.minor != version:
                continue
            if python.headers:
                return python, headless
            headless.append(python)
    return None, headless


def named(path: str, stack: Stack, machine: Machine) -> Python:
    """The Python that MILLRACE_PYTHON names, checked.

    Raises:
        SetupError: it does not run, is of a version that the stack does not run on, or has no headers.
    """
    python = probe(Path(path))
    if python is None:
        raise SetupError(
            f"MILLRACE_PYTHON is {path}, which does not run", "set it to the path of a Python, or leave it out"
        )
    if python.minor not in stack.pythons:
        raise SetupError(
            "MILLRACE_PYTHON is Python {}.{}.{}".format(*python.version),
            f"the {stack.name} stack runs on Python {stack.said_pythons}",
        )
    if not python.headers:
        raise no_headers([python], machine)
    return python


def no_headers(pythons: Sequence[Python], machine: Machine) -> SetupError:
    """The error for a machine whose only fitting Pythons cannot build C extensions."""
    python = pythons[0]
    version = "{}.{}".format(*python.minor)
    return SetupError(
        f"Python {version} is here ({python.path}) without its C headers, which pyfarmhash is built with",
        how_to_get(["headers"], machine.family, version),
    )


def no_python(stack: Stack, machine: Machine, fetched: str) -> SetupError:
    """The error for a machine without a fitting Python, where uv could not fetch one either.

    Args:
        stack: whose Python is missing.
        machine: this machine.
        fetched: the last line of what uv said.
    """
    version = "{}.{}".format(*stack.pythons[0])
    ways = {"macos": f"brew install python@{version}"}
    if machine.family == "fedora":
        ways["fedora"] = f"sudo dnf install python{version} python{version}-devel"
    elif machine.family == "debian" and stack.name == "current":
        ways["debian"] = "sudo apt-get install python3 python3-dev"
    ways["pyenv"] = f"pyenv install {version}    (https://github.com/pyenv/pyenv; nothing else to set)"
    ways["uv"] = f"uv python install {version}    (on a network that reaches its downloads)"
    lines = [ways[name] for name in (machine.family, "pyenv", "uv") if name in ways]
    return SetupError(
        f"no Python {stack.said_pythons.replace(', ', ' or ')} runs on this machine, and uv could not "
        f"fetch one: {fetched}",
        "\nor  ".join(lines),
    )
