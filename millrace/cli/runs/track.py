"""`millrace track`: what ran here, told to MLflow or to Vertex AI Experiments."""

from collections.abc import Iterator, Sequence

import click

from millrace.base.errors import BadInput
from millrace.base.numbers import counted
from millrace.cli import completing
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.metadata import run_names
from millrace.metadata.run_summaries import Runs, run_summaries


@click.command()
@config_options
@click.option(
    "--mlflow", "address", metavar="URI", envvar="MLFLOW_TRACKING_URI", help="An MLflow server, http://HOST:PORT."
)
@click.option("--vertex", "by_vertex", is_flag=True, help="Vertex AI Experiments in vertex.project and vertex.region.")
@click.option(
    "--run", "chosen", metavar="RUN", multiple=True, shell_complete=completing.run_ids,
    help="A run: its id or the beginning of it, last, last~1. Repeatable; all runs when left out.",
)  # fmt: skip
@click.option(
    "--job", "jobs", metavar="JOB", multiple=True,
    help="With --vertex: a job of Vertex AI. Repeatable; the pipeline's newest hundred when left out.",
)  # fmt: skip
@click.option(
    "--experiment", metavar="NAME", default="",
    help="The experiment; by default vertex.experiment on Vertex AI, and else the pipeline's name.",
)  # fmt: skip
def track(
    config_file: str,
    overrides: tuple[str, ...],
    address: str,
    by_vertex: bool,
    chosen: tuple[str, ...],
    jobs: tuple[str, ...],
    experiment: str,
) -> None:
    """Tell MLflow or Vertex AI Experiments about runs: settings, metrics and curves.

    MLflow gets the report and the pushed models' versions, too. On Vertex AI jobs stand beside the runs of this
    machine. What is there already is not told twice. Rehearsals are left out.
    """
    if not address and not by_vertex:
        raise BadInput("nobody is named who is told", remedy="--mlflow http://HOST:PORT, or --vertex")
    if jobs and not by_vertex:
        raise BadInput("jobs are Vertex AI's", where="--job", remedy="--vertex --job NAME")
    config = load(config_file, overrides)
    if by_vertex:
        _told(config, _to_vertex(config, chosen, jobs, experiment))
        return
    from millrace.tracking import mlflow

    tracked = mlflow.track(config, address, _run_ids(config, chosen), experiment)
    versions = ((one.run_id, one.outcome, f", model version {one.version}" if one.version else "") for one in tracked)
    _told(config, versions)


def _run_ids(config: Config, chosen: Sequence[str]) -> list[str]:
    if chosen:
        runs = Runs(config)
        return [run_names.named(runs, name) for name in chosen]
    return [run.run_id for run in run_summaries(config, wanted=lambda run: not run.rehearsal)]


def _to_vertex(
    config: Config, chosen: Sequence[str], jobs: Sequence[str], experiment: str
) -> Iterator[tuple[str, str, str]]:
    """Of runs and jobs; where one kind is chosen, of that alone."""
    from millrace.tracking import vertex

    name = vertex.experiment_of(config, experiment)
    if chosen or not jobs:
        for one in vertex.track_runs(config, _run_ids(config, chosen), name):
            yield one.name, one.outcome, ""
    if jobs or not chosen:
        for one in vertex.track_jobs(config, jobs, name):
            yield f"job {one.name}", one.outcome, f"; {one.problem}" if one.problem else ""


def _told(config: Config, tracked: Iterator[tuple[str, str, str]]) -> None:
    """Prints each as it is told: name, outcome, and what else there is to say."""
    outcomes: list[str] = []
    jobs = 0
    for name, outcome, more in tracked:
        outcomes.append(outcome)
        jobs += name.startswith("job ")
        if outcome != "unchanged" or more.startswith(";"):
            echo(f"{name}  {outcome}{more}")
    kinds = [f"{outcomes.count(kind)} {kind}" for kind in dict.fromkeys(outcomes)]
    number = counted(len(outcomes) - jobs, "run") + (f" and {counted(jobs, 'job')}" if jobs else "")
    say(f"{number} of {config.name}: {', '.join(kinds) or 'nothing to tell'}")
