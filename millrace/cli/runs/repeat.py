"""`millrace runs repeat`: runs again what an earlier run was."""

import time
from pathlib import Path

import click

from millrace.cli import completing
from millrace.cli.options import config_options, push_option
from millrace.cli.output import echo
from millrace.config.loading import load
from millrace.execution.repeating import repetition, run_again
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_names import named
from millrace.metadata.run_summaries import Runs
from millrace.project import project


@click.command()
@click.argument("run", default="last", shell_complete=completing.run_ids)
@config_options
@click.option("--no-cache", is_flag=True, help="Run every stage, also what the cache still has.")
@push_option
def repeat(run: str, config_file: str, overrides: tuple[str, ...], no_cache: bool, push: bool) -> None:
    """Run again what a run was: its configuration and --set values, its code and schema, at its commit.

    Where these are what they were it runs here; else in a git worktree below the root, which is taken away when the
    run ends well. It is a trial, whose model is not served, unless --push is given: an old model is seldom meant to be
    the newest version.

    RUN: an id or the beginning of one, or last, last~1 and so on; the newest when left out.
    """
    runs = Runs(load(config_file, overrides))
    detail = run_detail(runs, named(runs, run), time.time())
    assert detail is not None, "it was found by its name"
    here = project.require(Path(config_file).resolve().parent)
    options = ["--push"] if push else ["--set", "push.trial=true"]
    with repetition(here, detail, runs.layout.local / "repeats") as chosen:
        place = (
            f"in a worktree, {chosen.worktree}; {chosen.because}"
            if chosen.worktree
            else "here, where nothing changed since"
        )
        echo(f"repeating run {detail.summary.run_id} {place}")
        for sentence in chosen.others:
            echo(f"  {sentence}")
        code = run_again(chosen, [*options, *(["--no-cache"] if no_cache else [])])
        if code:
            raise click.exceptions.Exit(code)
