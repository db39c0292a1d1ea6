"""`millrace templates`: the compiled pipeline as a template in Artifact Registry, for the console and `submit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.printing import TableColumn
from millrace.catalog.template_address import TAG, template_repository
from millrace.cli.cloud.findings import print_findings
from millrace.cli.cloud.vertex_job import vertex_job
from millrace.cli.group import ListingGroup
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.jobspec.checks import check
from millrace.jobspec.findings import counted, refusing
from millrace.jobspec.job import CompiledJob

if TYPE_CHECKING:
    from millrace.cloud.vertex.templates import TemplateRegistry


@click.group(cls=ListingGroup)
def templates() -> None:
    """List the templates of vertex.templates; put the pipeline there."""


@templates.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@config_options
@click.option("--tag", "tags", multiple=True, help="A name that this version gets, and another loses. Repeatable.")
def upload(file: Optional[Path], config_file: str, overrides: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Put a compiled job's pipeline spec into vertex.templates.

    FILE is a compiled job; without it the one that millrace compile made of the configuration. What stands in the job
    beside its spec, such as its service account, is not in a template: submit takes it from the configuration.

    Exit code 2: something has to be fixed first.
    """
    if wrong := [tag for tag in tags if not TAG.fullmatch(tag)]:
        raise BadInput(
            f"{wrong[0]!r} cannot be a tag",
            where="--tag",
            remedy="write lower-case letters, digits, dots, dashes and underscores",
        )
    config, more = load(config_file, overrides), again(config_file, overrides)
    job = vertex_job(config, file, more, "a template is of a job for Vertex AI")
    _require_sound(job, config)
    made = _registry(config).upload(job, tags)
    echo(f"template: {made.uri}")
    named = made.uri.replace(made.version, tags[0]) if tags else made.uri
    echo(f"next: millrace submit{more} {named}")


@templates.command("list")
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_templates(config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the templates with their versions, the newest first."""
    config = load(config_file, overrides)
    registry = _registry(config)
    listed = registry.templates()
    if as_json:
        echo_json(listed)
    elif listed:
        columns = [TableColumn(head) for head in ("template", "version", "tags", "made")]
        printing.show(columns, ((one.name, one.version, ", ".join(one.tags), one.created[:19]) for one in listed))
    else:
        echo(f"nothing in {registry.repository.address}: millrace templates upload{again(config_file, overrides)}")


def _registry(config: Config) -> "TemplateRegistry":
    """Google's clients take seconds to load, which only who asks there should pay."""
    repository = template_repository(config.vertex.templates or "")
    if repository is None:
        raise BadInput(
            "no repository of templates is set",
            where="vertex.templates",
            remedy="set it, or for once: --set vertex.templates=REGION-kfp.pkg.dev/PROJECT/REPOSITORY",
        )
    from millrace.cloud.vertex.templates import TemplateRegistry

    return TemplateRegistry(repository, config.vertex)


def _require_sound(job: CompiledJob, config: Config) -> None:
    findings = check(job, config if job.name == config.name else None)
    # A template may leave a parameter to whoever submits it.
    refused = [one for one in refusing(findings, submitting=True) if one.rule != "parameter-without-value"]
    print_findings(findings, Console(stderr=True))
    if refused:
        raise BadInput(
            f"it would be refused: {counted(refused)}",
            where=job.file,
            remedy="fix what the table names, and compile again; nothing was sent",
        )
