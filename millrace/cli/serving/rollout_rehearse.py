"""`millrace rollout rehearse`: what a policy would do with a version, before any user sees it."""

from itertools import groupby
from typing import Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.numbers import counted, rounded
from millrace.base.printing import TableColumn
from millrace.cli.models.models import quiet
from millrace.cli.options import NumberRange, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config.loading import load
from millrace.serving.rehearsal import Hour, Power
from millrace.serving.rollout_rehearsal import Foretold, foretell

_BAD = {"errors": "failures", "slow": "slow answers", "wrong": "wrong answers"}


@click.command()
@click.argument("version")
@click.option("--policy", default="canary", show_default=True, metavar="NAME", help="Of rollout.policies, or a kind.")
@click.option("--per-hour", type=click.IntRange(min=1), help="Requests an hour; by default those of the gateway's log.")
@click.option(
    "--label-hours", type=NumberRange(min=0), default=24, show_default=True, help="How long a label takes to come."
)
@click.option(
    "--drop",
    type=NumberRange(0, 1, min_open=True),
    default=0.005,
    show_default=True,
    help="The power: how much worse than allowed.",
)
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rehearse(
    config_file: str,
    overrides: tuple[str, ...],
    version: str,
    policy: str,
    per_hour: Optional[int],
    label_hours: float,
    drop: float,
    as_json: bool,
) -> None:
    """Say what a policy would do with a version, hour by hour, before any user sees it.

    Both versions are asked the examples on which the champion was judged. Requests are drawn from their answers, as
    many an hour as there were, and the very policy decides, on a clock of its own.
    """
    config = load(config_file, overrides)
    with quiet(config):
        foretold = foretell(config, version, policy, per_hour, label_hours, drop)
    if as_json:
        echo_json(foretold)
    else:
        show(foretold, Console(highlight=False))


def show(foretold: Foretold, console: Console) -> None:
    """Prints what a rehearsal found.

    Args:
        foretold: by a rehearsal.
        console: where to.
    """
    hours = foretold.rehearsed.hours
    source = "the gateway's log" if foretold.is_logged else "--per-hour"
    rate = sum(foretold.an_hour) / len(foretold.an_hour)
    labels = foretold.label_hours
    late = "" if labels is None else f"; a label comes after {_hours(labels)} (--label-hours)"
    say(f"asked {foretold.asked}; {rate:,.0f} requests an hour ({source}){late}")
    echo()
    columns = [
        TableColumn("hour", right=True),
        TableColumn("%", right=True),
        TableColumn("candidate's answers", right=True),
        TableColumn("decided", folds=True),
    ]
    printing.show(columns, _rows(hours), console)
    echo()
    say(f"{foretold.rehearsed.ends.value} in hour {len(hours)}: {foretold.rehearsed.reason}", style="bold")
    for one in foretold.powers:
        say(_in_words(one))
    if foretold.left_out:
        say(f"not rehearsed: {', '.join(foretold.left_out)}, measured when a step ends; taken as met")


def _rows(hours: tuple[Hour, ...]) -> list[tuple[printing.Cell, ...]]:
    """A line for each hour in which something was decided, and one for those between."""
    rows: list[tuple[printing.Cell, ...]] = []
    for held, group in groupby(hours, key=lambda one: one.decided[0].startswith("hold") and one.percent):
        several = list(group)
        for part in [several] if held is not False else [[one] for one in several]:
            first, last = part[0], part[-1]
            number = f"{first.hour}-{last.hour}" if len(part) > 1 else str(first.hour)
            answered = sum(one.requests for one in part)
            rows.append((number, f"{last.percent:g}", f"{answered:,}", "\n".join(last.decided)))
    return rows


def _in_words(power: Power) -> str:
    step = f"{power.percent:g} % of the users for {_hours(power.hours)}"
    more = f"{rounded(power.drop * 100, 3)} points more of {_BAD[power.judged]} than allowed"
    seen = f"{step} sees {more} in {power.seen * 100:.0f} % of cases"
    if power.hold == power.hours:
        return seen
    if power.hold:
        return f"{seen}; hold {_hours(power.hold)} for 80 %"
    instead = f", {power.instead[0]:g} % of the users do in {_hours(power.instead[1])}" if power.instead else ""
    return f"{seen}; a week does not reach 80 %{instead}"


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return counted(round(hours * 3600), "second")
    if hours < 1:
        return counted(round(hours * 60), "minute")
    return f"{rounded(hours, 3)} hour{'' if hours == 1 else 's'}"
