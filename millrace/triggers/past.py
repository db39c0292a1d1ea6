"""What has happened to a pipeline, for a simulation of what a policy would have made of it."""

import statistics
import time
from typing import Optional

from millrace.base import clock
from millrace.cloud.compile import compiled_file
from millrace.cloud.services import VERTEX
from millrace.components import stage_ids
from millrace.components.marks import REHEARSED
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.cost.durations import past_times
from millrace.cost.estimate import estimate
from millrace.cost.prices import load_prices
from millrace.execution.alerting import open_alerts
from millrace.jobspec.job import load as load_job
from millrace.metadata.artifact_files import plain_properties
from millrace.metadata.evaluations import evaluation
from millrace.metadata.records import is_trial, runs, verdict
from millrace.metadata.run_folder import run_folders
from millrace.metadata.run_summaries import Runs
from millrace.triggers.deciding import SpanPlace
from millrace.triggers.simulating import GivenAlert, GivenSpan, Happenings, KnownMetric
from millrace.triggers.spans import SpanLooker, place_of

_LAST_RUNS = 10
_UNKNOWN_SECONDS = 600.0


def past_happenings(config: Config, since: float) -> Happenings:
    """The spans that lie in the data's folder, each at the time when its last file changed, and the alerts that fired.

    Args:
        config: the pipeline's configuration.
        since: only what came later, seconds since the epoch.

    Raises:
        BadInput: the data or the alerts cannot be read.
    """
    spans = [GivenSpan(*one) for one in SpanLooker(config).all_of_them()] if config.data.has_spans else []
    with open_alerts(config) as log:
        alerts = [GivenAlert(at, key) for at, key in log.fired(since)]
    return Happenings([one for one in spans if one.at >= since], alerts)


def known_metric(config: Config) -> Optional[KnownMetric]:
    """What recorded runs have measured: each model on its own span, and the champion before it on the same.

    Args:
        config: the pipeline's configuration.

    Returns:
        The first metric that was judged; None where no run of a span was evaluated.
    """
    store = Runs(config).store
    values: dict[tuple[SpanPlace, SpanPlace], float] = {}
    champion: Optional[SpanPlace] = None
    name = ""
    for run in runs(store, config.name, layout(config).root) if store else ():
        examples = run.artifact(stage_ids.EXAMPLE_GEN, "examples")
        place = place_of(plain_properties(examples)) if examples else None
        metrics = {one.name: one.overall for one in evaluation(run).metrics}
        rehearsed = examples is not None and REHEARSED in examples.custom_properties
        if place is None or not metrics or rehearsed or is_trial(run):
            continue
        name = name or next(iter(metrics))
        measured, verdict_of = metrics.get(name), verdict(run, stage_ids.EVALUATOR)
        if measured and measured.value is not None:
            values[place, place] = measured.value
        if measured and measured.baseline is not None and champion is not None:
            values[champion, place] = measured.baseline
        champion = place if verdict_of and verdict_of.blessed else champion
    return KnownMetric(name, values) if values else None


def usual_run_dollars(config: Config) -> Optional[float]:
    """What a run on Vertex AI costs, as `millrace cost` has it; None where no job is compiled, or no run tells of it.

    Args:
        config: the pipeline's configuration.

    Raises:
        BadInput: something has no price, or the price table is old.
    """
    file = compiled_file(config, VERTEX)
    if not file.is_file():
        return None
    settings = config.vertex.cost
    prices = load_prices(settings.prices, clock.today(), settings.old_prices)
    costs = estimate(load_job(file), config, prices, past_times(config))
    return None if costs.unknown and not costs.runs else costs.whole.middle


def usual_run_seconds(config: Config) -> float:
    """How long a run takes: the middle one of the last that ended well; ten minutes where there was none."""
    folders = [one for one in run_folders(layout(config).logs) if one.exit_code() == 0][-_LAST_RUNS:]
    times = [took for one in folders if (took := one.seconds(time.time())) is not None]
    return statistics.median(times) if times else _UNKNOWN_SECONDS
