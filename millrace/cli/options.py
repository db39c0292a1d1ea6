"""Options that several commands share, and the project that they work on."""

import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

import click
from click.core import ParameterSource

from millrace.base.errors import ConfigError, MillraceError
from millrace.base.names import did_you_mean_file
from millrace.cli import completing
from millrace.config import environments
from millrace.project import default_configuration, project
from millrace.project.default_configuration import VARIABLE, default_file
from millrace.project.project import Project


class NumberRange(click.FloatRange):
    """A number within bounds; Python's `nan` and `inf` are none."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> float:
        """Reads it, as click does."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


def _reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise click.BadParameter("it holds what is no UTF-8", context, parameter) from error
    if parameter.required and not value.strip():
        raise click.BadParameter("say why: who reads it later was not there", context, parameter)
    # A reason is one line of a table.
    return " ".join(value.split())


_because = partial(click.option, "--because", metavar="WHY", callback=_reason, help="Why; kept with the decision.")
because_option = _because(required=True)
"""Adds `--because WHY`, which is kept with the decision as one line."""
because_option_of_a_plan = _because(default="")
"""The same for a command that can also say what it would do, for which nobody needs to say why."""


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF`, `--env ENV` and `--set KEY=VALUE`, as `config_file` and `overrides`.

    The environment is the first of the overrides, so that whatever carries these carries it too; the command enters the
    project of the configuration, or the one where a person stands.
    """
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_after_environment,
        help="Override a configuration value. Repeatable.",
        shell_complete=completing.overrides,
    )(command)
    command = click.option(
        "--env", "environment", envvar=environments.VARIABLE, metavar="ENV", is_eager=True, expose_value=False,
        callback=_remember, shell_complete=completing.environment_names,
        help="What conf/environments/ENV.yaml says is laid over the configuration.",
    )(command)  # fmt: skip
    return click.option(
        "-c", "--config", "config_file", envvar=VARIABLE, metavar="CONF", callback=_in_project,
        shell_complete=completing.configurations,
        help="The pipeline's configuration; by default the project's own.",
    )(command)  # fmt: skip


def again(config_file: str, overrides: Sequence[str]) -> str:
    """The options by which a next command takes the same configuration in the same environment.

    Args:
        config_file: of `-c`, or the default.
        overrides: the environment among them, as `config_options` gives them.

    Returns:
        Text to put behind the command's name, with a space in front; empty when nothing is needed.
    """
    return default_configuration.option(config_file, environments.of_overrides(overrides))


def push_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--push`, as `push`, to a command that runs, compiles or sends a graph."""
    text = "Serve the model although --set changed what is learned or judged."
    return click.option("--push", is_flag=True, help=text)(command)


def _remember(context: click.Context, parameter: click.Parameter, value: Optional[str]) -> None:
    context.meta[environments.VARIABLE] = value or ""


def _after_environment(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    environment = context.meta.get(environments.VARIABLE)
    return (environments.option(environment), *value) if environment else value


def _in_project(context: click.Context, parameter: click.Parameter, value: Optional[str]) -> str:
    if context.resilient_parsing:
        return _or_none(value)
    here = Path.cwd()
    project_here = project.find(*([Path(value).parent] if value else []), here)
    if project_here:
        project.enter(project_here)
    if value and context.get_parameter_source(str(parameter.name)) is ParameterSource.ENVIRONMENT:
        _require_file(value, project_here, here)
    return value or default_file(project_here, here)


def _or_none(value: Optional[str]) -> str:
    """What is meant while a shell completes; nothing in place of an error."""
    try:
        return value or default_file(project.find(Path.cwd()), Path.cwd())
    except MillraceError:
        return ""


def _require_file(value: str, found: Optional[Project], here: Path) -> None:
    """The variable may have been set in another folder, so a file that is not there is told with its name."""
    if not Path(value).is_file():
        known = [os.path.relpath(file, here) for file in (found.configurations if found else [])]
        raise ConfigError(
            f"{VARIABLE} names {value}, and there is no such file here{did_you_mean_file(value, known)}",
            where=str(here),
            remedy=f"set {VARIABLE} to an absolute path, or name a configuration with -c",
        )
