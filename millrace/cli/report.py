"""`millrace report`: a run as one file of HTML."""

import time
from pathlib import Path
from typing import Optional

import click

from millrace.base import files
from millrace.cli.options import config_options
from millrace.cli.output import say
from millrace.config.loading import load

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@config_options
@click.argument("run", required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="By default report-RUN.html, here."
)
def report(config_file: str, overrides: tuple[str, ...], run: Optional[str], output: Optional[Path]) -> None:
    """Write a run's report: one HTML file that needs no network.

    RUN is a run's id or how it begins; by default it is the newest run.
    """
    config = load(config_file, overrides)
    from millrace.console import report as reports

    run_id = reports.named_run(config, run)
    target = output or Path(f"report-{run_id}.html")
    text = reports.report(config, run_id, time.time())
    files.write(target, text)
    say(f"{target}: run {run_id}, {len(text.encode()) / 1024:,.0f} KiB")
