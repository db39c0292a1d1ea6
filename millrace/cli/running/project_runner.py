"""A command with a runner of the project's own behind it: what `python -m runners.NAME` calls."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from millrace.cli.main import main as command_line
from millrace.cli.main import millrace


def main(command: Sequence[str], runner: Any) -> None:
    """Runs a command of `millrace` with the arguments of this process, its options and its exit codes.

    Args:
        command: the command, and the options that are always given, for instance `("run", "--runner", "local")`.
        runner: does the work in place of the library's own: of `run` an `Execute` (`millrace.execution.run`), of
            `submit` a `CloudRunner` (`millrace.cloud.services`).
    """
    millrace.context_settings["obj"] = runner
    sys.argv[1:1] = command
    command_line()


def given_runner(kind: type[Any]) -> Any:
    """The runner that this command was called with; None when it is the library's own.

    Args:
        kind: which runners the command can use.
    """
    context = click.get_current_context(silent=True)
    runner = context.find_root().obj if context else None
    return runner if isinstance(runner, kind) else None
