"""`millrace report`: a run as one file of HTML."""

import time
from pathlib import Path
from typing import Optional

import click

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.cli.options import config_options
from millrace.cli.output import say
from millrace.config.loading import load
from millrace.metadata import run_names
from millrace.metadata.run_summaries import Runs


@click.command()
@config_options
@click.argument("run", default="last")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="By default report-RUN.html, here; - for the screen.",
)
def report(config_file: str, overrides: tuple[str, ...], run: str, output: Optional[Path]) -> None:
    """Write a run's report: one HTML file that needs no network.

    RUN is a run's id, the beginning of it, `last` (which it is by default) or `last~1`.
    """
    config = load(config_file, overrides)
    from millrace.console import report as reports

    run_id = run_names.named(Runs(config), run)
    target = output or Path(f"report-{run_id}.html")
    text = reports.report(config, run_id, time.time())
    write_page(text, target, f"run {run_id}")


def write_page(text: str, target: Path, of: str) -> None:
    """Writes a page as one file, and says so.

    Args:
        text: the page.
        target: the file; `-` for the screen.
        of: what the page shows, in a few words.

    Raises:
        BadInput: the file is there and is no page.
    """
    if str(target) == "-":
        click.echo(text)
        return
    if not target.parent.is_dir():
        raise BadInput("there is no such folder", str(target.parent), "make it, or name another file with -o")
    if target.is_file() and target.suffix.lower() not in (".html", ".htm"):
        raise BadInput("is there already, and is no report", str(target), "name a file that ends in .html with -o")
    files.write_named(target, text)
    say(f"{target}: {of}, {len(text.encode()) / 1024:,.0f} KiB")
