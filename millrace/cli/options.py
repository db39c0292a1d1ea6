"""Options that several commands share, and the project that they work on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import click

from millrace.base import project
from millrace.base.errors import ConfigError
from millrace.base.project import Project

VARIABLE = "MILLRACE_CONFIG"


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF` and `--set KEY=VALUE`, as `config_file` and `overrides`."""
    command = click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a configuration value. Repeatable."
    )(command)
    return config_option(command)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF` as `config_file`, and enters the project of that file, or the one where a person stands."""
    return click.option(
        "-c", "--config", "config_file", envvar=VARIABLE, metavar="CONF", callback=_in_project,
        help="The pipeline's configuration; by default the project's own.",
    )(command)  # fmt: skip


def _in_project(context: click.Context, parameter: click.Parameter, value: Optional[str]) -> str:
    here = Path.cwd()
    found = project.find(*([Path(value).parent] if value else []), here)
    if found and not context.resilient_parsing:
        project.enter(found)
    return value or _default(found, here)


def _default(project_here: Optional[Project], here: Path) -> str:
    """The one configuration of a project, or the one that `conf/default` names."""
    if project_here is None:
        raise ConfigError(
            "there is no Millrace project here or above",
            where=str(here),
            remedy="go to one, name a configuration with -c, or make one: millrace new NAME",
        )
    named = project_here.root / "conf" / "default"
    files = project_here.configurations
    if named.is_file():
        files = [project_here.root / "conf" / named.read_text(encoding="utf-8").strip()]
    if len(files) != 1:
        raise ConfigError(
            f"{'several configurations' if files else 'no configuration'} in conf/, and nothing says which",
            where=str(project_here.root / "conf"),
            remedy=f"name one with -c, in {VARIABLE}, or by its file's name in conf/default: "
            + (", ".join(file.name for file in files) or "millrace init writes one"),
        )
    return os.path.relpath(files[0], here)


def is_default(config_file: str) -> bool:
    """Whether a command without `-c` would take this file, so that a next command need not name it."""
    here = Path.cwd()
    try:
        return not os.environ.get(VARIABLE) and _default(project.find(here), here) == config_file
    except ConfigError:
        return False
