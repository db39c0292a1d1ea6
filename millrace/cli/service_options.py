"""What the commands share that talk to a service: their options, and how a person reads a time."""

import time
from collections.abc import Callable
from typing import Any, Optional

import click

from millrace.cli.options import config_options, is_default
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
    """Adds `-c`, `--set` and `--runner`, as `config_file`, `overrides` and `runner`."""
    return config_options(runner_option(command))


def connected(config_file: str, overrides: tuple[str, ...], runner: Optional[Dialect]) -> tuple[Config, Service]:
    """The configuration, and the service that it means."""
    config = load(config_file, overrides)
    return config, connect(config, meant(config, runner))


def local_time(at: Optional[float]) -> str:
    """Seconds since the epoch as local time, ISO 8601; empty for none."""
    return "" if at is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))


def also(config_file: str, runner: Optional[Dialect]) -> str:
    """The options that a next command needs to mean the same."""
    said = "" if is_default(config_file) else f" -c {config_file}"
    return said + (f" --runner {runner}" if runner else "")
