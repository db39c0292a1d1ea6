"""`millrace cost`: what a run on Vertex AI would cost, per stage and whole; what past runs would have cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from millrace.base import clock, files, printing
from millrace.base.errors import BadInput
from millrace.base.numbers import counted, seconds
from millrace.base.printing import TableColumn
from millrace.cli import completing
from millrace.cli.cloud.vertex_job import job_option, vertex_job
from millrace.cli.options import NumberRange, again, config_options
from millrace.cli.output import echo_json, say
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.cost.budget import dollars, judged, of_workers
from millrace.cost.durations import RunTimes, Source, past_times, run_times
from millrace.cost.estimate import CostEstimate, StageCost, estimate, run_costs
from millrace.cost.interval import LEVEL, Spread
from millrace.cost.prices import PriceTable, load_prices
from millrace.cost.refresh import SERVICES, refreshed
from millrace.jobspec.job import CompiledJob


@click.command()
@click.argument("runs", nargs=-1, shell_complete=completing.run_ids)
@config_options
@job_option
@click.option(
    "--from", "source", type=click.Choice(["rehearsals", "runs"]),
    help="Whose times.  [default: of rehearsals, where there are two, or no runs]",
)  # fmt: skip
@click.option("--level", type=NumberRange(0.5, 0.999), default=LEVEL, show_default=True, help="Of the intervals.")
@click.option("--old-prices", is_flag=True, help="Take a price table that is older than half a year.")
@click.option("--refresh", is_flag=True, help="Write a table of today's prices, from Google Cloud's billing catalogue.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="With --refresh: the table's file.  [default: vertex.cost.prices]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cost(
    runs: tuple[str, ...],
    config_file: str,
    overrides: tuple[str, ...],
    file: Optional[Path],
    source: Optional[Source],
    level: float,
    old_prices: bool,
    refresh: bool,
    output: Optional[Path],
    as_json: bool,
) -> None:
    """Say what a run on Vertex AI costs: what the compiled job rents, times of past runs, and a dated price table.

    RUNS: what these runs would have cost as the job, side by side; an id or the beginning of one, or last, last~1.
    Without them, what the next run costs.

    With --refresh no job is looked at: it writes a price table of your own, of the regions and machines of the one that
    is there and of vertex.region, and says what changed, and what the catalogue does not have.

    Exit code 3: it may cost more than vertex.cost.budget.
    """
    config = load(config_file, overrides)
    if refresh:
        _refresh(config, output)
        return
    job = vertex_job(config, file, again(config_file, overrides), "prices are known of Vertex AI alone")
    settings = config.vertex.cost
    prices = load_prices(settings.prices, clock.today(), old_prices or settings.old_prices)
    if runs:
        _compare(config, job, prices, runs, as_json)
        return
    costs = estimate(job, config, prices, past_times(config, source), level)
    if as_json:
        echo_json(costs)
    else:
        _print(costs, again(config_file, overrides))
    if unjudged := judged(costs, settings.budget):
        say(unjudged)
    elif settings.budget is not None and not as_json:
        say(f"within the budget of {dollars(settings.budget)}")


def _refresh(config: Config, output: Optional[Path]) -> None:
    named = config.vertex.cost.prices
    target = output or (Path(named) if named else None)
    if target is None:
        raise BadInput(
            "no file is named for the table", where="vertex.cost.prices", remedy="set it, or for once: -o prices.yaml"
        )
    before = load_prices(named if named and Path(named).is_file() else None, clock.today(), old=True)
    # Google's clients take seconds to load.
    from millrace.cloud.billing import published_prices

    say("reading Google Cloud's billing catalogue")
    skus = published_prices(SERVICES, config.vertex)
    made = refreshed(before, [config.vertex.region], skus, clock.today())
    if not made.table.regions:
        raise BadInput(
            "the billing catalogue has none of the table's prices; nothing was written",
            where=", ".join(before.regions),
            remedy="keep the table that is there: --old-prices takes it",
        )
    files.write_named(target, made.text(before.date))
    for change in made.changes:
        say(change)
    for missing in made.missing:
        say(f"not in the table: {missing}")
    say(f"pipeline_run: {before.pipeline_run:g}, kept as in the table of {before.date}: it is not looked for")
    as_before = f"{counted(made.same, 'price')} as on {before.date}, {len(made.changes)} changed or new"
    say(f"{target}: written; {as_before}, {len(made.missing)} not found")
    if str(target) != named:
        say(f"next: set vertex.cost.prices: {target}")


def _print(costs: CostEstimate, more: str) -> None:
    console = Console(highlight=False)
    rows = [
        (one.stage, "\n".join(rent.what for rent in one.rents), _seconds(one), *_cells(one.dollars))
        for one in costs.stages
    ]
    rows.append(("the run itself", "", "", dollars(costs.fee), "", ""))
    rows.append(("whole, at least" if costs.unknown else "whole", "", "", *_cells(costs.whole)))
    numbers = (TableColumn(head, right=True) for head in ("seconds", "cost", f"{100 * costs.level:g}% from", "to"))
    printing.show([TableColumn("stage"), TableColumn("rents", folds=True, breaks=True), *numbers], rows, console)
    console.print()
    times = counted(len(costs.runs), costs.source[:-1])
    say(f"times of {times} on this machine; prices of {costs.prices_of}, {costs.region}, without discounts")
    if costs.unbounded:
        say(f"{of_workers(costs)}, which the cost and its upper end count: beam.dataflow.max_workers says how many")
    for task, rent in costs.endpoints.items():
        low, high = dollars(rent.least_hourly), dollars(rent.hourly)
        hourly = low if low == high else f"{low} to {high}"
        say(f"afterwards {task}'s endpoint, {rent.what}, costs {hourly} an hour until it is deleted")
    if costs.unknown:
        say(f"no run tells how long these take: {', '.join(costs.unknown)}; millrace rehearse{more} does")
    elif costs.whole.high is None:
        say(f"one run has no spread: millrace rehearse{more} --no-cache gives another")


def _seconds(one: StageCost) -> str:
    return seconds(one.seconds.middle) if one.seconds else "?"


def _cells(spread: Optional[Spread]) -> tuple[str, str, str]:
    if spread is None:
        return "?", "", ""
    low, high = ("" if end is None else dollars(end) for end in (spread.low, spread.high))
    return dollars(spread.middle), low, high


def _compare(config: Config, job: CompiledJob, prices: PriceTable, names: Sequence[str], as_json: bool) -> None:
    times = _named_times(config, names)
    costs = run_costs(job, config, prices, times)
    if as_json:
        echo_json(
            [
                {"run": one.run_id, "stages": of_run, "whole": sum(of_run.values())}
                for one, of_run in zip(times, costs, strict=True)
            ]
        )
        return
    rows = [
        (
            stage,
            *(
                "cached" if stage in one.cached else dollars(of_run[stage])
                for one, of_run in zip(times, costs, strict=True)
            ),
        )
        for stage in costs[0]
    ]
    rows.append(("whole", *(dollars(sum(of_run.values())) for of_run in costs)))
    printing.show([TableColumn("stage"), *(TableColumn(one.run_id, right=True) for one in times)], rows, Console())


def _named_times(config: Config, names: Sequence[str]) -> list[RunTimes]:
    """The times of the runs that are meant. ML Metadata's client comes in with those who know their names."""
    from millrace.metadata.run_names import named
    from millrace.metadata.run_summaries import Runs

    known = Runs(config)
    folders = {run_id: known.folder(run_id) for name in names for run_id in [named(known, name)]}
    if gone := [run_id for run_id, folder in folders.items() if folder is None]:
        raise BadInput(f"the folder of run {gone[0]} is gone, and its times with it", remedy="name another run")
    return [run_times(folder) for folder in folders.values() if folder]
