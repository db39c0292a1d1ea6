"""`millrace rollout list` and `show`: every rollout of the pipeline, as the registry's events tell of it."""

from datetime import datetime, timezone
from typing import Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.base.printing import TableColumn
from millrace.cli.options import again, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.cli.serving.rollout_words import print_decisions, print_seen
from millrace.config.loading import load
from millrace.serving.recorded_rollouts import RecordedRollout, recorded_rollout, recorded_rollouts

_ROLLOUTS = (
    TableColumn("rollout", right=True),
    TableColumn("started (UTC)"),
    TableColumn("version"),
    TableColumn("over"),
    TableColumn("policy"),
    TableColumn("status"),
    TableColumn("why", folds=True),
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("list")
@config_options
@_as_json
def list_command(config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """List every rollout of the pipeline and how it ended, the newest last."""
    every = recorded_rollouts(load(config_file, overrides))
    if as_json:
        echo_json(every)
    elif every:
        printing.show(_ROLLOUTS, [_row(one) for one in every], Console(highlight=False))
    else:
        echo(f"no rollout yet: millrace rollout start VERSION --because WHY{again(config_file, overrides)}")


@click.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@config_options
@_as_json
def show(config_file: str, overrides: tuple[str, ...], number: Optional[int], as_json: bool) -> None:
    """Show a rollout: what was seen and each decision with its reason.

    NUMBER is its own, as millrace rollout list has it; by default the last.
    """
    config = load(config_file, overrides)
    shown = recorded_rollout(config, number or max(1, len(recorded_rollouts(config))))
    if as_json:
        echo_json(shown)
        return
    console = Console(highlight=False)
    say(shown.sentence, style="bold")
    console.print()
    print_seen(shown.seen, shown.candidate, shown.champion, console)
    print_decisions(shown.decisions, console)


def _row(one: RecordedRollout) -> tuple[str, ...]:
    first, last = one.decisions[0], one.decisions[-1]
    started = datetime.fromtimestamp(first.at, timezone.utc).strftime("%Y-%m-%d %H:%M")
    versions = str(one.candidate), str(one.champion)
    return str(one.number), started, *versions, one.policy, one.status, last.reason
