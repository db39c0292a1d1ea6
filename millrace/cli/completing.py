"""The values that a shell may complete, from the configuration and the runs: without TensorFlow, never an error."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from click.shell_completion import CompletionItem

from millrace.base.errors import MillraceError
from millrace.components import stage_ids

if TYPE_CHECKING:
    from millrace.config.config import Config

Completer = Callable[[click.Context, click.Parameter, str], list["CompletionItem[str]"]]


def silent(function: Completer) -> Completer:
    """A completer that offers nothing where something is wrong: the command itself will say what."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
        with contextlib.suppress(MillraceError, click.ClickException, OSError, LookupError, ValueError, yaml.YAMLError):
            return function(context, parameter, typed)
        return []

    return complete


@silent
def configurations(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The project's configurations, else files."""
    from millrace.project import project

    here = project.find(Path.cwd())
    known = [os.path.relpath(file) for file in (here.configurations if here else [])]
    return _starting(known, typed) or [CompletionItem(typed, type="file")]


@silent
def environment_names(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The environments that have overlays beside the configuration."""
    from millrace.config.environments import names

    return _starting(names(Path(context.params.get("config_file") or "")), typed)


@silent
def overrides(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """Keys of the configuration, one level at a time, and the values that can be listed."""
    from millrace.config.reference import choices, keys_below

    values = _values(context)
    key, separator, _ = typed.partition("=")
    if separator:
        return _starting([f"{key}={value}" for value in choices(key, values)], typed)
    before = typed.rpartition(".")[0]
    prefix = f"{before}." if before else ""
    ended = {f"{prefix}{name}{'.' if deeper else '='}" for name, deeper in keys_below(before, values).items()}
    return _starting(sorted(ended), typed)


@silent
def stages(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The stages of the latest run, and those that every pipeline can have."""
    from millrace.metadata.run_folder import run_folders

    latest = run_folders(_logs(context))[-1:]
    ran = [event.stage for run in latest for event in run.journal.events()]
    return _starting(dict.fromkeys([*ran, *stage_ids.ALL]), typed)


@silent
def run_ids(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The runs, the newest first."""
    from millrace.metadata.run_folder import run_folders

    return _starting(["last", *(run.run_id for run in reversed(run_folders(_logs(context))))], typed)


@silent
def versions(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The aliases, and the versions from the newest on."""
    return _starting([*_registered(context)[0], *_registered(context)[1]], typed)


@silent
def aliases(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The aliases that there are, and champion."""
    return _starting(dict.fromkeys(["champion", *_registered(context)[0]]), typed)


@silent
def schema_sources(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """What `schema diff` compares: a run's schema as run:ID, else a file."""
    if not typed.startswith("run:"):
        return [CompletionItem(typed, type="file"), *_starting(["run:last"], typed or "-")]
    return [CompletionItem(f"run:{item.value}") for item in run_ids(context, parameter, typed.removeprefix("run:"))]


@silent
def columns(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The columns of the table that is named before."""
    from millrace.init.plan import column_names

    # click gives up on the arguments where an option has no value yet.
    data = context.params.get("data") or [
        word for word in (*context.args, *context._protected_args) if Path(word).exists()
    ]
    return _starting(column_names(data), typed) if data else []


@silent
def sections(context: click.Context, parameter: click.Parameter, typed: str) -> list["CompletionItem[str]"]:
    """The sections of the configuration."""
    from millrace.config.reference import sections as every

    return _starting(dict.fromkeys(section.path for section in every() if section.path), typed)


def _starting(values: Iterable[str], typed: str) -> list["CompletionItem[str]"]:
    return [CompletionItem(value) for value in values if value.startswith(typed)]


def _values(context: click.Context) -> dict[str, Any]:
    """What the configuration says, as far as it is YAML; nothing where there is none."""
    with contextlib.suppress(OSError, yaml.YAMLError, UnicodeDecodeError):
        values = yaml.safe_load(Path(context.params.get("config_file") or "").read_text(encoding="utf-8"))
        if isinstance(values, dict):
            return values
    return {}


def _registered(context: click.Context) -> tuple[list[str], list[str]]:
    """The aliases and the versions that the registry knows; to complete a word registers nothing."""
    from millrace.config.paths import registry_file
    from millrace.registry.intake import open_registry

    config = _config(context)
    if not registry_file(config).exists():
        return [], []
    with open_registry(config) as registry:
        return [*registry.aliases()], [str(one.number) for one in reversed(registry.versions())]


def _logs(context: click.Context) -> Path:
    from millrace.config.paths import layout

    return layout(_config(context)).logs


def _config(context: click.Context) -> "Config":
    from millrace.config.loading import load

    return load(context.params.get("config_file") or "", context.params.get("overrides") or ())
