"""Puts the packages whose tables `make quality` learns from into .cache/tables: for their files, none of their code."""

import shutil
from pathlib import Path

from bootstrap.commands import Runner
from bootstrap.environment import Checkout, digest
from bootstrap.installer import get_uv
from bootstrap.machine import Machine

STAMP = "millrace-tables.txt"


def install_tables(checkout: Checkout, machine: Machine, runner: Runner) -> Path:
    """Brings .cache/tables to its lock; quick when it is there already.

    Args:
        checkout: where; its .venv must be there.
        machine: this machine, for the words of advice where uv has to be fetched.
        runner: runs the programs.

    Returns:
        The folder.

    Raises:
        SetupError: they could not be installed; tells the end of the output.
    """
    folder, lock = checkout.cache / "tables", checkout.root / "requirements" / "tables.txt"
    stamp, wanted = folder / STAMP, digest([lock])
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    uv = str(get_uv(checkout.root, runner, machine))
    shutil.rmtree(folder, ignore_errors=True)
    python = str(checkout.venv / "bin" / "python")
    where = ["--python", python, "--target", str(folder), "--no-deps", "--require-hashes"]
    runner.run([uv, "pip", "install", "--quiet", *where, "-r", str(lock)], "installing the tables")
    stamp.write_text(wanted)
    return folder
