"""The budget: whether a job may be sent for what its run may cost."""

from typing import Optional

from millrace.base import clock
from millrace.base.errors import GateRefused
from millrace.config.config import Config
from millrace.cost.durations import past_times
from millrace.cost.estimate import CostEstimate, estimate
from millrace.cost.prices import load_prices
from millrace.jobspec.dataflow import MOST_WORKERS
from millrace.jobspec.job import CompiledJob


def require_budget(job: CompiledJob, config: Config) -> str:
    """Refuses a job whose run may cost more than `vertex.cost.budget`.

    Args:
        job: for Vertex AI.
        config: with its budget, or none.

    Returns:
        What a person should hear where it could not be judged, which is no refusal; empty where there is nothing.

    Raises:
        GateRefused: the run may cost more.
        BadInput: the price table is old, or has no price of something.
    """
    if config.vertex.cost.budget is None or job.dialect != "vertex":
        return ""
    prices = load_prices(config.vertex.cost.prices, clock.today(), config.vertex.cost.old_prices)
    return judged(estimate(job, config, prices, past_times(config)), config.vertex.cost.budget)


def judged(costs: CostEstimate, budget: Optional[float]) -> str:
    """Holds an estimate to a budget.

    Args:
        costs: of the run.
        budget: dollars; None for none.

    Returns:
        Why it could not be judged; empty where it is within.

    Raises:
        GateRefused: what is known of it is above already, or may be.
    """
    if budget is None:
        return ""
    most = costs.whole.middle if costs.whole.high is None else costs.whole.high
    if most > budget:
        up_to = "would cost about" if costs.whole.high is None else f"may cost, at {costs.level:.0%}, up to"
        fewer = (
            f"set beam.dataflow.max_workers (start_workers, without autoscaling), since {of_workers(costs)}; "
            if costs.unbounded
            else ""
        )
        raise GateRefused(
            f"the run {up_to} {dollars(most)}, and the budget is {dollars(budget)}",
            where="vertex.cost.budget",
            remedy=f"{fewer}millrace cost shows each stage: ask for smaller machines, or raise the budget",
        )
    if costs.unknown:
        return f"the budget could not be judged: no run tells how long {', '.join(costs.unknown)} takes"
    if costs.whole.high is None:
        return "the budget could not be judged: one run alone has no spread"
    return ""


def of_workers(costs: CostEstimate) -> str:
    """What is said of stages whose most workers the job does not say, which is why their cost is so high."""
    return f"Dataflow may take {MOST_WORKERS:,} workers for {', '.join(costs.unbounded)}"


def dollars(value: float) -> str:
    """Writes a sum: to the cent, and below a dollar to its hundredth, since most stages cost less than a cent."""
    if 0 < value < 0.0001:
        return "<$0.0001"
    return f"${value:,.2f}" if value >= 0.99995 else f"${value:.4f}"
