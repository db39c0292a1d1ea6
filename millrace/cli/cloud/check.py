"""`millrace check`: what a service or a container would refuse of a compiled job."""

from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from millrace.access.needs import accounts
from millrace.access.stores import Store, lacking
from millrace.base import printing
from millrace.base.errors import BadInput, ConfigError
from millrace.cli.cloud.findings import print_findings
from millrace.cli.cloud.service_options import parameter_values
from millrace.cli.cloud.vertex_job import require_unchanged
from millrace.cli.options import again, config_options
from millrace.cloud.compile import SUFFIXES, compiled_file
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.checks import check
from millrace.jobspec.findings import counted, refusing
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.job import load as load_job


@click.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@config_options
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a runtime parameter. Repeatable.")
@click.pass_context
def check_command(
    context: click.Context,
    file: Optional[Path],
    config_file: str,
    overrides: tuple[str, ...],
    parameters: tuple[str, ...],
) -> None:
    """Say what the service or a container would refuse of a compiled job, and what to do about it.

    FILE is a PipelineJob in JSON or a pipeline spec in YAML, also one compiled by TFX alone; without it the jobs that
    `millrace compile` made of the configuration. Where the project is known it also says which account does what, and
    millrace iam with which roles; where anything has an encryption
    key, also what stores data and has none. Exit code 0: it can be submitted. 2: something has to be fixed first.
    """
    explicit = context.get_parameter_source("config_file") is not click.core.ParameterSource.DEFAULT
    console = Console()
    refused = False
    values = parameter_values(parameters)
    for compiled in (
        [load_job(file)] if file else _compiled_before(load(config_file, overrides), again(config_file, overrides))
    ):
        job = compiled.with_values(values)
        config = _config_of(job, config_file, overrides, explicit or file is None)
        if file is None and config is not None and job.dialect == "vertex":
            require_unchanged(job, config, again(config_file, overrides), f"millrace check {job.file}")
        findings = check(job, config)
        printing.say(f"{job.file}: {counted(findings)}", console)
        print_findings(findings, console)
        for account, does in accounts(job, config).items():
            printing.say(f"as {account}: {'; '.join(does)}", console)
        for store in _without_key(job, config):
            printing.say(
                f"without a key of its own: {store.name}; {store.remedy or 'set it in the configuration'}", console
            )
        refused = refused or bool(refusing(findings, submitting=True))
    if refused:
        raise click.exceptions.Exit(2)


def _without_key(job: CompiledJob, config: Optional[Config]) -> list[Store]:
    known = config is not None and job.dialect == "vertex" and bool(config.vertex.project)
    return lacking(job, config) if known and config else []


def _compiled_before(config: Config, same: str) -> list[CompiledJob]:
    files = [file for file in (compiled_file(config, runner) for runner in SUFFIXES) if file.is_file()]
    if not files:
        raise BadInput(
            "nothing has been compiled of this configuration yet",
            where=str(compiled_file(config, "vertex").parent),
            remedy=f"millrace compile --runner vertex{same}; or name a compiled file",
        )
    return [load_job(file) for file in files]


def _config_of(job: CompiledJob, config_file: str, overrides: tuple[str, ...], required: bool) -> Optional[Config]:
    """The configuration that a job was compiled from: the one that is named, or the default one if it has its name."""
    try:
        config = load(config_file, overrides)
    except ConfigError:
        if required:
            raise
        return None
    return config if required or config.name == job.name else None
