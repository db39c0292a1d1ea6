"""Environments beside .venv, each with a lock of its own: of the documentation's site, and of what looks at deploy/."""

import shutil
from pathlib import Path

from bootstrap.commands import Runner
from bootstrap.environment import Checkout, digest
from bootstrap.installer import get_uv
from bootstrap.machine import Machine

STAMP = "millrace-lock.txt"


def install_deploy(checkout: Checkout, machine: Machine, runner: Runner) -> None:
    """Brings Terraform's library and checkov to .cache/deploy.

    Args:
        checkout: where; its .venv must be there.
        machine: this machine, for the words of advice where uv has to be fetched.
        runner: runs the programs.

    Raises:
        SetupError: it could not be installed.
    """
    install(checkout.cache / "deploy", checkout.root / "requirements" / "deploy.txt", checkout, machine, runner)


def install(environment: Path, lock: Path, checkout: Checkout, machine: Machine, runner: Runner) -> None:
    """Brings an environment to its lock; quick when it is there already.

    Args:
        environment: its folder.
        lock: what it is to have.
        checkout: whose Python it takes; its .venv must be there.
        machine: this machine, for the words of advice where uv has to be fetched.
        runner: runs the programs.

    Raises:
        SetupError: it could not be installed.
    """
    stamp, wanted, name = environment / STAMP, digest([lock]), environment.name
    if stamp.exists() and stamp.read_text() == wanted and (environment / "bin" / "python").exists():
        return
    uv = str(get_uv(checkout.root, runner, machine))
    shutil.rmtree(environment, ignore_errors=True)
    python = str((checkout.venv / "bin" / "python").resolve())
    runner.run([uv, "venv", "--quiet", "--python", python, str(environment)], f"making an environment for {name}")
    runner.run(
        [uv, "pip", "sync", "--python", str(environment / "bin" / "python"), "--require-hashes", str(lock)],
        f"installing what {name} needs",
    )
    stamp.write_text(wanted)
