"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

DEFAULT_CONFIG = "conf/taxi.yaml"


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c CONF` and `--set KEY=VALUE`, as `config_file` and `overrides`."""
    command = click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a configuration value. Repeatable."
    )(command)
    return click.option(
        "-c", "--config", "config_file", default=DEFAULT_CONFIG, show_default=True, metavar="CONF", help="The pipeline."
    )(command)
