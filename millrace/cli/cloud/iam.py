"""`millrace iam`: the least roles of each account, from what the compiled job does, and why each."""

from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from millrace.access.grants import merged
from millrace.access.needs import needs, unlisted
from millrace.access.promotion import promotion_of
from millrace.base import printing
from millrace.cli.cloud.vertex_job import job_option, vertex_job
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json
from millrace.config.loading import load


@click.command()
@config_options
@job_option
@click.option("--why", is_flag=True, help="Say what each role is for, step by step.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the reasons.")
def iam(config_file: str, overrides: tuple[str, ...], file: Optional[Path], why: bool, as_json: bool) -> None:
    """Say which account needs which role on what: the least that the compiled job can be sent and run with.

    Without --job it is the job that `millrace compile` made of the configuration. Where versions are promoted to the
    environment, and are copied in Vertex AI by that, the roles for it are among them.
    """
    config = load(config_file, overrides)
    more = again(config_file, overrides)
    job = vertex_job(config, file, more, "roles are Google Cloud's, of jobs for Vertex AI")
    grants = merged([*needs(job, config), *promotion_of(config)])
    if as_json:
        echo_json(grants)
        for unread in unlisted(job):
            echo(unread, err=True)
        return
    console = Console(highlight=False)
    for account in dict.fromkeys(grant.account for grant in grants):
        printing.say(account, console)
        for grant in grants:
            if grant.account == account:
                printing.say(f"{grant.role}  on {grant.resource}", console, indent=2)
                for what, steps in grant.by_what().items() if why else ():
                    printing.say(f"{', '.join(steps)}: {what}", console, indent=6)
        console.print()
    for unread in unlisted(job):
        printing.say(unread, console)
