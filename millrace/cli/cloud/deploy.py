"""`millrace deploy`: Terraform's values of an environment, and what is wrong with its modules, without a network."""

import json
from pathlib import Path
from typing import Optional

import click

from millrace.access.grants import merged
from millrace.access.needs import needs, unlisted
from millrace.access.promotion import promotion_of
from millrace.base import files, printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted
from millrace.base.printing import TableColumn
from millrace.cli.cloud.vertex_job import job_option, vertex_job
from millrace.cli.group import Group
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, say
from millrace.config.loading import load
from millrace.project import project

FOLDER = "deploy/terraform"


@click.group(cls=Group)
def deploy() -> None:
    """What is made before a job can run: Terraform's values by the configuration, and checks of its modules."""


@deploy.command("vars")
@config_options
@job_option
@click.option("--also", multiple=True, metavar="CONF", help="Another pipeline of this environment. Repeatable.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: deploy/terraform/environments/ENV/millrace.auto.tfvars.json]",
)  # fmt: skip
def vars_command(
    config_file: str, overrides: tuple[str, ...], file: Optional[Path], also: tuple[str, ...], output: Optional[Path]
) -> None:
    """Write what Terraform makes for an environment: buckets, accounts, roles, keys and the rest that the job names.

    Without --job it is of the job that `millrace compile` made of the configuration.
    """
    from millrace.infrastructure.looking import VALUES
    from millrace.infrastructure.temporary import temporary_folders
    from millrace.infrastructure.variables import given_by_hand, given_no_module, settings, together

    configs = {one: load(one, overrides) for one in (config_file, *also)}
    jobs = {
        one: vertex_job(
            config, file if one == config_file else None, again(one, overrides), "Terraform's values are for Vertex AI"
        )
        for one, config in configs.items()
    }
    whole = together(settings(jobs[one], config, configs.values()) for one, config in configs.items())
    if output is None:
        root = project.require(Path()).root / FOLDER / "environments" / whole.environment
        if not whole.environment or not root.is_dir():
            raise BadInput(
                "there is no root module for this environment" if whole.environment else "no environment is named",
                where=str(root),
                remedy="name one with --env; a new one is a copy of another's folder with its own prefix; or -o FILE",
            )
        output = root / VALUES
    files.write_named(output, json.dumps({"settings": whole.model_dump(mode="json")}, indent=2) + "\n")
    echo(f"wrote {output}")
    made = {
        "account": whole.accounts, "role": whole.grants, "bucket": whole.buckets, "key": whole.keys,
        "repository": whole.repositories, "secret": whole.secrets,
    }  # fmt: skip
    say(", ".join(counted(len(values), name) for name, values in made.items() if values))
    for one, config in configs.items():
        for folder in temporary_folders(jobs[one], config, configs.values()):
            if folder.spared:
                say(f"{config.name}: {folder.key}, {folder.place}, is not emptied: {folder.spared}")
    settled = configs[config_file].deploy
    if not (settled.submitters or settled.trigger):
        say("nobody gets the roles to send a job: deploy.submitters names who does")
    for one, config in configs.items():
        for unread in unlisted(jobs[one]):
            say(f"{config.name}, {unread}")
    for grant in merged(one for config in configs.values() for one in given_by_hand(config)):
        say(
            f"not in it, for a promotion: {grant.account} needs {grant.role} on {grant.resource}; give it there by hand"
        )
    for grant in given_no_module(merged(one for name, config in configs.items() for one in needs(jobs[name], config))):
        say(f"not in it: {grant.account} needs {grant.role} on {grant.resource}, and the secret too is made by hand")
    if any(promotion_of(config) for config in configs.values()) and not settled.promoters:
        say("nobody gets the roles to promote: deploy.promoters names who")
    state = settled.state_bucket or "BUCKET"
    echo(f"next: cd {output.parent}")
    echo(f"      terraform init -backend-config=bucket={state}")
    echo("      terraform plan")


@deploy.command("check")
@click.argument("folder", default=FOLDER, type=click.Path(path_type=Path, file_okay=False))
def check_command(folder: Path) -> None:
    """Say what Terraform or Google would refuse of deploy/terraform: format, arguments, references, values.

    Exit code 0: nothing is wrong. 2: something has to be fixed first. Needs what `make
    deploy-check` installs, and no network.
    """
    from millrace.infrastructure import tools
    from millrace.infrastructure.checks import provider
    from millrace.infrastructure.looking import findings

    found = list(findings(tools.python(project.require(Path()).root), folder))
    if found:
        columns = [TableColumn("where"), TableColumn("what", folds=True), TableColumn("remedy", folds=True)]
        printing.show(columns, [(one.where, one.what, one.remedy) for one in found])
    listed = provider()
    provided = f"{listed['provider']} {listed['version']} of {listed['date']}"
    say(f"{folder}: {counted(len(found), 'finding')}; held to {provided}")
    if found:
        raise click.exceptions.Exit(2)
