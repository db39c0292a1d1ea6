"""The configuration that a command without `-c` takes."""

import os
import shlex
from pathlib import Path
from typing import Optional

from millrace.base.errors import ConfigError, MillraceError
from millrace.base.names import did_you_mean_file
from millrace.project import project
from millrace.project.project import Project

VARIABLE = "MILLRACE_CONFIG"


def default_file(project_here: Optional[Project], here: Path) -> str:
    """The one configuration of a project, or the one that `conf/default` names.

    Args:
        project_here: the project; None to look for it.
        here: the folder that a person stands in.

    Returns:
        The file's path from `here`.

    Raises:
        ConfigError: there is no project or no configuration, or nothing says which one is meant.
    """
    if project_here is None:
        project_here = project.require(here)
    conf = project_here.root / "conf"
    files = project_here.configurations
    if (conf / "default").is_file():
        files = [conf / _named(conf / "default", [file.name for file in files])]
    if len(files) != 1:
        raise ConfigError(
            f"{'several configurations' if files else 'no configuration'} in conf/, and nothing says which",
            where=str(conf),
            remedy=f"name one with -c, in {VARIABLE}, or by its file's name in conf/default: "
            + (", ".join(file.name for file in files) or "millrace init writes one"),
        )
    return os.path.relpath(files[0], here)


def _named(default: Path, known: list[str]) -> str:
    """The name in `conf/default`; a name and no path, so that a project's default lies in the project."""
    remedy = f"write the name of one file of conf/ in it: {', '.join(known) or 'millrace init writes one'}"
    try:
        name = default.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(default), remedy=remedy) from error
    if name not in known:
        meant = did_you_mean_file(name, known)
        what = f"names {name!r}, which is no configuration in conf/{meant}" if name else "is empty"
        raise ConfigError(what, where=str(default), remedy=remedy)
    return name


def is_default(config_file: str) -> bool:
    """Whether a command without `-c` would take this file, so that a next command need not name it."""
    here = Path.cwd()
    try:
        return not os.environ.get(VARIABLE) and os.path.samefile(default_file(project.find(here), here), config_file)
    except (MillraceError, OSError):
        return False


def option(config_file: str, environment: str = "") -> str:
    """The options by which a next command takes the same configuration.

    Args:
        config_file: the file; empty for none.
        environment: the environment; empty for none.

    Returns:
        ` -c FILE --env ENV`, of which either is left out where it need not be said.
    """
    file = f" -c {shlex.quote(config_file)}" if config_file and not is_default(config_file) else ""
    return file + (f" --env {shlex.quote(environment)}" if environment else "")
