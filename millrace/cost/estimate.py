"""The estimate: what each stage and the whole of a run would cost, and the interval in which the next one's lies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from millrace.config.config import Config
from millrace.cost.durations import RunTimes, Source
from millrace.cost.interval import LEVEL, Spread, next_value
from millrace.cost.prices import PriceTable
from millrace.cost.resources import Rent, endpoint_rent, rents
from millrace.jobspec.job import CompiledJob

_HOUR = 3600.0


@dataclass(frozen=True)
class StageCost:
    """One stage.

    Args:
        stage: the task's name.
        rents: what it pays for while it runs.
        seconds: how long it would take; None where no run tells.
        dollars: what that would cost, with the most workers; None where no run tells.
    """

    stage: str
    rents: tuple[Rent, ...]
    seconds: Optional[Spread]
    dollars: Optional[Spread]

    @property
    def hourly(self) -> float:
        """Dollars an hour, with the most workers that there may be."""
        return sum(rent.hourly for rent in self.rents)

    @property
    def is_bounded(self) -> bool:
        """Whether the job says how many workers there may be."""
        return all(rent.is_bounded for rent in self.rents)

    @property
    def least_hourly(self) -> float:
        """Dollars an hour, with the fewest workers."""
        return sum(rent.least_hourly for rent in self.rents)


@dataclass(frozen=True)
class CostEstimate:
    """What one run would cost.

    Args:
        pipeline: its name.
        region: where it runs.
        prices_of: the date of the price table, ISO 8601.
        source: whether times are of rehearsals or of runs.
        runs: the ids of those.
        level: how often the next run's cost should lie within an interval.
        fee: what the service asks for the run itself, in dollars.
        stages: in the order of the job.
        whole: the run; of what is known, where a stage's time is not.
        unknown: the stages of whose time no run tells.
        endpoints: what serves afterwards, by the task that deploys it, in dollars an hour.
    """

    pipeline: str
    region: str
    prices_of: str
    source: Source
    runs: tuple[str, ...]
    level: float
    fee: float
    stages: tuple[StageCost, ...]
    whole: Spread
    unknown: tuple[str, ...]
    endpoints: dict[str, Rent]

    @property
    def unbounded(self) -> tuple[str, ...]:
        """The stages for which Dataflow may take as many workers as it has."""
        return tuple(one.stage for one in self.stages if not one.is_bounded)


def estimate(
    job: CompiledJob,
    config: Config,
    prices: PriceTable,
    times: tuple[Source, Sequence[RunTimes]],
    level: float = LEVEL,
) -> CostEstimate:
    """Estimates what the next run of a compiled job costs when each of its stages does its work.

    Stages of one run are slow and fast together, so the interval of the whole is taken of whole runs where two did all
    the work. Where none did, each stage's own interval is taken, wider, so that all hold together (Bonferroni).

    Args:
        job: for Vertex AI.
        config: says where it runs.
        prices: of that region.
        times: of past runs.
        level: how often the next run's cost should lie within.

    Raises:
        BadInput: something that the job rents has no price.
    """
    region = config.vertex.region
    by_task = rents(job, region, prices)
    source, runs = times
    stages = tuple(_stage(name, rented, runs, level) for name, rented in by_task.items())
    unknown = tuple(one.stage for one in stages if one.seconds is None)
    return CostEstimate(
        pipeline=job.name,
        region=region,
        prices_of=prices.date.isoformat(),
        source=source,
        runs=tuple(one.run_id for one in runs),
        level=level,
        fee=prices.pipeline_run,
        stages=stages,
        whole=_whole([one for one in stages if one.seconds], runs, prices.pipeline_run, level),
        unknown=unknown,
        endpoints=endpoint_rent(job, region, prices),
    )


def run_costs(job: CompiledJob, config: Config, prices: PriceTable, runs: Sequence[RunTimes]) -> list[dict[str, float]]:
    """What past runs would have cost as this job: dollars by stage, for each run; a cached stage costs nothing.

    Args:
        job: for Vertex AI.
        config: says where it runs.
        prices: of that region.
        runs: the times of each.

    Raises:
        BadInput: something that the job rents has no price.
    """
    hourly = {
        name: sum(rent.hourly for rent in rented) for name, rented in rents(job, config.vertex.region, prices).items()
    }
    return [
        {name: dollars * run.seconds.get(name, 0.0) / _HOUR for name, dollars in hourly.items()}
        | {"the run itself": prices.pipeline_run}
        for run in runs
    ]


def _stage(name: str, rented: tuple[Rent, ...], runs: Sequence[RunTimes], level: float) -> StageCost:
    values = [run.seconds[name] for run in runs if name in run.seconds]
    one = StageCost(name, rented, next_value(values, level), None)
    return StageCost(name, rented, one.seconds, _dollars(one, one.seconds))


def _dollars(stage: StageCost, seconds: Optional[Spread]) -> Optional[Spread]:
    """A time as money: the lower end with the fewest workers, the middle and the upper one with the most."""
    if seconds is None:
        return None
    low = None if seconds.low is None else seconds.low * stage.least_hourly / _HOUR
    high = None if seconds.high is None else seconds.high * stage.hourly / _HOUR
    return Spread(seconds.middle * stage.hourly / _HOUR, low, high, seconds.count)


def _whole(stages: Sequence[StageCost], runs: Sequence[RunTimes], fee: float, level: float) -> Spread:
    complete = [run.seconds for run in runs if all(one.stage in run.seconds for one in stages)]
    if stages and len(complete) > 1:
        most = next_value([_cost(stages, seconds, least=False) for seconds in complete], level)
        least = next_value([_cost(stages, seconds, least=True) for seconds in complete], level)
        assert most and least and most.high is not None and least.low is not None, "there are two at least"
        return Spread(fee + most.middle, fee + least.low, fee + most.high, len(complete))
    middle = fee + sum(one.dollars.middle for one in stages if one.dollars)
    if not stages or any(one.seconds is None or one.seconds.count < 2 for one in stages):
        return Spread(middle, None, None, min((one.seconds.count for one in stages if one.seconds), default=0))
    each = 1 - (1 - level) / len(stages)
    wider = [
        _dollars(one, next_value([run.seconds[one.stage] for run in runs if one.stage in run.seconds], each))
        for one in stages
    ]
    low = math.fsum(one.low for one in wider if one and one.low is not None)
    high = math.fsum(one.high for one in wider if one and one.high is not None)
    return Spread(middle, fee + low, fee + high, min(one.seconds.count for one in stages if one.seconds))


def _cost(stages: Sequence[StageCost], seconds: Mapping[str, float], least: bool) -> float:
    return sum((one.least_hourly if least else one.hourly) * seconds[one.stage] / _HOUR for one in stages)
