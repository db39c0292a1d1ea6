"""What has a machine look by itself: a systemd unit that watches, or a line of cron that looks now and then."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from millrace.config.config import Config
from millrace.config.environments import as_options


def systemd_unit(config: Config, overrides: Sequence[str]) -> str:
    """A unit that watches, and is started again when it ends.

    https://www.freedesktop.org/software/systemd/man/systemd.service.html

    Args:
        config: the pipeline's configuration.
        overrides: the `--set` values that it was read with.
    """
    command = " ".join(_quoted(word) for word in _command("watch", config, overrides))
    variables = "".join(f"\n# Environment={name}=" for name in config.secret_variables())
    return f"""[Unit]
Description=Millrace: what starts runs of {config.name}
After=network-online.target

[Service]
WorkingDirectory={_project(config)}
ExecStart={command}
Restart=always
RestartSec=30
# A run that goes on is not ended with what watches.
KillMode=process{variables}

[Install]
WantedBy=default.target
"""


def cron_line(config: Config, overrides: Sequence[str], minutes: int = 10) -> str:
    """A line of a crontab: a look every so many minutes, which starts a run and waits for it.

    Args:
        config: the pipeline's configuration.
        overrides: the `--set` values that it was read with.
        minutes: from one look to the next.
    """
    command = shlex.join([*_command("check", config, overrides), "--start"])
    # A percent sign ends the command of a crontab's line.
    return f"*/{minutes} * * * * cd {shlex.quote(str(_project(config)))} && {command}".replace("%", r"\%")


def _command(name: str, config: Config, overrides: Sequence[str]) -> list[str]:
    words = [word for option in as_options(overrides) for word in option]
    file = os.path.abspath(config.file)
    return [sys.executable, "-m", "millrace.cli.main", "triggers", name, "-c", file, *words]


def _project(config: Config) -> Path:
    return Path(os.path.abspath(config.file)).parent.parent


def _quoted(word: str) -> str:
    """A word of `ExecStart`, in which systemd reads %, $, quotes and backslashes."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(letter in word for letter in " \t'\"\\;") else escaped
