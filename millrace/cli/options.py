"""Options that several commands share, and the project that they work on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import click
from click.core import ParameterSource

from millrace.base.errors import ConfigError, MillraceError
from millrace.base.names import did_you_mean_file
from millrace.cli import completing
from millrace.project import project
from millrace.project.default_configuration import VARIABLE, default_file
from millrace.project.project import Project


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF` and `--set KEY=VALUE`, as `config_file` and `overrides`."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a configuration value. Repeatable.",
        shell_complete=completing.overrides,
    )(command)
    return config_option(command)


def push_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--push`, as `push`, to a command that runs, compiles or sends a graph."""
    text = "Serve the model although --set changed what is learned or judged."
    return click.option("--push", is_flag=True, help=text)(command)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF` as `config_file`, and enters the project of that file, or the one where a person stands."""
    return click.option(
        "-c", "--config", "config_file", envvar=VARIABLE, metavar="CONF", callback=_in_project,
        shell_complete=completing.configurations,
        help="The pipeline's configuration; by default the project's own.",
    )(command)  # fmt: skip


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
