"""`millrace track`: what ran here, told to MLflow."""

import click

from millrace.base.numbers import counted
from millrace.cli import completing
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.config.loading import load
from millrace.metadata import run_names
from millrace.metadata.run_summaries import Runs, run_summaries


@click.command()
@config_options
@click.option(
    "--mlflow",
    "address",
    metavar="URI",
    required=True,
    envvar="MLFLOW_TRACKING_URI",
    help="The server, http://HOST:PORT.",
)
@click.option(
    "--run", "chosen", metavar="RUN", multiple=True, shell_complete=completing.run_ids,
    help="A run: its id or the beginning of it, last, last~1. Repeatable; all runs when left out.",
)  # fmt: skip
@click.option("--experiment", metavar="NAME", default="", help="MLflow's experiment; by default the pipeline's name.")
def track(config_file: str, overrides: tuple[str, ...], address: str, chosen: tuple[str, ...], experiment: str) -> None:
    """Tell an MLflow server about runs: parameters, metrics, curves, the report, and the pushed models' versions.

    What is there already is not told twice. Rehearsals are left out.
    """
    config = load(config_file, overrides)
    from millrace.tracking import mlflow

    if chosen:
        runs = Runs(config)
        run_ids = [run_names.named(runs, name) for name in chosen]
    else:
        run_ids = [run.run_id for run in run_summaries(config, wanted=lambda run: not run.rehearsal)]
    outcomes: list[str] = []
    for one in mlflow.track(config, address, run_ids, experiment):
        outcomes.append(one.outcome)
        if one.outcome != "unchanged":
            echo(f"{one.run_id}  {one.outcome}" + (f", model version {one.version}" if one.version else ""))
    kinds = [f"{outcomes.count(kind)} {kind}" for kind in dict.fromkeys(outcomes)]
    say(f"{counted(len(outcomes), 'run')} of {config.name}: {', '.join(kinds) or 'nothing to tell'}")
