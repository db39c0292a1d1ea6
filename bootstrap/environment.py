"""Builds .venv from a lock, and knows when there is nothing to do."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from bootstrap import pythons
from bootstrap.commands import Runner
from bootstrap.errors import SetupError
from bootstrap.installer import get_uv, lacks
from bootstrap.machine import Machine, require_space, require_tools
from bootstrap.stacks import Stack, takes_gateway

STAMP = "millrace-setup.json"
# As pip and uv write it into a command: after #!, or in a line for sh where the path is long or has a space.
_INTERPRETER = re.compile(r"(/[^'\"\n]*/bin/python[\w.]*)")


@dataclass(frozen=True)
class Checkout:
    """The places of a checkout that set-up reads and writes.

    Args:
        root: the folder with setup.py.
    """

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def stamp(self) -> Path:
        return self.venv / STAMP

    @property
    def gateway_lock(self) -> Path:
        return self.root / "requirements" / "gateway.txt"

    @property
    def cache(self) -> Path:
        return self.root / ".cache"


def digest(files: list[Path]) -> str:
    """One digest of the contents of files, in their order."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def wanted_stamp(checkout: Checkout, stack: Stack) -> dict[str, str]:
    """What the stamp of an up-to-date environment says."""
    files = [stack.lock(checkout.root), checkout.gateway_lock, checkout.root / "library" / "setup.py"]
    return {"stack": stack.name, "digest": digest(files)}


def read_stamp(checkout: Checkout) -> dict[str, str]:
    """What the environment's stamp says; empty when there is none, as in a half-made one."""
    try:
        told = json.loads(checkout.stamp.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def up_to_date(checkout: Checkout, stack: Stack, python: str = "") -> bool:
    """Whether the environment is whole, from this lock, made at this place, and on a Python that is still there.

    Args:
        checkout: where.
        stack: which stack is wanted.
        python: the value of MILLRACE_PYTHON, empty when any fitting one will do.
    """
    told = read_stamp(checkout)
    if {key: told.get(key) for key in ("stack", "digest")} != wanted_stamp(checkout, stack):
        return False
    if python and told.get("asked") != python:
        return False
    return up_to_date_python(checkout)


@contextmanager
def alone(checkout: Checkout, runner: Runner) -> Iterator[None]:
    """Keeps a second set-up of the same checkout waiting until the first is done."""
    with (checkout.cache / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            runner.tell("==> another set-up of this checkout is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(checkout: Checkout, stack: Stack, machine: Machine, environment: Mapping[str, str], runner: Runner) -> None:
    """Brings .venv to what the stack's lock says.

    Args:
        checkout: where.
        stack: which stack.
        machine: this machine, for the words of advice.
        environment: the process's variables; MILLRACE_PYTHON names the Python to use.
        runner: runs the programs.

    Raises:
        SetupError: something is missing or a step failed.
    """
    asked = environment.get("MILLRACE_PYTHON", "")
    with alone(checkout, runner):
        if up_to_date(checkout, stack, asked):
            return
        found, headless = (pythons.named(asked, stack, machine), []) if asked else pythons.find(stack, environment)
        others = [python.path for python in (*headless, *([found] if found else []))]
        require_tools(machine, environment, others=lacks(checkout.root, runner, others))
        uv = get_uv(checkout.root, runner, machine, others)
        python = found or fetch(stack, machine, headless, uv, runner)
        locks = [stack.lock(checkout.root), *([checkout.gateway_lock] if takes_gateway(machine) else [])]
        _build(checkout, stack, locks, python, uv, runner, asked)


def fetch(stack: Stack, machine: Machine, headless: list[pythons.Python], uv: Path, runner: Runner) -> pythons.Python:
    """A Python that uv downloads, headers included.

    Raises:
        SetupError: it cannot; says what else would do.
    """
    version = "{}.{}".format(*stack.pythons[0])
    runner.tell(f"==> no Python {stack.said_pythons} here that can build C extensions; uv fetches {version}")
    try:
        runner.run([str(uv), "python", "install", version], f"fetching Python {version}")
    except SetupError as error:
        if headless:
            raise pythons.no_headers(headless, machine) from error
        raise pythons.no_python(stack, machine, error.what.splitlines()[-1].strip()) from error
    path = runner.answer([str(uv), "python", "find", "--managed-python", version])
    python = pythons.probe(Path(path)) if path else None
    if python is None:
        raise SetupError(f"uv fetched Python {version}, but it does not run", f"see {runner.log}")
    return python


def _build(
    checkout: Checkout, stack: Stack, locks: list[Path], python: pythons.Python, uv: Path, runner: Runner, asked: str
) -> None:
    started = time.monotonic()
    version = "{}.{}.{}".format(*python.version)
    runner.tell(f"==> {stack.name} stack: TFX {stack.tfx} on Python {version} ({python.path})")
    reusable = read_stamp(checkout).get("python") == f"{python.path} {version}" and up_to_date_python(checkout)
    checkout.stamp.unlink() if checkout.stamp.exists() else None
    if not reusable:
        require_space(checkout.root)
        _clear(checkout.venv)
        runner.run([str(uv), "venv", "--quiet", "--python", str(python.path), str(checkout.venv)], "making .venv")
    _install(checkout, locks, uv, runner)
    _write_stamp(checkout, {**wanted_stamp(checkout, stack), "python": f"{python.path} {version}", "asked": asked})
    runner.tell(
        f"==> ready in {time.monotonic() - started:.0f} s; for the command millrace in your shell: . .venv/bin/activate"
    )


def up_to_date_python(checkout: Checkout) -> bool:
    """Whether the environment's interpreter still leads to a file, and its commands to that interpreter.

    They name the place where it was made: in a checkout that was moved they are broken, and in one that was copied they
    run the other's code.
    """
    command = checkout.venv / "bin" / "millrace"
    named = _INTERPRETER.search(command.read_text(errors="replace")) if command.exists() else None
    made_here = named is None or Path(named[1]).parent.resolve() == command.parent.resolve()
    return made_here and (checkout.venv / "bin" / "python").exists()


def _clear(venv: Path) -> None:
    if venv.is_symlink():
        raise SetupError(
            f"{venv} is a link, and set-up does not empty what is elsewhere", f"remove the link: rm {venv}"
        )
    shutil.rmtree(venv, ignore_errors=True)


def _install(checkout: Checkout, locks: list[Path], uv: Path, runner: Runner) -> None:
    python = str(checkout.venv / "bin" / "python")
    count = sum(1 for lock in locks for line in lock.read_text().splitlines() if line[:1].isalnum())
    runner.tell(f"==> installing up to {count} packages (1.5 GiB to fetch the first time; log: {runner.log})")
    pip = [str(uv), "pip"]
    runner.run(
        # Compiled once here, instead of by the first process, or by every one where Python may not write bytecode.
        [*pip, "sync", "--python", python, "--require-hashes", "--compile-bytecode", *map(str, locks)],
        "installing the packages",
        "set-up can be started again: what was fetched is kept\n"
        "behind a proxy or with a registry of your own, set HTTPS_PROXY, or index-url in pip's configuration",
    )
    runner.run(
        [
            *pip,
            "install",
            "--python",
            python,
            "--no-deps",
            "--no-build-isolation",
            "--offline",
            "-e",
            str(checkout.root / "library"),
        ],
        "installing the library",
    )


def _write_stamp(checkout: Checkout, told: Mapping[str, Optional[str]]) -> None:
    beside = checkout.stamp.with_suffix(".partial")
    beside.write_text(json.dumps(told, indent=2) + "\n")
    os.replace(beside, checkout.stamp)
