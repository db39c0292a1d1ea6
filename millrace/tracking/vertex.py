"""Runs and jobs told to Vertex AI Experiments, as often as one likes: what is there is not told twice.

A run of this machine is a run of the experiment, with its settings, metrics and, where `vertex.tensorboard` names an
instance, the curves of its training. A job of Vertex AI stands among them as the service itself keeps it, and gets what
its Evaluator measured, which the service would not show: TFX writes that into files.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Optional

from pydantic import ValidationError
from tfx.dsl.io import fileio

from millrace.base.outcomes import State
from millrace.cloud.vertex.experiments import ExperimentRun, Experiments, Series, run_name
from millrace.cloud.vertex.job_records import JobRecord
from millrace.cloud.vertex.service import VertexService
from millrace.components import stage_ids
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport
from millrace.config.config import Config
from millrace.metadata.evaluations import metrics_of
from millrace.metadata.run_summaries import Runs
from millrace.tracking.facts import RunFacts, measured_by_name, points_of, run_facts

Outcome = Literal["new", "completed", "unchanged", "waiting"]

_STATES = {
    State.DONE: "COMPLETE",
    State.CACHED: "COMPLETE",
    State.RUNNING: "RUNNING",
    State.WAITING: "RUNNING",
    State.KILLED: "CANCELLED",
    State.INTERRUPTED: "CANCELLED",
}
# Of one value, so that a run's context stays well below what the service takes.
_VALUE = 1_000
_JOBS = 100
# The service makes a job's place in its metadata a while after it has taken the job.
_LOOKS, _LOOK_SECONDS = 30, 1.0


@dataclass(frozen=True)
class Told:
    """What became of one run or job.

    Args:
        name: its id.
        outcome: `new`; `completed`, where it was there in part; `unchanged`; or `waiting`: the service has not begun
            with the job.
        problem: why a job's metrics are not there; empty where they are, or there are none.
    """

    name: str
    outcome: Outcome
    problem: str = ""


def experiment_of(config: Config, wanted: str = "") -> str:
    """The experiment's name: the one that is asked for, the configuration's, or the pipeline's.

    Args:
        config: the pipeline's configuration.
        wanted: what a person asks for; empty for nothing.
    """
    return wanted or config.vertex.experiment or run_name(config.name)


def require_experiment(config: Config) -> None:
    """Finds or makes `vertex.experiment`, so that a job is not sent which could not be put there.

    Args:
        config: the pipeline's configuration.

    Raises:
        BadInput: what is called so is no experiment.
        ServiceFailure: the service does not answer, or refuses.
    """
    Experiments(config.vertex).open(config.vertex.experiment)


def track_runs(config: Config, run_ids: Iterable[str], experiment: str) -> Iterator[Told]:
    """Tells the experiment of runs of this machine.

    Args:
        config: the pipeline's configuration.
        run_ids: the runs, in the order in which they are written.
        experiment: its name.

    Yields:
        What became of each, as soon as it is known.

    Raises:
        BadInput: the configuration names no project, or the experiment is none.
        ServiceFailure: the service does not answer, or refuses.
    """
    service = Experiments(config.vertex)
    service.open(experiment)
    runs = Runs(config)
    for run_id in run_ids:
        facts = run_facts(runs, run_id)
        if facts is not None:
            yield Told(run_id, service.write(experiment, _experiment_run(facts)))


def track_jobs(config: Config, names: Iterable[str], experiment: str) -> Iterator[Told]:
    """Puts jobs of Vertex AI among the experiment's runs, each with what its Evaluator measured.

    Args:
        config: the pipeline's configuration.
        names: their ids; none for the pipeline's newest.
        experiment: its name.

    Yields:
        What became of each, as soon as it is known.

    Raises:
        BadInput: the configuration names no project, or the experiment is none.
        ServiceFailure: the service does not answer, or refuses.
    """
    service, experiments = VertexService(config.vertex), Experiments(config.vertex)
    experiments.open(experiment)
    for name in list(names) or [job.name for job in service.jobs(config.name, _JOBS)][::-1]:
        yield _put(experiments, experiment, service.record(name))


def joined(config: Config, name: str, sleep: Callable[[float], None] = time.sleep) -> Told:
    """Puts a job that was just sent into `vertex.experiment`, as soon as the service has begun with it.

    Args:
        config: the pipeline's configuration.
        name: the job's id.
        sleep: waits between two looks.

    Raises:
        ServiceFailure: the service does not answer, or refuses.
    """
    service, experiments = VertexService(config.vertex), Experiments(config.vertex)
    told = _put(experiments, config.vertex.experiment, service.record(name))
    for _ in range(_LOOKS):
        if told.outcome != "waiting":
            break
        sleep(_LOOK_SECONDS)
        told = _put(experiments, config.vertex.experiment, service.record(name))
    return told


def _put(experiments: Experiments, experiment: str, job: JobRecord) -> Told:
    if not job.context:
        return Told(job.name, "waiting")
    metrics, problem = _measured(job.output(stage_ids.EVALUATOR, "evaluation"))
    return Told(job.name, experiments.add_job(experiment, job.context, metrics), problem)


def _measured(folder: Optional[str]) -> tuple[dict[str, float], str]:
    """What the Evaluator's report says, and why it says nothing."""
    if not folder:
        return {}, ""
    place = f"{folder}/{JSON_NAME}"
    try:
        with fileio.open(place, "rb") as file:
            report = GateReport.model_validate_json(file.read())
    except ValidationError as error:
        return {}, f"{place} cannot be read: {str(error).splitlines()[0]}"
    except Exception as error:
        # Of a bucket each file system of TFX raises errors of its own; without a report the job still has its place.
        return {}, f"{place} cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return measured_by_name(metrics_of(report)), ""


def _experiment_run(facts: RunFacts) -> ExperimentRun:
    parameters = {name: value[:_VALUE] for name, value in {**facts.parameters, **facts.origin}.items()}
    series = (Series(f"{one.split}/{one.metric}", tuple(points_of(one))) for one in facts.curves)
    return ExperimentRun(
        name=run_name(facts.run_id),
        title=facts.run_id,
        parameters=parameters,
        metrics=facts.measured,
        state=_STATES.get(facts.detail.summary.state, "FAILED"),
        series=tuple(one for one in series if one.points),
        at=facts.ended,
        about=facts.origin.get("millrace.reason", "")[:_VALUE],
    )
