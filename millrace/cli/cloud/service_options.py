"""What the commands share that talk to a service: their options, and how a person reads a time."""

import time
from collections.abc import Callable
from typing import Any, Optional

import click
from rich.console import Console

from millrace.base.errors import BadInput
from millrace.cli.cloud.findings import print_findings
from millrace.cli.options import again, config_options
from millrace.cloud.prepared_job import Progress
from millrace.cloud.remote.jobs import Service
from millrace.cloud.services import KUBEFLOW, VERTEX, connect, meant
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.job import Dialect

runner_option = click.option(
    "--runner",
    type=click.Choice([VERTEX, KUBEFLOW]),
    help="The service; Vertex AI, unless only kubeflow.host is configured.",
)


def service_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-c`, `--env`, `--set` and `--runner`, as `config_file`, `overrides` and `runner`."""
    return config_options(runner_option(command))


def connected(config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> tuple[Config, Service]:
    """The configuration, and the service that it means.

    Args:
        config_file: of `-c`.
        overrides: of `--env` and `--set`.
        runner: of `--runner`; None when it is not given.

    Raises:
        BadInput: the configuration cannot be used, or lacks what the connection needs.
        ServiceFailure: there are no credentials, or the service does not take them.
    """
    config = load(config_file, overrides)
    return config, connect(config, meant(config, runner))


def local_time(at: Optional[float]) -> str:
    """Seconds since the epoch as local time, ISO 8601; empty for none."""
    return "" if at is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))


def also(config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> str:
    """The options that a next command needs to mean the same.

    Args:
        config_file: of `-c`, or the default.
        overrides: of `--env` and `--set`.
        runner: the service, where it has to be named; None where it need not.

    Returns:
        Text to put behind the command's name, with a space in front; empty when nothing is needed.
    """
    return again(config_file, overrides) + (f" --runner {runner}" if runner else "")


def parameter_values(given: tuple[str, ...]) -> dict[str, str]:
    """The values of `--param`, by name.

    Raises:
        BadInput: one is not NAME=VALUE, or a name comes twice.
    """
    values: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name or name in values:
            raise BadInput(
                f"--param {text}: expected NAME=VALUE, each name once", remedy="for instance --param training_steps=200"
            )
        values[name] = value
    return values


def on_the_terminal() -> Progress:
    """What is told of a job while it is prepared: lines on standard output, findings on standard error."""
    return Progress(say=click.echo, show=lambda findings: print_findings(findings, Console(stderr=True)))
